//! Commands and the calls they make.

use api::{
    Call, Level, Lifetime, Operation, SealedContext, SessionId, SetCondition, StringOperation,
};
use causality::Millis;
use cells::Keyspace;

use crate::client::{Begun, Client, NOW, finish, words};

fn calls(client: &mut Client, line: &str) -> Vec<Call> {
    match client.begin(line) {
        Begun::Called(calls, _) => calls,
        other => panic!("{line} makes calls, not {other:?}"),
    }
}

/// Checks the keys and operations, in order, of a command on a new connection.
fn check(line: &str, expected: &[(&str, Operation)]) {
    let made = calls(&mut Client::new(), line);
    let expected: Vec<_> = expected
        .iter()
        .map(|(key, operation)| Call {
            keyspace: Keyspace(1),
            key: key.as_bytes().to_vec(),
            read: Level::LocalOne,
            write: Level::LocalQuorum,
            session: Some(SessionId(7)),
            staleness: None,
            operation: operation.clone(),
        })
        .collect();
    assert_eq!(made, expected, "{line}");
}

fn all(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn set(value: &str, lifetime: Lifetime, condition: SetCondition) -> Operation {
    Operation::Set { value: value.as_bytes().to_vec(), lifetime, condition }
}

#[test]
fn strings() {
    use Lifetime::{Forever, Keep, Until};
    use SetCondition::{Always, IfAbsent, IfPresent};
    let year_2100 = Millis(4_102_444_800_000);
    check("GET k", &[("k", Operation::Get)]);
    check("STRLEN k", &[("k", Operation::Get)]);
    for (line, lifetime, condition) in [
        ("SET k v", Forever, Always),
        ("SET k v NX", Forever, IfAbsent),
        ("SET k v xx", Forever, IfPresent),
        ("SET k v KEEPTTL", Keep, Always),
        ("SET k v EX 7", Until(NOW.plus(7_000)), Always),
        ("SET k v XX PX 7", Until(NOW.plus(7)), IfPresent),
        ("SET k v EXAT 4102444800 NX", Until(year_2100), IfAbsent),
        ("SET k v PXAT 4102444800000", Until(year_2100), Always),
        ("SET k v PXAT 1 PXAT 4102444800000", Until(year_2100), Always),
        ("SETNX k v", Forever, IfAbsent),
        ("SETEX k 7 v", Until(NOW.plus(7_000)), Always),
        ("PSETEX k 7 v", Until(NOW.plus(7)), Always),
    ] {
        check(line, &[("k", set("v", lifetime, condition))]);
    }
    for (line, by) in [
        ("INCR k", 1),
        ("DECR k", -1),
        ("INCRBY k -9223372036854775808", i64::MIN),
        ("DECRBY k 9223372036854775807", -i64::MAX),
    ] {
        check(line, &[("k", Operation::Increment { by })]);
    }
    check("MGET a b a", &[("a", Operation::Get), ("b", Operation::Get), ("a", Operation::Get)]);
    let write = |value| set(value, Forever, Always);
    check("MSET a 1 b 2", &[("a", write("1")), ("b", write("2"))]);
}

#[test]
fn keys() {
    use Operation::{Delete, Exists};
    check("DEL b a", &[("b", Delete), ("a", Delete)]);
    check("UNLINK a", &[("a", Delete)]);
    check("EXISTS a a", &[("a", Exists), ("a", Exists)]);
    check("TYPE a", &[("a", Operation::Type)]);
    for (line, at) in [
        ("EXPIRE k 3", NOW.plus(3_000)),
        ("PEXPIRE k 3", NOW.plus(3)),
        ("EXPIREAT k 3", Millis(3_000)),
        ("PEXPIREAT k 3", Millis(3)),
        ("EXPIRE k -1", NOW.minus(1_000)),
        ("EXPIREAT k -1", Millis(0)),
    ] {
        check(line, &[("k", Operation::ExpireAt { at })]);
    }
    for line in ["TTL k", "PTTL k", "EXPIRETIME k", "PEXPIRETIME k"] {
        check(line, &[("k", Operation::ExpiryOf)]);
    }
    check("PERSIST k", &[("k", Operation::Persist)]);
}

#[test]
fn sets() {
    check("SADD k b a b", &[("k", Operation::SetAdd { members: all(&["b", "a"]) })]);
    check("SREM k b a b", &[("k", Operation::SetRemove { members: all(&["b", "a"]) })]);
    check("SMEMBERS k", &[("k", Operation::SetMembers)]);
    check("SISMEMBER k a", &[("k", Operation::SetContains { members: all(&["a"]) })]);
    check(
        "SMISMEMBER k a b a",
        &[("k", Operation::SetContains { members: all(&["a", "b", "a"]) })],
    );
    check("SCARD k", &[("k", Operation::SetCount)]);
}

#[test]
fn hashes() {
    let fields = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(field, value)| (field.as_bytes().to_vec(), value.as_bytes().to_vec()))
            .collect()
    };
    let once = fields(&[("b", "3"), ("a", "2")]);
    check("HSET k a 1 b 3 a 2", &[("k", Operation::MapSet { fields: once })]);
    check("HGET k a", &[("k", Operation::MapGet { fields: all(&["a"]) })]);
    check("HEXISTS k a", &[("k", Operation::MapGet { fields: all(&["a"]) })]);
    check("HMGET k a b a", &[("k", Operation::MapGet { fields: all(&["a", "b", "a"]) })]);
    check("HDEL k a b a", &[("k", Operation::MapRemove { fields: all(&["a", "b"]) })]);
    check("HLEN k", &[("k", Operation::MapCount)]);
    for line in ["HGETALL k", "HKEYS k", "HVALS k"] {
        check(line, &[("k", Operation::MapAll)]);
    }
    check("HINCRBY k a -4", &[("k", Operation::MapIncrement { field: b"a".to_vec(), by: -4 })]);
}

