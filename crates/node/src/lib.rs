//! One node: coordination, levels, replication, exchange; a deterministic machine.
//!
//! Events go in, messages and replies come out through the [`Outbox`]; [`Node::next_deadline`]
//! says when it wants to be woken. There is no clock, socket, file, thread or hidden randomness
//! inside: the same machine runs in the server and in the simulator.
//!
//! The driver's duty: what a turn wrote to the store must be handed to the disk (as the flush
//! policy says) before the messages and replies of that turn leave the node.

mod batches;
mod calls;
mod config;
mod contexts;
mod event;
mod exchange;
mod execute;
mod forwarding;
mod freshness;
mod hints;
mod housekeeping;
mod introspection;
mod ledger;
mod levels;
mod lives;
mod membership;
mod mutation;
mod node;
mod paces;
pub mod pbs;
mod peers;
mod questions;
mod relays;
mod repairs;
mod sealing;
mod sessions;
mod shards;
mod stand_ins;
mod status;
mod takeover;
mod topology;
mod trace;
mod transfers;
mod verification;
mod visits;
mod writes;

pub use config::{
    Config, CoordinationConfig, GossipConfig, MemberConfig, Origin, QuorumMode, ReadRepair,
};
pub use event::{Event, Outbox, RequestId};
pub use exchange::ExchangeCounts;
pub use forwarding::HedgeCounts;
pub use hints::HintCounts;
pub use housekeeping::LeftoverCounts;
pub use introspection::Introspection;
pub use ledger::{Arrivals, Histogram, LedgerReport, Micros, PeerLag, Reads};
pub use membership::{
    Admission, ChangeError, Forecast, Liveness, Loss, MemberChange, MemberStatus,
};
#[cfg(feature = "mutation")]
pub use mutation::Mutation;
pub use node::{Node, OpenError};
pub use relays::RelayCounts;
pub use repairs::RepairCounts;
pub use status::{Delivered, Kept, PeerStatus, Status};
pub use trace::{Trace, TracedVersion};
pub use transfers::Progress;
pub use verification::{
    AcceptError, Notice, Repair, RepairError, Soundness, VerificationConfig, VerificationCounts,
    VerificationStatus,
};
pub use visits::is_visitor;
