//! What a node says about itself: one path for every surface that shows it.

use causality::{Actor, Clock, Dot, Millis, NodeId};
use storage::Store;
use wire::shard::Summary;

use crate::exchange::ExchangeCounts;
use crate::forwarding::HedgeCounts;
use crate::hints::HintCounts;
use crate::housekeeping::LeftoverCounts;
use crate::membership::Liveness;
use crate::node::Node;
use crate::relays::RelayCounts;
use crate::repairs::RepairCounts;
use crate::verification::VerificationStatus;

/// Operations applied here that were minted elsewhere, by how they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Sent by the coordinator of the write.
    pub by_write: u64,
    /// Kept for this node while it could not be reached.
    pub by_hint: u64,
    /// Taken by comparing clocks.
    pub by_exchange: u64,
    /// Shards whose whole state was taken over.
    pub shards_taken_over: u64,
}

/// What a node keeps for others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// What became of hints since the node started.
    pub hints: HintCounts,
    /// Hints that wait for their owners.
    pub hint_count: usize,
    /// The bytes of their operations.
    pub hint_bytes: u64,
    /// Shards of others of which this node holds operations.
    pub visit_count: usize,
    /// The bytes of those operations.
    pub visit_bytes: u64,
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
    /// What comparing clocks has brought.
    pub exchange: ExchangeCounts,
    /// What is kept here for others.
    pub kept: Kept,
    /// How far equal clocks are proven to mean equal rows.
    pub verification: VerificationStatus,
    /// What relays have done for writes of this node.
    pub relays: RelayCounts,
    /// Reads that were handed to a second owner.
    pub hedges: HedgeCounts,
    /// Requests of peers that were left undone, because nobody waited for them any more.
    pub late_count: u64,
    /// Lives begun since the node started, each because peers knew more of the one before.
    pub lives_begun: u64,
    /// What reads have repaired.
    pub repairs: RepairCounts,
    /// What was removed of what deleted and ended keys leave behind.
    pub leftovers: LeftoverCounts,
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
    /// How it seems to be.
    pub liveness: Liveness,
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
        let known = self.peers.iter();
        let known = known.filter(|(id, peer)| peer.is_linked || self.is_member(**id));
        let peers = known.map(|(id, peer)| PeerStatus {
            id: *id,
            is_linked: peer.is_linked,
            liveness: self.liveness(*id),
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
            exchange: self.exchange.counts,
            kept: self.kept(),
            verification: self.verification(),
            relays: self.relays.counts,
            hedges: self.forwards.counts,
            late_count: self.late_count,
            lives_begun: self.lives_begun,
            repairs: self.repairs.counts,
            leftovers: self.housekeeping.walk.counts,
            peers: peers.collect(),
        }
    }

    /// Which node it is.
    #[must_use]
    pub const fn id(&self) -> NodeId {
        self.config.me
    }

    /// How many writes of this node some owner is not known to have.
    #[must_use]
    pub const fn open_writes(&self) -> u64 {
        self.ledger.open_writes()
    }

    /// How many writes of this node a peer is not known to have.
    #[must_use]
    pub fn writes_behind(&self, peer: NodeId) -> u64 {
        self.ledger.writes_behind(peer)
    }

    /// Returns the clock of each shard without its retired actors: those that may still mint.
    #[must_use]
    pub fn open_clocks(&self) -> Vec<(u16, Clock)> {
        self.replicas.iter().map(|(shard, replica)| (*shard, replica.clock().clone())).collect()
    }

    /// Says whether an operation of a shard of this node has been applied here.
    #[must_use]
    pub fn has_applied(&self, shard: u16, dot: Dot) -> bool {
        self.replicas.get(&shard).is_some_and(|replica| replica.is_applied(dot))
    }

    /// Says whether an actor mints no more in a shard of this node, as its owners have agreed.
    #[must_use]
    pub fn has_retired(&self, shard: u16, actor: Actor) -> bool {
        self.replicas.get(&shard).is_some_and(|replica| replica.sealed().is_retired(actor))
    }

    fn kept(&self) -> Kept {
        let (hint_count, hint_bytes) = self.hints.waiting();
        let (visit_count, visit_bytes) = (self.visits.len(), self.visits.bytes());
        Kept { hints: self.hints.counts, hint_count, hint_bytes, visit_count, visit_bytes }
    }

    /// Returns what two owners of a shard must agree on, shard by shard.
    #[must_use]
    pub fn shard_summaries(&self) -> Vec<(u16, Summary)> {
        self.replicas.iter().map(|(shard, replica)| (*shard, replica.summary())).collect()
    }
}
