//! Every body on seeded input: random bytes, and samples whole, cut, changed and spliced.
//!
//! `STARLING_SEEDS` says how many inputs each body gets; a failure names its seed, and
//! `STARLING_SEED` runs that one alone.

#![expect(clippy::unwrap_used, reason = "a failing test panics")]

mod found;
mod honest;
mod samples;

use std::panic::{AssertUnwindSafe, catch_unwind};

use decoders::{TARGETS, Target};
use fastrand::Rng;
use replica::{Replica, Settings};
use storage::{MemoryStore, Store};
use wire::{Decoder, Frame, ProtocolVersion};

const SEEDS_DEFAULT: u64 = 3_000;

/// The seeds to run: few by default.
fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("STARLING_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("STARLING_SEEDS").unwrap_or(SEEDS_DEFAULT),
    }
}

/// The input of a seed. Half of them begin as something an honest writer wrote.
fn input_of(name: &str, rng: &mut Rng) -> Vec<u8> {
    if rng.u8(..8) == 0 {
        return random_bytes(rng);
    }
    let mut input = samples::of(name, rng);
    if rng.u8(..8) == 0 {
        return input;
    }
    for _ in 0..rng.usize(1..5) {
        change(name, &mut input, rng);
    }
    input
}

/// Small numbers lead deeper than large ones.
fn random_bytes(rng: &mut Rng) -> Vec<u8> {
    let limit = *rng.choice([1u8, 3, 16, 255].iter()).unwrap();
    (0..rng.usize(..120)).map(|_| rng.u8(..=limit)).collect()
}

fn change(name: &str, input: &mut Vec<u8>, rng: &mut Rng) {
    let at = rng.usize(..=input.len());
    match rng.u8(..8) {
        0 => input.truncate(at),
        1 => drop(input.drain(at..(at + rng.usize(..9)).min(input.len()))),
        2 => drop(input.splice(at..at, random_bytes(rng)).count()),
        3 => {
            let other = samples::of(name, rng);
            let from = rng.usize(..=other.len());
            input.splice(at.., other[from..].iter().copied());
        }
        4 => {
            // The numbers around which arithmetic goes wrong, as a varint or as eight bytes.
            let number = *rng.choice([0, 1, 1 << 48, u64::MAX - 1, u64::MAX].iter()).unwrap();
            let mut edge = Vec::new();
            codec::put_varint(&mut edge, number);
            let edge = if rng.bool() { edge } else { number.to_le_bytes().to_vec() };
            let end = (at + if rng.bool() { edge.len() } else { 1 }).min(input.len());
            input.splice(at..end, edge);
        }
        _ => {
            if let Some(byte) = input.get_mut(at) {
                *byte = if rng.bool() { *byte ^ (1 << rng.u8(..8)) } else { rng.u8(..) };
            }
        }
    }
}

fn check((name, body): &Target) {
    for seed in seeds() {
        let input = input_of(name, &mut Rng::with_seed(seed));
        let outcome = catch_unwind(AssertUnwindSafe(|| body(&input)));
        assert!(outcome.is_ok(), "{name}, seed {seed}: {}", input.escape_ascii());
    }
}

/// One test each, so that they run side by side and fail by name.
macro_rules! bodies {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            let name = stringify!($name);
            check(TARGETS.iter().find(|(known, _)| *known == name).unwrap());
        })*

        #[test]
        fn every_body_is_run() {
            let run = [$(stringify!($name)),*];
            assert!(TARGETS.iter().all(|(name, _)| run.contains(name)));
        }
    };
}

bodies!(
    codec_values,
    client_context,
    resp_requests,
    resp_replies,
    wire_stream,
    wire_message,
    wire_news,
    merkle_walk,
    replica_state,
    replica_records,
    replica_rows,
    replica_peer,
    cell_views,
);

/// Samples that no decoder takes would make every other test here one of garbage.
#[test]
fn samples_are_taken_whole() {
    let mut filled_count = 0;
    for seed in 0..50 {
        let mut rng = Rng::with_seed(seed);
        for (kind, body) in honest::messages(&mut rng) {
            let frame = Frame { version: ProtocolVersion::CURRENT, kind, body: &body };
            assert!(Decoder::new().message(&frame).is_ok(), "seed {seed}, {kind:?}");
        }
        let mut store = MemoryStore::new();
        store.set_state(honest::SHARD, &samples::of("replica_state", &mut rng)).unwrap();
        let me = honest::Honest::new(1).replica.actor();
        let opened = Replica::open(honest::SHARD, me, Settings::default(), &mut store);
        filled_count += usize::from(!opened.unwrap().whole_clock().is_empty());
    }
    assert!(filled_count > 40, "{filled_count} of 50 states have seen anything");
}

/// Every fuzz target runs a body, and every body has a fuzz target.
#[test]
fn fuzz_targets_are_these() {
    let manifest = include_str!("../../../../fuzz/Cargo.toml");
    for (name, _) in TARGETS {
        let row = format!("name = \"{name}\"\npath = \"targets/{name}.rs\"\n");
        assert!(manifest.contains(&row), "fuzz/Cargo.toml has no target {name}");
    }
    let bins = manifest.matches("[[bin]]").count();
    assert_eq!(bins, TARGETS.len());
}
