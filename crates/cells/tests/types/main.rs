//! The data types, proved: laws, races, exact counters, and a naive reference beside them.
//!
//! Every world here is a few replicas of one key, whose operations arrive in any order, twice, and
//! apart from those they were minted with. `STARLING_SEEDS` sets the number of worlds.

#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "tests fail by panicking, count small things, and report what they measure"
)]

mod commands;
mod counters;
mod expiry;
mod formats;
mod keys;
mod laws;
mod lists;
mod positions;
mod races;
mod reference;
mod sketches;
mod strings;
mod world;
mod zsets;

/// Returns how many seeds a test runs: its own number, or what the environment asks for.
fn seed_count(usual: u64) -> u64 {
    let asked = std::env::var("STARLING_SEEDS").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(usual)
}
