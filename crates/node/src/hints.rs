//! Hints: which operations an owner has not acknowledged, named until it has.
//!
//! A hint is a name. The operation itself is in the log of a replica here, that of a shard which
//! this node owns or one that it [visits](crate::visits), and outlives a restart there: for visited
//! shards the hints are then named anew, for owned ones the comparison of clocks finds the same.
//!
//! Invariants: what waits for one owner is bounded, and what is over the bound is counted and left
//! to the comparison of clocks; an operation that no owner is known to hold is never dropped and
//! never expires; one batch is under way to an owner, at a bounded rate, and an owner that is busy
//! or silent is left in peace for longer and longer: overload is not answered with load.

mod replay;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use causality::{Dot, Millis, NodeId};
use wire::RequestId;

/// The most batches of operations whose acknowledgements are waited for at once.
const UNACKED_MAX: usize = 65_536;

/// How long an owner that was busy or silent is left in peace, at first and at most.
const PAUSE_MS: u64 = 1_000;
const PAUSE_MS_MAX: u64 = 60_000;

/// What a hint costs besides its operation.
const HINT_SIZE: u32 = 64;

/// What became of hints since the node started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HintCounts {
    /// Operations noted for an owner that was down or did not acknowledge in time.
    pub stored: u64,
    /// Handed over and acknowledged.
    pub replayed: u64,
    /// Not handed over, because the owner had come by the operation otherwise.
    pub covered: u64,
    /// Given up after their time to live; other owners have the operation.
    pub expired: u64,
    /// Not noted, because the owner's bound was reached; other owners have the operation.
    pub dropped: u64,
}

/// Which replica here has a hint's operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// That of a shard which this node owns.
    Owned,
    /// That of a shard which this node visits.
    Visited,
}

/// The name of an operation, and what it takes to keep it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named {
    pub(crate) shard: u16,
    pub(crate) dot: Dot,
    pub(crate) place: Place,
    pub(crate) size: u32,
}

#[derive(Clone, Copy, Debug)]
struct Hint {
    named: Named,
    since: Millis,
}

/// What waits for one owner, oldest first.
#[derive(Debug, Default)]
struct Queue {
    hints: VecDeque<Hint>,
    bytes: u64,
    flight: Option<Flight>,
    not_before: Millis,
    pause_ms: u64,
}

/// The front of a queue, on its way.
#[derive(Debug)]
struct Flight {
    requests: BTreeSet<RequestId>,
    count: usize,
    deadline: Millis,
}

/// A batch sent to owners that have not all acknowledged it.
#[derive(Debug)]
struct Unacked {
    named: Vec<Named>,
    owners: Vec<NodeId>,
    deadline: Millis,
}

/// The hints of a node.
#[derive(Debug, Default)]
pub(crate) struct Hints {
    queues: BTreeMap<NodeId, Queue>,
    unacked: BTreeMap<RequestId, Unacked>,
    deadlines: BTreeSet<(Millis, RequestId)>,
    pub(crate) counts: HintCounts,
}

impl Named {
    pub(crate) fn of(op: &cells::OwnedOp, shard: u16, place: Place) -> Self {
        let payload = match &op.body {
            cells::OwnedBody::Insert { payload, .. } => payload.len(),
            _ => 0,
        };
        let size = payload + op.cell.key.len() + op.cell.column.len();
        let size = u32::try_from(size).unwrap_or(u32::MAX).saturating_add(HINT_SIZE);
        Self { shard, dot: op.dot, place, size }
    }
}

impl Hints {
    /// Forgets what waits for a node that is no member any more.
    pub(crate) fn forget(&mut self, owner: NodeId) {
        self.queues.remove(&owner);
    }
}

impl Queue {
    fn push(&mut self, hint: Hint) {
        self.bytes += u64::from(hint.named.size);
        self.hints.push_back(hint);
    }

    fn pop(&mut self) -> Option<Hint> {
        let hint = self.hints.pop_front()?;
        self.bytes -= u64::from(hint.named.size);
        Some(hint)
    }

    fn failed(&mut self, now: Millis) {
        self.flight = None;
        self.pause_ms = (self.pause_ms * 2).clamp(PAUSE_MS, PAUSE_MS_MAX);
        self.not_before = now.plus(self.pause_ms);
    }

    fn next_deadline(&self) -> Option<Millis> {
        match &self.flight {
            Some(flight) => Some(flight.deadline),
            None => (!self.hints.is_empty()).then_some(self.not_before),
        }
    }
}

