//! Coordination of client calls: catching up before a read, waiting for owners after a write.
//!
//! The coordinator is an owner of the key. A read above one owner first takes what the other
//! owners have and this one misses (a clock each way, nothing more while nothing is missing), and
//! is then answered here: what a quorum knows is what this replica then knows. A write is minted
//! and applied here, sent to every other owner, and answered when enough have applied it.

use std::collections::BTreeMap;

use api::{Call, CallError, Level, Outcome};
use causality::{Millis, NodeId};
use cells::OwnedOp;
use replica::SealedDetail;
use storage::Store;
use wire::{Message, ShardId};

use crate::event::{Outbox, RequestId};
use crate::levels::Requirement;
use crate::node::Node;

/// The most calls that wait at once; more are refused.
const CALLS_MAX: usize = 65_536;

/// How many bytes of operations a catching-up read takes at a time.
const CATCH_UP_BUDGET: u32 = 256 * 1024;

/// A call that waits for other owners.
#[derive(Debug)]
struct Waiting {
    client: RequestId,
    shard: u16,
    requirement: Requirement,
    deadline: Millis,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Owners are asked what they have; then the call is carried out.
    CatchingUp(Call),
    /// The operations are out; then this is the answer.
    Replicating(Outcome),
}

/// The calls that wait.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    waiting: BTreeMap<wire::RequestId, Waiting>,
}

impl Calls {
    /// The earliest deadline; calls have one timeout, so the oldest is the first.
    pub(crate) fn next_deadline(&self) -> Option<Millis> {
        self.waiting.values().next().map(|waiting| waiting.deadline)
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

impl<S: Store> Node<S> {
    /// Takes a client's call.
    pub(crate) fn called(&mut self, now: Millis, client: RequestId, call: Call, out: &mut Outbox) {
        if call.key.is_empty() {
            out.replies.push((client, Outcome::Failed(CallError::EmptyKey)));
            return;
        }
        let shard = self.topology.shard_of(&call.key);
        if !self.replicas.contains_key(&shard) {
            self.forward(now, client, shard, &call, out);
            return;
        }
        if self.calls.len() >= CALLS_MAX {
            out.replies.push((client, Outcome::Failed(CallError::Busy)));
            return;
        }
        if call.operation.is_write() || matches!(call.read, Level::One | Level::LocalOne) {
            self.carry_out(now, client, shard, &call, out);
        } else {
            self.catch_up(now, client, shard, call, out);
        }
    }

    /// Asks enough other owners for what is missing here.
    fn catch_up(
        &mut self,
        now: Millis,
        client: RequestId,
        shard: u16,
        call: Call,
        out: &mut Outbox,
    ) {
        let mut requirement = Requirement::new(call.read, self.topology.owners(shard));
        requirement.answered(self.config.me);
        if !requirement.can_be_met(|node| self.is_reachable(node)) {
            let reachable = requirement.reachable_count(|node| self.is_reachable(node));
            out.replies.push((client, Outcome::Failed(requirement.missed(reachable))));
            return;
        }
        let request = self.new_request();
        let wanted = self.replicas[&shard].want_groups(CATCH_UP_BUDGET, SealedDetail::Hash);
        for owner in self.topology.other_owners(shard) {
            let wanted = wanted.clone();
            let message = Message::Wanted { shard: ShardId(shard), request, wanted };
            self.send(owner, message, out);
        }
        let deadline = now.plus(self.config.request_timeout_ms);
        let phase = Phase::CatchingUp(call);
        self.wait(request, Waiting { client, shard, requirement, deadline, phase }, now, out);
    }

    /// Carries a call out on the replica here.
    fn carry_out(
        &mut self,
        now: Millis,
        client: RequestId,
        shard: u16,
        call: &Call,
        out: &mut Outbox,
    ) {
        let mut requirement = Requirement::new(call.write, self.topology.owners(shard));
        if call.operation.is_write() && !requirement.can_be_met(|node| self.is_reachable(node)) {
            let reachable = requirement.reachable_count(|node| self.is_reachable(node));
            out.replies.push((client, Outcome::Failed(requirement.missed(reachable))));
            return;
        }
        let (outcome, ops) = match self.execute(now, shard, call) {
            Ok(done) => done,
            Err(error) => (Outcome::Failed(error), Vec::new()),
        };
        if ops.is_empty() {
            out.replies.push((client, outcome));
            return;
        }
        requirement.answered(self.config.me);
        let request = self.new_request();
        self.unstable.insert(shard);
        self.replicate(shard, request, &ops, out);
        let deadline = now.plus(self.config.request_timeout_ms);
        let phase = Phase::Replicating(outcome);
        self.wait(request, Waiting { client, shard, requirement, deadline, phase }, now, out);
    }

    fn replicate(&self, shard: u16, request: wire::RequestId, ops: &[OwnedOp], out: &mut Outbox) {
        for owner in self.topology.other_owners(shard) {
            let ops = ops.to_vec();
            self.send(owner, Message::Replicate { shard: ShardId(shard), request, ops }, out);
        }
    }

    fn wait(&mut self, request: wire::RequestId, waiting: Waiting, now: Millis, out: &mut Outbox) {
        if waiting.requirement.is_met() {
            self.finish(waiting, now, out);
        } else {
            self.calls.waiting.insert(request, waiting);
        }
    }

    /// Notes that an owner has done its part of a call.
    pub(crate) fn owner_answered(
        &mut self,
        now: Millis,
        from: NodeId,
        request: wire::RequestId,
        out: &mut Outbox,
    ) {
        let Some(waiting) = self.calls.waiting.get_mut(&request) else { return };
        waiting.requirement.answered(from);
        if waiting.requirement.is_met()
            && let Some(waiting) = self.calls.waiting.remove(&request)
        {
            self.finish(waiting, now, out);
        }
    }

    fn finish(&mut self, waiting: Waiting, now: Millis, out: &mut Outbox) {
        match waiting.phase {
            Phase::Replicating(outcome) => out.replies.push((waiting.client, outcome)),
            Phase::CatchingUp(call) => {
                self.carry_out(now, waiting.client, waiting.shard, &call, out);
            }
        }
    }

    /// Fails the calls whose owners did not answer in time.
    pub(crate) fn give_up_late(&mut self, now: Millis, out: &mut Outbox) {
        while let Some(first) = self.calls.waiting.first_entry()
            && first.get().deadline <= now
        {
            let late = first.remove();
            let error = late.requirement.missed(late.requirement.answered_count());
            out.replies.push((late.client, Outcome::Failed(error)));
        }
    }
}
