//! What can be seen of a gossiping node from outside; reading it changes nothing.

use crate::ids::{
    Generation, Heartbeat, Identity, Incarnation, Millis, NodeId, StateHash, Version,
};
use crate::liveness::Liveness;

/// All a node knows at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The node itself.
    pub identity: Identity,
    /// How often it refuted a claim in this generation.
    pub incarnation: Incarnation,
    /// Rounds so far.
    pub heartbeat: Heartbeat,
    /// Local health: zero is healthy, more stretches its probes.
    pub health: u32,
    /// Equal on two nodes that hold the same.
    pub state_hash: StateHash,
    /// Rumours waiting to be passed on.
    pub rumor_count: usize,
    /// Every peer, in order of id.
    pub nodes: Vec<NodeReport>,
    /// What happened since the start.
    pub counters: Counters,
}

/// What a node knows of one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeReport {
    /// The peer.
    pub node: NodeId,
    /// Its latest start; nothing while it was never met.
    pub generation: Option<Generation>,
    /// How it seems to be.
    pub liveness: Liveness,
    /// Since when.
    pub since: Millis,
    /// When a message came from it directly.
    pub heard_at: Option<Millis>,
    /// Its refutations.
    pub incarnation: Incarnation,
    /// Its rounds, as far as known.
    pub heartbeat: Option<Heartbeat>,
    /// Its writes held here: complete up to this one.
    pub version: Version,
    /// Its deletions up to this one are forgotten.
    pub floor: Version,
    /// Its live keys.
    pub key_count: usize,
}

/// What happened since the start of a node; each only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Gossip rounds run.
    pub rounds: u64,
    /// Openings received from peers that held the same.
    pub exchanges_equal: u64,
    /// Openings received from peers that did not.
    pub exchanges_different: u64,
    /// Messages sent.
    pub messages_sent: u64,
    /// Their estimated size.
    pub bytes_sent: u64,
    /// Messages received, the dropped ones included.
    pub messages_received: u64,
    /// Their estimated size.
    pub bytes_received: u64,
    /// Dropped: from another cluster.
    pub dropped_foreign: u64,
    /// Dropped: too large.
    pub dropped_oversized: u64,
    /// Dropped: from an older generation of its sender, or from this node's own id.
    pub dropped_stale: u64,
    /// Dropped: from a node that was removed.
    pub dropped_removed: u64,
    /// Dropped: from a node for which the table has no room.
    pub dropped_full: u64,
    /// Deltas that broke a bound or an order.
    pub deltas_refused: u64,
    /// Deltas that brought nothing new or did not fit.
    pub deltas_ignored: u64,
    /// Records that had to begin afresh.
    pub resets: u64,
    /// Probes that nobody answered.
    pub probes_failed: u64,
    /// Claims about this node that it refuted.
    pub refutations: u64,
    /// Times this node slept past its deadlines.
    pub stalls: u64,
}
