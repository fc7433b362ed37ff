//! The store as its owner sees it: both bodies against a model, crashes everywhere, damage
//! anywhere.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod ahead;
mod budget;
mod conformance;
mod crash;
mod damage;
mod flushing;
mod identity;
mod kill;
mod moment;
mod owner;
