//! Outcomes and the bytes they become, in both protocols.

use api::{CallError, Level, Outcome, SealedContext, Sibling, Siblings};
use causality::{Actor, Dot, HybridTime, Incarnation, Millis, NodeId};

use crate::client::{Begun, Client, NOW, finish};

/// Answers `line` with `outcomes` after a greeting.
fn reply(greeting: &str, line: &str, outcomes: &[Outcome]) -> String {
    let mut client = Client::new();
    client.local(greeting);
    match client.begin(line) {
        Begun::Called(calls, pending) => {
            assert_eq!(calls.len(), outcomes.len(), "{line}");
            finish(pending, outcomes)
        }
        other => panic!("{line} makes calls, not {other:?}"),
    }
}

fn check(line: &str, outcomes: &[Outcome], resp2: &str, resp3: &str) {
    assert_eq!(reply("HELLO 2", line, outcomes), resp2, "{line} {outcomes:?}");
    assert_eq!(reply("HELLO 3", line, outcomes), resp3, "{line} {outcomes:?}");
}

fn check_same(line: &str, outcomes: &[Outcome], expected: &str) {
    check(line, outcomes, expected, expected);
}

fn value(text: &str) -> Outcome {
    Outcome::Value(text.as_bytes().to_vec())
}

#[test]
fn one_outcome_becomes_one_reply() {
    check_same("GET k", &[value("v")], "$1\\r\\nv\\r\\n");
    check("GET k", &[Outcome::Nothing], "$-1\\r\\n", "_\\r\\n");
    check_same("SET k v", &[Outcome::Done], "+OK\\r\\n");
    check("SET k v NX", &[Outcome::Nothing], "$-1\\r\\n", "_\\r\\n");
    check_same("SETNX k v", &[Outcome::Done], ":1\\r\\n");
    check_same("SETNX k v", &[Outcome::Nothing], ":0\\r\\n");
    check_same("SETEX k 5 v", &[Outcome::Done], "+OK\\r\\n");
    check_same("STRLEN k", &[value("four")], ":4\\r\\n");
    check_same("INCR k", &[Outcome::Integer(i64::MIN)], ":-9223372036854775808\\r\\n");
    check_same("TYPE k", &[Outcome::Text("hash")], "+hash\\r\\n");
    check_same("SISMEMBER k m", &[Outcome::Integers(vec![1])], ":1\\r\\n");
    check_same("SMISMEMBER k m n", &[Outcome::Integers(vec![1, 0])], "*2\\r\\n:1\\r\\n:0\\r\\n");
    let members = Outcome::Values(vec![b"a".to_vec(), b"b".to_vec()]);
    let text = "$1\\r\\na\\r\\n$1\\r\\nb\\r\\n";
    check("SMEMBERS k", &[members], &format!("*2\\r\\n{text}"), &format!("~2\\r\\n{text}"));
}

#[test]
fn hashes_are_maps_where_the_protocol_has_them() {
    let pairs = || Outcome::Pairs(vec![(b"f".to_vec(), b"v".to_vec())]);
    let text = "$1\\r\\nf\\r\\n$1\\r\\nv\\r\\n";
    check("HGETALL k", &[pairs()], &format!("*2\\r\\n{text}"), &format!("%1\\r\\n{text}"));
    check_same("HKEYS k", &[pairs()], "*1\\r\\n$1\\r\\nf\\r\\n");
    check_same("HVALS k", &[pairs()], "*1\\r\\n$1\\r\\nv\\r\\n");
    let present = || Outcome::Optionals(vec![Some(b"v".to_vec())]);
    check_same("HGET k f", &[present()], "$1\\r\\nv\\r\\n");
    check_same("HEXISTS k f", &[present()], ":1\\r\\n");
    check_same("HEXISTS k f", &[Outcome::Optionals(vec![None])], ":0\\r\\n");
    let both = Outcome::Optionals(vec![None, Some(b"v".to_vec())]);
    check(
        "HMGET k e f",
        &[both],
        "*2\\r\\n$-1\\r\\n$1\\r\\nv\\r\\n",
        "*2\\r\\n_\\r\\n$1\\r\\nv\\r\\n",
    );
}

#[test]
fn expiry_is_told_in_the_form_of_the_command() {
    let expiry = || Outcome::Expiry(Some(NOW.plus(1_600)));
    for (line, told) in [
        ("TTL k", "2"),
        ("PTTL k", "1600"),
        ("EXPIRETIME k", "1700000002"),
        ("PEXPIRETIME k", "1700000001600"),
    ] {
        check_same(line, &[expiry()], &format!(":{told}\\r\\n"));
        check_same(line, &[Outcome::Expiry(None)], ":-1\\r\\n");
        check_same(line, &[Outcome::Nothing], ":-2\\r\\n");
    }
    check_same("PTTL k", &[Outcome::Expiry(Some(Millis(1)))], ":0\\r\\n");
}

