//! What a call that looks at other owners asks them for: its keys, or the whole shard.
//!
//! Ahead of a call, only what is missing on its keys is taken, so it never waits for what an
//! outage has left to catch up on; the exchange brings that. Each cell comes with every operation
//! that is missing on it, and after the clears that hit its key: the groups of the exchange, and no
//! merged state. What is taken ahead leaves holes in the clock here, which says so to everyone.
//!
//! No more owners are asked than the level needs, the nearest first. When one of them takes longer
//! than it did 99 times in 100, or cannot answer, the others are asked as well: a few calls in a
//! hundred, and every call before a quarter of its time is over.
//!
//! A call is not keyed when more than its keys must be here afterwards: it walks the shard, or its
//! session has seen of other keys what is not known to be here. The session would take the shard
//! for caught up, and its next read of another key would miss what it has seen.

use std::collections::BTreeSet;

use api::{Call, Operation};
use causality::{Millis, NodeId};
use cells::KeyAddress;
use replica::SealedDetail;
use storage::Store;
use wire::{Message, RequestId, ShardId};

use crate::calls::Round;
use crate::event::Outbox;
use crate::exchange::UNAWAITED;
use crate::levels::{Owner, Requirement};
use crate::membership::Liveness;
use crate::mutation::Mutation;
use crate::node::Node;
use crate::peers::EXCHANGE_BUDGET;

/// The most keys that are asked for one by one; a batch of more takes the shard.
const KEYS_MAX: usize = 64;

/// How many bytes of operations a call takes at a time.
const CALL_BUDGET: u32 = 256 * 1024;

/// What must be here before a call is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// What the others have of its keys.
    Keys,
    /// What the others have of the shard.
    Shard,
}

/// How long an owner of which nothing is known is waited for alone.
const UNKNOWN_MS: u64 = 20;

/// At which part of a request's time everybody is asked.
const LAST_RESORT_PART: u64 = 4;

/// A call that waits for what other owners have.
pub(crate) struct CatchingUp<'a> {
    pub(crate) call: &'a Call,
    pub(crate) scope: Scope,
    pub(crate) deadline: Millis,
}

/// The keys that a call is about; nothing when it is about the shard.
pub(crate) fn keys_of(call: &Call) -> Option<BTreeSet<KeyAddress<'_>>> {
    let mut keys = BTreeSet::new();
    match &call.operation {
        Operation::OnShard { .. } => return None,
        Operation::Batch(batch) => {
            let (checks, parts) = (batch.checks.iter(), batch.parts.iter());
            keys.extend(checks.map(|of| KeyAddress { keyspace: of.keyspace, key: &of.key }));
            keys.extend(parts.map(|of| KeyAddress { keyspace: of.keyspace, key: &of.key }));
            keys.retain(|key| !key.key.is_empty());
        }
        _ => _ = keys.insert(KeyAddress { keyspace: call.keyspace, key: &call.key }),
    }
    (keys.len() <= KEYS_MAX).then_some(keys)
}

impl<S: Store> Node<S> {
    /// What a call needs of other owners; its session may have seen what is not here.
    pub(crate) fn scope_of(&self, call: &Call, is_session_ahead: bool) -> Scope {
        let is_of_keys = !is_session_ahead || self.is_mutated(Mutation::SessionsTakeKeys);
        if is_of_keys && keys_of(call).is_some() { Scope::Keys } else { Scope::Shard }
    }

    /// Asks a peer for what is missing here: for a call that waits, for a repair, or for the
    /// exchange.
    pub(crate) fn ask_for(
        &self,
        now: Millis,
        (to, shard): (NodeId, u16),
        request: RequestId,
        sealed: SealedDetail,
        out: &mut Outbox,
    ) {
        let Some(replica) = self.replicas.get(&shard) else { return };
        let (shard, call) = (ShardId(shard), self.calls.catching_up(request));
        let budget = if request == UNAWAITED { EXCHANGE_BUDGET } else { CALL_BUDGET };
        let wanted = replica.want_groups(budget, sealed);
        let asked = match &call {
            Some(call) if call.scope == Scope::Keys => keys_of(call.call)
                .map(|keys| (replica.key_sums(keys), self.repair(), call.deadline)),
            Some(_) => None,
            None => match self.repairs.question(request) {
                Some((keys, repair, until)) => Some((replica.key_sums(keys), repair, until)),
                // Nobody waits for it any more; the exchange goes on.
                None if request != UNAWAITED => return,
                None => None,
            },
        };
        let message = match asked {
            Some((keys, repair, until)) => {
                let patience_ms = until.0.saturating_sub(now.0);
                Message::KeysWanted { shard, request, repair, patience_ms, keys, wanted }
            }
            None => Message::Wanted { shard, request, wanted },
        };
        self.send(to, message, out);
    }

