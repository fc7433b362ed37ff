//! Bytes that no honest peer sends: cut, flipped, and made up.

use codec::DecodeError::{self, Inconsistent, Limit, Number, Trailing, Truncated, Unknown};
use wire::{
    Decoder, Encoder, Frame, FrameLimit, HEADER_SIZE, Kind, Message, ProtocolVersion, Scan,
    WireError, scan,
};

use crate::generate::Generator;
use crate::links::{encoded, encoder, frame};
use crate::seeds;

/// Both ends of a link on which some actors are known.
fn warm_link(generator: &mut Generator) -> (Encoder, Decoder) {
    let (mut encoder, mut decoder) = (encoder(), Decoder::new());
    for _ in 0..3 {
        let message = generator.message_of(Kind::Replicate);
        let bytes = encoded(&mut encoder, &message);
        decoder.message(&frame(&bytes)).unwrap();
    }
    (encoder, decoder)
}

/// Makes the length of a frame say what is there.
fn with_true_length(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(bytes.len() - 4).unwrap();
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes
}

/// Whatever decodes is a message like any other: it can be sent on and arrives the same.
fn assert_whole(message: &Message, note: &str) {
    let bytes = encoded(&mut encoder(), message);
    let again = Decoder::new().message(&frame(&bytes));
    assert_eq!(again.as_ref(), Ok(message), "{note}");
}

fn is_opaque(kind: Kind) -> bool {
    let of_surfaces = [Kind::Forward, Kind::Forwarded, Kind::Describe, Kind::Described];
    kind == Kind::Gossip || of_surfaces.contains(&kind)
}

#[test]
fn no_strict_prefix_is_a_message() {
    for seed in seeds(60) {
        let mut generator = Generator::new(seed);
        let (encoder, decoder) = warm_link(&mut generator);
        for kind in Kind::ALL {
            let bytes = encoded(&mut encoder.clone(), &generator.message_of(kind));
            for end in 0..bytes.len() {
                let scanned = scan(&bytes[..end], FrameLimit::default());
                assert!(matches!(scanned, Ok(Scan::Incomplete { .. })), "seed {seed}, {kind:?}");
            }
            // The same with a length that hides the cut. Opaque bytes may end anywhere.
            for end in HEADER_SIZE..bytes.len() {
                let cut = with_true_length(bytes[..end].to_vec());
                let decoded = decoder.clone().message(&frame(&cut));
                let note = format!("seed {seed}, {kind:?}, {end} of {}", bytes.len());
                assert!(decoded.is_err() || is_opaque(kind), "{note}: {decoded:?}");
            }
            let mut longer = bytes;
            longer.push(0);
            let decoded = decoder.clone().message(&frame(&with_true_length(longer)));
            assert!(decoded.is_err() || is_opaque(kind), "seed {seed}, {kind:?}: {decoded:?}");
        }
    }
}

#[test]
fn flipped_bits_give_an_error_or_a_message_like_any_other() {
    let (mut errors, mut messages) = (0, 0);
    for seed in seeds(300) {
        let mut generator = Generator::new(seed);
        let (encoder, decoder) = warm_link(&mut generator);
        let mut rng = fastrand::Rng::with_seed(seed);
        for kind in Kind::ALL {
            let mut bytes = encoded(&mut encoder.clone(), &generator.message_of(kind));
            for _ in 0..rng.usize(1..4) {
                let at = rng.usize(HEADER_SIZE - 1..bytes.len());
                bytes[at] ^= 1 << rng.u8(..8);
            }
            match scan(&bytes, FrameLimit::default()) {
                Err(WireError::Kind(_)) => errors += 1,
                Ok(Scan::Complete { frame, .. }) => match decoder.clone().message(&frame) {
                    Ok(message) => {
                        assert_whole(&message, &format!("seed {seed}, {kind:?}"));
                        messages += 1;
                    }
                    Err(_) => errors += 1,
                },
                other => panic!("seed {seed}, {kind:?}: {other:?}"),
            }
        }
    }
    // Both happen, or the test shows nothing.
    assert!(errors > 100 && messages > 100, "{errors} errors, {messages} messages");
}

