//! A transition: the owners of before and of after, while members join and leave.
//!
//! A write satisfies its level among the owners of before and again among those of after, and
//! not "one more": otherwise a write that only a leaving owner holds is lost with it. When
//! nobody is under way both tables are one and the same.
//!
//! Members that are under way together should arrive together. If of two that join one becomes
//! active alone, it owns for that while what the other would have taken over: more than it
//! fetched. That is safe, because a new owner serves a shard only once it holds it; but it moves
//! more than it had to.

use std::sync::Arc;

use crate::{
    MemberId, Placement, PlacementError, PlacementVersion, Plan, PlanError, Replication,
    ShardCount, ShardId, View,
};

/// The owners of before and of after.
#[derive(Clone, Debug)]
pub struct Transition {
    old: Arc<Placement>,
    new: Arc<Placement>,
}

impl Transition {
    /// Computes what a view leads from and to: leaving members own in the old table only, joining
    /// ones in the new only.
    ///
    /// # Errors
    ///
    /// This build does not have the version.
    pub fn compute(
        view: &View,
        replication: &Replication,
        shards: ShardCount,
        version: PlacementVersion,
    ) -> Result<Self, PlacementError> {
        let old = Arc::new(Placement::compute(view, replication, shards, version)?);
        let mut states = view.members().map(|member| member.state);
        if states.all(|state| state.owns_now() == state.owns_in_future()) {
            return Ok(Self { new: Arc::clone(&old), old });
        }
        let new = Arc::new(Placement::compute_future(view, replication, shards, version)?);
        Ok(Self { old, new })
    }

    /// Makes a transition between any two tables: of two replications, or of two versions.
    ///
    /// # Errors
    ///
    /// The tables have different numbers of shards.
    pub fn between(old: Arc<Placement>, new: Arc<Placement>) -> Result<Self, PlanError> {
        if old.shards() != new.shards() {
            return Err(PlanError::ShardCountsDiffer(old.shards(), new.shards()));
        }
        Ok(Self { old, new })
    }

    /// Returns the table of before.
    #[must_use]
    pub const fn old_table(&self) -> &Arc<Placement> {
        &self.old
    }

    /// Returns the table of after.
    #[must_use]
    pub const fn new_table(&self) -> &Arc<Placement> {
        &self.new
    }

    /// Whether a shard has other owners after than before.
    #[must_use]
    pub fn is_moving(&self, shard: ShardId) -> bool {
        if Arc::ptr_eq(&self.old, &self.new) {
            return false;
        }
        let is_in_both =
            |id: MemberId| self.old.is_owner(shard, id) && self.new.is_owner(shard, id);
        !self.owners(shard).all(is_in_both)
    }

    /// Returns everybody who owns a shard before or after: whoever a write must reach. The old
    /// owners come first.
    pub fn owners(&self, shard: ShardId) -> impl Iterator<Item = MemberId> {
        let added = self.new.owners(shard).filter(move |id| !self.old.is_owner(shard, *id));
        self.old.owners(shard).chain(added)
    }

    /// Returns what moves.
    #[must_use]
    pub fn plan(&self) -> Plan {
        Plan::between(&self.old, &self.new).expect("both tables have the same shards")
    }
}
