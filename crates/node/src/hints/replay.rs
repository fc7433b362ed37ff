//! Handing hints over: one replayer for each owner, at a bounded rate.

use std::collections::BTreeMap;

use causality::{Dot, Millis, NodeId};
use cells::OwnedOp;
use storage::Store;
use wire::{Message, Outcome, ShardId};

use super::{Flight, Hint, Named, PAUSE_MS, Place, Queue};
use crate::event::Outbox;
use crate::membership::Liveness;
use crate::mutation::Mutation;
use crate::node::Node;

/// How many bytes of operations are under way to one owner.
const BATCH_SIZE_MAX: u64 = 256 * 1024;

/// What an exchange takes besides waiting for its turn: clocks are compared as they were a moment
/// ago, and told again when the operations have arrived.
const EXCHANGE_MS: u64 = 2_000;

/// How long hints wait at most for clocks to be compared.
const PATIENCE_MS_MAX: u64 = 10_000;

/// How many operations are.
const BATCH_COUNT_MAX: usize = 1_024;

/// What is to be done with the oldest hint of an owner.
enum Fate {
    Send,
    Covered,
    Expired,
}

impl<S: Store> Node<S> {
    /// Turns what was not acknowledged in time into hints, and hands over those that are due.
    pub(crate) fn replay_hints(&mut self, now: Millis, out: &mut Outbox) {
        for (named, owners) in self.hints.overdue(now) {
            let is_mutated = self.is_mutated(Mutation::TimeoutNotHinted);
            for owner in owners.into_iter().filter(|_| !is_mutated) {
                named.iter().for_each(|named| self.hint(now, owner, *named));
            }
        }
        for owner in self.hints.due(now) {
            self.shed(now, owner);
            if self.liveness(owner) == Liveness::Up {
                self.replay_to(now, owner, out);
            } else {
                self.hints.postpone(now, owner);
            }
        }
    }

    /// Notes an operation for an owner.
    pub(crate) fn hint(&mut self, now: Millis, owner: NodeId, named: Named) {
        let bytes_max = self.config.coordination.hint_bytes_max;
        self.hints.store(now, owner, named, (bytes_max, self.hint_patience_ms()));
    }

    /// How long it takes until the comparison of clocks has usually brought what is missing.
    pub(crate) fn hint_patience_ms(&self) -> u64 {
        (2 * self.config.exchange_interval_ms + EXCHANGE_MS).min(PATIENCE_MS_MAX)
    }

    /// Drops the hints that are over, of owners that are down too.
    pub(crate) fn shed_hints(&mut self, now: Millis) {
        let owners: Vec<NodeId> = self.hints.queues.keys().copied().collect();
        for owner in owners {
            self.shed(now, owner);
        }
    }

    fn shed(&mut self, now: Millis, owner: NodeId) {
        while let Some(queue) = self.hints.queues.get_mut(&owner)
            && queue.flight.is_none()
            && let Some(hint) = queue.hints.front().copied()
        {
            match self.fate(now, owner, &hint) {
                Fate::Send => return,
                Fate::Covered => self.hints.counts.covered += 1,
                Fate::Expired => self.hints.counts.expired += 1,
            }
            self.settle(owner, hint.named);
            if let Some(queue) = self.hints.queues.get_mut(&owner) {
                queue.pop();
            }
        }
    }

    fn fate(&self, now: Millis, owner: NodeId, hint: &Hint) -> Fate {
        let Named { shard, dot, place, .. } = hint.named;
        let has_expired = hint.since.plus(self.config.coordination.hint_ttl_ms) <= now;
        match place {
            Place::Owned => match self.replicas.get(&shard) {
                Some(replica) if !replica.is_reported(owner, dot) => {
                    if has_expired {
                        Fate::Expired
                    } else {
                        Fate::Send
                    }
                }
                _ => Fate::Covered,
            },
            Place::Visited if !self.visits.owes(shard, dot, owner) => Fate::Covered,
            Place::Visited if has_expired && self.may_expire(shard, dot) => Fate::Expired,
            Place::Visited => Fate::Send,
        }
    }

    /// What no owner is known to have never expires: none that is up, in the life in which it
    /// took it. One that is down may have lost its disk.
    fn may_expire(&self, shard: u16, dot: Dot) -> bool {
        let is_there =
            |(node, life)| self.life_of(node) == life && self.liveness(node) == Liveness::Up;
        self.visits.is_held(shard, dot, is_there) || self.is_mutated(Mutation::UnheldExpires)
    }

