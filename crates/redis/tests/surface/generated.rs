//! Random sequences of commands, carried out by a Redis server and by Starling's surface over one
//! node, which must answer the same. A sequence that does not is cut down to what is needed.
//!
//! What is drawn keeps to where both promise the same: scores that 7.0 and 7.2 print alike, and
//! answers without an order are compared without one.

use fastrand::Rng;

use crate::client::{Client, NOW};
use crate::lone::Lone;
use crate::real::{Connection, Server, is_wanted};

/// How many commands one sequence has.
const LENGTH: usize = 60;

const KEYS: [&str; 3] = ["a", "b", "c"];
const MEMBERS: [&str; 6] = ["m", "n", "o", "1", "22", "zz"];
const INDICES: [&str; 8] = ["0", "1", "2", "-1", "-2", "5", "-9", "100"];
const SCORES: [&str; 9] = ["0", "1", "-1", "2.5", "7", "1.5", "inf", "-inf", "100"];
const BOUNDS: [&str; 8] = ["-inf", "+inf", "0", "(1", "2.5", "(2.5", "7", "-1"];
const LEX_BOUNDS: [&str; 6] = ["-", "+", "[m", "(m", "[o", "(1"];
const NUMBERS: [&str; 6] = ["1", "-1", "10", "0", "-7", "9223372036854775807"];
const DECIMALS: [&str; 5] = ["0.5", "-1.5", "2", "1e2", "0.25"];

/// Commands with places to be filled in, by what they are about.
const SHAPES: [&[&str]; 6] = [
    &[
        "SET K V",
        "SET K N",
        "GET K",
        "SET K V GET",
        "SET K V NX",
        "SET K V XX GET",
        "GETDEL K",
        "GETSET K V",
        "APPEND K V",
        "STRLEN K",
        "GETRANGE K I I",
        "SETRANGE K 3 V",
        "INCRBY K N",
        "DECR K",
        "INCRBYFLOAT K D",
        "MSET K V K V",
        "MSETNX K V K V",
        "MGET K K K",
        "LCS K K LEN",
        "GETEX K PERSIST",
        "SETNX K V",
    ],
    &[
        "HSET K V V V V",
        "HGET K V",
        "HSETNX K V V",
        "HMSET K V V",
        "HDEL K V V",
        "HLEN K",
        "HEXISTS K V",
        "HSTRLEN K V",
        "HINCRBY K V N",
        "HINCRBYFLOAT K V D",
        "HGETALL K",
        "HKEYS K",
        "HVALS K",
        "HMGET K V V",
        "HRANDFIELD K 100",
    ],
    &[
        "SADD K V V",
        "SREM K V V",
        "SMEMBERS K",
        "SISMEMBER K V",
        "SCARD K",
        "SMOVE K K V",
        "SINTER K K",
        "SUNION K K",
        "SDIFF K K",
        "SINTERSTORE K K K",
        "SUNIONSTORE K K K",
        "SDIFFSTORE K K K",
        "SINTERCARD 2 K K",
        "SRANDMEMBER K 100",
        "SPOP K 100",
        "SMISMEMBER K V V",
    ],
    &[
        "ZADD K S V S V",
        "ZADD K NX S V",
        "ZADD K XX CH S V",
        "ZADD K GT CH S V S V",
        "ZADD K LT S V",
        "ZADD K INCR S V",
        "ZINCRBY K S V",
        "ZREM K V V",
        "ZSCORE K V",
        "ZMSCORE K V V",
        "ZCARD K",
        "ZCOUNT K B B",
        "ZRANGE K I I WITHSCORES",
        "ZRANGE K B B BYSCORE",
        "ZREVRANGE K I I",
        "ZRANGEBYSCORE K B B WITHSCORES LIMIT 1 2",
        "ZREVRANGEBYSCORE K B B",
        "ZRANK K V",
        "ZREVRANK K V",
        "ZPOPMIN K",
        "ZPOPMAX K 2",
        "ZMPOP 2 K K MIN",
        "ZREMRANGEBYRANK K I I",
        "ZREMRANGEBYSCORE K B B",
        "ZUNIONSTORE K 2 K K WEIGHTS 2 -1",
        "ZINTER 2 K K WITHSCORES",
        "ZDIFF 2 K K",
        "ZUNION 2 K K AGGREGATE MAX WITHSCORES",
        "ZRANGESTORE K K I I",
        "ZINTERCARD 2 K K",
        "ZRANDMEMBER K 100",
    ],
    &[
        "RPUSH K V V",
        "LPUSH K V V",
        "LPUSHX K V",
        "RPUSHX K V",
        "LPOP K",
        "RPOP K 2",
        "LLEN K",
        "LRANGE K I I",
        "LINDEX K I",
        "LSET K I V",
        "LREM K I V",
        "LINSERT K BEFORE V V",
        "LINSERT K AFTER V V",
        "LTRIM K I I",
        "LPOS K V",
        "LPOS K V RANK -1 COUNT 0",
        "LMOVE K K LEFT RIGHT",
        "RPOPLPUSH K K",
        "LMPOP 2 K K RIGHT COUNT 2",
    ],
    &[
        "SETBIT K 9 1",
        "SETBIT K 3 1",
        "SETBIT K 9 0",
        "GETBIT K 9",
        "BITCOUNT K I I",
        "BITCOUNT K I I BIT",
        "BITPOS K 1 I",
        "BITPOS K 0 I I BIT",
        "BITOP XOR K K K",
        "BITOP NOT K K",
        "BITFIELD K INCRBY i5 3 N GET u8 0",
        "BITFIELD K OVERFLOW SAT SET u4 2 N",
        "GET K",
    ],
];
/// Commands that any sequence may have.
const COMMON: [&str; 6] = ["DEL K", "EXISTS K K", "TYPE K", "EXPIRE K 100", "PERSIST K", "TTL K"];
/// Sorted sets with one score, where ranges by member mean something.
const LEX: [&str; 6] = [
    "ZADD K 0 V 0 V",
    "ZRANGEBYLEX K L L",
    "ZREVRANGEBYLEX K L L LIMIT 0 2",
    "ZLEXCOUNT K L L",
    "ZREMRANGEBYLEX K L L",
    "ZRANGE K L L BYLEX",
];

