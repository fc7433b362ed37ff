//! Calls for keys that this node does not own: handed to an owner, its answer handed back.
//!
//! A call is handed to another owner when the first one is known to have done nothing, or when it
//! only reads. A read whose owner takes longer than it does 99 times in 100 is handed to a second
//! one besides, a few in a hundred at most; the first answer counts. Invariant: a write is carried
//! out by one owner at most, and by none that takes it when nobody waits any more.

mod batch_format;
mod call_format;
mod envelope;
mod outcome_format;
mod routing;
mod shard_format;

use std::collections::{BTreeMap, BTreeSet};

use api::{CallError, Outcome};
use causality::{Clock, Millis, NodeId};
use storage::Store;
use wire::Message;

use crate::calls::Asked;
use crate::event::{Outbox, RequestId};
use crate::ledger::Micros;
use crate::levels::Requirement;
use crate::mutation::Mutation;
use crate::node::Node;
use crate::paces::{HedgeBudget, Paces};
use envelope::{Handed, Told};

/// How much longer than its own timeout an owner may take to answer.
const GRACE_MS: u64 = 500;

/// Calls that other nodes carry out for this one, and those it carries out for them.
#[derive(Debug, Default)]
pub(crate) struct Forwards {
    out: BTreeMap<wire::RequestId, Forwarded>,
    /// Those that are out, by when they are given up, and by who has them.
    deadlines: BTreeSet<(Millis, wire::RequestId)>,
    by_owner: BTreeSet<(NodeId, wire::RequestId)>,
    /// When those that only read are handed to a second owner.
    hedges: BTreeSet<(Millis, wire::RequestId)>,
    budget: HedgeBudget,
    pub(crate) paces: Paces,
    pub(crate) counts: HedgeCounts,
    bytes: usize,
    /// Calls taken from peers, by the request id they have here.
    taken: BTreeMap<RequestId, Taken>,
    next_taken: u64,
}

/// Second questions, asked because the first owner took longer than usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HedgeCounts {
    /// How many were asked.
    pub asked: u64,
    /// How many were answered first.
    pub won: u64,
}

#[derive(Debug)]
struct Forwarded {
    asked: Asked,
    shard: u16,
    /// Who has it, and since when.
    legs: Vec<(NodeId, Micros)>,
    hedge_at: Option<Millis>,
    tried: Vec<NodeId>,
    size: usize,
}

#[derive(Debug)]
struct Taken {
    from: NodeId,
    request: wire::RequestId,
    /// The shard of which a session at the asking node wants to know what it has seen.
    seen_of: Option<u16>,
}

/// Request ids of calls taken from peers have the top bit set; drivers' ids do not.
pub(crate) const TAKEN_BIT: u64 = 1 << 63;

impl Forwarded {
    fn given_up_at(&self) -> Millis {
        self.asked.deadline.plus(GRACE_MS)
    }
}

impl Forwards {
    fn insert(&mut self, request: wire::RequestId, forwarded: Forwarded) {
        self.deadlines.insert((forwarded.given_up_at(), request));
        self.by_owner.extend(forwarded.legs.iter().map(|(to, _)| (*to, request)));
        self.hedges.extend(forwarded.hedge_at.map(|at| (at, request)));
        self.bytes += forwarded.size;
        self.out.insert(request, forwarded);
    }

    fn remove(&mut self, request: wire::RequestId) -> Option<Forwarded> {
        let forwarded = self.out.remove(&request)?;
        self.deadlines.remove(&(forwarded.given_up_at(), request));
        forwarded.legs.iter().for_each(|(to, _)| _ = self.by_owner.remove(&(*to, request)));
        forwarded.hedge_at.inspect(|at| _ = self.hedges.remove(&(*at, request)));
        self.bytes -= forwarded.size;
        Some(forwarded)
    }

    /// The call that was handed on longest ago.
    pub(crate) fn oldest(&self) -> Option<wire::RequestId> {
        self.out.keys().next().copied()
    }

    /// How many calls are out, and their bytes.
    pub(crate) fn load(&self) -> (usize, usize) {
        (self.out.len(), self.bytes)
    }
}

impl<S: Store> Node<S> {
    /// Hands a call to the nearest owner, or to whoever may stand in when there is none.
    pub(crate) fn forward(&mut self, now: Millis, shard: u16, asked: Asked, out: &mut Outbox) {
        if let Some(to) = self.next_owner(shard, &asked.call, &[]) {
            self.hand_on(now, (to, shard), asked, Vec::new(), out);
            return;
        }
        let owners = self.topology.owners(shard);
        let level = routing::level_of(&asked.call);
        let mut others = owners.iter().filter(|owner| owner.node != self.config.me);
        if self.topology.is_owner(shard, self.config.me) {
            // Not whole yet, and nobody is there who is.
            out.replies.push((asked.client, Outcome::Failed(CallError::NoOwner)));
            return;
        }
        let is_out_of_reach = others.all(|owner| !self.is_reachable(owner.node));
        if !is_out_of_reach && !self.is_sloppy() {
            let missed = Requirement::new(level, &owners).missed(0);
            out.replies.push((asked.client, Outcome::Failed(missed)));
            return;
        }
        match self.first_stand_in(shard) {
            me if me == self.config.me => self.visit_for(now, shard, &asked, out),
            to => self.hand_on(now, (to, shard), asked, Vec::new(), out),
        }
    }

