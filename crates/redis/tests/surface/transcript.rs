//! Conversations with Redis 7.0, played against this crate.
//!
//! ```text
//! # A comment.
//! > GET key
//! <2 $-1\r\n        the reply in RESP2
//! <3 _\r\n          the reply in RESP3
//! > PING
//! < +PONG\r\n       the reply in both
//! ```

use resp::Protocol;

use crate::client::{Client, NOW};
use crate::lone::Lone;

/// Every transcript, by name.
pub(crate) const ALL: &[(&str, &str)] = &[
    ("strings", include_str!("transcripts/strings.txt")),
    ("keys", include_str!("transcripts/keys.txt")),
    ("keyspace", include_str!("transcripts/keyspace.txt")),
    ("transactions", include_str!("transcripts/transactions.txt")),
    ("sets", include_str!("transcripts/sets.txt")),
    ("set_algebra", include_str!("transcripts/set_algebra.txt")),
    ("zsets", include_str!("transcripts/zsets.txt")),
    ("edits", include_str!("transcripts/edits.txt")),
    ("bits", include_str!("transcripts/bits.txt")),
    ("lists", include_str!("transcripts/lists.txt")),
    ("hyperloglog", include_str!("transcripts/hyperloglog.txt")),
    ("hash_options", include_str!("transcripts/hash_options.txt")),
    ("geo", include_str!("transcripts/geo.txt")),
    ("hashes", include_str!("transcripts/hashes.txt")),
    ("connection", include_str!("transcripts/connection.txt")),
    ("copies", include_str!("transcripts/copies.txt")),
    ("walks", include_str!("transcripts/walks.txt")),
    ("objects", include_str!("transcripts/objects.txt")),
    ("dumps", include_str!("transcripts/dumps.txt")),
    ("sort", include_str!("transcripts/sort.txt")),
    ("config", include_str!("transcripts/config.txt")),
    ("blocking", include_str!("transcripts/blocking.txt")),
    ("pubsub", include_str!("transcripts/pubsub.txt")),
    ("documents", include_str!("transcripts/documents.txt")),
];

/// A command and what it is answered.
pub(crate) struct Exchange<'a> {
    pub(crate) line_number: usize,
    pub(crate) command: &'a str,
    pub(crate) expected: &'a str,
}

/// Reads the commands of a transcript with their replies in one protocol.
pub(crate) fn read(text: &str, protocol: Protocol) -> Vec<Exchange<'_>> {
    let (own, foreign) = match protocol {
        Protocol::Resp2 => ("<2 ", "<3 "),
        Protocol::Resp3 => ("<3 ", "<2 "),
    };
    let mut exchanges: Vec<Exchange<'_>> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') || line.starts_with(foreign) {
            continue;
        }
        if let Some(command) = line.strip_prefix("> ") {
            exchanges.push(Exchange { line_number: index + 1, command, expected: "" });
        } else if let Some(expected) = line.strip_prefix(own).or(line.strip_prefix("< ")) {
            exchanges.last_mut().expect("a reply follows a command").expected = expected;
        } else {
            panic!("line {}: {line}", index + 1);
        }
    }
    exchanges
}

/// Plays a transcript, and tells what differs.
pub(crate) fn differences(
    name: &str,
    exchanges: &[Exchange<'_>],
    mut answer: impl FnMut(&str) -> String,
) -> String {
    let mut differences = String::new();
    for Exchange { line_number, command, expected } in exchanges {
        let answered = answer(command);
        if answered != *expected {
            differences += &format!(
                "{name}.txt:{line_number}: {command}\n expected {expected}\n answered {answered}\n"
            );
        }
    }
    differences
}

fn check(protocol: Protocol, greeting: &str) {
    let mut found = String::new();
    for (name, text) in ALL {
        let (mut client, mut node) = (Client::new(), Lone::start(NOW));
        client.local(greeting);
        let exchanges = read(text, protocol);
        assert!(exchanges.len() > 30, "{name} has shrunk");
        found += &differences(name, &exchanges, |command| client.carry_out(command, &mut node));
    }
    assert!(found.is_empty(), "{found}");
}

#[test]
fn replies_are_those_of_redis_in_resp2() {
    check(Protocol::Resp2, "HELLO 2");
}

#[test]
fn replies_are_those_of_redis_in_resp3() {
    check(Protocol::Resp3, "HELLO 3");
}

#[test]
fn a_wrong_reply_is_told() {
    let exchanges = read("> PING\n< +PONG\\r\\n\n> PING\n<2 +WRONG\\r\\n\n<3 x\n", Protocol::Resp2);
    let mut client = Client::new();
    let found = differences("made-up", &exchanges, |command| client.local(command));
    assert_eq!(found, "made-up.txt:3: PING\n expected +WRONG\\r\\n\n answered +PONG\\r\\n\n");
}
