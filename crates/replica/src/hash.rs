//! The hash by which two clocks are compared without sending them.

use causality::{Clock, Sealed};
use xxhash_rust::xxh3::xxh3_64;

use crate::format::{put_clock, put_sealed};

/// Hashes a clock; equal sets of dots hash equal on every machine.
#[must_use]
pub fn clock_hash(clock: &Clock) -> u64 {
    let mut bytes = Vec::new();
    put_clock(&mut bytes, clock);
    xxh3_64(&bytes)
}

/// Hashes what is known of retired actors.
#[must_use]
pub(crate) fn sealed_hash(sealed: &Sealed) -> u64 {
    let mut bytes = Vec::new();
    put_sealed(&mut bytes, sealed);
    xxh3_64(&bytes)
}
