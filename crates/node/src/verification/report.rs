//! What verification tells about itself.

use causality::Millis;
use replica::Condition;
use storage::Store;

use crate::node::Node;

/// What verification has done since the node started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerificationCounts {
    /// Comparisons that ended with equal rows.
    pub verified: u64,
    /// Comparisons that met clocks which differed, and were made again.
    pub apart: u64,
    /// Comparisons that met equal clocks and different rows: somebody had lost some.
    pub different: u64,
    /// Versions that were lost here and were given back by others.
    pub mended: u64,
    /// Versions given back to others, as far as those had lost them.
    pub given: u64,
    /// Versions offered to this node that were not lost, as far as could be proven.
    pub refused: u64,
    /// Comparisons that still met different rows after everything that could be was given back.
    pub unmended: u64,
    /// Shards whose rows did not add up when they were read.
    pub damaged: u64,
    /// Shards that were emptied because their rows were not to be trusted, and fetched again.
    pub rebuilt: u64,
    /// Bytes of questions and answers, roughly.
    pub bytes: u64,
}

/// Verification at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerificationStatus {
    /// What it has done.
    pub counts: VerificationCounts,
    /// Pairs of a shard and another owner.
    pub pair_count: usize,
    /// Those that were seen equal since the node started.
    pub verified_count: usize,
    /// Since when the one that waits longest has not been seen equal.
    pub oldest: Option<Millis>,
    /// Shards that are not used because their rows are not to be trusted.
    pub damaged_count: usize,
    /// Shards that have lost rows which are not known to be all back.
    pub mending_count: usize,
}

impl<S: Store> Node<S> {
    /// How far the shards of this node are verified.
    #[must_use]
    pub fn verification(&self) -> VerificationStatus {
        let (pair_count, verified_count, oldest) = self.verification.schedule.tally();
        let replicas = || self.replicas.values();
        let is_damaged =
            |condition| matches!(condition, Condition::Quarantined | Condition::Broken);
        VerificationStatus {
            counts: self.verification.counts,
            pair_count,
            verified_count,
            oldest,
            damaged_count: replicas().filter(|one| is_damaged(one.condition())).count(),
            mending_count: replicas().filter(|one| one.has_losses()).count(),
        }
    }
}