impl Hints {
    /// Notes that a batch was sent to owners. When too many are waited for already, what only
    /// this node holds is still noted; the rest is left to the comparison of clocks.
    pub(crate) fn sent(
        &mut self,
        request: RequestId,
        named: Vec<Named>,
        owners: Vec<NodeId>,
        deadline: Millis,
    ) {
        if owners.is_empty() {
            return;
        }
        if self.unacked.len() >= UNACKED_MAX {
            let each = owners.iter().flat_map(|to| named.iter().map(|named| (*to, *named)));
            each.for_each(|(to, named)| self.store(deadline, to, named, (0, 0)));
            return;
        }
        self.deadlines.insert((deadline, request));
        self.unacked.insert(request, Unacked { named, owners, deadline });
    }

    /// Notes a name for an owner, unless its bound is reached. What the comparison of clocks can
    /// bring too goes out only after `patience_ms`, in which most of it turns out to be needless.
    pub(crate) fn store(
        &mut self,
        now: Millis,
        to: NodeId,
        named: Named,
        (bytes_max, patience_ms): (u64, u64),
    ) {
        let queue = self.queues.entry(to).or_default();
        let is_bounded = named.place == Place::Owned;
        if is_bounded && queue.hints.is_empty() {
            queue.not_before = queue.not_before.max(now.plus(patience_ms));
        }
        if is_bounded && queue.bytes + u64::from(named.size) > bytes_max {
            self.counts.dropped += 1;
        } else {
            self.counts.stored += 1;
            queue.push(Hint { named, since: now });
        }
    }

    /// Whether the acknowledgements of one more batch can be waited for.
    pub(crate) fn has_room(&self) -> bool {
        self.unacked.len() < UNACKED_MAX
    }

    /// What a batch was, and the owners that have not acknowledged it; nothing when all have.
    pub(crate) fn lacking(&self, request: RequestId) -> Option<(Vec<Named>, &[NodeId])> {
        let unacked = self.unacked.get(&request)?;
        Some((unacked.named.clone(), &unacked.owners))
    }

    /// Notes that an owner has applied a batch; returns what it was.
    pub(crate) fn acknowledged(&mut self, from: NodeId, request: RequestId) -> Vec<Named> {
        let Some(unacked) = self.unacked.get_mut(&request) else {
            return self.landed(from, request);
        };
        let Some(at) = unacked.owners.iter().position(|owner| *owner == from) else {
            return Vec::new();
        };
        unacked.owners.swap_remove(at);
        if !unacked.owners.is_empty() {
            return unacked.named.clone();
        }
        let unacked = self.unacked.remove(&request).expect("it was found just now");
        self.deadlines.remove(&(unacked.deadline, request));
        unacked.named
    }

    /// Notes that an owner did not take a batch of hints.
    pub(crate) fn refused(&mut self, now: Millis, from: NodeId, request: RequestId) {
        if let Some(queue) = self.queues.get_mut(&from)
            && queue.flight.as_ref().is_some_and(|flight| flight.requests.contains(&request))
        {
            queue.failed(now);
        }
    }

    /// A part of the batch under way has landed; when all of it has, the queue moves on.
    fn landed(&mut self, from: NodeId, request: RequestId) -> Vec<Named> {
        let Some(queue) = self.queues.get_mut(&from) else { return Vec::new() };
        let Some(flight) = &mut queue.flight else { return Vec::new() };
        if !flight.requests.remove(&request) || !flight.requests.is_empty() {
            return Vec::new();
        }
        let count = flight.count;
        queue.flight = None;
        queue.pause_ms = 0;
        self.counts.replayed += count as u64;
        (0..count).filter_map(|_| queue.pop()).map(|hint| hint.named).collect()
    }

    /// Takes the batches whose time is over, with the owners that have not acknowledged them.
    pub(crate) fn overdue(&mut self, now: Millis) -> Vec<(Vec<Named>, Vec<NodeId>)> {
        let mut overdue = Vec::new();
        while let Some((deadline, request)) = self.deadlines.first().copied()
            && deadline <= now
        {
            self.deadlines.remove(&(deadline, request));
            if let Some(Unacked { named, owners, .. }) = self.unacked.remove(&request) {
                overdue.push((named, owners));
            }
        }
        overdue
    }

    /// An owner can be reached again: its hints go out when clocks have been compared.
    pub(crate) fn link_up(&mut self, now: Millis, owner: NodeId, patience_ms: u64) {
        if let Some(queue) = self.queues.get_mut(&owner) {
            queue.flight = None;
            queue.pause_ms = 0;
            queue.not_before = now.plus(patience_ms);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Millis> {
        let queues = self.queues.values().filter_map(Queue::next_deadline).min();
        let unacked = self.deadlines.first().map(|(deadline, _)| *deadline);
        [queues, unacked].into_iter().flatten().min()
    }

    /// How many hints wait, and the bytes of their operations.
    pub(crate) fn waiting(&self) -> (usize, u64) {
        let queues = self.queues.values();
        queues
            .fold((0, 0), |(count, bytes), queue| (count + queue.hints.len(), bytes + queue.bytes))
    }
}
