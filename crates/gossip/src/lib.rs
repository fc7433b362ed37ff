//! What every node should know of every other, and who seems to be alive: by gossip, no leader.
//!
//! Two halves share one set of messages. *Reconciliation* (Scuttlebutt: van Renesse et al., 2008)
//! spreads a small map per node that only this node may write. *Failure detection* (SWIM: Das et
//! al., 2002, with Lifeguard: Dadgar et al., 2018) probes, suspects, and lets the accused refute.
//!
//! [`Gossip`] is a machine without a clock, a socket or a thread: [`Gossip::handle`] takes an
//! event and pushes what must be done into an [`Outbox`]; [`Gossip::next_deadline`] says when it
//! wants to be woken. The same seed and the same events give the same outputs.
//!
//! Invariants: only a node writes its own map; one generation per node, the newest, is kept; what
//! was removed from the cluster is never met again; a node that was never heard is not alive;
//! liveness never changes membership; every table, queue and message is bounded.
//!
//! Left to others: addresses, bytes on the wire, what the values mean, and membership itself.

mod config;
mod ids;
mod introspect;
mod liveness;
mod machine;
mod message;
mod outbox;
mod store;
mod timers;

pub use config::{Config, ConfigError, MESSAGE_BYTES_HARD_MAX};
pub use ids::{
    ClusterHash, Generation, Heartbeat, Identity, Incarnation, Millis, NodeId, ProbeId, StateHash,
    Version,
};
pub use introspect::{Counters, NodeReport, Snapshot};
pub use liveness::Liveness;
pub use machine::Gossip;
pub use message::{
    ACCUSER_COUNT_MAX, Body, Claim, Delta, Digest, Entry, Key, Message, Page, Rumor, Start, Value,
};
pub use outbox::{Event, Outbox, Output, Refusal};
pub use store::WriteError;
