//! The replication core in a small hostile world, checked after every step.
//!
//! `world` builds the world and takes random steps in it; `checks` holds the invariants; `models`
//! runs the profiles; `mutations` shows that each known-wrong rule is caught.

#![expect(unreachable_pub, reason = "a test binary has no outside")]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test reports and stops")]

mod checks;
mod cuts;
mod models;
mod mutations;
mod recording;
mod world;
