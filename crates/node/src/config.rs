//! What a node is told when it starts.

use causality::{ContextKey, Incarnation, NodeId};

use crate::verification::VerificationConfig;

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

/// How a node gossips, and how it came to be a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GossipConfig {
    /// Time between two rounds, and between two probes.
    pub interval_ms: u64,
    /// How many random peers a round contacts.
    pub fanout: usize,
    /// Where members are reached: id, address for clients, address for peers.
    pub contacts: Vec<(NodeId, String, String)>,
    /// How the node came to be a member. What it has kept of an earlier life outweighs it.
    pub origin: Origin,
}

/// How a node comes to be a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It founds the cluster with the other configured members.
    Founder,
    /// A cluster has let it in, and said this.
    Admitted(wire::Roster),
    /// It is one already, and has kept what it knew; without that it does not start.
    Member,
}

impl Default for GossipConfig {
    fn default() -> Self {
        Self { interval_ms: 1_000, fanout: 3, contacts: Vec::new(), origin: Origin::Founder }
    }
}

/// Who may take part in a write while owners are down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuorumMode {
    /// Owners alone; what a stand-in keeps counts at the level `any` and nowhere else.
    #[default]
    Strict,
    /// The next healthy nodes in the placement's order stand in for owners that are down, and
    /// count. That reads and writes overlap is then no longer promised.
    Sloppy,
}

/// What an owner does that a read above one owner finds behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadRepair {
    /// It takes what it misses of the key before it counts for the read: reads at a quorum never
    /// go back.
    #[default]
    Blocking,
    /// It takes that after it has answered.
    Background,
    /// Nothing; the comparison of clocks brings it.
    Off,
}

/// How calls are coordinated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoordinationConfig {
    /// Who may take part in a write.
    pub quorum: QuorumMode,
    /// For how long an operation is kept for an absent owner when other owners have it.
    pub hint_ttl_ms: u64,
    /// How much is kept for one absent owner, in bytes of operations.
    pub hint_bytes_max: u64,
    /// How fast it is handed over when the owner is back, in bytes a second.
    pub hint_bytes_per_second: u64,
    /// How many calls may wait for other nodes at once; more are refused.
    pub calls_max: usize,
    /// How many bytes they may take.
    pub call_bytes_max: usize,
    /// Whether a write crosses once to each remote datacenter, where a relay passes it on.
    pub relays: bool,
    /// What owners do that a read finds behind.
    pub read_repair: ReadRepair,
    /// How many of a thousand reads at one owner compare with the others in the background.
    pub read_repair_per_mille: u32,
}

impl Default for CoordinationConfig {
    fn default() -> Self {
        Self {
            quorum: QuorumMode::Strict,
            hint_ttl_ms: 3 * 60 * 60 * 1_000,
            hint_bytes_max: 64 << 20,
            hint_bytes_per_second: 4 << 20,
            calls_max: 65_536,
            call_bytes_max: 256 << 20,
            relays: true,
            read_repair: ReadRepair::Blocking,
            read_repair_per_mille: 0,
        }
    }
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
    /// The nodes that founded the cluster, this one included. They count where nothing is kept of
    /// an earlier life, and the node was not admitted to a cluster that was there.
    pub members: Vec<MemberConfig>,
    /// The cluster: contexts, tokens and news of another one are refused.
    pub cluster: u64,
    /// What contexts and tokens are hashed with, the same on all nodes.
    pub secret: ContextKey,
    /// A power of two, the same on all nodes for the life of the cluster.
    pub shard_count: u16,
    /// Copies of each shard in each datacenter.
    pub replication: u8,
    /// After how long a request that lacks answers fails.
    pub request_timeout_ms: u64,
    /// How often clocks are compared with each peer.
    pub exchange_interval_ms: u64,
    /// How membership and liveness travel.
    pub gossip: GossipConfig,
    /// How calls are coordinated.
    pub coordination: CoordinationConfig,
    /// How often and at what cost equal clocks are proven to mean equal rows.
    pub verification: VerificationConfig,
}
