//! What a client may ask and be told: typed operations, levels, outcomes.
//!
//! Surfaces translate to and from these types and decide nothing; nodes carry them out. Nothing
//! here knows a protocol, a peer or a socket.

mod call;
mod error;
mod level;

pub use call::{Call, Lifetime, Operation, Outcome, SetCondition, Sibling};
pub use error::CallError;
pub use level::{Level, LevelError};
