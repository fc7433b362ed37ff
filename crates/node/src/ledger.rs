//! The ledger: the convergence of every write, measured.
//!
//! Whoever mints a write watches it until every owner of the shard has said that it has applied
//! it: by acknowledging it, or by a clock that covers it. Nothing is sampled, no write has a timer
//! of its own, and the cost is one step per write and one per acknowledgement.
//!
//! Invariants: a write is reported converged only when every owner in the current placement has
//! said that it has it, never on what is likely; and each is reported in the end, because clocks
//! close what acknowledgements have missed.
//!
//! A time is an upper bound: from minting to the moment its coordinator heard of it, on one clock.
//! How old writes are when they arrive is measured too, at the receiver; that is closer to the
//! truth and wrong by the skew of the two clocks. Both are told, and never mixed.

mod histogram;
mod noting;
mod open;
mod report;

use std::collections::{BTreeMap, BTreeSet};

use causality::{Actor, Clock, HybridTime, Millis, NodeId};

use open::{Closed, OWNERS_MAX, OpenWrites};

pub use histogram::Histogram;
pub(crate) use open::Minted;
pub use report::{Arrivals, LedgerReport, PeerLag, Reads};

/// The most writes of one node that are watched one by one; beyond, they are watched in ranges.
const WATCHED_MAX: usize = 262_144;

/// A point in time on the driver's steady clock, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Micros(pub u64);

impl Micros {
    /// The same moment of a clock that counts milliseconds.
    #[must_use]
    pub const fn from_millis(millis: Millis) -> Self {
        Self(millis.0.saturating_mul(1_000))
    }

    pub(crate) const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// What is measured of one peer.
#[derive(Clone, Debug, Default)]
struct PeerBook {
    /// Writes of this node that the peer is not known to have.
    behind: u64,
    /// From minting to hearing that the peer has it.
    heard: Histogram,
    /// How old writes were when the peer's own messages brought them.
    ages: Histogram,
}

/// The ledger of one node.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By shard and by whom of this node's lives minted them.
    open: BTreeMap<(u16, Actor), OpenWrites>,
    peers: BTreeMap<NodeId, PeerBook>,
    watched: usize,
    minted: u64,
    converged: u64,
    answered: Histogram,
    everywhere: Histogram,
    closed_by_answer: u64,
    closed_by_clock: u64,
    pub(crate) reads: Reads,
}

impl Ledger {
    /// Begins to watch the operations of one request; `owners` are the others. Operations of an
    /// earlier life, of which it is not known any more who has them, are taken up the same way.
    pub(crate) fn minted(&mut self, at: (u16, Actor), owners: &[NodeId], minted: Minted) {
        if owners.len() > OWNERS_MAX {
            return;
        }
        self.minted += minted.count();
        if owners.is_empty() {
            self.note_converged(minted.count(), 0);
            return;
        }
        let open = self.open.entry(at).or_insert_with(|| OpenWrites::new(owners));
        for owner in open.owners() {
            self.peers.entry(*owner).or_default().behind += minted.count();
        }
        open.add(minted);
        self.watched += 1;
        if open.is_full() || self.watched > WATCHED_MAX {
            let collapsed = open.collapse();
            self.watched -= collapsed.watched;
            for (owner, count) in collapsed.behind_again {
                self.peers.entry(owner).or_default().behind += count;
            }
        }
    }

    /// An owner has applied the operations of a request.
    pub(crate) fn acknowledged(
        &mut self,
        now: Micros,
        at: (u16, Actor),
        request: wire::RequestId,
        owner: NodeId,
    ) {
        let Some(open) = self.open.get_mut(&at) else { return };
        if let Some(closed) = open.acknowledged(request, owner) {
            self.closed_by_answer += closed.count;
            self.close(now, owner, &[closed]);
            self.forget_closed(at);
        }
    }

    /// The request of a write is answered: its level was met.
    pub(crate) fn level_met(&mut self, now: Micros, at: (u16, Actor), request: wire::RequestId) {
        let minted = self.open.get(&at).and_then(|open| open.minted_at(request));
        if let Some(minted) = minted {
            self.answered.record(now.since(minted));
        }
    }

