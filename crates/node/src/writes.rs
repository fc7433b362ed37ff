//! Carrying calls out on a replica here, and sending what a write minted to whom it concerns.
//!
//! Invariants: a write whose level cannot be met by those who can be reached is refused before
//! anything is minted; an operation that was minted is on its way to every owner, or hinted for it.

use api::{Call, CallError, Level, Operation, Outcome};
use causality::{Millis, NodeId};
use cells::OwnedOp;
use storage::{Store, StoreError};
use wire::{Message, ShardId};

use crate::calls::{Asked, Phase, Waiting};
use crate::event::{Outbox, RequestId};
use crate::execute::replica_error;
use crate::hints::{Named, Place};
use crate::levels::Requirement;
use crate::mutation::Mutation;
use crate::node::Node;
use crate::sessions::Needs;
use crate::stand_ins::StandIn;

impl<S: Store> Node<S> {
    /// Carries a call out on the replica of an owner. It is sloppy when too few of the others were
    /// asked what there is.
    pub(crate) fn carry_out(
        &mut self,
        now: Millis,
        (client, deadline, is_sloppy): (RequestId, Millis, bool),
        shard: u16,
        call: &Call,
        out: &mut Outbox,
    ) {
        self.sessions.touch(call.session, shard);
        let stand_ins = if call.operation.is_write() { self.stand_ins(shard) } else { Vec::new() };
        let refusal = self.refusal(shard, call, &stand_ins).or_else(|| self.lack_of_room(call));
        if let Some(error) = refusal {
            out.replies.push((client, Outcome::Failed(error)));
            return;
        }
        let (outcome, ops) = match self.execute(now, (shard, Place::Owned), call) {
            Ok(done) => done,
            Err(error) => (Outcome::Failed(error), Vec::new()),
        };
        if ops.is_empty() {
            out.sloppy.extend(is_sloppy.then_some(client));
            out.replies.push((client, outcome));
            return;
        }
        self.unstable.insert(shard);
        let level = self.promised_level(call.write);
        let mut requirement = Requirement::across(level, self.write_sets(shard));
        requirement.answered(self.config.me);
        let (phase, size) = (Phase::Replicating(outcome), 0);
        let waiting =
            Waiting { client, shard, requirement, deadline, phase, stand_ins, is_sloppy, size };
        self.spread(now, Place::Owned, &ops, waiting, out);
    }

    /// Carries a call out for owners of whom none can be reached, if the call allows that.
    pub(crate) fn visit_for(&mut self, now: Millis, shard: u16, asked: &Asked, out: &mut Outbox) {
        let (client, call) = (asked.client, &asked.call);
        // A write is taken all the same: it is kept beside what its session has seen.
        if !call.operation.is_write() && !self.visit_has(shard, &asked.needs) {
            out.replies.push((client, Outcome::Failed(CallError::SessionAhead)));
            return;
        }
        let visited = self.visited(now, shard, call);
        if let (Ok(_), Some(session), Some(visit)) =
            (&visited, call.session, self.visits.replica(shard))
        {
            self.sessions.saw(session, shard, &visit.whole_clock());
        }
        match visited {
            Err(error) => out.replies.push((client, Outcome::Failed(error))),
            Ok((outcome, ops)) if ops.is_empty() => {
                out.sloppy.push(client);
                out.replies.push((client, outcome));
            }
            Ok((outcome, ops)) => {
                self.spread_visited(now, shard, asked, (outcome, &ops), out);
            }
        }
    }

    /// Says whether what is kept here of a shard has all that a session has seen of it.
    fn visit_has(&self, shard: u16, needs: &Needs) -> bool {
        match needs {
            Needs::Nothing => true,
            Needs::Clock(clock) => {
                self.visits.replica(shard).is_some_and(|replica| replica.covers(clock))
            }
            Needs::Forgotten => false,
        }
    }

    fn visited(
        &mut self,
        now: Millis,
        shard: u16,
        call: &Call,
    ) -> Result<(Outcome, Vec<OwnedOp>), CallError> {
        let is_write = call.operation.is_write();
        let is_of_shard = matches!(call.operation, Operation::OnShard { .. });
        let is_allowed = self.is_sloppy() || (is_write && call.write == Level::Any);
        let is_allowed = is_allowed && !is_of_shard;
        if !is_allowed || (!is_write && self.visits.replica(shard).is_none()) {
            return Err(CallError::NoOwner);
        }
        if let Some(error) = self.lack_of_room(call) {
            return Err(error);
        }
        if is_write {
            if self.visits.bytes() > self.config.coordination.hint_bytes_max {
                return Err(CallError::Busy);
            }
            if call.write != Level::Any {
                let stand_ins = self.stand_ins_with_me(shard);
                if let Some(error) = self.refusal(shard, call, &stand_ins) {
                    return Err(error);
                }
            }
            let is_new = self.visits.replica(shard).is_none();
            if is_new && self.is_mutated(Mutation::VisitorNameReused) {
                self.visits.repeat_names();
            }
            let visit = self.visits.visit(&mut self.store, shard, now);
            visit.map_err(|error| replica_error(&error))?;
        }
        self.execute(now, (shard, Place::Visited), call)
    }