#[test]
fn starling() {
    check("STARLING SIBLINGS k", &[("k", Operation::Siblings)]);
    for (line, value) in
        [("STARLING RESOLVE k 00Ff v", Some(b"v".to_vec())), ("STARLING RESOLVE k 00ff", None)]
    {
        let (lifetime, context) = (Lifetime::Forever, SealedContext(vec![0, 255]));
        let resolve = StringOperation::Resolve { value, lifetime, context };
        check(line, &[("k", Operation::String(resolve))]);
    }
}

#[test]
fn calls_carry_what_the_session_has_settled() {
    let mut client = Client::new();
    client.local("SELECT 4");
    client.local("STARLING LEVEL READ quorum WRITE EACH_QUORUM");
    let made = calls(&mut client, "MSET a 1 b 2");
    for call in &made {
        assert_eq!(call.keyspace, Keyspace(5));
        assert_eq!((call.read, call.write), (Level::Quorum, Level::EachQuorum));
    }
    client.local("RESET");
    let [call] = calls(&mut client, "GET a").try_into().expect("one call");
    assert_eq!((call.keyspace, call.read), (Keyspace(1), Level::LocalOne));
}

/// The node may carry out the calls of one command in any order, so none may undo another.
#[test]
fn writes_of_one_command_are_about_different_keys() {
    let mut rng = fastrand::Rng::with_seed(1);
    for seed in 0..2_000 {
        let keys: Vec<_> = (0..rng.usize(1..12)).map(|_| rng.alphabetic().to_string()).collect();
        let line = match rng.bool() {
            true => format!("DEL {}", keys.join(" ")),
            false => format!("MSET {} 1", keys.join(" 0 ")),
        };
        let made = calls(&mut Client::new(), &line);
        let mut distinct = keys.clone();
        distinct.sort();
        distinct.dedup();
        let mut called: Vec<_> =
            made.iter().map(|call| String::from_utf8_lossy(&call.key).into_owned()).collect();
        called.sort();
        assert_eq!(called, distinct, "seed {seed}: {line}");
        if let Some(last) = keys.last().filter(|_| line.starts_with("MSET")) {
            let call = made.iter().find(|call| call.key == last.as_bytes());
            let write = set("1", Lifetime::Forever, SetCondition::Always);
            assert_eq!(call.map(|call| &call.operation), Some(&write), "seed {seed}: {line}");
        }
    }
}

#[test]
fn the_empty_key_never_reaches_a_node() {
    for line in ["GET \"\"", "DEL a \"\"", "MSET a 1 \"\" 2", "STARLING SIBLINGS \"\""] {
        let reply = Client::new().local(line);
        assert_eq!(reply, "-ERR the empty key is not supported\\r\\n", "{line}");
    }
}

/// Whatever a client sends, a command gives one whole reply or calls, and never a panic.
#[test]
fn arguments_of_any_number_and_kind_are_answered() {
    let mut names = Vec::new();
    for line in Client::new().local("COMMAND LIST").split("\\r\\n") {
        if line.starts_with(char::is_lowercase) {
            names.push(line.to_owned());
        }
    }
    assert!(names.len() > 50);
    let odd = [
        "",
        "a",
        "0",
        "-1",
        "3",
        "9223372036854775807",
        "nx",
        "ex",
        "px",
        "get",
        "info",
        "docs",
        "list",
        "filterby",
        "pattern",
        "*",
        "\\xff",
        "\\r\\n",
        "level",
        "read",
        "all",
        "setname",
        "auth",
        "help",
        "getkeys",
        "mset",
        "siblings",
        "resolve",
        "token",
        "status",
        "write",
        "any",
        "setinfo",
        "lib-name",
    ];
    let rounds = std::env::var("STARLING_SEEDS").ok().and_then(|text| text.parse().ok());
    for seed in 0..rounds.unwrap_or(20_000) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut line = names[rng.usize(..names.len())].clone();
        for _ in 0..rng.usize(0..7) {
            line += &format!(" \"{}\"", odd[rng.usize(..odd.len())]);
        }
        let mut client = Client::new();
        if rng.bool() {
            client.local("HELLO 3");
        }
        match client.begin(&line) {
            // Each channel is answered on its own.
            Begun::Replied(out) if line.contains("subscribe") => assert!(!out.is_empty(), "{line}"),
            Begun::Replied(out) | Begun::Closed(out) => assert_is_one_reply(&out, seed, &line),
            // It only waits for its turn.
            Begun::Called(calls, pending) if calls.is_empty() => {
                assert!(!finish(pending, &[]).is_empty(), "seed {seed}: {line}");
            }
            Begun::Called(calls, pending) => {
                let is_of_shards = calls.iter().all(|call| call.key.is_empty());
                let is_few = calls.len() < words(&line).len();
                assert!(is_of_shards || is_few, "seed {seed}: {line}");
                assert!(finish(pending, &[]).starts_with("-ERR internal error"), "seed {seed}");
            }
            Begun::Asked(question) => assert!(line.starts_with("starling"), "{question:?}"),
        }
    }
}

fn assert_is_one_reply(out: &[u8], seed: u64, line: &str) {
    let mut parser = resp::ReplyParser::new(resp::ReplyLimits::default());
    let parsed = parser.parse(out).unwrap_or_else(|error| panic!("seed {seed}: {line}: {error}"));
    let resp::ParsedReply::Complete { consumed, .. } = parsed else {
        panic!("seed {seed}: {line}: the reply is cut short");
    };
    assert_eq!(consumed, out.len(), "seed {seed}: {line}: more than one reply");
}