#[test]
fn made_up_bodies_give_an_error_or_a_message_like_any_other() {
    let mut messages = [0; Kind::ALL.len()];
    for seed in seeds(20_000) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut generator = Generator::new(seed % 16);
        let (_, decoder) = warm_link(&mut generator);
        let count = rng.usize(..80);
        // Small numbers lead deeper into a body than large ones.
        let limit = *rng.choice([3u8, 16, 255].iter()).unwrap();
        let body: Vec<u8> = (0..count).map(|_| rng.u8(..=limit)).collect();
        for (kind, messages) in Kind::ALL.into_iter().zip(&mut messages) {
            let frame = Frame { version: ProtocolVersion::CURRENT, kind, body: &body };
            if let Ok(message) = decoder.clone().message(&frame) {
                assert_whole(&message, &format!("seed {seed}, {kind:?}"));
                *messages += 1;
            }
        }
    }
    let reached = messages.iter().filter(|count| **count > 0).count();
    assert!(reached >= 8, "random bytes reached {reached} kinds: {messages:?}");
}

#[test]
fn made_up_streams_end_in_an_error_or_wait() {
    for seed in seeds(5_000) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut stream: Vec<u8> = (0..rng.usize(..200)).map(|_| rng.u8(..)).collect();
        if rng.bool() {
            stream.splice(..0, [rng.u8(..60), 0, 0, 0, 1, rng.u8(..24)]);
        }
        let mut decoder = Decoder::new();
        let mut rest = &stream[..];
        while let Ok(Scan::Complete { frame, size }) = scan(rest, FrameLimit::default()) {
            rest = &rest[size..];
            if decoder.message(&frame).is_err() {
                break;
            }
        }
    }
}

/// Each rule that keeps a decoded message safe to act on, broken by hand.
#[test]
fn broken_rules_are_refused() {
    // A spelled actor: number 0 of the list.
    let spelled = [0, 0, 1, 0, 0, 0, 1, 0, 0, 0];
    let join = |parts: &[&[u8]]| parts.concat();

    // One operation: cell (keyspace 0, key "k"), head, actor, counter, time, payload.
    let op = |column: u8, head: u8, counter: &[u8], tail: &[u8]| {
        join(&[&[0, 0, 1, 2, 1, b'k', 1, column, head], &spelled, counter, tail])
    };
    assert!(decode(Kind::Replicate, &op(3, 1, &[10], &[0, 1, b'v'])).is_ok(), "the pattern");
    let check = |body: &[u8], expected| check(Kind::Replicate, body, expected);
    check(&op(3, 1, &[0], &[0, 1, b'v']), Inconsistent("counter"));
    let above = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1];
    check(&op(3, 1, &above, &[0, 1, b'v']), Inconsistent("counter"));
    check(&op(1, 1, &[10], &[0, 1, b'v']), Inconsistent("clear"));
    check(&op(3, 3, &[10], &[0, 0]), Inconsistent("clear"));
    // One removed dot: the same actor, no distance.
    let itself = Inconsistent("operation that supersedes itself");
    check(&op(3, 1 | 1 << 3, &[10], &[0, 1, 0, 1, b'v']), itself);
    check(&op(3, 4, &[10], &[0, 5]), Inconsistent("expiry"));
    let counted = op(3, 1 | 3 << 3, &[10], &[0, 1, 1, 2, 1, b'v']);
    check(&counted, Inconsistent("count of removed dots"));
    let no_column = join(&[&[0, 0, 1, 2, 1, b'k', 0, 1], &spelled, &[10, 0, 1, b'v']]);
    check(&no_column, Inconsistent("column"));
    let no_key_before = join(&[&[0, 0, 1, 3, 1, 3, 1], &spelled, &[10, 0, 1, b'v']]);
    check(&no_key_before, Inconsistent("cell"));
    let marked = join(&[&[0, 0, 1, 6, 1, b'k', 1, 3, 1], &spelled, &[10, 0, 1, b'v']]);
    check(&marked, Unknown("mark of a cell"));
    check(&[0, 0, 1, 2, 1, b'k', 1, 3, 1, 5, 10, 0, 1, b'v'], Unknown("actor"));
    let no_actor_before = [0, 0, 1, 2, 1, b'k', 1, 3, 1 | 1 << 6, 10, 0, 1, b'v'];
    check(&no_actor_before, Inconsistent("actor of a stamp"));
    check(&op(3, 1 | 1 << 5, &[10], &[0, 0, 1, b'v']), Inconsistent("time"));
    check(&op(3, 1, &[10], &[1, 1, b'v']), Inconsistent("time"));
}

