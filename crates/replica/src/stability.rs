//! What every owner has: the matrix of reported clocks, and the pruning of the log.
//!
//! An operation that every owner has applied need not stay in the log. Knowledge is always old,
//! and that is safe: clocks only grow. An owner nobody knew of falls below the floor and takes
//! over state instead.

use causality::{Actor, Clock, Counters, Dot, NodeId};
use storage::Store;

use crate::error::ReplicaError;
use crate::replica::Replica;

impl Replica {
    /// Notes what another owner says it has applied durably.
    pub fn report(&mut self, node: NodeId, clock: Clock) {
        assert_ne!(node, self.me.node(), "a replica knows its own clock");
        self.reported.insert(node, clock);
    }

    /// Says whether another owner has reported that it has an operation.
    #[must_use]
    pub fn is_reported(&self, node: NodeId, dot: Dot) -> bool {
        self.reported.get(&node).is_some_and(|clock| clock.contains(dot))
    }

    /// Forgets what a node reported: it no longer owns the shard, or has lost its state.
    pub fn forget_report(&mut self, node: NodeId) {
        self.reported.remove(&node);
    }

    /// Returns the counter up to which every owner has all of an actor's operations.
    #[must_use]
    pub fn stable_base(&self, actor: Actor, owners: &[NodeId]) -> u64 {
        let mine = self.state.counters(actor).base();
        let theirs = owners.iter().filter(|node| **node != self.me.node()).map(|node| {
            let clock = self.reported.get(node);
            clock.and_then(|clock| clock.get(actor)).map_or(0, Counters::base)
        });
        theirs.min().map_or(mine, |least| least.min(mine))
    }

    /// Forgets the log entries that every owner has applied (`owners`: those of the old and the
    /// new placement, and joiners).
    ///
    /// # Errors
    /// The store failed; floors already raised stay raised.
    pub fn prune_log<S: Store>(
        &mut self,
        store: &mut S,
        owners: &[NodeId],
    ) -> Result<(), ReplicaError> {
        let actors: Vec<Actor> = self.state.applied.iter().map(|(actor, _)| actor).collect();
        for actor in actors {
            let through = self.stable_base(actor, owners);
            self.truncate_log(store, actor, through)?;
        }
        self.retire_clears();
        Ok(())
    }

    /// Says whether the log holds nothing that is applied: every owner has all of it.
    #[must_use]
    pub fn is_log_pruned(&self) -> bool {
        let is_pruned =
            |(actor, counters): (Actor, &Counters)| counters.highest() <= self.state.floor(actor);
        self.state.applied.iter().all(is_pruned)
    }

    /// Forgets an actor's log entries up to a counter, also when some owner still misses them:
    /// the log has outgrown its budget, and that owner will take over state.
    ///
    /// # Errors
    /// The store failed; the floor has not moved.
    pub fn truncate_log<S: Store>(
        &mut self,
        store: &mut S,
        actor: Actor,
        through: u64,
    ) -> Result<(), ReplicaError> {
        let through = through.min(self.state.counters(actor).highest());
        if through > self.state.floor(actor) {
            self.state.floors.insert(actor, through);
            store.forget(self.shard, actor.bits(), through)?;
        }
        Ok(())
    }
}
