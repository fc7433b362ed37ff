//! One shard replica: apply, log, exchange, state exchange, verification, sealing.
//!
//! A deterministic machine over an abstract store: no clock, randomness, thread or IO inside.
//! Only five doors change replicated state, and all end in one funnel (`edit`): [`Replica::apply`],
//! a whole-key clear, the expiry horizon, the publication of a state taken over from a verified
//! source, and the reinstatement of a version that was lost here. A version is never removed for
//! being absent elsewhere, except in that publication.
//!
//! It leaves to others: who the other replicas are, when to talk to them, and levels.

mod applying;
mod clearing;
mod clears;
mod comparing;
mod edit;
mod error;
mod exchange;
mod expiring;
mod format;
mod giving;
mod hash;
mod head;
mod image;
mod inspect;
mod keyed;
mod keys;
mod minting;
mod mutation;
mod reading;
mod recent;
mod replica;
mod rows;
mod scores;
mod sealing;
mod stability;
mod state;
mod taking;
mod trusting;
mod verifying;
mod walking;

pub use applying::Applied;
pub use clears::Clear;
pub use comparing::Differences;
pub use error::ReplicaError;
pub use exchange::{SealedDetail, Taken};
pub use hash::clock_hash;
pub use inspect::Conflicts;
pub use keys::{Leftover, Leftovers};
#[cfg(feature = "mutation")]
pub use mutation::{Mutation, garble, lose_version};
pub use reading::Reader;
pub use recent::CUT_GRID_MS;
pub use replica::{Condition, Replica, Settings};
pub use sealing::{Ballot, Freeze, RoundStep, SealingRound};
pub use taking::{EVERY_KEY, StateTaking};
pub use verifying::Scrubbed;
