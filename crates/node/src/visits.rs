//! Visits: shards that this node does not own, of which it keeps operations for absent owners.
//!
//! A visited shard is a replica like any other, with rows, log and clock of its own, beside those
//! of the shards that the node owns: what is kept here survives a restart, is read while no owner
//! can be, and is handed to the owners by hints. Operations come from a coordinator that asks this
//! node to stand in, or are minted here when no owner can be reached.
//!
//! Invariants: a visit mints as an actor of its own, whose incarnation no other visit ever had; it
//! ends only when every operation has reached the owners that it is kept for, and the actor is
//! sealed; an operation that no owner is known to hold is kept for as long as that takes.

mod closing;
mod journal;

use std::collections::{BTreeMap, BTreeSet};

use causality::{Actor, Dot, Incarnation, Millis, NodeId};
use cells::OwnedOp;
use replica::{Applied, Replica, ReplicaError, Settings};
use storage::{Entry, Store};
use wire::{Batch, Message, Outcome};

use crate::event::Outbox;
use crate::hints::{Named, Place};
use crate::node::{Node, OpenError};
use journal::Journal;
pub(crate) use journal::is_visit;
pub use journal::is_visitor;

/// One visited shard.
#[derive(Debug)]
struct Visit {
    replica: Replica,
    owed: BTreeMap<Dot, Owed>,
    /// Actors of this visit and of earlier lives of it that are sealed.
    sealed: BTreeSet<Actor>,
}

/// An owner, and the life that it lives.
pub(crate) type Holder = (NodeId, Incarnation);

/// Who has not got an operation yet.
#[derive(Debug)]
struct Owed {
    to: Vec<NodeId>,
    /// Owners that have it, each in the life in which it took it: in a later one it may not.
    held_by: Vec<Holder>,
    size: u32,
}

/// The visited shards of a node.
#[derive(Debug)]
pub(crate) struct Visits {
    open: BTreeMap<u16, Visit>,
    journal: Journal,
    me: NodeId,
    /// Visited shards are kept under numbers after those of owned ones.
    shard_count: u16,
    bytes: u64,
}

impl Visits {
    /// Opens what an earlier life of the node left to deliver; every operation is owed to every
    /// owner again, because who has got it is not kept.
    pub(crate) fn open<S: Store>(
        (me, life, shard_count): (NodeId, Incarnation, u16),
        owners: impl Fn(u16) -> Vec<NodeId>,
        store: &mut S,
        entries: &[Entry],
        now: Millis,
    ) -> Result<(Self, Vec<(NodeId, Named)>), OpenError> {
        let mut journal = Journal::open((2 * shard_count, life), store, entries)
            .map_err(|source| OpenError::Shard { shard: 2 * shard_count, source })?;
        let (mut open, mut hints, mut bytes) = (BTreeMap::new(), Vec::new(), 0);
        for shard in 0..shard_count {
            let damaged = |source| OpenError::Shard { shard, source };
            let at = shard_count + shard;
            let has_entries = entries.iter().any(|entry| entry.shard == at);
            let has_state = store.state(at).map_err(|error| damaged(error.into()))?.is_some();
            if !has_entries && !has_state {
                continue;
            }
            let incarnation = journal.next(store, now).map_err(damaged)?;
            let actor = Actor::new(me, incarnation);
            let mut replica =
                Replica::open(at, actor, Settings::default(), store).map_err(damaged)?;
            for entry in entries.iter().filter(|entry| entry.shard == at) {
                replica.replay(store, now, entry).map_err(damaged)?;
            }
            let mut visit = Visit { replica, owed: BTreeMap::new(), sealed: BTreeSet::new() };
            for op in visit.ops(store).map_err(damaged)? {
                let to = owners(shard);
                let named = Named::of(&op, shard, Place::Visited);
                hints.extend(to.iter().map(|owner| (*owner, named)));
                bytes += visit.owe(named, to, None);
            }
            open.insert(shard, visit);
        }
        Ok((Self { open, journal, me, shard_count, bytes }, hints))
    }

    pub(crate) fn replica(&self, shard: u16) -> Option<&Replica> {
        self.open.get(&shard).map(|visit| &visit.replica)
    }

    pub(crate) fn replica_mut(&mut self, shard: u16) -> Option<&mut Replica> {
        self.open.get_mut(&shard).map(|visit| &mut visit.replica)
    }

