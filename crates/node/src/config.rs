//! What a node is told when it starts.

use causality::{Incarnation, NodeId};

/// One node of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberConfig {
    /// Its id, never reused.
    pub id: NodeId,
    /// Where it stands.
    pub datacenter: String,
    /// Where in the datacenter.
    pub rack: String,
}

/// The settings of one node.
#[derive(Clone, Debug)]
pub struct Config {
    /// This node's id; one of the members.
    pub me: NodeId,
    /// Which of its lives: a new one on any doubt about what was minted before.
    pub incarnation: Incarnation,
    /// This node's datacenter.
    pub datacenter: String,
    /// Every node, this one included.
    pub members: Vec<MemberConfig>,
    /// A power of two, the same on all nodes for the life of the cluster.
    pub shard_count: u16,
    /// Copies of each shard in each datacenter.
    pub replication: u8,
    /// After how long a request that lacks answers fails.
    pub request_timeout_ms: u64,
    /// How often clocks are compared with each peer.
    pub exchange_interval_ms: u64,
}
