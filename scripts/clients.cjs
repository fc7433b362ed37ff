// ioredis against a cluster: plain and cluster mode, pipelines, publish and subscribe, waiting.
//
// Usage: clients.cjs PORT, where the nodes listen on PORT and the two ports after it.

const assert = require('node:assert/strict')
const Redis = require('ioredis')

const port = Number(process.argv[2])
const ports = [port, port + 1, port + 2]

async function everything(client, name) {
  const key = (word) => `{${name}}:${word}`
  await client.del(key('l'), key('h'), key('n'))
  assert.equal(await client.set(key('s'), 'value'), 'OK')
  assert.equal(await client.get(key('s')), 'value')
  assert.equal(await client.hset(key('h'), { a: '1', b: '2' }), 2)
  assert.deepEqual(await client.hgetall(key('h')), { a: '1', b: '2' })
  const piped = await client.pipeline().incr(key('n')).incr(key('n')).get(key('n')).exec()
  assert.deepEqual(piped, [[null, 1], [null, 2], [null, '2']])
  const done = await client.multi().rpush(key('l'), 'a', 'b').lrange(key('l'), 0, -1).exec()
  assert.deepEqual(done, [[null, 2], [null, ['a', 'b']]])
}

async function main() {
  const plain = ports.map((at) => new Redis(at))
  for (const client of plain) await everything(client, 'ioredis')

  const listener = new Redis(ports[1])
  await listener.subscribe('ioredis-news')
  const heard = new Promise((resolve) => listener.on('message', (_, text) => resolve(text)))
  await plain[0].publish('ioredis-news', 'hello')
  assert.equal(await heard, 'hello')

  const waiting = new Redis(ports[2])
  const taken = waiting.blpop('ioredis-jobs', 10)
  await plain[0].rpush('ioredis-jobs', 'one')
  assert.deepEqual(await taken, ['ioredis-jobs', 'one'])

  const cluster = new Redis.Cluster(ports.map((at) => ({ host: '127.0.0.1', port: at })))
  await everything(cluster, 'ioredis-cluster')
  for (let number = 0; number < 100; number++) await cluster.set(`spread${number}`, number)
  assert.equal(await cluster.get('spread99'), '99')
  for (const client of [...plain, listener, waiting, cluster]) client.disconnect()
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
