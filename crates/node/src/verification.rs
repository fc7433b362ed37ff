//! Verification: equal clocks must mean equal rows, and every two owners of a shard see to it.
//!
//! Each owner compares each shard it owns with each other owner once per period: one message each
//! way while all is well. Where clocks are equal and rows are not, rows were lost: the hash trees
//! are walked to the ranges that differ, the versions there are named, and whoever holds one that
//! the other has lost gives it back. Nothing is ever removed. A shard that is written to all the
//! time never shows two equal clocks; it is walked too, and the log tells operations under way from
//! losses.
//!
//! Invariants: what is mended is counted and told, never mended in silence; a node asks for no more
//! than its budget, which shrinks while clients wait; one comparison of a shard at a time.

mod answering;
mod checking;
mod config;
mod damage;
mod mending;
mod notice;
mod pace;
mod rebuilding;
mod repairing;
mod report;
mod schedule;

use std::collections::BTreeMap;

use causality::{Millis, NodeId};
use cells::OwnedCellAddress;
use merkle::{HashRange, Walk};

pub use config::VerificationConfig;
pub use notice::Notice;
pub use rebuilding::{AcceptError, Soundness};
pub use repairing::{Repair, RepairError};
pub use report::{VerificationCounts, VerificationStatus};

use pace::Pace;
use rebuilding::Rebuilding;
use repairing::Repairs;
use schedule::Schedule;

/// The state of verification at this node.
#[derive(Debug, Default)]
pub(crate) struct Verification {
    schedule: Schedule,
    repairs: Repairs,
    /// The comparisons under way, by shard.
    open: BTreeMap<u16, Check>,
    pace: Pace,
    pub(crate) counts: VerificationCounts,
    rebuilding: Rebuilding,
    /// What a person should know, until it is handed out.
    notices: Vec<Notice>,
    /// Versions taken back since they were last told, by shard and giver.
    mended: BTreeMap<(u16, NodeId), u64>,
    /// When there is something to do.
    wake: Millis,
    /// When the pairs are gathered again.
    next_follow: Millis,
}

/// One comparison with a peer.
#[derive(Debug)]
struct Check {
    peer: NodeId,
    /// The question that is open.
    request: wire::RequestId,
    step: Step,
    at: At,
    /// How often the clocks differed.
    apart_count: u32,
    /// How often the trees were walked because of rows that differ.
    rounds: u32,
    /// The clocks were never seen equal: versions are compared while operations are under way.
    is_moving: bool,
}

/// What is asked next.
#[derive(Debug)]
enum Step {
    /// Are we equal?
    Compare,
    /// Where do the trees differ?
    Walk(Box<Walk>),
    /// What is live there?
    List { ranges: Vec<HashRange>, after: Option<OwnedCellAddress> },
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// This node's, from a moment on.
    Due(Millis),
    /// The peer's, until a moment.
    Asked(Millis),
}

/// How a comparison ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The two hold the same, as far as they know the same.
    Verified,
    /// They differ still, after everything that could be given back was.
    Unmended,
    /// It could not be said.
    Unknown,
}

impl Check {
    const fn new(peer: NodeId, now: Millis) -> Self {
        Self {
            peer,
            request: wire::RequestId(0),
            step: Step::Compare,
            at: At::Due(now),
            apart_count: 0,
            rounds: 0,
            is_moving: false,
        }
    }
}