    /// Chooses whom a call asks at first: no more owners than it needs, the nearest that seem well.
    /// A session that is behind asks all: any of them may have what it has seen.
    pub(crate) fn new_round(
        &self,
        now: Millis,
        (shard, scope): (u16, Scope),
        requirement: &Requirement,
    ) -> Round {
        let asked_at = self.steady_time(now);
        let owners = self.topology.owners(shard);
        let reachable =
            |owner: &&Owner| owner.node != self.config.me && self.is_reachable(owner.node);
        let mut rest: Vec<Owner> = owners.iter().filter(reachable).copied().collect();
        let turn = usize::try_from(self.next_request % (rest.len().max(1) as u64));
        rest.rotate_left(turn.expect("less than a length"));
        if scope == Scope::Shard {
            let asked = rest.into_iter().map(|owner| owner.node).collect();
            return Round { asked, asked_at, ..Round::default() };
        }
        let paces = &self.calls.paces;
        rest.sort_by_key(|owner| {
            let is_well = self.liveness(owner.node) == Liveness::Up;
            (!is_well, !owner.is_local, paces.usual(owner.node) / 2)
        });
        let mut asked: Vec<NodeId> = Vec::new();
        let is_enough = |asked: &[NodeId]| {
            requirement.can_be_met(|node| node == self.config.me || asked.contains(&node))
        };
        for owner in &rest {
            if !is_enough(&asked) {
                asked.push(owner.node);
            }
        }
        for at in (0..asked.len()).rev() {
            let without = asked.iter().enumerate().filter(|(other, _)| *other != at);
            let without: Vec<NodeId> = without.map(|(_, node)| *node).collect();
            if is_enough(&without) {
                asked = without;
            }
        }
        let rest: Vec<NodeId> = rest.into_iter().map(|owner| owner.node).collect();
        let rest: Vec<NodeId> = rest.into_iter().filter(|node| !asked.contains(node)).collect();
        let slowest = asked.iter().map(|node| paces.slowest_ms(*node).unwrap_or(UNKNOWN_MS)).max();
        let patience_ms = slowest.unwrap_or(0).min(self.last_resort_ms());
        let rest_at = (!rest.is_empty()).then(|| now.plus(patience_ms));
        let first_count = asked.len();
        Round { asked, first_count, asked_at, rest, rest_at, is_postponed: false }
    }

    /// After how long a call asks everybody, whatever that costs.
    pub(crate) const fn last_resort_ms(&self) -> u64 {
        self.config.request_timeout_ms / LAST_RESORT_PART
    }

    /// Asks the owners that a call has not asked yet.
    pub(crate) fn ask_rest(&mut self, now: Millis, request: RequestId, out: &mut Outbox) {
        let Some((shard, rest)) = self.calls.take_rest(request) else { return };
        for node in rest {
            self.ask_for(now, (node, shard), request, SealedDetail::Hash, out);
        }
    }

    /// Asks further owners for the calls whose first ones take longer than they usually do.
    pub(crate) fn ask_late(&mut self, now: Millis, out: &mut Outbox) {
        let (is_mutated, wait_ms) =
            (self.is_mutated(Mutation::RestNeverAsked), self.last_resort_ms());
        while let Some((due, request)) = self.calls.next_rest().filter(|(due, _)| *due <= now) {
            if is_mutated {
                self.calls.take_rest(request);
            } else if self.calls.budget.take() || !self.calls.postpone_rest(request, due, wait_ms) {
                self.ask_rest(now, request, out);
            }
        }
    }

    /// Asks further owners for the calls that have asked one which is gone.
    pub(crate) fn ask_without(&mut self, now: Millis, gone: NodeId, out: &mut Outbox) {
        for request in self.calls.asking(gone) {
            self.ask_rest(now, request, out);
        }
    }
}
