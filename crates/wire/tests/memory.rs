//! How much memory decoding takes; alone in its process, because the allocator counts for all.
//!
//! Invariants: decoding takes at most 64 bytes for each byte of a frame, whatever it says; the
//! path of live replication takes none.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test reports and stops")]

#[path = "main/generate.rs"]
mod generate;

use causality::{Actor, Clock, Dot};
use cells::OwnedOp;
use generate::Generator;
use peak_alloc::PeakAlloc;
use wire::{
    Batch, Decoder, Encoder, Frame, FrameLimit, Kind, Message, Outcome, ProtocolVersion, RequestId,
    Scan, ShardId, scan,
};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Returns how many bytes more than before were in use at most.
fn peak_during(work: impl FnOnce()) -> usize {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    work();
    MEMORY.peak_usage().saturating_sub(before)
}

fn frame(kind: Kind, body: &[u8]) -> Frame<'_> {
    Frame { version: ProtocolVersion::CURRENT, kind, body }
}

fn complete(bytes: &[u8]) -> Frame<'_> {
    match scan(bytes, FrameLimit::default()) {
        Ok(Scan::Complete { frame, .. }) => frame,
        other => panic!("not a frame: {other:?}"),
    }
}

/// One test, so that no other allocates meanwhile.
#[test]
fn decoding_is_bounded_in_memory() {
    live_replication_takes_none();
    let worst = greedy_frames().into_iter().map(|(name, kind, body)| measure(name, kind, &body));
    assert!(worst.fold(0.0, f64::max) > 20.0, "the greedy frames are not greedy");
    broken_frames_take_no_more();
}

fn live_replication_takes_none() {
    let mut generator = Generator::new(1);
    let is_hot = |op: &OwnedOp| !matches!(op.body, cells::OwnedBody::Clear(_));
    let ops: Vec<OwnedOp> =
        std::iter::repeat_with(|| generator.op()).filter(is_hot).take(500).collect();
    let batch = Batch { shard: ShardId(1), request: RequestId(1) };
    let mut encoder = Encoder::new(ProtocolVersion::CURRENT, FrameLimit::default());
    let mut decoder = Decoder::new();
    let mut out = Vec::with_capacity(1 << 20);
    let mut sizes = Vec::with_capacity(8);
    for _ in 0..8 {
        out.clear();
        let mut payload_size = 0;
        sizes.push(peak_during(|| {
            encoder.replicate(batch, ops.iter().map(OwnedOp::borrow), &mut out).unwrap();
            let visit = |_, op: cells::Op<'_>| payload_size += op.cell.key.key.len();
            decoder.replicate(&complete(&out), visit).unwrap();
        }));
        assert!(payload_size > 0);
    }
    // The first round learns the actors; a thread of the test runner may disturb one.
    assert!(sizes[0] > 0, "nothing is counted");
    assert_eq!(sizes[1..].iter().min(), Some(&0), "{sizes:?}");
}

