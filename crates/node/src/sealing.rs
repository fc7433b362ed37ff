//! Retiring an actor of a shard: the rounds by which its owners agree what it minted.
//!
//! What the steps mean is the replica's business; here they travel. A promise that a replica makes
//! in a round leaves this node only after a checkpoint holds it. A round that stands still is
//! begun again under a higher ballot by whoever wanted it; and by an owner that has promised its
//! part and hears no more, because the last step may be lost and its leader may be gone.

use std::collections::{BTreeMap, BTreeSet};

use causality::{Actor, Millis, NodeId};
use replica::{Ballot, RoundStep, SealingRound};
use storage::Store;
use wire::shard::Sealing;
use wire::{Message, RequestId, ShardId};

use crate::event::Outbox;
use crate::node::Node;

/// How long a round may take before it is begun again.
const PATIENCE_MS: u64 = 5_000;

const UNAWAITED: RequestId = RequestId(0);

/// How long an owner that has done its part waits for the end, before it leads a round itself.
const OWNER_PATIENCE_MS: u64 = 3 * PATIENCE_MS;

/// The rounds that this node leads, or takes part in.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    open: BTreeMap<(u16, Actor), Round>,
    /// Since when actors have been waiting here for their rounds to end.
    frozen: BTreeMap<(u16, Actor), Millis>,
}

#[derive(Debug)]
struct Round {
    round: SealingRound,
    deadline: Millis,
}

impl Rounds {
    /// How many rounds are under way; those that stand still are not.
    pub(crate) fn open_count(&self, now: Millis) -> usize {
        self.open.values().filter(|round| now < round.deadline).count()
    }
}

impl<S: Store> Node<S> {
    /// Begins to retire an actor, unless that is under way or some owner cannot be reached.
    pub(crate) fn start_sealing(
        &mut self,
        now: Millis,
        shard: u16,
        actor: Actor,
        out: &mut Outbox,
    ) {
        let is_open = self.rounds.open.get(&(shard, actor)).is_some_and(|r| now < r.deadline);
        let owners = self.topology.owners(shard);
        let owners: BTreeSet<NodeId> = owners.iter().map(|owner| owner.node).collect();
        // While the shard moves, those who hold it are more than those who own it.
        let is_moving = self.topology.everyone(shard).len() != owners.len();
        if is_open
            || is_moving
            || owners.is_empty()
            || !owners.iter().all(|owner| self.is_reachable(*owner))
        {
            return;
        }
        let (round, first) = SealingRound::start(actor, Ballot(now.0), owners);
        let deadline = now.plus(PATIENCE_MS);
        self.rounds.open.insert((shard, actor), Round { round, deadline });
        self.tell_owners(now, shard, &first, out);
    }

    /// Takes a step of a round, as one of its replicas or as its leader.
    pub(crate) fn take_sealing(
        &mut self,
        now: Millis,
        from: NodeId,
        shard: u16,
        step: &Sealing,
        out: &mut Outbox,
    ) {
        match step {
            Sealing::Freeze { .. } | Sealing::Allow { .. } | Sealing::Seal { .. } => {
                let Some(replica) = self.replicas.get_mut(&shard) else { return };
                // A replica that cannot follow now is asked again, or learns it by exchange.
                let answer = replica.take_sealing(&mut self.store, step).ok().flatten();
                out.is_checkpoint_due = true;
                if let Some(answer) = answer {
                    self.tell(now, shard, from, answer, out);
                }
            }
            Sealing::Frozen { actor, .. } | Sealing::Complete { actor, .. } => {
                let Some(held) = self.rounds.open.get_mut(&(shard, *actor)) else { return };
                if let RoundStep::Broadcast(next) = held.round.answered(from, step) {
                    self.tell_owners(now, shard, &next, out);
                    if matches!(next, Sealing::Seal { .. }) {
                        self.rounds.open.remove(&(shard, *actor));
                        self.visits.sealed(shard, *actor);
                    }
                }
            }
        }
    }

    /// Leads the rounds that have stood still for long.
    pub(crate) fn finish_sealing(&mut self, now: Millis, out: &mut Outbox) {
        let held = self.replicas.iter();
        let frozen = held.flat_map(|(shard, one)| one.frozen_actors().map(|actor| (*shard, actor)));
        let before = std::mem::take(&mut self.rounds.frozen);
        let since = |at| (at, before.get(&at).copied().unwrap_or(now));
        self.rounds.frozen = frozen.map(since).collect();
        let is_late = |since: Millis| now.0.saturating_sub(since.0) >= OWNER_PATIENCE_MS;
        let late = self.rounds.frozen.iter().filter(|(_, since)| is_late(**since));
        let late: Vec<(u16, Actor)> = late.map(|(at, _)| *at).collect();
        for (shard, actor) in late {
            self.start_sealing(now, shard, actor, out);
        }
    }

    fn tell_owners(&mut self, now: Millis, shard: u16, step: &Sealing, out: &mut Outbox) {
        for owner in self.topology.owners(shard).iter() {
            self.tell(now, shard, owner.node, step.clone(), out);
        }
    }

    fn tell(&mut self, now: Millis, shard: u16, to: NodeId, sealing: Sealing, out: &mut Outbox) {
        if to == self.config.me {
            self.take_sealing(now, to, shard, &sealing, out);
        } else {
            let (shard, request) = (ShardId(shard), UNAWAITED);
            self.send(to, Message::Sealing { shard, request, sealing }, out);
        }
    }
}
