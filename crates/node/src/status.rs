//! What a node says about itself: one path for every surface that shows it.

use causality::{Millis, NodeId};
use storage::Store;
use wire::shard::Summary;

use crate::node::Node;

/// Operations applied here that were minted elsewhere, by how they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Sent by the coordinator of the write.
    pub by_write: u64,
    /// Taken by comparing clocks.
    pub by_exchange: u64,
    /// Shards whose whole state was taken over.
    pub shards_taken_over: u64,
}

/// A node at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Which node.
    pub id: NodeId,
    /// Where it stands.
    pub datacenter: String,
    /// How many shards it owns.
    pub shard_count: usize,
    /// How many live versions it holds.
    pub element_count: u64,
    /// How many calls wait for other owners.
    pub waiting_count: usize,
    /// How what came from others has come.
    pub delivered: Delivered,
    /// The other nodes.
    pub peers: Vec<PeerStatus>,
}

/// A peer, as this node sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Which node.
    pub id: NodeId,
    /// Can messages be sent?
    pub is_linked: bool,
    /// When it was last heard.
    pub last_heard: Millis,
    /// How many shared shards differed when clocks were compared last.
    pub shards_differing: usize,
}

impl<S: Store> Node<S> {
    /// Looks at the node; this changes nothing.
    #[must_use]
    pub fn status(&self) -> Status {
        let elements = self.replicas.values().map(|replica| replica.summary().element_count);
        let peers = self.peers.iter().map(|(id, peer)| PeerStatus {
            id: *id,
            is_linked: peer.is_linked,
            last_heard: peer.last_heard,
            shards_differing: peer.shards_differing,
        });
        Status {
            id: self.config.me,
            datacenter: self.config.datacenter.clone(),
            shard_count: self.replicas.len(),
            element_count: elements.sum(),
            waiting_count: self.calls.len(),
            delivered: self.delivered,
            peers: peers.collect(),
        }
    }

    /// Returns what two owners of a shard must agree on, shard by shard.
    #[must_use]
    pub fn shard_summaries(&self) -> Vec<(u16, Summary)> {
        self.replicas.iter().map(|(shard, replica)| (*shard, replica.summary())).collect()
    }
}