    /// Says whether an operation has still to reach an owner.
    pub(crate) fn owes(&self, shard: u16, dot: Dot, owner: NodeId) -> bool {
        let owed = self.open.get(&shard).and_then(|visit| visit.owed.get(&dot));
        owed.is_some_and(|owed| owed.to.contains(&owner))
    }

    /// Says whether any of the owners that took an operation counts as having it.
    pub(crate) fn is_held(&self, shard: u16, dot: Dot, counts: impl Fn(Holder) -> bool) -> bool {
        let owed = self.open.get(&shard).and_then(|visit| visit.owed.get(&dot));
        owed.is_none_or(|owed| owed.held_by.iter().any(|holder| counts(*holder)))
    }

    /// An owner has an operation.
    pub(crate) fn note_held(&mut self, shard: u16, dot: Dot, holder: Holder) {
        let visit = self.open.get_mut(&shard);
        if let Some(owed) = visit.and_then(|visit| visit.owed.get_mut(&dot)) {
            owed.held_by.retain(|(node, _)| *node != holder.0);
            owed.held_by.push(holder);
        }
    }

    /// An owner need not get an operation from here.
    pub(crate) fn settle(&mut self, shard: u16, dot: Dot, owner: NodeId) {
        let Some(visit) = self.open.get_mut(&shard) else { return };
        let Some(owed) = visit.owed.get_mut(&dot) else { return };
        owed.to.retain(|to| *to != owner);
        if owed.to.is_empty() {
            self.bytes -= u64::from(owed.size);
            visit.owed.remove(&dot);
        }
    }

    /// Begins a visit, or goes on with one that is under way.
    pub(crate) fn visit<S: Store>(
        &mut self,
        store: &mut S,
        shard: u16,
        now: Millis,
    ) -> Result<&mut Replica, ReplicaError> {
        if !self.open.contains_key(&shard) {
            let actor = self.new_actor(store, now)?;
            let at = self.shard_count + shard;
            let replica = Replica::open(at, actor, Settings::default(), store)?;
            let visit = Visit { replica, owed: BTreeMap::new(), sealed: BTreeSet::new() };
            self.open.insert(shard, visit);
        }
        let visit = self.open.get_mut(&shard).expect("it was opened just now");
        Ok(&mut visit.replica)
    }

    /// Notes that an operation has to reach owners.
    pub(crate) fn owe(&mut self, named: Named, to: Vec<NodeId>, holder: Option<Holder>) {
        if let Some(visit) = self.open.get_mut(&named.shard) {
            self.bytes += visit.owe(named, to, holder);
        }
    }

    /// A node is no owner any more: what was kept for it goes to the owners of today. Returns the
    /// hints for them.
    pub(crate) fn retarget(
        &mut self,
        gone: NodeId,
        owners: impl Fn(u16) -> Vec<NodeId>,
    ) -> Vec<(NodeId, Named)> {
        let mut hints = Vec::new();
        for (shard, visit) in &mut self.open {
            for (dot, owed) in &mut visit.owed {
                if !owed.to.contains(&gone) {
                    continue;
                }
                owed.to.retain(|to| *to != gone);
                let new = owners(*shard).into_iter().filter(|owner| !owed.to.contains(owner));
                let new: Vec<NodeId> = new.collect();
                let (shard, dot, size) = (*shard, *dot, owed.size);
                let named = Named { shard, dot, place: Place::Visited, size };
                hints.extend(new.iter().map(|owner| (*owner, named)));
                owed.to.extend(new);
            }
        }
        hints
    }

    /// The node lives another life from now on.
    pub(crate) const fn begin_life(&mut self, life: Incarnation) {
        self.journal.begin_life(life);
    }

    /// The bytes of the operations that are kept for others.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Writes every state, so that a checkpoint of the store covers it.
    pub(crate) fn save<S: Store>(&mut self, store: &mut S) -> Result<(), ReplicaError> {
        self.save_names(store)?;
        self.open.values_mut().try_for_each(|visit| visit.replica.save_state(store))
    }

    /// Writes under which names visits have minted.
    pub(crate) fn save_names<S: Store>(&self, store: &mut S) -> Result<(), ReplicaError> {
        self.journal.save(store)
    }