    /// An owner has told its clock.
    pub(crate) fn covered(&mut self, now: Micros, shard: u16, owner: NodeId, clock: &Clock) {
        for at in self.lives(shard) {
            let Some(counters) = clock.get(at.1) else { continue };
            let Some(open) = self.open.get_mut(&at) else { continue };
            let closed = open.covered(owner, counters);
            self.closed_by_clock += closed.iter().map(|closed| closed.count).sum::<u64>();
            self.close(now, owner, &closed);
            self.forget_closed(at);
        }
    }

    /// Follows a change of owners: who has left is not waited for any more, and who is new must
    /// have everything that is open.
    pub(crate) fn restate(&mut self, now: Micros, shard: u16, owners: &[NodeId]) {
        for at in self.lives(shard) {
            let Some(open) = self.open.get_mut(&at) else { continue };
            if open.owners() == owners || owners.len() > OWNERS_MAX {
                continue;
            }
            let behind_before = open.counts_behind();
            let converged = open.restate(owners);
            for (owner, count) in open.counts_behind() {
                self.peers.entry(owner).or_default().behind += count;
            }
            for (owner, count) in behind_before {
                let book = self.peers.entry(owner).or_default();
                book.behind = book.behind.saturating_sub(count);
            }
            for closed in converged {
                self.note_converged(closed.count, now.since(closed.minted));
            }
            self.forget_closed(at);
        }
    }

    /// The actors with open writes, by shard.
    pub(crate) fn open_actors(&self) -> Vec<(u16, Actor)> {
        self.open.keys().copied().collect()
    }

    /// Operations that some owner is not known to have.
    pub(crate) const fn open_writes(&self) -> u64 {
        self.minted - self.converged
    }

    /// Operations that a peer is not known to have.
    pub(crate) fn writes_behind(&self, peer: NodeId) -> u64 {
        self.peers.get(&peer).map_or(0, |book| book.behind)
    }

    /// The shards with open writes.
    pub(crate) fn open_shards(&self) -> BTreeSet<u16> {
        self.open.keys().map(|(shard, _)| *shard).collect()
    }

    /// Says whether a shard has open writes.
    pub(crate) fn is_open(&self, shard: u16) -> bool {
        self.lives_of(shard).next().is_some()
    }

    fn lives_of(&self, shard: u16) -> impl Iterator<Item = (u16, Actor)> + '_ {
        let all = (shard, Actor::from_bits(0))..=(shard, Actor::from_bits(u64::MAX));
        self.open.range(all).map(|(at, _)| *at)
    }

    fn lives(&self, shard: u16) -> Vec<(u16, Actor)> {
        self.lives_of(shard).collect()
    }

    /// Notes how old an operation was when its coordinator's message brought it.
    #[inline]
    pub(crate) fn arrived(&mut self, now: Millis, from: NodeId, minted: HybridTime) {
        let age_ms = now.0.saturating_sub(minted.millis().0);
        self.peers.entry(from).or_default().ages.record(age_ms * 1_000);
    }

    /// Notes that a write has reached an owner, and perhaps the last one.
    fn close(&mut self, now: Micros, owner: NodeId, closed: &[Closed]) {
        for closed in closed {
            let book = self.peers.entry(owner).or_default();
            book.behind = book.behind.saturating_sub(closed.count);
            book.heard.record_many(now.since(closed.minted), closed.count);
            if closed.is_everywhere {
                self.note_converged(closed.count, now.since(closed.minted));
            }
        }
    }

    fn note_converged(&mut self, count: u64, micros: u64) {
        self.converged += count;
        self.everywhere.record_many(micros, count);
    }

    fn forget_closed(&mut self, at: (u16, Actor)) {
        if let Some(open) = self.open.get_mut(&at) {
            self.watched -= open.forget_closed();
            if open.is_empty() {
                self.open.remove(&at);
            }
        }
    }
}

#[cfg(test)]
mod tests;