/// Frames that ask for as much memory as their bytes can.
fn greedy_frames() -> Vec<(&'static str, Kind, Vec<u8>)> {
    const COUNT: usize = 50_000;
    let count = [0xd0, 0x86, 3];
    let head = |flags: u64, extra: u64| {
        let mut bytes = Vec::new();
        codec::put_varint(&mut bytes, extra << 2 | flags);
        bytes
    };
    let key = [&[64][..], &[b'k'; 64]].concat();
    let stamp = [0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0];
    // The first cell spells the key and the actor; the others repeat both.
    let first_cell = [&[2][..], &key, &[1, 3]].concat();
    let ops = [&first_cell[..], &[0], &stamp, &[3, 1, 3, 0xc0, 0].repeat(COUNT - 1)].concat();
    let first_group = [&head(2, 1)[..], &key, &[1, 3, 0], &stamp].concat();
    let groups = [&first_group[..], &[7, 1, 3, 0xc0, 0].repeat(COUNT - 1)].concat();
    let members = |body: &[u8], column: u8, first: &[u8]| {
        let cell = [&head(2, COUNT as u64)[..], &key, &[1, column]].concat();
        [&[0, 0, 0, 0, 1][..], &cell, first, &body.repeat(COUNT - 1)].concat()
    };
    let plain = [&[0][..], &stamp].concat();
    // Each a clear that covers a clock of one dot.
    let clear = [&[3][..], &stamp, &[1, 1, 4]].concat();
    let cells = [&[0; 18][..], &count, &first_cell, &[3, 1, 3].repeat(COUNT - 1)].concat();
    let versions = [&[0; 18][..], &[1], &head(2, (COUNT as u64) << 1), &key, &[1, 3, 0], &stamp];
    let versions = [&versions.concat()[..], &[0xc0, 0].repeat(COUNT - 1)].concat();
    let runs = [&[0, 0, 0, 1, 1][..], &stamp[..10], &[3], &count, &[0].repeat(COUNT)].concat();
    let prefix = |bytes: &[u8], rest: Vec<u8>| [bytes, &rest].concat();
    vec![
        ("operations", Kind::Replicate, prefix(&[&[0, 0][..], &count].concat(), ops)),
        ("groups", Kind::Given, prefix(&[&[0, 0, 0, 0][..], &count].concat(), groups)),
        ("members", Kind::Given, members(&[0xc0, 0], 3, &plain)),
        ("clears", Kind::Given, members(&[0xc3, 0, 1, 1, 4], 1, &clear)),
        ("cells", Kind::CellsGiven, prefix(&[0, 0], cells)),
        ("versions", Kind::CellsGiven, prefix(&[0, 0], versions)),
        ("runs", Kind::Acknowledged, runs),
        ("actors", Kind::Acknowledged, clock_of_known_actors(&[0, 0, 0, 1])),
        ("sealed", Kind::Wanted, clock_of_known_actors(&[0, 0, 1])),
    ]
}

/// As many actors as a link keeps, each in two bytes.
fn clock_of_known_actors(prefix: &[u8]) -> Vec<u8> {
    let entries = [&[0xff, 0x3f, 1, 4][..], &[3, 4].repeat(8190)].concat();
    let end: &[u8] = if prefix == [0, 0, 1] { &[0, 0, 0] } else { &[] };
    [prefix, &entries, end].concat()
}

/// A receiving end that knows as many actors as it can.
fn full_decoder() -> Decoder {
    let clock: Clock = (0..8191).map(|bits| Dot::new(Actor::from_bits(bits), 1)).collect();
    let (shard, request, outcome) = (ShardId(0), RequestId(0), Outcome::Applied);
    let all = Message::Acknowledged { shard, request, outcome, clock: Some(clock) };
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(ProtocolVersion::CURRENT, FrameLimit::default());
    encoder.message(&all, &mut bytes).unwrap();
    let mut decoder = Decoder::new();
    assert_eq!(decoder.message(&complete(&bytes)), Ok(all));
    decoder
}

/// Returns the bytes of memory that decoding takes for each byte of a body.
fn measure(name: &str, kind: Kind, body: &[u8]) -> f64 {
    let is_full = matches!(name, "actors" | "sealed");
    let mut decoder = if is_full { full_decoder() } else { Decoder::new() };
    let mut decoded = None;
    let peak = peak_during(|| decoded = Some(decoder.message(&frame(kind, body))));
    let decoded = decoded.expect("the work was done");
    assert!(decoded.is_ok(), "{name}: a frame that is refused early takes little: {decoded:?}");
    let factor = peak as f64 / body.len() as f64;
    println!("{name}: {} bytes take {peak} bytes of memory, {factor:.1} times", body.len());
    assert!(peak <= 64 * body.len() + 1024, "{name}: {factor}");
    factor
}

fn broken_frames_take_no_more() {
    for seed in 0..300 {
        let mut generator = Generator::new(seed);
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut encoder = Encoder::new(ProtocolVersion::CURRENT, FrameLimit::default());
        for _ in 0..20 {
            let mut bytes = Vec::new();
            encoder.message(&generator.message(), &mut bytes).unwrap();
            for _ in 0..rng.usize(..4) {
                let at = rng.usize(5..bytes.len());
                bytes[at] ^= 1 << rng.u8(..8);
            }
            let Ok(Scan::Complete { frame, .. }) = scan(&bytes, FrameLimit::default()) else {
                continue;
            };
            let mut decoder = Decoder::new();
            let peak = peak_during(|| drop(decoder.message(&frame)));
            let note = format!("seed {seed}, {:?}: {} bytes take {peak}", frame.kind, bytes.len());
            assert!(peak <= 64 * bytes.len() + 1024, "{note}");
        }
    }
}
