//! Dots, clocks, hybrid time and client contexts: who has seen what.
//!
//! A dot names one operation for ever. A clock is the exact set of dots a replica has applied in
//! full. Hybrid time orders only what causality leaves unordered. Nothing here knows a wall
//! clock, a node's address or a byte of data.

mod actor;
mod clock;
mod context;
mod counters;
mod dot;
pub mod format;
mod hybrid;
mod sealed;

pub use actor::{Actor, Incarnation, NodeId};
pub use clock::Clock;
pub use context::{Context, ContextError, ContextKey, ContextScope};
pub use counters::{Counters, Run};
pub use dot::{Dot, Dots};
pub use hybrid::{HybridClock, HybridTime, Millis, SkewError};
pub use sealed::Sealed;