#[test]
fn broken_clocks_are_refused() {
    let clock = |entries: &[u8]| [&[0, 0, 0, 1], entries].concat();
    let spelled = |tail: &[u8]| [&[0, 0, 1, 0, 0, 0, 1, 0, 0, 0], tail].concat();
    let one = |tail: &[u8]| clock(&[&[1][..], &spelled(tail)].concat());
    assert!(decode(Kind::Acknowledged, &one(&[40])).is_ok(), "the pattern");
    let check = |body: &[u8], expected| check(Kind::Acknowledged, body, expected);
    check(&one(&[0]), Inconsistent("clock"));
    check(&clock(&[&[2][..], &spelled(&[40, 1, 40])].concat()), Inconsistent("clock"));
    check(&one(&[0x83, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 8]), Inconsistent("counter"));
    let far = [5, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    check(&one(&far), Inconsistent("counter"));
    check(
        &one(&[5, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        Inconsistent("counter"),
    );
    check(&one(&[7, 2, 0, 0]), Inconsistent("count of runs"));
    check(&[0, 0, 0, 2], Unknown("presence"));
    check(&[0, 0, 3, 0], Unknown("outcome"));
}

#[test]
fn broken_lists_are_refused() {
    let spelled = [0, 0, 1, 0, 0, 0, 1, 0, 0, 0];
    let join = |parts: &[&[u8]]| parts.concat();
    // Two members, or versions, with one dot.
    let twice = join(&[&[0], &spelled, &[10, 0], &[1 << 6, 0, 0]]);
    let given = |cell: &[u8], members: &[u8]| join(&[&[0, 0, 0, 0, 1], cell, members]);
    check(Kind::Given, &given(&[2 << 2 | 2, 1, b'k', 1, 3], &twice), Inconsistent("group"));
    check(Kind::Given, &given(&[2, 1, b'k', 1, 3], &[]), Inconsistent("group"));
    let cells = |cell: &[u8], rest: &[u8]| join(&[&[0; 20], &[1], cell, rest]);
    let versions = cells(&[2 << 3 | 2, 1, b'k', 1, 3], &twice);
    check(Kind::CellsGiven, &versions, Inconsistent("versions"));
    let gone = cells(&[1 << 2 | 2, 1, b'k', 1, 3], &[0]);
    check(Kind::CellsGiven, &gone, Inconsistent("gone dots"));
    let beyond_the_last_shard = [0, 1, 0x80, 0x80, 4, 0, 0, 0, 0, 0, 0];
    check(Kind::BeatShards, &beyond_the_last_shard, Number);
    // Counts that the rest of a body cannot hold.
    check(Kind::Ask, &[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f], Truncated);
    check(
        Kind::Given,
        &[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        Truncated,
    );
}

#[test]
fn unknown_forms_are_refused() {
    let no_version = [&[2, 1][..], &[0; 40]].concat();
    check(Kind::Hello, &no_version, Inconsistent("range of versions"));
    check(Kind::Refused, &[0, 9, 0], Unknown("reason"));
    check(Kind::Refused, &[0, 0, 1, 0xff], Inconsistent("text"));
    check(Kind::Refused, &[0, 0, 0x81, 8], Limit("text"));
    check(Kind::Tell, &[0, 0, 0, 2, 7], Inconsistent("depth"));
    check(Kind::Tell, &[0, 0, 0, 3], Unknown("answer"));
    check(Kind::Ask, &[0, 0, 0, 1, 1, 1, 0, 0, 0], Inconsistent("node"));
    check(Kind::Ask, &[0, 0, 0, 2], Unknown("question"));
    check(Kind::Wanted, &[0, 0, 2], Unknown("form of a sealed clock"));
    check(Kind::Given, &[0, 0, 5], Unknown("form of an answer"));
    check(Kind::Sealing, &[0, 0, 5, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], Unknown("step of sealing"));
    check(Kind::CellsWanted, &[[0; 5].as_slice(), &[2]].concat(), Unknown("detail"));
    check(Kind::StateClosed, &[0, 0, 0], Trailing);
    check(Kind::StateClosed, &[0x80, 0x80, 4, 0], Number);
}

fn decode(kind: Kind, body: &[u8]) -> Result<Message, WireError> {
    let frame = Frame { version: ProtocolVersion::CURRENT, kind, body };
    Decoder::new().message(&frame)
}

fn check(kind: Kind, body: &[u8], source: DecodeError) {
    let decoded = decode(kind, body);
    assert_eq!(decoded, Err(WireError::Body { kind, source }), "{kind:?} {body:?}");
}