#[test]
fn several_outcomes_become_one_reply() {
    let wrong_type = || Outcome::Failed(CallError::WrongType);
    check(
        "MGET a b c",
        &[value("1"), Outcome::Nothing, wrong_type()],
        "*3\\r\\n$1\\r\\n1\\r\\n$-1\\r\\n$-1\\r\\n",
        "*3\\r\\n$1\\r\\n1\\r\\n_\\r\\n_\\r\\n",
    );
    check_same("DEL a b c", &[1, 0, 1].map(Outcome::Integer), ":2\\r\\n");
    check_same("EXISTS a a", &[1, 1].map(Outcome::Integer), ":2\\r\\n");
    check_same("MSET a 1 b 2", &[Outcome::Done, Outcome::Done], "+OK\\r\\n");
}

#[test]
fn one_failure_fails_the_command() {
    let busy = || Outcome::Failed(CallError::Busy);
    let expected = "-BUSY the node is busy; try again\\r\\n";
    check_same("MGET a b", &[value("1"), busy()], expected);
    check_same("DEL a b", &[busy(), Outcome::Integer(1)], expected);
    check_same("MSET a 1 b 2", &[Outcome::Done, busy()], expected);
}

#[test]
fn errors_have_the_codes_that_clients_know() {
    let level =
        CallError::NotEnoughReplicas { level: Level::Quorum, needed: 2, owners: 3, answered: 1 };
    for (line, error, expected) in [
        (
            "GET k",
            CallError::WrongType,
            "WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        ("INCR k", CallError::NotAnInteger, "ERR value is not an integer or out of range"),
        ("HINCRBY k f 1", CallError::NotAnInteger, "ERR hash value is not an integer"),
        ("INCR k", CallError::Overflow, "ERR increment or decrement would overflow"),
        (
            "SET k v",
            level,
            "NOREPLICAS level quorum needs 2 of 3, 1 answered; a write may still spread",
        ),
        ("GET k", CallError::NoOwner, "NOREPLICAS no owner of the key can be reached"),
        ("GET k", CallError::Busy, "BUSY the node is busy; try again"),
        (
            "SET k v",
            CallError::TooLarge { what: "value" },
            "ERR value exceeds the maximum allowed size",
        ),
        ("GET k", CallError::Storage("a\r\nb".to_owned()), "ERR storage failed: a  b"),
    ] {
        check_same(line, &[Outcome::Failed(error)], &format!("-{expected}\\r\\n"));
    }
}

#[test]
fn siblings_say_who_wrote_them_and_when() {
    let sibling = Sibling {
        dot: Dot::new(Actor::new(NodeId(2), Incarnation(1)), 5),
        time: HybridTime::at(Millis(77)),
        value: b"v".to_vec(),
    };
    let text = "$3\\r\\ndot\\r\\n$6\\r\\nn2.1:5\\r\\n$4\\r\\ntime\\r\\n$4\\r\\n77.0\\r\\n\
                $5\\r\\nvalue\\r\\n$1\\r\\nv\\r\\n";
    let siblings = Siblings {
        value: Some(b"v".to_vec()),
        expiry: Some(Millis(99)),
        versions: vec![sibling],
        context: SealedContext(vec![10, 11]),
    };
    let whole = "$5\\r\\nvalue\\r\\n$1\\r\\nv\\r\\n$7\\r\\nexpires\\r\\n:99\\r\\n\
                 $7\\r\\ncontext\\r\\n$4\\r\\n0a0b\\r\\n$8\\r\\nversions\\r\\n*1\\r\\n";
    check(
        "STARLING SIBLINGS k",
        &[Outcome::Siblings(siblings)],
        &format!("*8\\r\\n{whole}*6\\r\\n{text}"),
        &format!("%4\\r\\n{whole}%3\\r\\n{text}"),
    );
    check_same("STARLING RESOLVE k 00 v", &[Outcome::Done], "+OK\\r\\n");
}

/// A reply is owed even when a node answers what it never should.
#[test]
fn outcomes_that_do_not_fit_are_an_error_and_not_a_wrong_reply() {
    let expected = "-ERR internal error: the outcome does not fit the command\\r\\n";
    for (line, outcome) in [
        ("GET k", Outcome::Integer(1)),
        ("SET k v", Outcome::Integer(1)),
        ("SETEX k 5 v", Outcome::Nothing),
        ("INCR k", Outcome::Done),
        ("DEL k", Outcome::Done),
        ("MGET k", Outcome::Integer(1)),
        ("HGET k f", Outcome::Optionals(Vec::new())),
        ("SISMEMBER k m", Outcome::Integers(vec![1, 1])),
        ("HGETALL k", Outcome::Values(Vec::new())),
        ("TTL k", Outcome::Integer(5)),
    ] {
        check_same(line, &[outcome], expected);
    }
    check_same("EXISTS a b", &[Outcome::Integer(i64::MAX), Outcome::Integer(1)], expected);
}

#[test]
fn a_reply_keeps_the_protocol_its_command_came_in() {
    let mut client = Client::new();
    let Begun::Called(_, pending) = client.begin("GET k") else { panic!("a call") };
    client.local("HELLO 3");
    assert_eq!(finish(pending, &[Outcome::Nothing]), "$-1\\r\\n");
}
