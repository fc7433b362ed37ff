//! What a placement promises, checked over many clusters.
//!
//! `STARLING_SEEDS` asks for more seeds than a few; each test takes at most thirty times its own.
#![expect(clippy::unwrap_used, reason = "a failing test panics")]
#![expect(clippy::print_stdout, reason = "measurements are printed")]

mod balance;
mod cluster;
mod moves;
mod owners;
mod plans;
mod same_everywhere;
mod size;
mod views;
