//! Calls for keys that this node does not own: handed to an owner, its answer handed back.

mod call_format;
mod outcome_format;

use std::collections::BTreeMap;

use api::{Call, CallError, Outcome};
use causality::{Millis, NodeId};
use storage::Store;
use wire::Message;

use crate::event::{Outbox, RequestId};
use crate::node::Node;

/// The most calls that are out at once; more are refused.
const FORWARDS_MAX: usize = 65_536;

/// How much longer than its own timeout an owner may take to answer.
const GRACE_MS: u64 = 500;

/// Calls that other nodes carry out for this one, and those it carries out for them.
#[derive(Debug, Default)]
pub(crate) struct Forwards {
    out: BTreeMap<wire::RequestId, Forwarded>,
    /// Calls taken from peers, by the request id they have here.
    taken: BTreeMap<RequestId, (NodeId, wire::RequestId)>,
    next_taken: u64,
}

#[derive(Debug)]
struct Forwarded {
    client: RequestId,
    to: NodeId,
    deadline: Millis,
}

/// Request ids of calls taken from peers have the top bit set; drivers' ids do not.
const TAKEN_BIT: u64 = 1 << 63;

impl<S: Store> Node<S> {
    /// Hands a call to an owner: one in this datacenter if any can be reached.
    pub(crate) fn forward(
        &mut self,
        now: Millis,
        client: RequestId,
        shard: u16,
        call: &Call,
        out: &mut Outbox,
    ) {
        let owners = self.topology.owners(shard);
        let reachable = owners.iter().filter(|owner| self.is_reachable(owner.node));
        let Some(owner) = reachable.max_by_key(|owner| owner.is_local).map(|owner| owner.node)
        else {
            out.replies.push((client, Outcome::Failed(CallError::NoOwner)));
            return;
        };
        if self.forwards.out.len() >= FORWARDS_MAX {
            out.replies.push((client, Outcome::Failed(CallError::Busy)));
            return;
        }
        let request = self.new_request();
        let deadline = now.plus(self.config.request_timeout_ms + GRACE_MS);
        self.forwards.out.insert(request, Forwarded { client, to: owner, deadline });
        let bytes = call_format::encode(call).into();
        self.send(owner, Message::Forward { request, bytes }, out);
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
        let Ok(call) = call_format::decode(bytes) else { return };
        let shard = self.topology.shard_of(&call.key);
        let here = RequestId(TAKEN_BIT | self.forwards.next_taken);
        self.forwards.next_taken += 1;
        self.forwards.taken.insert(here, (from, request));
        if self.replicas.contains_key(&shard) {
            self.called(now, here, call, out);
        } else {
            // Never forwarded twice: two nodes that disagree would play ball with it.
            out.replies.push((here, Outcome::Failed(CallError::NoOwner)));
        }
    }

    /// Takes the answer to a call that was handed on.
    pub(crate) fn take_forwarded(
        &mut self,
        request: wire::RequestId,
        bytes: &[u8],
        out: &mut Outbox,
    ) {
        let Ok(outcome) = outcome_format::decode(bytes) else { return };
        if let Some(forwarded) = self.forwards.out.remove(&request) {
            out.replies.push((forwarded.client, outcome));
        }
    }

    /// Turns the answers to calls that peers handed on into messages.
    pub(crate) fn return_forwarded(&mut self, out: &mut Outbox) {
        if self.forwards.taken.is_empty() {
            return;
        }
        for (client, outcome) in std::mem::take(&mut out.replies) {
            match self.forwards.taken.remove(&client) {
                Some((peer, request)) => {
                    let bytes = outcome_format::encode(&outcome).into();
                    self.send(peer, Message::Forwarded { request, bytes }, out);
                }
                None => out.replies.push((client, outcome)),
            }
        }
    }

    /// Fails the calls whose owner is gone or silent. A write may have been done.
    pub(crate) fn give_up_forwards(&mut self, now: Millis, out: &mut Outbox) {
        let is_lost = |held: &Forwarded| held.deadline <= now || !self.is_reachable(held.to);
        let lost: Vec<wire::RequestId> = self
            .forwards
            .out
            .iter()
            .filter(|(_, held)| is_lost(held))
            .map(|(request, _)| *request)
            .collect();
        for request in lost {
            if let Some(forwarded) = self.forwards.out.remove(&request) {
                let error = CallError::Unanswered;
                out.replies.push((forwarded.client, Outcome::Failed(error)));
            }
        }
    }

    pub(crate) fn next_forward_deadline(&self) -> Option<Millis> {
        self.forwards.out.values().next().map(|held| held.deadline)
    }
}
