//! One copy of a write for each remote datacenter: a relay there passes it on.
//!
//! The coordinator sends a write once over the long link, to one owner of each remote datacenter,
//! and names the others that are to have it from there. Every owner answers the coordinator itself:
//! an acknowledgement says what its sender has applied and nothing about anybody else, so levels
//! count as they do without relays, whichever view each owner acts by.
//!
//! Invariants: whom a relay has not reached within its patience, or when its link is lost, is sent
//! the write by the coordinator, under the same request; what does not arrive after all is hinted
//! as any write. An owner may get a write twice and applies it once.

use std::collections::{BTreeMap, BTreeSet};

use causality::{Millis, NodeId};
use cells::OwnedOp;
use storage::Store;
use wire::{Batch, Message, Outcome, RequestId, ShardId};

use crate::event::Outbox;
use crate::hints::Hints;
use crate::levels::Owner;
use crate::membership::Liveness;
use crate::mutation::Mutation;
use crate::node::Node;

/// How much of a request's time a relay has, as a divisor.
const PATIENCE_PART: u64 = 4;

/// What relays have done for this node's writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayCounts {
    /// Copies that did not cross a long link, because a relay passed them on.
    pub saved: u64,
    /// Copies that were sent after all: the relay was lost or too slow.
    pub resent: u64,
}

/// The writes that relays pass on.
#[derive(Debug, Default)]
pub(crate) struct Relays {
    due: BTreeSet<(Millis, RequestId)>,
    by_relay: BTreeSet<(NodeId, RequestId)>,
    open: BTreeMap<RequestId, Relayed>,
    pub(crate) counts: RelayCounts,
}

#[derive(Debug)]
struct Relayed {
    due: Millis,
    /// Each relay, and whom it passes the write on to.
    legs: Vec<Leg>,
}

/// One copy over a long link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leg {
    relay: NodeId,
    others: Vec<NodeId>,
}

impl Relays {
    fn insert(&mut self, request: RequestId, due: Millis, legs: Vec<Leg>) {
        self.due.insert((due, request));
        self.by_relay.extend(legs.iter().map(|leg| (leg.relay, request)));
        self.open.insert(request, Relayed { due, legs });
    }

    fn remove(&mut self, request: RequestId) -> Vec<Leg> {
        let Some(relayed) = self.open.remove(&request) else { return Vec::new() };
        self.due.remove(&(relayed.due, request));
        relayed.legs.iter().for_each(|leg| _ = self.by_relay.remove(&(leg.relay, request)));
        relayed.legs
    }

    pub(crate) fn next_deadline(&self) -> Option<Millis> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Forgets a write that everybody has.
    pub(crate) fn settled(&mut self, hints: &Hints, request: RequestId) {
        if self.open.contains_key(&request) && hints.lacking(request).is_none() {
            self.remove(request);
        }
    }

    /// Those who were to have a write from a relay.
    pub(crate) fn behind(&self, relay: NodeId, request: RequestId) -> Vec<NodeId> {
        let legs = self.open.get(&request).into_iter().flat_map(|relayed| &relayed.legs);
        legs.filter(|leg| leg.relay == relay).flat_map(|leg| leg.others.clone()).collect()
    }
}

impl<S: Store> Node<S> {
    /// Sends a write to owners that can be reached: to those nearby one by one, to each remote
    /// datacenter once.
    pub(crate) fn send_to_owners(
        &mut self,
        now: Millis,
        (shard, request): (ShardId, RequestId),
        owners: &[Owner],
        ops: &[OwnedOp],
        out: &mut Outbox,
    ) {
        let mut by_datacenter: BTreeMap<usize, Vec<NodeId>> = BTreeMap::new();
        for owner in owners {
            if owner.is_local || !self.config.coordination.relays || !self.hints.has_room() {
                self.replicate_to(owner.node, (shard, request), ops, out);
            } else {
                by_datacenter.entry(owner.datacenter).or_default().push(owner.node);
            }
        }
        let mut legs = Vec::new();
        for nodes in by_datacenter.into_values() {
            let relay = self.relay_of(&nodes, request);
            let others: Vec<NodeId> = nodes.into_iter().filter(|node| *node != relay).collect();
            if others.is_empty() {
                self.replicate_to(relay, (shard, request), ops, out);
                continue;
            }
            self.relays.counts.saved += others.len() as u64;
            let (targets, ops) = (others.clone(), self.sent_ops(ops).into_owned());
            self.send(relay, Message::Relay { shard, request, targets, ops }, out);
            legs.push(Leg { relay, others });
        }
        if !legs.is_empty() {
            let due = now.plus(self.config.request_timeout_ms / PATIENCE_PART);
            self.relays.insert(request, due, legs);
        }
    }