    fn hand_on(
        &mut self,
        now: Millis,
        (to, shard): (NodeId, u16),
        asked: Asked,
        mut tried: Vec<NodeId>,
        out: &mut Outbox,
    ) {
        if self.is_full() {
            out.replies.push((asked.client, Outcome::Failed(CallError::Busy)));
            return;
        }
        tried.push(to);
        let request = self.new_request();
        let patience_ms = asked.deadline.0.saturating_sub(now.0);
        let bytes: Box<[u8]> = envelope::ask(&asked.call, &asked.needs, patience_ms).into();
        let (size, legs) = (bytes.len(), vec![(to, self.steady_time(now))]);
        let is_hedged = !asked.call.operation.is_write() || self.is_mutated(Mutation::WritesHedged);
        let slowest_ms = self.forwards.paces.slowest_ms(to).filter(|_| is_hedged);
        let hedge_at = slowest_ms.map(|slowest_ms| now.plus(slowest_ms));
        self.forwards.budget.asked();
        let forwarded = Forwarded { asked, shard, legs, hedge_at, tried, size };
        self.forwards.insert(request, forwarded);
        self.send(to, Message::Forward { request, bytes }, out);
    }

    /// Hands the reads that take longer than usual to a second owner.
    pub(crate) fn hedge_forwards(&mut self, now: Millis, out: &mut Outbox) {
        while let Some((due, request)) = self.forwards.hedges.first().copied()
            && due <= now
        {
            let mut held = self.forwards.remove(request).expect("its hedge is noted");
            held.hedge_at = None;
            let next = self.next_owner(held.shard, &held.asked.call, &held.tried);
            if let Some(to) = next.filter(|_| now < held.asked.deadline)
                && self.forwards.budget.take()
            {
                let patience_ms = held.asked.deadline.0.saturating_sub(now.0);
                let bytes = envelope::ask(&held.asked.call, &held.asked.needs, patience_ms).into();
                held.tried.push(to);
                held.legs.push((to, self.steady_time(now)));
                self.forwards.counts.asked += 1;
                self.send(to, Message::Forward { request, bytes }, out);
            }
            self.forwards.insert(request, held);
        }
    }

    /// Hands a call of which nothing was done to the next owner, or answers it.
    fn hand_to_next(&mut self, now: Millis, held: Forwarded, outcome: Outcome, out: &mut Outbox) {
        let next = self.next_owner(held.shard, &held.asked.call, &held.tried);
        match next.filter(|_| now < held.asked.deadline) {
            Some(to) => self.hand_on(now, (to, held.shard), held.asked, held.tried, out),
            None => out.replies.push((held.asked.client, outcome)),
        }
    }

    /// Carries out a call for a peer. Bytes that are no call are dropped: the peer's deadline ends
    /// the wait.
    pub(crate) fn take_forward(
        &mut self,
        now: Millis,
        from: NodeId,
        request: wire::RequestId,
        bytes: &[u8],
        out: &mut Outbox,
    ) {
        let Ok(handed) = envelope::read_ask(bytes) else { return };
        let Handed { call, needs, wants_seen, patience_ms } = handed;
        let Some(patience_ms) = self.patience_left(patience_ms) else { return };
        let shard = self.shard_of_call(&call);
        let here = RequestId(TAKEN_BIT | self.forwards.next_taken);
        self.forwards.next_taken += 1;
        let seen_of = shard.filter(|_| wants_seen);
        self.forwards.taken.insert(here, Taken { from, request, seen_of });
        let deadline = self.deadline(now).min(now.plus(patience_ms));
        let asked = Asked { client: here, call, needs, deadline };
        match shard {
            None => out.replies.push((here, Outcome::Failed(CallError::EmptyKey))),
            Some(shard) if self.serves(shard) => {
                if self.is_mutated(Mutation::ForwardedTwice) {
                    let client = RequestId(here.0 | (1 << 62));
                    let (call, needs) = (asked.call.clone(), asked.needs.clone());
                    let again = Asked { client, call, needs, deadline };
                    self.called_here(now, shard, again, out);
                }
                self.called_here(now, shard, asked, out);
            }
            // Never forwarded twice: two nodes that disagree would play ball with it.
            Some(shard) => self.visit_for(now, shard, &asked, out),
        }
    }

