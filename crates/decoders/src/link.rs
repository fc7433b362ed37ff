//! What a peer may send over a link: frames, messages, and both sides of a walk over hash trees.

use std::num::NonZeroUsize;

use cells::OwnedOp;
use merkle::{Ask, ChildSums, Depth, Digest, FANOUT, Fingerprint, NodeRef, Tell, Tree, Walk};
use wire::{Decoder, Encoder, Frame, FrameLimit, Kind, Message, News, ProtocolVersion, Scan, scan};

use crate::script::Script;

/// Decodes the body of a message on a fresh link.
pub(crate) fn decode(kind: Kind, body: &[u8]) -> Option<Message> {
    let frame = Frame { version: ProtocolVersion::CURRENT, kind, body };
    Decoder::new().message(&frame).ok()
}

/// Whatever decodes is a message like any other: it can be sent on and arrives the same.
fn assert_whole(message: &Message) {
    let limit = FrameLimit::default();
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(ProtocolVersion::CURRENT, limit);
    encoder.message(message, &mut bytes).expect("no message outgrows the input so far");
    let Ok(Scan::Complete { frame, size }) = scan(&bytes, limit) else {
        panic!("a message is one frame")
    };
    assert_eq!(size, bytes.len());
    assert_eq!(Decoder::new().message(&frame).as_ref(), Ok(message));
}

/// A stream of frames; the first of them while the peer may send a handshake only.
pub(crate) fn wire_stream(input: &[u8]) {
    let mut decoder = Decoder::new();
    let mut limit = FrameLimit::HANDSHAKE;
    let mut rest = input;
    loop {
        match scan(rest, limit) {
            Ok(Scan::Complete { frame, size }) => {
                let Ok(message) = decoder.message(&frame) else { return };
                assert_eq!(message.kind(), frame.kind);
                assert_whole(&message);
                limit = FrameLimit::default();
                rest = &rest[size..];
            }
            Ok(Scan::Incomplete { missing }) => return assert!(missing > 0),
            Err(_) => return,
        }
    }
}

/// The body of one message; the first byte says of which kind. Operations are read alike whether
/// they are owned or borrowed.
pub(crate) fn wire_message(input: &[u8]) {
    let mut script = Script::new(input);
    let kind = Kind::ALL[usize::from(script.byte()) % Kind::ALL.len()];
    let decoded = decode(kind, script.rest());
    if let Some(message) = &decoded {
        assert_whole(message);
    }
    if kind == Kind::Replicate {
        let frame = Frame { version: ProtocolVersion::CURRENT, kind, body: script.rest() };
        let mut borrowed: Vec<OwnedOp> = Vec::new();
        let read = Decoder::new().replicate(&frame, |_, op| borrowed.push((&op).into()));
        match decoded {
            Some(Message::Replicate { ops, .. }) => assert_eq!(borrowed, ops),
            _ => assert!(read.is_err(), "borrowed operations came of what is no message"),
        }
    }
}

/// News of membership and liveness: what decodes can be passed on and arrives the same.
pub(crate) fn wire_news(input: &[u8]) {
    if let Ok(news) = News::decode(input) {
        assert_eq!(News::decode(&news.encode()), Ok(news));
    }
}

const ROUNDS_MAX: usize = 200;
const NODES_MAX: NonZeroUsize = NonZeroUsize::new(8).expect("not zero");

/// A walk whose other side answers and asks whatever it likes: it ends, and so does the answer.
pub(crate) fn merkle_walk(input: &[u8]) {
    let mut script = Script::new(input);
    let mut tree = Tree::for_count(u64::from(script.byte()) * 1000);
    for number in 0..u128::from(script.byte() % 16) {
        tree.add(u64::from_le_bytes(script.array()), Digest(number + 1));
    }
    let mut walk = Walk::new(NODES_MAX);
    let mut taken_count = 0;
    while !script.is_empty() && taken_count < ROUNDS_MAX {
        if let Some(ask) = read_ask(&mut script) {
            let told = merkle::answer(&mut tree, &ask, NODES_MAX);
            assert!(told.is_err() || !matches!(&ask, Ask::Nodes(nodes) if nodes.is_empty()));
        }
        let before = walk.clone();
        match read_tell(&mut script, walk.pending_count()) {
            Some(tell) if walk.take(&mut tree, &tell).is_ok() => taken_count += 1,
            _ => assert_eq!(walk.ask(&tree), before.ask(&tree), "a refused answer moved the walk"),
        }
        assert_eq!(walk.is_done(), walk.ask(&tree).is_none());
    }
    let ranges = walk.take_ranges();
    assert!(ranges.iter().all(|range| range.first <= range.last));
}

fn read_ask(script: &mut Script<'_>) -> Option<Ask> {
    let choice = script.byte();
    if choice.is_multiple_of(4) {
        let root = Digest(u128::from_le_bytes(script.array()));
        return Some(Ask::Open { root, count: u64::from(script.byte()) });
    }
    let nodes = (0..choice % 12).map(|_| NodeRef::from_bits(u32::from_le_bytes(script.array())));
    Some(Ask::Nodes(nodes.collect::<Result<_, _>>().ok()?))
}

/// An answer, most often about as many nodes as were asked for.
fn read_tell(script: &mut Script<'_>, pending_count: usize) -> Option<Tell> {
    let [choice, depth, fill] = script.array();
    let depth = Depth::new(depth % 8).ok()?;
    match choice % 8 {
        0 => Some(Tell::Same),
        1 => Some(Tell::Shallow { depth }),
        other => {
            let asked = pending_count.min(NODES_MAX.get());
            let count = if other == 2 { usize::from(fill) } else { asked };
            let mut sums: Vec<ChildSums> = vec![[Fingerprint(0); FANOUT]; count];
            for sums in &mut sums {
                let at = usize::from(script.byte()) % FANOUT;
                sums[at] = Fingerprint(u64::from(fill));
            }
            Some(Tell::Children { depth, sums })
        }
    }
}
