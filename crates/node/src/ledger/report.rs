//! What the ledger tells: plain data.

use std::collections::BTreeMap;

use causality::{Millis, NodeId};
use wire::shard::Group;

use super::{Histogram, Ledger, Micros};

/// The convergence of this node's writes. Times are in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerReport {
    /// Operations minted here, or found unfinished when the node started.
    pub minted: u64,
    /// Those that every owner has said to have applied.
    pub converged: u64,
    /// From minting to the answer to the client, one value per write request.
    pub answered: Histogram,
    /// From minting to hearing that the last owner has it.
    pub everywhere: Histogram,
    /// Arrivals at an owner that its answer told.
    pub closed_by_answer: u64,
    /// Arrivals at an owner that its clock told: the answer was lost, or came by another way.
    pub closed_by_clock: u64,
    /// From this node's datacenter to each, as its coordinator heard of it (an upper bound), and
    /// from each to this node, as it saw the age of arriving writes (off by the clocks' skew).
    pub arrivals: BTreeMap<String, Arrivals>,
    /// Every peer that shares a shard or has sent writes.
    pub peers: Vec<PeerLag>,
    /// What reads found out.
    pub reads: Reads,
}

/// Arrivals between this node and the nodes of one datacenter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Writes of this node, from minting to hearing that an owner there has them.
    pub heard: Histogram,
    /// Writes of nodes there, their age when they arrived here.
    pub ages: Histogram,
}

/// How far a peer is behind this node's writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerLag {
    /// Which peer.
    pub id: NodeId,
    /// Operations of this node that it is not known to have.
    pub writes_behind: u64,
    /// Since when the oldest of them has been waiting.
    pub behind_micros: Option<u64>,
    /// From minting to hearing that the peer has it.
    pub heard: Histogram,
}

/// What reads found when they compared owners.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// How often a read compared what is here with another owner.
    pub compared: u64,
    /// How often the key lacked a write here: a read of this replica alone had been stale.
    pub stale: u64,
    /// How long the missing write had been out; off by the clocks' skew.
    pub age: Histogram,
}

impl Reads {
    /// Notes what a read of a key has found when another owner said what is missing here.
    pub(crate) fn compared(&mut self, now: Millis, key: &[u8], missing: &[Group]) {
        self.compared += 1;
        let of_key = missing.iter().filter(|group| &group.cell.key[..] == key);
        let times = of_key.flat_map(|group| group.members.iter().map(|member| member.time));
        if let Some(oldest) = times.min() {
            self.stale += 1;
            self.age.record(now.0.saturating_sub(oldest.millis().0) * 1_000);
        }
    }
}

impl LedgerReport {
    /// Operations that some owner is not known to have.
    #[must_use]
    pub const fn open(&self) -> u64 {
        self.minted - self.converged
    }

    /// Times from minting to hearing from an owner, of all peers: the round trips from which
    /// staleness is predicted.
    #[must_use]
    pub fn round_trips(&self) -> Histogram {
        let mut all = Histogram::new();
        self.peers.iter().for_each(|peer| all.merge(&peer.heard));
        all
    }
}

impl Ledger {
    /// Tells everything; `datacenter_of` says where a peer stands.
    pub(crate) fn report(
        &self,
        now: Micros,
        datacenter_of: impl Fn(NodeId) -> Option<String>,
    ) -> LedgerReport {
        let mut arrivals: BTreeMap<String, Arrivals> = BTreeMap::new();
        let mut peers = Vec::with_capacity(self.peers.len());
        for (id, book) in &self.peers {
            if let Some(datacenter) = datacenter_of(*id) {
                let held = arrivals.entry(datacenter).or_default();
                held.heard.merge(&book.heard);
                held.ages.merge(&book.ages);
            }
            let oldest = self.open.values().filter_map(|open| open.oldest_behind(*id)).min();
            peers.push(PeerLag {
                id: *id,
                writes_behind: book.behind,
                behind_micros: oldest.map(|oldest| now.since(oldest)),
                heard: book.heard.clone(),
            });
        }
        LedgerReport {
            minted: self.minted,
            converged: self.converged,
            answered: self.answered.clone(),
            everywhere: self.everywhere.clone(),
            closed_by_answer: self.closed_by_answer,
            closed_by_clock: self.closed_by_clock,
            arrivals,
            peers,
            reads: self.reads.clone(),
        }
    }
}
