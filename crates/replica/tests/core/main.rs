//! The replication core in a small hostile world, checked after every step.
//!
//! `world` builds the world and takes random steps in it; `checks` holds the invariants; `models`
//! runs the profiles; `mutations` shows that each known-wrong rule is caught.

mod checks;
mod models;
mod mutations;
mod recording;
mod world;
