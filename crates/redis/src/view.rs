//! What the surface tells clients about the cluster: a value that the server hands in.

use std::fmt;

use causality::{Millis, NodeId};

/// The cluster as this node sees it, replaced as a whole when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterView {
    /// The node that answers.
    pub me: NodeId,
    /// Its process, for whoever measures what it costs.
    pub process: u32,
    /// When it started.
    pub started: Millis,
    /// Every member, this one included, by id.
    pub nodes: Vec<ClusterNode>,
    /// How many shards there are; each is a run of slots of the same length.
    pub shard_count: u16,
    /// Which nodes own which slots, in slot order.
    pub ranges: Vec<SlotRange>,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterNode {
    /// Who.
    pub id: NodeId,
    /// The address that clients can reach it by.
    pub host: String,
    /// Its port for this protocol.
    pub port: u16,
    /// Its port for other nodes.
    pub peer_port: u16,
    /// Whether it can be reached.
    pub liveness: Liveness,
}

/// Whether a member can be reached from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// It answers.
    Up,
    /// It does not.
    Down,
}

/// A run of slots with the same owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotRange {
    /// The first slot.
    pub first: u16,
    /// The last slot.
    pub last: u16,
    /// The owners; clients are told that the first one is the master. All take reads and writes.
    pub owners: Vec<NodeId>,
}

/// A node id as clients know them: 40 hexadecimal digits.
///
/// The number is repeated, so that tools which cut ids short still tell nodes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeName(pub(crate) NodeId);

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..5).try_for_each(|_| write!(f, "{:08x}", self.0.0))
    }
}

impl ClusterView {
    /// Finds a member.
    pub(crate) fn node(&self, id: NodeId) -> Option<&ClusterNode> {
        self.nodes.iter().find(|node| node.id == id)
    }
}

impl SlotRange {
    /// Returns how many slots there are.
    pub(crate) fn count(&self) -> u32 {
        u32::from(self.last.saturating_sub(self.first)) + 1
    }
}
