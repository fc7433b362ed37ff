//! Where a call for a shard of others is handed to: the nearest owner that seems able to answer.
//!
//! Local levels are met by owners of this datacenter or not at all. Owners that seem equally good
//! take turns.

use api::{Call, Level};
use causality::NodeId;
use storage::Store;

use crate::membership::Liveness;
use crate::mutation::Mutation;
use crate::node::Node;

/// Orders owners: the least is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Preference {
    liveness: Liveness,
    distance: u8,
    /// How many bits the number of its waiting calls takes.
    load: u8,
    turn: u64,
}

/// Returns the level that decides who may carry a call out.
pub(super) fn level_of(call: &Call) -> Level {
    if call.operation.is_write() { call.write } else { call.read }
}

impl<S: Store> Node<S> {
    /// The best owner that has not been tried.
    pub(super) fn next_owner(&self, shard: u16, call: &Call, tried: &[NodeId]) -> Option<NodeId> {
        let owners = self.topology.owners(shard);
        let is_local = matches!(level_of(call), Level::LocalOne | Level::LocalQuorum)
            && owners.iter().any(|owner| owner.is_local)
            && !self.is_mutated(Mutation::LocalMetElsewhere);
        let able = (0u64..).zip(&owners).filter(|(_, owner)| {
            owner.node != self.config.me
                && self.is_reachable(owner.node)
                && !tried.contains(&owner.node)
                && (owner.is_local || !is_local)
        });
        let count = owners.len() as u64;
        let preferred = able.min_by_key(|(at, owner)| Preference {
            liveness: self.liveness(owner.node),
            distance: u8::from(!owner.is_local),
            load: self.load(owner.node).unwrap_or(0),
            turn: (at + self.next_request) % count,
        });
        preferred.map(|(_, owner)| owner.node)
    }
}