    /// The owner of a remote datacenter that passes a write on: they take turns, as far as they
    /// seem well.
    fn relay_of(&self, nodes: &[NodeId], request: RequestId) -> NodeId {
        let well: Vec<NodeId> =
            nodes.iter().copied().filter(|node| self.liveness(*node) == Liveness::Up).collect();
        let able = if well.is_empty() { nodes } else { &well };
        able[usize::try_from(request.0 % able.len() as u64).expect("less than a length")]
    }

    fn replicate_to(
        &self,
        owner: NodeId,
        (shard, request): (ShardId, RequestId),
        ops: &[OwnedOp],
        out: &mut Outbox,
    ) {
        let ops = self.sent_ops(ops).into_owned();
        self.send(owner, Message::Replicate { shard, request, ops }, out);
    }

    /// Takes a write to pass on.
    pub(crate) fn take_relay(
        &mut self,
        now: Millis,
        origin: NodeId,
        batch: Batch,
        (targets, ops): (&[NodeId], Vec<OwnedOp>),
        out: &mut Outbox,
    ) {
        let Batch { shard, request } = batch;
        let targets: Vec<NodeId> = targets.iter().copied().filter(|to| *to != origin).collect();
        let is_mutated = self.is_mutated(Mutation::RelayKeepsToItself);
        for target in targets.iter().filter(|_| !is_mutated) {
            let ops = ops.clone();
            self.send(*target, Message::Relayed { shard, request, origin, ops }, out);
        }
        self.take_replicated(now, origin, batch, &ops, out);
    }

    /// Applies operations that a coordinator has sent, whichever way, and tells it what became of
    /// them.
    pub(crate) fn take_replicated(
        &mut self,
        now: Millis,
        origin: NodeId,
        Batch { shard, request }: Batch,
        ops: &[OwnedOp],
        out: &mut Outbox,
    ) {
        let outcome: Outcome = self.take_ops(now, shard.0, ops);
        self.operations_arrived(now, shard.0, out);
        let clock = None;
        self.send(origin, Message::Acknowledged { shard, request, outcome, clock }, out);
    }

    /// Sends to everybody whom relays have not reached in time.
    pub(crate) fn replace_slow_relays(&mut self, now: Millis, out: &mut Outbox) {
        while let Some((due, request)) = self.relays.due.first().copied()
            && due <= now
        {
            self.replace_relays(request, out);
        }
    }

    /// A relay can no longer be reached.
    pub(crate) fn replace_relay(&mut self, relay: NodeId, out: &mut Outbox) {
        let all = (relay, RequestId(0))..=(relay, RequestId(u64::MAX));
        let lost: Vec<RequestId> =
            self.relays.by_relay.range(all).map(|(_, request)| *request).collect();
        lost.into_iter().for_each(|request| self.replace_relays(request, out));
    }

    fn replace_relays(&mut self, request: RequestId, out: &mut Outbox) {
        let legs = self.relays.remove(request);
        if self.is_mutated(Mutation::LostRelayNotReplaced) {
            return;
        }
        let Some((named, lacking)) = self.hints.lacking(request) else { return };
        let Some(shard) = named.first().map(|named| ShardId(named.shard)) else { return };
        let others: Vec<NodeId> = legs.into_iter().flat_map(|leg| leg.others).collect();
        let is_due = |to: &NodeId| lacking.contains(to) && self.is_reachable(*to);
        let others: Vec<NodeId> = others.into_iter().filter(is_due).collect();
        let ops: Vec<OwnedOp> = named.into_iter().filter_map(|of| self.named_op(of)).collect();
        for owner in others.into_iter().filter(|_| !ops.is_empty()) {
            self.relays.counts.resent += 1;
            self.replicate_to(owner, (shard, request), &ops, out);
        }
    }
}
