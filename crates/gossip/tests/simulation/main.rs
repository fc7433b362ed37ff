//! Many machines in one simulated network: virtual time, delay, loss, duplicates, cuts, pauses.
//!
//! `STARLING_SEEDS` multiplies the work: set to 1000 or more, the tests also run at 1,000 nodes.

#![expect(clippy::unwrap_used, reason = "a test that panics has found something")]

mod convergence;
mod determinism;
mod hostile;
mod liveness;
mod membership;
mod world;

/// How many seeds a property is tried with: a few by default, more when asked for.
fn seeds(default: u64) -> std::ops::Range<u64> {
    0..asked_seeds().map_or(default, |asked| asked.min(default * 50))
}

fn is_large_run() -> bool {
    asked_seeds().is_some_and(|asked| asked >= 1_000)
}

fn asked_seeds() -> Option<u64> {
    std::env::var("STARLING_SEEDS").ok()?.parse().ok()
}