fn sequence(seed: u64) -> Vec<String> {
    let mut rng = Rng::with_seed(seed);
    let shapes = match rng.usize(..=SHAPES.len()) {
        at if at < SHAPES.len() => SHAPES[at],
        _ => &LEX,
    };
    let one = |rng: &mut Rng| {
        let shape = if rng.u8(..8) == 0 {
            COMMON[rng.usize(..COMMON.len())]
        } else if rng.u8(..30) == 0 {
            // Another type now and then.
            let other = SHAPES[rng.usize(..SHAPES.len())];
            other[rng.usize(..other.len())]
        } else {
            shapes[rng.usize(..shapes.len())]
        };
        shape.split(' ').map(|word| fill(word, rng)).collect::<Vec<_>>().join(" ")
    };
    (0..LENGTH).map(|_| one(&mut rng)).collect()
}

fn fill(word: &str, rng: &mut Rng) -> String {
    let choices: &[&str] = match word {
        "K" => &KEYS,
        "V" => &MEMBERS,
        "I" => &INDICES,
        "S" => &SCORES,
        "B" => &BOUNDS,
        "L" => &LEX_BOUNDS,
        "N" => &NUMBERS,
        "D" => &DECIMALS,
        other => return other.to_owned(),
    };
    choices[rng.usize(..choices.len())].to_owned()
}

/// Whether an answer has no order that both promise.
fn is_unordered(line: &str) -> bool {
    let name = line.split(' ').next().unwrap_or_default();
    let names = [
        "SMEMBERS",
        "SINTER",
        "SUNION",
        "SDIFF",
        "SPOP",
        "SRANDMEMBER",
        "HGETALL",
        "HKEYS",
        "HVALS",
        "HRANDFIELD",
        "ZRANDMEMBER",
    ];
    names.contains(&name)
}

/// What is compared of an answer.
fn shown(line: &str, answer: &str) -> String {
    if !is_unordered(line) {
        return answer.to_owned();
    }
    let mut parts: Vec<&str> = answer.split("\\r\\n").collect();
    parts.sort_unstable();
    parts.join(" ")
}

/// Plays a sequence on both sides; tells the first command they answer differently.
fn first_difference(lines: &[String], redis: &mut Connection) -> Option<String> {
    redis.answer("FLUSHALL");
    let (mut client, mut node) = (Client::new(), Lone::start(NOW));
    for (at, line) in lines.iter().enumerate() {
        let expected = redis.answer(line);
        let answered = client.carry_out(line, &mut node);
        if shown(line, &expected) != shown(line, &answered) {
            return Some(format!("{at}: {line}\n expected {expected}\n answered {answered}"));
        }
    }
    None
}

/// Leaves out whatever is not needed for the two sides to differ.
fn shrunk(mut lines: Vec<String>, redis: &mut Connection) -> Vec<String> {
    let mut at = 0;
    while at < lines.len() {
        let mut fewer = lines.clone();
        fewer.remove(at);
        if first_difference(&fewer, redis).is_some() {
            lines = fewer;
        } else {
            at += 1;
        }
    }
    lines
}

#[test]
fn random_sequences_are_answered_as_redis_answers_them() {
    if !is_wanted() {
        return;
    }
    let server = Server::start();
    let mut redis = server.connect();
    let seeds = std::env::var("STARLING_SEEDS").ok().and_then(|text| text.parse().ok());
    for seed in 0..seeds.unwrap_or(400) {
        let lines = sequence(seed);
        if first_difference(&lines, &mut redis).is_some() {
            let lines = shrunk(lines, &mut redis);
            let difference = first_difference(&lines, &mut redis).unwrap_or_default();
            panic!("seed {seed}:\n{}\n{difference}", lines.join("\n"));
        }
    }
}

#[test]
fn one_seed_twice_is_the_same_sequence() {
    assert_eq!(sequence(5), sequence(5));
    assert_ne!(sequence(5), sequence(6));
}
