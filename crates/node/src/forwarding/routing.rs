//! Where a call for a shard of others is handed to: the nearest owner that seems able to answer.
//!
//! Local levels are met by owners of this datacenter or not at all. Who usually takes more than
//! twice as long as the fastest at the same distance comes after those. Owners that seem equally
//! good take turns.

use api::{Call, Level};
use causality::NodeId;
use storage::Store;

use crate::levels::Owner;
use crate::membership::Liveness;
use crate::mutation::Mutation;
use crate::node::Node;

/// Orders owners: the least is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Preference {
    liveness: Liveness,
    distance: u8,
    is_slow: bool,
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
        let able = (0u64..).zip(owners.iter()).filter(|(_, owner)| {
            owner.node != self.config.me
                && self.is_reachable(owner.node)
                && !tried.contains(&owner.node)
                && (owner.is_local || !is_local)
        });
        let able: Vec<(u64, &Owner)> = able.collect();
        let pace = |owner: &Owner| self.forwards.paces.usual(owner.node);
        let fastest = |is_local: bool| {
            let peers = able.iter().filter(|(_, owner)| owner.is_local == is_local);
            peers.map(|(_, owner)| pace(owner)).filter(|bits| *bits > 0).min().unwrap_or(0)
        };
        let (fastest_near, fastest_far) = (fastest(true), fastest(false));
        let count = owners.len() as u64;
        let preferred = able.iter().min_by_key(|(at, owner)| Preference {
            liveness: self.liveness(owner.node),
            distance: u8::from(!owner.is_local),
            is_slow: pace(owner) > 1 + if owner.is_local { fastest_near } else { fastest_far },
            load: self.load(owner.node).unwrap_or(0),
            turn: (at + self.next_request) % count,
        });
        preferred.map(|(_, owner)| owner.node)
    }
}
