//! Calls for keys that this node does not own: handed to an owner, its answer handed back.
//!
//! A call is handed to another owner when the first one is known to have done nothing, or when it
//! only reads. Invariant: a write is carried out by one owner at most.

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
use crate::levels::Requirement;
use crate::mutation::Mutation;
use crate::node::Node;
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
    bytes: usize,
    /// Calls taken from peers, by the request id they have here.
    taken: BTreeMap<RequestId, Taken>,
    next_taken: u64,
}

#[derive(Debug)]
struct Forwarded {
    asked: Asked,
    shard: u16,
    to: NodeId,
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
const TAKEN_BIT: u64 = 1 << 63;

impl Forwarded {
    fn given_up_at(&self) -> Millis {
        self.asked.deadline.plus(GRACE_MS)
    }
}

impl Forwards {
    fn insert(&mut self, request: wire::RequestId, forwarded: Forwarded) {
        self.deadlines.insert((forwarded.given_up_at(), request));
        self.by_owner.insert((forwarded.to, request));
        self.bytes += forwarded.size;
        self.out.insert(request, forwarded);
    }

    fn remove(&mut self, request: wire::RequestId) -> Option<Forwarded> {
        let forwarded = self.out.remove(&request)?;
        self.deadlines.remove(&(forwarded.given_up_at(), request));
        self.by_owner.remove(&(forwarded.to, request));
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
            let missed = Requirement::new(level, owners).missed(0);
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
        let size = bytes.len();
        self.forwards.insert(request, Forwarded { asked, shard, to, tried, size });
        self.send(to, Message::Forward { request, bytes }, out);
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
        request: wire::RequestId,
        bytes: &[u8],
        out: &mut Outbox,
    ) {
        let Ok(Told { outcome, seen, is_sloppy }) = envelope::read_answer(bytes) else { return };
        let request = self.answered_forward(request);
        let Some(held) = self.forwards.remove(request) else { return };
        if is_undone(&outcome) {
            self.hand_to_next(now, held, outcome, out);
            return;
        }
        if let (Some(session), Some(seen)) = (held.asked.call.session, seen) {
            self.sessions.saw(session, held.shard, &seen);
        }
        if is_sloppy {
            out.sloppy.push(held.asked.client);
        }
        out.replies.push((held.asked.client, outcome));
    }

    /// Turns the answers to calls that peers handed on into messages.
    pub(crate) fn return_forwarded(&mut self, out: &mut Outbox) {
        if self.forwards.taken.is_empty() {
            return;
        }
        for (client, outcome) in std::mem::take(&mut out.replies) {
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
            let Some(held) = self.forwards.remove(request) else { continue };
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
        self.forwards.deadlines.first().map(|(deadline, _)| *deadline)
    }
}

/// Whether an answer says that nothing was done, and another owner may do better.
const fn is_undone(outcome: &Outcome) -> bool {
    let Outcome::Failed(error) = outcome else { return false };
    matches!(error, CallError::Busy | CallError::NoOwner | CallError::SessionAhead)
}
