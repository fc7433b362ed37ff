//! Links: what one end encodes the other decodes, message after message.

use causality::{Actor, Clock, Counters, Dot};
use cells::OwnedOp;
use wire::{
    Batch, Decoder, Encoder, Frame, FrameLimit, Kind, Message, Outcome, ProtocolVersion, Reason,
    RequestId, Scan, ShardId, TEXT_SIZE_MAX, TooLong, WireError, scan,
};

use crate::generate::Generator;
use crate::seeds;

pub(crate) fn encoder() -> Encoder {
    Encoder::new(ProtocolVersion::CURRENT, FrameLimit::default())
}

pub(crate) fn encoded(encoder: &mut Encoder, message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.message(message, &mut out).unwrap();
    out
}

/// Returns the only frame of a buffer.
pub(crate) fn frame(bytes: &[u8]) -> Frame<'_> {
    match scan(bytes, FrameLimit::default()) {
        Ok(Scan::Complete { frame, size }) if size == bytes.len() => frame,
        other => panic!("not one frame: {other:?}"),
    }
}

#[test]
fn every_kind_of_message_comes_out_as_it_went_in() {
    for seed in seeds(300) {
        let mut generator = Generator::new(seed);
        let (mut encoder, mut decoder) = (encoder(), Decoder::new());
        for kind in Kind::ALL.into_iter().chain(Kind::ALL) {
            let message = generator.message_of(kind);
            assert_eq!(message.kind(), kind);
            let bytes = encoded(&mut encoder, &message);
            let decoded = decoder.message(&frame(&bytes));
            assert_eq!(decoded, Ok(message), "seed {seed}, {kind:?}");
        }
    }
}

#[test]
fn a_stream_may_arrive_in_pieces_of_any_size() {
    for seed in seeds(100) {
        let mut generator = Generator::new(seed);
        let messages: Vec<Message> = (0..20).map(|_| generator.message()).collect();
        let (mut encoder, mut decoder) = (encoder(), Decoder::new());
        let mut stream = Vec::new();
        for message in &messages {
            encoder.message(message, &mut stream).unwrap();
        }
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut arrived, mut taken, mut received) = (0, 0, Vec::new());
        while taken < stream.len() {
            match scan(&stream[taken..arrived], FrameLimit::default()).unwrap() {
                Scan::Incomplete { .. } => {
                    arrived = stream.len().min(arrived + rng.usize(1..50));
                }
                Scan::Complete { frame, size } => {
                    received.push(decoder.message(&frame).unwrap());
                    taken += size;
                }
            }
        }
        assert_eq!(received, messages, "seed {seed}");
    }
}

#[test]
fn borrowed_operations_take_the_same_bytes_and_come_out_the_same() {
    for seed in seeds(300) {
        let mut generator = Generator::new(seed);
        let (mut by_message, mut by_ops) = (encoder(), encoder());
        let mut decoder = Decoder::new();
        let batch = Batch { shard: ShardId(7), request: RequestId(seed) };
        for _ in 0..5 {
            let Message::Replicate { ops, .. } = generator.message_of(Kind::Replicate) else {
                panic!("asked for this kind")
            };
            let mut fast = Vec::new();
            by_ops.replicate(batch, ops.iter().map(OwnedOp::borrow), &mut fast).unwrap();
            let Batch { shard, request } = batch;
            let message = Message::Replicate { shard, request, ops: ops.clone() };
            assert_eq!(fast, encoded(&mut by_message, &message), "seed {seed}");
            let mut seen = Vec::new();
            let visit = |at, op: cells::Op<'_>| {
                assert_eq!(at, batch);
                seen.push(OwnedOp::from(&op));
            };
            assert_eq!(decoder.replicate(&frame(&fast), visit), Ok(batch));
            assert_eq!(seen, ops, "seed {seed}");
        }
    }
}

#[test]
fn more_actors_than_a_link_keeps_are_spelled_each_time() {
    let (mut encoder, mut decoder) = (encoder(), Decoder::new());
    let mut sizes = Vec::new();
    for round in 0..3 {
        let clock: Clock = (0..10_000).map(|bits| Dot::new(Actor::from_bits(bits), 1)).collect();
        let message = Message::Acknowledged {
            shard: ShardId(0),
            request: RequestId(round),
            outcome: Outcome::Applied,
            clock: Some(clock),
        };
        let bytes = encoded(&mut encoder, &message);
        assert_eq!(decoder.message(&frame(&bytes)), Ok(message));
        sizes.push(bytes.len());
    }
    assert_eq!(sizes[1], sizes[2]);
    let kept = 8191;
    assert!(sizes[1] < 2 * kept + 13 * (10_000 - kept) + 32, "{sizes:?}");
}

