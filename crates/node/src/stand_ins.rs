//! Who stands in for owners that are down, where the configuration allows it.
//!
//! The stand-ins of a datacenter's owners are the next healthy nodes there in the order of the
//! placement, so that nodes with the same picture of the cluster choose the same ones, and reads
//! find what writes left.

use causality::NodeId;
use storage::Store;

use crate::config::QuorumMode;
use crate::membership::Liveness;
use crate::mutation::Mutation;
use crate::node::Node;

/// A node that keeps operations, and the owner that it keeps them for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StandIn {
    pub(crate) node: NodeId,
    pub(crate) owner: NodeId,
}

impl<S: Store> Node<S> {
    pub(crate) fn is_sloppy(&self) -> bool {
        self.config.coordination.quorum == QuorumMode::Sloppy
    }

    /// Finds a stand-in for each owner that is down, one node for one owner; none in strict mode.
    pub(crate) fn stand_ins(&self, shard: u16) -> Vec<StandIn> {
        let mut found: Vec<StandIn> = Vec::new();
        if !self.is_sloppy() && !self.is_mutated(Mutation::StandInsCountAsOwners) {
            return found;
        }
        for owner in self.topology.owners(shard).iter() {
            if !self.is_down(owner.node) {
                continue;
            }
            let mut nodes = self.topology.successors(shard, owner.node).into_iter();
            let is_for_all = self.is_mutated(Mutation::OneStandsInForAll);
            let is_free =
                |node: &NodeId| is_for_all || found.iter().all(|stand_in| stand_in.node != *node);
            if let Some(node) = nodes.find(|node| is_free(node) && self.is_healthy(*node)) {
                found.push(StandIn { node, owner: owner.node });
            }
        }
        found
    }

    /// The first healthy node that would stand in here when no owner can be reached.
    pub(crate) fn first_stand_in(&self, shard: u16) -> NodeId {
        let nodes = self.topology.successors(shard, self.config.me);
        nodes.into_iter().find(|node| self.is_healthy(*node)).unwrap_or(self.config.me)
    }

    pub(crate) fn is_down(&self, node: NodeId) -> bool {
        node != self.config.me && self.liveness(node) == Liveness::Down
    }

    fn is_healthy(&self, node: NodeId) -> bool {
        node == self.config.me || self.liveness(node) == Liveness::Up
    }
}
