//! Garbage: random and mutated bytes never panic, never hang, and never cost more than they are.
//!
//! `STARLING_SEEDS` sets how many seeds are tried.

use resp::{ArgRange, Limits, Reply, ReplyLimits, ReplyParser, Trust};

use crate::connection::{ServerSide, read, understand};
use crate::{replies, requests};

/// Bytes that mean something to the protocol, so that garbage gets past the first byte.
const ALPHABET: &[u8] = b"*$+-:_,#(!=%~>|\r\n\r\n\r\n0123456789 \"'\\xtfa\0\xff";

fn seeds() -> std::ops::Range<u64> {
    let count = std::env::var("STARLING_SEEDS").ok().and_then(|text| text.parse().ok());
    0..count.unwrap_or(100_000)
}

fn noise(rng: &mut fastrand::Rng) -> Vec<u8> {
    let size = rng.usize(0..120);
    match rng.u8(0..3) {
        0 => (0..size).map(|_| rng.u8(..)).collect(),
        _ => (0..size).map(|_| ALPHABET[rng.usize(..ALPHABET.len())]).collect(),
    }
}

/// A valid input with some bytes changed, cut out or doubled.
fn mutate(rng: &mut fastrand::Rng, input: &[u8]) -> Vec<u8> {
    let mut bytes = input.repeat(rng.usize(1..3));
    for _ in 0..rng.usize(0..4) {
        if bytes.is_empty() {
            break;
        }
        let at = rng.usize(..bytes.len());
        match rng.u8(0..4) {
            0 => bytes[at] = ALPHABET[rng.usize(..ALPHABET.len())],
            1 => bytes.insert(at, ALPHABET[rng.usize(..ALPHABET.len())]),
            2 => drop(bytes.remove(at)),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

/// Cuts bytes into random pieces.
fn pieces<'a>(rng: &mut fastrand::Rng, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_at(rng.usize(1..=bytes.len().min(40)));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

#[test]
fn garbage_requests_cost_no_more_than_their_bytes() {
    for seed in seeds() {
        let mut rng = fastrand::Rng::with_seed(seed);
        let input = if rng.bool() {
            noise(&mut rng)
        } else {
            let (input, _) = requests::VALID[rng.usize(..requests::VALID.len())];
            mutate(&mut rng, input)
        };
        let trust = rng.choice([Trust::Authenticated, Trust::Unauthenticated]).unwrap();
        let pieces = pieces(&mut rng, &input);
        let mut server = ServerSide::new(Limits::default(), trust);
        pieces.iter().for_each(|piece| server.receive(piece));
        // Vectors start at four elements or eight bytes and then double.
        let bound = (input.len() + 4) * 2 * size_of::<ArgRange>() + input.len() * 2 + 8;
        assert!(server.parser.memory_size() <= bound, "seed {seed}");
        let whole = understand(Limits::default(), trust, [input.as_slice()]);
        assert_eq!(server.understood(), whole, "seed {seed}: {}", input.escape_ascii());
    }
}

/// Counts the nodes of a tree without recursion.
fn nodes_count(reply: &Reply) -> usize {
    let (mut count, mut waiting) = (0, vec![reply]);
    while let Some(reply) = waiting.pop() {
        count += 1;
        match reply {
            Reply::Map(pairs) => waiting.extend(pairs.iter().flat_map(|(key, value)| [key, value])),
            Reply::Attributed { attributes, reply } => {
                waiting.extend(attributes.iter().flat_map(|(key, value)| [key, value]));
                waiting.push(reply);
            }
            other => waiting.extend(other.as_elements().unwrap_or_default()),
        }
    }
    count
}

#[test]
fn garbage_replies_give_no_more_than_their_bytes() {
    for seed in seeds() {
        let mut rng = fastrand::Rng::with_seed(seed);
        let input = if rng.bool() {
            noise(&mut rng)
        } else {
            let (input, _) = replies::VALID[rng.usize(..replies::VALID.len())];
            mutate(&mut rng, input.as_bytes())
        };
        let pieces = pieces(&mut rng, &input);
        let (trees, cut) = read(ReplyLimits::default(), pieces);
        let (_, whole) = read(ReplyLimits::default(), [input.as_slice()]);
        assert_eq!(cut, whole, "seed {seed}: {}", input.escape_ascii());
        // The shortest value, a null, has three bytes.
        let nodes_count: usize = trees.iter().map(nodes_count).sum();
        assert!(nodes_count <= input.len() / 3, "seed {seed}");
    }
}

#[test]
fn terabyte_headers_cost_nothing() {
    for header in ["*1099511627776\r\n", "*1\r\n$1099511627776\r\n", "*1048576\r\n$536870912\r\n"] {
        let mut server = ServerSide::new(Limits::default(), Trust::Authenticated);
        server.receive(header.as_bytes());
        assert_eq!(server.parser.memory_size(), 0, "{header:?}");
    }
    for header in ["*1099511627776\r\n", "$1099511627776\r\n", "%9223372036854775807\r\n"] {
        let parsed = ReplyParser::new(ReplyLimits::default()).parse(header.as_bytes());
        assert!(parsed.is_err(), "{header:?}");
    }
}

#[test]
fn deep_replies_are_refused_before_they_hurt() {
    for header in ["*1\r\n", "%1\r\n", "|0\r\n", "|1\r\n", "~1\r\n"] {
        let (replies, read) = read(ReplyLimits::default(), [header.repeat(100_000).as_bytes()]);
        assert_eq!((replies.len(), read.end), (0, Err(resp::ReplyError::Depth)), "{header:?}");
    }
}