#[test]
fn a_message_that_is_too_long_leaves_the_link_as_it_was() {
    let limit = FrameLimit(300);
    let mut refused_count = 0;
    for seed in seeds(100) {
        let mut generator = Generator::new(seed);
        let mut encoder = Encoder::new(ProtocolVersion::CURRENT, limit);
        let (mut stream, mut sent) = (Vec::new(), Vec::new());
        for message in (0..60).map(|_| generator.message()) {
            let before = stream.len();
            match encoder.message(&message, &mut stream) {
                Ok(()) => sent.push(message),
                Err(TooLong { kind, size, max }) => {
                    assert_eq!((kind, max, stream.len()), (message.kind(), limit.0, before));
                    assert!(size > 300);
                    refused_count += 1;
                }
            }
        }
        let mut decoder = Decoder::new();
        let mut rest = &stream[..];
        for message in sent {
            let Ok(Scan::Complete { frame, size }) = scan(rest, limit) else {
                panic!("seed {seed}: the stream ends early")
            };
            assert_eq!(decoder.message(&frame), Ok(message), "seed {seed}");
            rest = &rest[size..];
        }
    }
    assert!(refused_count > 100, "only {refused_count} messages were too long");
}

#[test]
fn a_frame_of_another_version_is_refused_by_name() {
    let mut encoder = encoder();
    encoder.speak(ProtocolVersion(3));
    let bytes = encoded(&mut encoder, &Message::Gossip(Box::default()));
    let refused = scan(&bytes, FrameLimit::default()).unwrap_err();
    assert_eq!(refused.to_string(), "a frame of protocol version 3: this node speaks 1 to 1");
}

#[test]
fn a_link_that_missed_a_frame_never_takes_one_actor_for_another() {
    let of = |bits: u64| Message::Acknowledged {
        shard: ShardId(0),
        request: RequestId(0),
        outcome: Outcome::Applied,
        clock: Some(Clock::from_iter([Dot::new(Actor::from_bits(bits), 1)])),
    };
    let mut encoder = encoder();
    let frames = [of(1), of(2), of(3), of(2)].map(|message| encoded(&mut encoder, &message));
    let mut decoder = Decoder::new();
    assert_eq!(decoder.message(&frame(&frames[0])), Ok(of(1)));
    // The second frame, which spells actor 2, is lost.
    assert!(decoder.message(&frame(&frames[2])).is_err());
    assert_eq!(decoder.message(&frame(&frames[3])), Err(WireError::Broken));
    let mut ops = 0;
    let replicate = Message::Replicate { shard: ShardId(0), request: RequestId(0), ops: vec![] };
    let bytes = encoded(&mut encoder, &replicate);
    assert_eq!(decoder.replicate(&frame(&bytes), |_, _| ops += 1), Err(WireError::Broken));
}

#[test]
fn a_long_text_is_cut_between_characters() {
    let text = "\u{e9}".repeat(TEXT_SIZE_MAX);
    let refused =
        |text: String| Message::Refused { request: RequestId(1), reason: Reason::Busy, text };
    let bytes = encoded(&mut encoder(), &refused(format!("x{text}")));
    let decoded = Decoder::new().message(&frame(&bytes)).unwrap();
    assert_eq!(decoded, refused(format!("x{}", "\u{e9}".repeat((TEXT_SIZE_MAX - 1) / 2))));
}

#[test]
fn a_handshake_fits_its_limit() {
    let mut encoder = Encoder::new(ProtocolVersion::CURRENT, FrameLimit::HANDSHAKE);
    let text = "x".repeat(2 * TEXT_SIZE_MAX);
    let refused = Message::Refused { request: RequestId(u64::MAX), reason: Reason::Version, text };
    let hello = Generator::new(0).message_of(Kind::Hello);
    for message in [refused, hello] {
        let mut out = Vec::new();
        assert_eq!(encoder.message(&message, &mut out), Ok(()));
        assert!(matches!(scan(&out, FrameLimit::HANDSHAKE), Ok(Scan::Complete { .. })));
    }
}

#[test]
#[should_panic(expected = "a counter beyond what peers accept")]
fn a_counter_that_peers_would_refuse_is_not_sent() {
    let clock = |base| {
        let mut clock = Clock::new();
        clock.insert_all(Actor::from_bits(1), &Counters::up_to(base));
        clock
    };
    let message = Message::Acknowledged {
        shard: ShardId(0),
        request: RequestId(0),
        outcome: Outcome::Applied,
        clock: Some(clock(1 << 48)),
    };
    encoded(&mut encoder(), &message);
}
