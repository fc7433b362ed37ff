//! Handing over what the owners of a shard do not take by comparing clocks.
//!
//! Owners that have retired an actor refuse operations of it that none of them had. A node that
//! gives a shard up may be the only one to hold such an operation: it was away, or cut off, when
//! they agreed. It hands the operation over as a hint, and they give it a new name.
//!
//! Invariant: what an owner has acknowledged, it holds, under whatever name; nothing counts before.

use std::collections::BTreeMap;

use causality::{Clock, Dot, Millis, NodeId};
use cells::OwnedOp;
use storage::Store;
use wire::{Message, RequestId, ShardId};

use crate::event::Outbox;
use crate::node::Node;

/// The most operations in one message.
const OPS_MAX: usize = 256;

/// What was handed over of the shards that this node gives up.
#[derive(Debug, Default)]
pub(super) struct Handing {
    /// Since when a shard's owners have all been heard, and lack something.
    since: BTreeMap<u16, Millis>,
    under_way: BTreeMap<RequestId, (u16, NodeId, Clock)>,
    /// What owners have acknowledged.
    taken: BTreeMap<(u16, NodeId), Clock>,
}

impl Handing {
    /// Whether an owner has everything that is here: by its own clock, or from this node's hands.
    pub(super) fn covers(&self, shard: u16, owner: NodeId, theirs: &Clock, here: &Clock) -> bool {
        theirs.covers(here) || self.with_taken(shard, owner, theirs).covers(here)
    }

    fn with_taken(&self, shard: u16, owner: NodeId, theirs: &Clock) -> Clock {
        let mut all = theirs.clone();
        if let Some(taken) = self.taken.get(&(shard, owner)) {
            all.union(taken);
        }
        all
    }

    /// A shard is given up; returns what its owners have of what was here.
    pub(super) fn end(
        &mut self,
        shard: u16,
        heard: BTreeMap<NodeId, Clock>,
    ) -> BTreeMap<NodeId, Clock> {
        let all = heard.into_iter().map(|(owner, theirs)| {
            let all = self.with_taken(shard, owner, &theirs);
            (owner, all)
        });
        let all = all.collect();
        self.since.remove(&shard);
        self.under_way.retain(|_, (of, ..)| *of != shard);
        self.taken.retain(|(of, _), _| *of != shard);
        all
    }
}

impl<S: Store> Node<S> {
    /// Hands over what owners still lack, when comparing clocks has had its time.
    pub(super) fn hand_over(&mut self, now: Millis, out: &mut Outbox) {
        let leaving: Vec<u16> = self.transfers.leaving.keys().copied().collect();
        for shard in leaving {
            let owners = self.topology.final_owners(shard);
            let heard = &self.transfers.leaving[&shard];
            if owners.is_empty() || !owners.iter().all(|owner| heard.contains_key(owner)) {
                continue;
            }
            let since = *self.transfers.handing.since.entry(shard).or_insert(now);
            if since.plus(self.hint_patience_ms()) <= now {
                self.transfers.handing.since.insert(shard, now);
                self.transfers.handing.under_way.retain(|_, (of, ..)| *of != shard);
                owners.into_iter().for_each(|owner| self.hand_to(shard, owner, out));
            }
        }
    }

    fn hand_to(&mut self, shard: u16, owner: NodeId, out: &mut Outbox) {
        let (Some(replica), Some(theirs)) =
            (self.replicas.get(&shard), self.transfers.leaving[&shard].get(&owner))
        else {
            return;
        };
        let theirs = self.transfers.handing.with_taken(shard, owner, theirs);
        let missing = replica.whole_clock().difference(&theirs).into_iter();
        let dots = missing.flat_map(|(actor, runs)| {
            let counters = runs.into_iter().flat_map(|run| run.first..=run.last);
            counters.map(move |counter| Dot::new(actor, counter))
        });
        let (mut ops, mut clock) = (Vec::<OwnedOp>::new(), Clock::new());
        for dot in dots.take(OPS_MAX) {
            // What the log has forgotten, every owner had.
            if let Ok(Some(op)) = replica.logged(&mut self.store, dot) {
                ops.push(op);
                clock.insert(dot);
            }
        }
        if ops.is_empty() || !self.is_reachable(owner) {
            return;
        }
        let request = self.new_request();
        self.send(owner, Message::Keep { shard: ShardId(shard), request, target: owner, ops }, out);
        self.transfers.handing.under_way.insert(request, (shard, owner, clock));
    }

    /// An owner has acknowledged something, perhaps what was handed over.
    pub(crate) fn handed_over(&mut self, now: Millis, from: NodeId, request: RequestId) {
        let handing = &mut self.transfers.handing;
        let Some((shard, owner, clock)) = handing.under_way.remove(&request) else { return };
        if owner != from {
            return;
        }
        handing.taken.entry((shard, owner)).or_default().union(&clock);
        if self.is_view_settled(now) {
            self.drop_left(now);
        }
    }
}