    fn spread_visited(
        &mut self,
        now: Millis,
        shard: u16,
        Asked { client, call, deadline, .. }: &Asked,
        (outcome, ops): (Outcome, &[OwnedOp]),
        out: &mut Outbox,
    ) {
        let owners = self.topology.owners(shard);
        let nodes: Vec<NodeId> = owners.iter().map(|owner| owner.node).collect();
        for op in ops {
            let named = Named::of(op, shard, Place::Visited);
            self.visits.owe(named, nodes.clone(), None);
        }
        let mut requirement = Requirement::new(call.write, &owners);
        let mut stand_ins = Vec::new();
        if call.write == Level::Any {
            nodes.first().into_iter().for_each(|owner| requirement.answered(*owner));
        } else {
            stand_ins = self.stand_ins_with_me(shard);
            let mine = stand_ins.iter().filter(|stand_in| stand_in.node == self.config.me);
            mine.for_each(|stand_in| requirement.answered(stand_in.owner));
        }
        let (client, deadline) = (*client, *deadline);
        let (phase, is_sloppy, size) = (Phase::Replicating(outcome), true, 0);
        let waiting =
            Waiting { client, shard, requirement, deadline, phase, stand_ins, is_sloppy, size };
        self.spread(now, Place::Visited, ops, waiting, out);
    }

    /// The stand-ins when this node, which owns nothing of the shard, is one of them.
    fn stand_ins_with_me(&self, shard: u16) -> Vec<StandIn> {
        let mut stand_ins = self.stand_ins(shard);
        let is_in = stand_ins.iter().any(|stand_in| stand_in.node == self.config.me);
        if let (false, Some(last)) = (is_in, stand_ins.last_mut()) {
            last.node = self.config.me;
        }
        stand_ins
    }

    /// Why the store takes no call like this now. Repair and removals have a reserve.
    fn lack_of_room(&mut self, call: &Call) -> Option<CallError> {
        if !call.operation.needs_room() {
            return None;
        }
        match self.store.admit() {
            Ok(()) => None,
            Err(StoreError::Full { what }) => Some(CallError::Full { what: what.into() }),
            Err(error) => Some(CallError::Storage(error.to_string())),
        }
    }

    /// Says why a write cannot be carried out: too few can be reached.
    fn refusal(&self, shard: u16, call: &Call, stand_ins: &[StandIn]) -> Option<CallError> {
        if !call.operation.is_write() {
            return None;
        }
        let requirement = Requirement::across(call.write, self.write_sets(shard));
        let has_part = |node| {
            self.is_reachable(node)
                || self.is_mutated(Mutation::HintCountsAsOwner)
                || stand_ins.iter().any(|stand_in| stand_in.owner == node)
        };
        if requirement.can_be_met(has_part) {
            return None;
        }
        Some(requirement.missed(requirement.reachable_count(has_part)))
    }

    /// Sends operations to every owner that can be reached and to the stand-ins, and notes hints
    /// for the others; then the call waits until enough have applied them.
    fn spread(
        &mut self,
        now: Millis,
        place: Place,
        ops: &[OwnedOp],
        mut waiting: Waiting,
        out: &mut Outbox,
    ) {
        let (shard, request) = (waiting.shard, self.new_request());
        if place == Place::Owned {
            self.watch(now, shard, request, ops);
        }
        let others = self.topology.others(shard);
        if others.is_empty() && waiting.stand_ins.is_empty() {
            return self.wait(request, waiting, now, out);
        }
        let named: Vec<Named> = ops.iter().map(|op| Named::of(op, shard, place)).collect();
        let mut sent = Vec::new();
        for owner in others.iter() {
            if self.is_reachable(owner.node) {
                sent.push(*owner);
                continue;
            }
            if self.is_mutated(Mutation::HintCountsAsOwner) {
                waiting.requirement.answered(owner.node);
            }
            named.iter().for_each(|named| self.hint(now, owner.node, *named));
        }
        self.send_to_owners(now, (ShardId(shard), request), &sent, ops, out);
        for StandIn { node, owner } in &waiting.stand_ins {
            let (shard, target, ops) = (ShardId(shard), *owner, ops.to_vec());
            if *node != self.config.me {
                self.send(*node, Message::Keep { shard, request, target, ops }, out);
            }
        }
        waiting.size = named.iter().map(|named| named.size as usize).sum();
        let sent = sent.into_iter().map(|owner| owner.node).collect();
        self.hints.sent(request, named, sent, waiting.deadline);
        self.wait(request, waiting, now, out);
    }

    pub(crate) fn deadline(&self, now: Millis) -> Millis {
        now.plus(self.config.request_timeout_ms)
    }
}