    fn replay_to(&mut self, now: Millis, owner: NodeId, out: &mut Outbox) {
        let (mut count, mut size) = (0, 0);
        let mut by_shard: BTreeMap<u16, Vec<OwnedOp>> = BTreeMap::new();
        while let Some(named) = self.hints.named(owner, count)
            && size < BATCH_SIZE_MAX
            && count < BATCH_COUNT_MAX
        {
            count += 1;
            size += u64::from(named.size);
            if let Some(op) = self.named_op(named) {
                by_shard.entry(named.shard).or_default().push(op);
            }
        }
        if owner == self.config.me {
            self.replay_here(now, by_shard, count, out);
            return;
        }
        let mut requests = std::collections::BTreeSet::new();
        for (shard, ops) in by_shard {
            let request = self.new_request();
            requests.insert(request);
            let (shard, target) = (ShardId(shard), owner);
            self.send(owner, Message::Keep { shard, request, target, ops }, out);
        }
        let rate = self.config.coordination.hint_bytes_per_second.max(1);
        let deadline = now.plus(2 * self.config.request_timeout_ms);
        if self.is_mutated(Mutation::HintDroppedWhenSent) {
            self.end_hints(owner, count);
            return;
        }
        let Some(queue) = self.hints.queues.get_mut(&owner) else { return };
        queue.not_before = now.plus(size * 1_000 / rate);
        if requests.is_empty() {
            // The log has forgotten them all: every owner has them, or fetches state.
            for _ in 0..count {
                queue.pop();
            }
            self.hints.counts.covered += count as u64;
        } else {
            queue.flight = Some(Flight { requests, count, deadline });
        }
    }

    /// What this node kept for itself, while it did not hold a shard of its own whole, it takes.
    fn replay_here(
        &mut self,
        now: Millis,
        by_shard: BTreeMap<u16, Vec<OwnedOp>>,
        count: usize,
        out: &mut Outbox,
    ) {
        let me = self.config.me;
        for (shard, ops) in by_shard {
            if self.take_hints(now, shard, &ops) != Outcome::Applied {
                self.hints.queues.entry(me).or_default().failed(now);
                return;
            }
            self.operations_arrived(now, shard, out);
        }
        self.end_hints(me, count);
        self.hints.counts.replayed += count as u64;
    }

    /// Takes the first hints of an owner away: it has their operations.
    fn end_hints(&mut self, owner: NodeId, count: usize) {
        for _ in 0..count {
            let queue = self.hints.queues.get_mut(&owner);
            if let Some(hint) = queue.and_then(Queue::pop) {
                self.settle(owner, hint.named);
            }
        }
    }

    pub(crate) fn named_op(&mut self, named: Named) -> Option<OwnedOp> {
        let replica = match named.place {
            Place::Owned => self.replicas.get(&named.shard)?,
            Place::Visited => self.visits.replica(named.shard)?,
        };
        replica.logged(&mut self.store, named.dot).ok().flatten()
    }

    /// An owner has an operation.
    pub(crate) fn note_held(&mut self, owner: NodeId, named: Named) {
        if named.place == Place::Visited {
            let holder = (owner, self.life_of(owner));
            self.visits.note_held(named.shard, named.dot, holder);
        }
    }

    /// An owner no longer needs an operation from here.
    pub(crate) fn settle(&mut self, owner: NodeId, named: Named) {
        if named.place == Place::Visited {
            self.visits.settle(named.shard, named.dot, owner);
        }
    }
}

impl super::Hints {
    /// The owners to whom something is due; what is under way for too long has failed.
    fn due(&mut self, now: Millis) -> Vec<NodeId> {
        let mut due = Vec::new();
        for (owner, queue) in &mut self.queues {
            if queue.flight.as_ref().is_some_and(|flight| flight.deadline <= now) {
                queue.failed(now);
            }
            let is_due = queue.flight.is_none() && queue.not_before <= now;
            if is_due && !queue.hints.is_empty() {
                due.push(*owner);
            }
        }
        due
    }

    fn postpone(&mut self, now: Millis, owner: NodeId) {
        if let Some(queue) = self.queues.get_mut(&owner) {
            queue.not_before = now.plus(PAUSE_MS);
        }
    }

    fn named(&self, owner: NodeId, at: usize) -> Option<Named> {
        self.queues.get(&owner)?.hints.get(at).map(|hint| hint.named)
    }
}