    /// Takes the answer to a call that was handed on.
    pub(crate) fn take_forwarded(
        &mut self,
        now: Millis,
        (from, request): (NodeId, wire::RequestId),
        bytes: &[u8],
        out: &mut Outbox,
    ) {
        let Ok(Told { outcome, seen, is_sloppy }) = envelope::read_answer(bytes) else { return };
        let request = self.answered_forward(request);
        let Some(mut held) = self.forwards.remove(request) else { return };
        if is_undone(&outcome) {
            held.legs.retain(|(to, _)| *to != from);
            if held.legs.is_empty() {
                self.hand_to_next(now, held, outcome, out);
            } else {
                self.forwards.insert(request, held);
            }
            return;
        }
        self.note_paces(now, from, &held);
        if let (Some(session), Some(seen)) = (held.asked.call.session, seen) {
            self.sessions.saw(session, held.shard, &seen);
        }
        if is_sloppy {
            out.sloppy.push(held.asked.client);
        }
        out.replies.push((held.asked.client, outcome));
    }

    /// Notes how fast an owner has answered a read; others that have it take longer than that.
    fn note_paces(&mut self, now: Millis, from: NodeId, held: &Forwarded) {
        let now = self.steady_time(now);
        if !held.asked.call.operation.is_write() {
            held.legs.iter().for_each(|(to, asked)| self.forwards.paces.answered(*to, *asked, now));
        }
        let is_second = held.legs.get(1).is_some_and(|(to, _)| *to == from);
        self.forwards.counts.won += u64::from(is_second);
    }

    /// Turns the answers to calls that peers handed on into messages.
    /// Those before the `first` one were looked at when they came.
    pub(crate) fn return_forwarded(&mut self, first: usize, out: &mut Outbox) {
        if self.forwards.taken.is_empty() {
            return;
        }
        for (client, outcome) in out.replies.split_off(first) {
            match self.forwards.taken.remove(&client) {
                Some(Taken { from, request, seen_of }) => {
                    let seen = seen_of.and_then(|shard| self.seen_here(shard));
                    let at = out.sloppy.iter().position(|sloppy| *sloppy == client);
                    let is_sloppy = at.map(|at| out.sloppy.swap_remove(at)).is_some();
                    let told = Told { outcome, seen, is_sloppy };
                    let bytes = envelope::answer(&told).into();
                    self.send(from, Message::Forwarded { request, bytes }, out);
                }
                None => out.replies.push((client, outcome)),
            }
        }
    }

    /// What whoever was answered about a shard here has seen of it.
    fn seen_here(&self, shard: u16) -> Option<Clock> {
        let visit = self.visits.replica(shard).filter(|_| !self.serves(shard));
        visit.or_else(|| self.replicas.get(&shard)).map(replica::Replica::whole_clock)
    }

    /// The owner of some calls is gone. Reads are handed to another one; a write may have been
    /// done.
    pub(crate) fn lose_forwards(&mut self, now: Millis, owner: NodeId, out: &mut Outbox) {
        let all = (owner, wire::RequestId(0))..=(owner, wire::RequestId(u64::MAX));
        let lost: Vec<_> = self.forwards.by_owner.range(all).map(|(_, request)| *request).collect();
        for request in lost {
            let Some(mut held) = self.forwards.remove(request) else { continue };
            held.legs.retain(|(to, _)| *to != owner);
            if !held.legs.is_empty() {
                self.forwards.insert(request, held);
                continue;
            }
            let outcome = Outcome::Failed(CallError::Unanswered);
            let is_write = held.asked.call.operation.is_write();
            if is_write && !self.is_mutated(Mutation::LostWriteHandedOn) {
                out.replies.push((held.asked.client, outcome));
            } else {
                self.hand_to_next(now, held, outcome, out);
            }
        }
    }

    /// Fails the calls whose owner is silent. A write may have been done.
    pub(crate) fn give_up_forwards(&mut self, now: Millis, out: &mut Outbox) {
        while let Some((deadline, request)) = self.forwards.deadlines.first().copied()
            && deadline <= now
        {
            let held = self.forwards.remove(request).expect("its deadline is noted");
            out.replies.push((held.asked.client, Outcome::Failed(CallError::Unanswered)));
        }
    }

    pub(crate) fn next_forward_deadline(&self) -> Option<Millis> {
        let waits = [self.forwards.deadlines.first(), self.forwards.hedges.first()];
        waits.into_iter().flatten().map(|(at, _)| *at).min()
    }
}

/// Whether an answer says that nothing was done, and another owner may do better.
const fn is_undone(outcome: &Outcome) -> bool {
    let Outcome::Failed(error) = outcome else { return false };
    matches!(error, CallError::Busy | CallError::NoOwner | CallError::SessionAhead)
}
