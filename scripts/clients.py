"""redis-py against a cluster: plain and cluster mode, both protocols, a node that goes and comes.

Usage: clients.py PORT STARLING DATA, where the nodes listen on PORT and the two ports after it.
"""

import subprocess
import sys
import threading
import time

import redis
from redis.cluster import ClusterNode, RedisCluster

PORT = int(sys.argv[1])
STARLING, DATA = sys.argv[2:4]
PORTS = [PORT, PORT + 1, PORT + 2]


def check(got, wanted, what):
    if got != wanted:
        sys.exit(f"FAILED: {what}: got {got!r}, wanted {wanted!r}")


def eventually(what, attempt, patience=20):
    """Tries again until it is true: for what happens a moment later."""
    end = time.monotonic() + patience
    while True:
        try:
            if attempt():
                return
        except redis.RedisError:
            pass
        if time.monotonic() > end:
            sys.exit(f"FAILED: {what}: not within {patience} s")
        time.sleep(0.05)


def plain(port, protocol):
    return redis.Redis(port=port, protocol=protocol, decode_responses=True, socket_timeout=15)


def clustered(protocol):
    nodes = [ClusterNode("127.0.0.1", port) for port in PORTS]
    return RedisCluster(startup_nodes=nodes, protocol=protocol, decode_responses=True,
                        socket_timeout=15)


def everything(client, prefix):
    """What every mode and protocol has to do alike; keys share a slot for pipelines."""
    key = lambda name: "{%s}:%s" % (prefix, name)
    client.delete(*[key(name) for name in ("s", "n", "h", "z", "l", "t", "set")])
    check(client.set(key("s"), "value", ex=100), True, "SET")
    check(client.get(key("s")), "value", "GET")
    check(client.incrby(key("n"), 5), 5, "INCRBY")
    check(client.hset(key("h"), mapping={"a": "1", "b": "2"}), 2, "HSET")
    check(client.hgetall(key("h")), {"a": "1", "b": "2"}, "HGETALL")
    check(dict(client.hscan_iter(key("h"))), {"a": "1", "b": "2"}, "HSCAN")
    check(client.zadd(key("z"), {"m": 1.5, "n": 2}), 2, "ZADD")
    scored = [list(pair) for pair in client.zrange(key("z"), 0, -1, withscores=True)]
    check(scored, [["m", 1.5], ["n", 2.0]], "ZRANGE")
    check(client.sadd(key("set"), "x", "y"), 2, "SADD")
    check(set(client.sscan_iter(key("set"))), {"x", "y"}, "SSCAN")
    check(client.rpush(key("l"), "a", "b"), 2, "RPUSH")
    check(client.rename(key("l"), key("t")), True, "RENAME")
    check(client.restore(key("l"), 0, restorable(client, key("t"))), "OK", "RESTORE")
    check(client.lrange(key("l"), 0, -1), ["a", "b"], "LRANGE")
    pipe = client.pipeline(transaction=False)
    for number in range(200):
        pipe.set(key(f"p{number}"), number)
    pipe.get(key("p199"))
    check(pipe.execute()[-1], "199", "a pipeline")


def restorable(client, key):
    """DUMP is bytes whatever the client decodes."""
    if isinstance(client, RedisCluster):
        node = client.get_node_from_key(key)
        port = node.port
    else:
        port = client.connection_pool.connection_kwargs["port"]
    return redis.Redis(port=port).dump(key)


def transactions(client, prefix):
    pipe = client.pipeline(transaction=True)
    pipe.set(prefix, 1).incr(prefix).get(prefix)
    check(pipe.execute(), [True, 2, "2"], "a transaction")
    with client.pipeline() as pipe:
        pipe.watch(prefix)
        plain(PORTS[0], 2).set(prefix, "other")
        pipe.multi()
        pipe.set(prefix, "mine")
        if client.connection_pool.connection_kwargs["port"] == PORTS[0]:
            try:
                pipe.execute()
                sys.exit("FAILED: WATCH noticed nothing")
            except redis.WatchError:
                pass


def publishing(protocol):
    """A message said at one node is heard at another."""
    listener = plain(PORTS[1], protocol).pubsub()
    listener.subscribe("news")
    listener.psubscribe("n*")
    check(listener.get_message(timeout=5)["type"], "subscribe", "SUBSCRIBE")
    check(listener.get_message(timeout=5)["type"], "psubscribe", "PSUBSCRIBE")
    plain(PORTS[0], protocol).publish("news", "hello")
    heard = [listener.get_message(timeout=5) for _ in range(2)]
    check([one and one["data"] for one in heard], ["hello", "hello"], "a message")
    check(sorted(one["type"] for one in heard), ["message", "pmessage"], "how it was heard")
    listener.close()


def waiting(protocol):
    """Clients that wait at two nodes are woken by pushes at the third, each with its own."""
    taken = []

    def take(port):
        taken.append(plain(port, protocol).blpop("jobs", timeout=10))

    threads = [threading.Thread(target=take, args=(port,)) for port in PORTS[:2]]
    for thread in threads:
        thread.start()
    giver = plain(PORTS[2], protocol)
    blocked = lambda port: plain(port, 2).info("clients")["blocked_clients"]
    eventually("both wait", lambda: [blocked(port) for port in PORTS[:2]] == [1, 1])
    for job in ("one", "two"):
        giver.rpush("jobs", job)
        wanted = 1 if job == "one" else 2
        eventually(f"{job} is taken", lambda: len(taken) == wanted)
    for thread in threads:
        thread.join()
    check(sorted(taken), sorted([("jobs", "one"), ("jobs", "two")])
          if isinstance(taken[0], tuple) else [["jobs", "one"], ["jobs", "two"]], "BLPOP")
    eventually("nobody waits", lambda: [blocked(port) for port in PORTS[:2]] == [0, 0])


def a_dead_client_waits_no_more():
    client = plain(PORTS[0], 2)
    connection = client.connection_pool.get_connection()
    connection.send_command("BLPOP", "nothing", 0)
    blocked = lambda: plain(PORTS[0], 2).info("clients")["blocked_clients"]
    eventually("it waits", lambda: blocked() == 1)
    connection.disconnect()
    eventually("it is forgotten", lambda: blocked() == 0)
    check(plain(PORTS[0], 2).rpush("nothing", "kept"), 1, "RPUSH")
    time.sleep(0.2)
    check(plain(PORTS[0], 2).lpop("nothing"), "kept", "nothing was taken for it")


def losing_a_node():
    """A cluster client goes on while a node is gone, and everything is there afterwards."""
    client = clustered(3)
    written = 0

    def write():
        nonlocal written
        client.set(f"lost:{written}", written)
        written += 1
        return True

    for _ in range(50):
        write()
    subprocess.run([STARLING, "up", "kill", "2", "--data", DATA], check=True)
    for _ in range(50):
        eventually("a write while a node is gone", write)
    subprocess.run([STARLING, "up", "start", "2", "--data", DATA], check=True)
    eventually("the node answers", lambda: plain(PORTS[1], 2).ping())
    for number in range(written):
        there = lambda: plain(PORTS[1], 2).get(f"lost:{number}") == str(number)
        eventually(f"write {number} is at the node that came back", there)


for version in (2, 3):
    for at in PORTS:
        everything(plain(at, version), f"plain{version}")
        transactions(plain(at, version), f"plain{version}")
    everything(clustered(version), f"cluster{version}")
    publishing(version)
    waiting(version)
a_dead_client_waits_no_more()
losing_a_node()
