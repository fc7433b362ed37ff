//! What a client may ask and be told: typed operations, levels, outcomes.
//!
//! Surfaces translate to and from these types and decide nothing; nodes carry them out. Nothing
//! here knows a protocol, a peer or a socket.

mod batch;
mod call;
mod error;
mod hexadecimal;
mod level;
mod lists;
mod session;
mod shard;
mod siblings;
mod strings;
mod zset;

pub use batch::{Batch, Check, Part};
pub use call::{Call, Lifetime, Operation, Outcome, Paged, SetCondition};
pub use error::CallError;
pub use level::{Level, LevelError};
pub use lists::{ListEnd, ListOperation, ListSide, PushRule};
pub use session::{SessionId, Staleness, Token, TokenError};
pub use shard::{Position, ShardOperation};
pub use siblings::{NotAContext, SealedContext, Sibling, Siblings};
pub use strings::{Bit, BitOverflow, BitRange, BitUnit, Field, FieldStep, Sign, StringOperation};
pub use zset::{
    Amount, Bound, Comparison, Counted, LexBound, Order, Pick, Presence, Score, ScoreRule,
    ZsetOperation, ZsetRange,
};