    /// Wrong, and kept for the suite to catch.
    pub(crate) const fn repeat_names(&mut self) {
        self.journal.repeat();
    }

    fn new_actor<S: Store>(&mut self, store: &mut S, now: Millis) -> Result<Actor, ReplicaError> {
        let incarnation: Incarnation = self.journal.next(store, now)?;
        Ok(Actor::new(self.me, incarnation))
    }
}

impl Visit {
    /// Returns the bytes that are kept more than before.
    fn owe(&mut self, named: Named, to: Vec<NodeId>, holder: Option<Holder>) -> u64 {
        let size = named.size;
        if let Some(owed) = self.owed.get_mut(&named.dot) {
            owed.held_by.extend(holder);
            let new = to.into_iter().filter(|to| !owed.to.contains(to)).collect::<Vec<_>>();
            owed.to.extend(new);
            return 0;
        }
        self.owed.insert(named.dot, Owed { to, held_by: holder.into_iter().collect(), size });
        u64::from(size)
    }

    /// Reads every operation back.
    fn ops<S: Store>(&self, store: &mut S) -> Result<Vec<OwnedOp>, ReplicaError> {
        let mut ops = Vec::new();
        for (actor, counters) in self.replica.clock().iter() {
            for counter in counters.spans().flat_map(|run| run.first..=run.last) {
                ops.extend(self.replica.logged(store, Dot::new(actor, counter))?);
            }
        }
        Ok(ops)
    }
}

impl<S: Store> Node<S> {
    /// Takes operations that were kept for somebody: for this node, or for this node to keep.
    pub(crate) fn take_keep(
        &mut self,
        now: Millis,
        from: NodeId,
        Batch { shard, request }: Batch,
        (target, ops): (NodeId, &[OwnedOp]),
        out: &mut Outbox,
    ) {
        let outcome = if target == self.config.me {
            let outcome = self.take_hints(now, shard.0, ops);
            self.operations_arrived(now, shard.0, out);
            outcome
        } else {
            self.keep_ops(now, shard.0, target, ops)
        };
        let message = Message::Acknowledged { shard, request, outcome, clock: None };
        self.send(from, message, out);
    }

    /// Applies operations that were kept for this node. One whose actor was retired without it is
    /// given a new name: no replica has it, or its actor could not have been retired.
    pub(crate) fn take_hints(&mut self, now: Millis, shard: u16, ops: &[OwnedOp]) -> Outcome {
        let is_filling = self.transfers.is_filling(shard);
        let Some(replica) = self.replicas.get_mut(&shard) else { return Outcome::Refused };
        self.unstable.insert(shard);
        for op in ops {
            let op = op.borrow();
            let applied = match replica.apply(&mut self.store, now, &op) {
                // What this node has minted in the shard before may not all be here.
                Err(ReplicaError::Sealed { .. }) if is_filling => return Outcome::Busy,
                Err(ReplicaError::Sealed { .. }) => {
                    replica.remint(&mut self.store, now, &op).map(|_| Applied::Now)
                }
                other => other,
            };
            match applied {
                Ok(Applied::Now) => self.delivered.by_hint += 1,
                Ok(Applied::Before) => {}
                Err(_) => return Outcome::Busy,
            }
        }
        Outcome::Applied
    }

    fn keep_ops(&mut self, now: Millis, shard: u16, target: NodeId, ops: &[OwnedOp]) -> Outcome {
        let owners = self.topology.owners(shard);
        let is_owner = |node: NodeId| owners.iter().any(|owner| owner.node == node);
        if !is_owner(target) || is_owner(self.config.me) {
            return Outcome::Refused;
        }
        if self.visits.bytes() > self.config.coordination.hint_bytes_max {
            return Outcome::Busy;
        }
        for op in ops {
            let Ok(replica) = self.visits.visit(&mut self.store, shard, now) else {
                return Outcome::Busy;
            };
            if replica.apply(&mut self.store, now, &op.borrow()).is_err() {
                return Outcome::Busy;
            }
            let named = Named::of(op, shard, Place::Visited);
            let minter = (op.dot.actor.node(), op.dot.actor.incarnation());
            self.visits.owe(named, vec![target], is_owner(minter.0).then_some(minter));
            self.hint(now, target, named);
        }
        Outcome::Applied
    }
}
