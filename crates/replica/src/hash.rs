//! The hash by which two clocks are compared without sending them.

use causality::Clock;

/// Hashes a clock; equal sets of dots hash equal on every machine.
#[must_use]
pub fn clock_hash(clock: &Clock) -> u64 {
    let mut bytes = Vec::new();
    crate::format::put_clock(&mut bytes, clock);
    xxhash_rust::xxh3::xxh3_64(&bytes)
}
