//! What peers say, and what is answered.

use causality::{Millis, NodeId};
use replica::{ReplicaError, SealedDetail};
use storage::Store;
use wire::shard::{GroupsGiven, GroupsWanted, Rest};
use wire::{Batch, Message, Outcome, ShardId};

use crate::event::Outbox;
use crate::exchange::UNAWAITED;
use crate::mutation::Mutation;
use crate::node::Node;
use crate::questions::CatchingUp;
use crate::repairs::Asked;

/// Which question an answer belongs to.
#[derive(Clone, Copy)]
struct Answer {
    from: NodeId,
    shard: ShardId,
    request: wire::RequestId,
}

impl<S: Store> Node<S> {
    /// Takes a peer's message. Answers of steps long over are ignored.
    pub(crate) fn received(
        &mut self,
        now: Millis,
        from: NodeId,
        message: Message,
        out: &mut Outbox,
    ) {
        let Some(peer) = self.peers.get_mut(&from) else { return };
        peer.last_heard = now;
        match message {
            Message::Replicate { shard, request, ops } => {
                self.take_replicated(now, from, Batch { shard, request }, &ops, out);
            }
            Message::Relay { shard, request, targets, ops } => {
                self.take_relay(now, from, Batch { shard, request }, (&targets, ops), out);
            }
            Message::Relayed { shard, request, origin, ops } => {
                self.take_replicated(now, origin, Batch { shard, request }, &ops, out);
            }
            Message::Keep { shard, request, target, ops } => {
                self.take_keep(now, from, Batch { shard, request }, (target, &ops), out);
            }
            Message::Acknowledged { shard, request, outcome, .. } => {
                self.take_acknowledged(now, Answer { from, shard, request }, outcome, out);
            }
            Message::Beat { now: at, root, .. } => self.take_beat(now, from, (at, root), out),
            Message::BeatShards { now: at, shards } => {
                self.take_beat_shards(now, from, (at, &shards), out);
            }
            Message::Sealing { shard, sealing, .. } => {
                self.take_sealing(now, from, shard.0, &sealing, out);
            }
            Message::Wanted { shard, request, wanted } => {
                self.take_wanted(now, Answer { from, shard, request }, &wanted, out);
            }
            Message::KeysWanted { shard, request, repair, patience_ms, keys, wanted } => {
                let (keys, wanted) = (&keys[..], &wanted);
                let asked = Asked { from, shard, request, repair, patience_ms, keys, wanted };
                self.take_keys_wanted(now, asked, out);
            }
            Message::Given { shard, request, given } => {
                self.take_given(now, Answer { from, shard, request }, given, out);
            }
            Message::Forward { request, bytes } => {
                self.take_forward(now, from, request, &bytes, out);
            }
            Message::Forwarded { request, bytes } => {
                self.take_forwarded(now, (from, request), &bytes, out);
            }
            Message::Gossip(bytes) => self.take_news(now, from, &bytes, out),
            Message::Summary { shard, request, summary } => {
                self.take_summary(now, from, (shard, request), &summary, out);
            }
            Message::Compared { shard, request, comparison } => {
                self.take_compared(now, from, (shard.0, request), comparison, out);
            }
            Message::Names { shard, request, names } => {
                self.take_names(now, from, (shard, request), &names, out);
            }
            Message::Lost { shard, request, versions } => {
                self.take_lost(from, (shard, request), &versions, out);
            }
            Message::Reinstate { shard, reinstate, .. } => {
                self.take_reinstate(now, from, shard.0, &reinstate);
            }
            other => self.take_state_message(now, from, other, out),
        }
    }

    fn take_acknowledged(
        &mut self,
        now: Millis,
        Answer { from, shard, request }: Answer,
        outcome: Outcome,
        out: &mut Outbox,
    ) {
        if outcome != Outcome::Applied && !self.is_mutated(Mutation::BusyCounts) {
            self.hints.refused(now, from, request);
            return;
        }
        for named in self.hints.acknowledged(from, request) {
            self.note_held(from, named);
            self.settle(from, named);
        }
        self.handed_over(now, from, request);
        self.relays.settled(&self.hints, request);
        let request = self.acknowledged_call(request);
        for owner in self.answered_for(from, request) {
            self.owner_answered(now, owner, request, out);
        }
        self.note_acknowledged(now, from, shard.0, request);
    }

    /// Applies operations that a coordinator sends.
    pub(crate) fn take_ops(&mut self, now: Millis, shard: u16, ops: &[cells::OwnedOp]) -> Outcome {
        if self.is_mutated(Mutation::AcknowledgedUnapplied) {
            return Outcome::Applied;
        }
        let Some(replica) = self.replicas.get_mut(&shard) else { return Outcome::Refused };
        self.unstable.insert(shard);
        let mut outcome = Outcome::Applied;
        for op in ops {
            self.exchange.lag.arrived(now, op.time);
            self.ledger.arrived(now, op.dot.actor.node(), op.time);
            match replica.apply(&mut self.store, now, &op.borrow()) {
                Ok(replica::Applied::Now) => self.delivered.by_write += 1,
                Ok(replica::Applied::Before) => {}
                Err(ReplicaError::Fetching | ReplicaError::Frozen { .. }) => {
                    outcome = Outcome::Busy;
                }
                Err(_) => outcome = Outcome::Refused,
            }
        }
        outcome
    }

    fn take_wanted(
        &mut self,
        now: Millis,
        Answer { from, shard, request }: Answer,
        wanted: &GroupsWanted,
        out: &mut Outbox,
    ) {
        // A read that waits must not count an owner that is not whole.
        if request.0 != 0 && self.transfers.is_filling(shard.0) {
            return;
        }
        let moment = self.exchange.lag.moment(now);
        self.heed_clock(now, from, (shard.0, &wanted.applied), out);
        self.note_covered(now, from, shard.0, &wanted.applied);
        let Some(replica) = self.replicas.get_mut(&shard.0) else { return };
        // What a peer asks from is what it has: the log is pruned by that.
        replica.report(from, wanted.applied.clone());
        let given = if request == UNAWAITED {
            replica.give_settled_groups(&mut self.store, wanted, moment)
        } else {
            replica.give_groups(&mut self.store, wanted)
        };
        match given {
            Ok(given) => self.send(from, Message::Given { shard, request, given }, out),
            Err(error) if error.is_damage() => self.suspect(shard.0),
            Err(_) => {}
        }
    }

    fn take_given(
        &mut self,
        now: Millis,
        Answer { from, shard, request }: Answer,
        given: GroupsGiven,
        out: &mut Outbox,
    ) {
        let given = match given {
            GroupsGiven::Groups { groups, rest, horizon, sealed } => {
                let groups = self.taken_groups(request, groups);
                GroupsGiven::Groups { groups, rest, horizon, sealed }
            }
            other => other,
        };
        if !self.replicas.contains_key(&shard.0) {
            return;
        }
        match given {
            GroupsGiven::SealedNeeded => {
                self.ask_for(now, (from, shard.0), request, SealedDetail::Whole, out);
            }
            GroupsGiven::StateNeeded => {
                self.ask_rest(now, request, out);
                self.repair_answered(request, out);
                self.exchange.asks.forget_shard(shard.0);
                self.want_state(now, shard.0, from, out);
            }
            GroupsGiven::Groups { groups, rest, horizon, sealed } => {
                if let Some(sealed) = &sealed {
                    self.heed_sealed(now, from, (shard.0, sealed), out);
                }
                let Some(replica) = self.replicas.get_mut(&shard.0) else { return };
                if let Some(sealed) = sealed {
                    // Refused while taking over state; learnt again with the next exchange.
                    let _ = replica.learn_sealed(&mut self.store, &sealed);
                }
                if let Some(CatchingUp { call, .. }) = self.calls.catching_up(request) {
                    self.ledger.reads.compared(now, &call.key, &groups);
                }
                let is_repair = self.repairs.is_open(request);
                let taken = replica.take_groups(&mut self.store, now, horizon, &groups);
                // A read that asked must not be answered without what was refused here.
                let is_taken = taken.is_ok();
                let taken = taken.unwrap_or_default();
                let applied = taken.applied.len();
                self.delivered.by_exchange += applied as u64;
                self.exchange.counts.taken += applied as u64;
                self.exchange.counts.known += taken.known_count as u64;
                self.repairs.counts.moved += if is_repair { applied as u64 } else { 0 };
                self.unstable.insert(shard.0);
                self.operations_arrived(now, shard.0, out);
                // What was known already is no reason to stop: another peer may have given it while
                // this answer was on its way, and what follows is not known.
                let has_moved = applied > 0 || taken.known_count > 0;
                let is_more = rest == Rest::More && !self.is_mutated(Mutation::RestForgotten);
                if is_more && has_moved {
                    self.exchange.asks.go_on(shard.0, from, now);
                    self.ask_for(now, (from, shard.0), request, SealedDetail::Whole, out);
                } else if is_repair {
                    self.repair_answered(request, out);
                } else if request == UNAWAITED {
                    self.ask_next(now, from, shard.0, out);
                } else if is_taken && !is_more {
                    self.calls.note_pace(from, request, self.steady_time(now));
                    self.owner_answered(now, from, request, out);
                } else {
                    self.ask_rest(now, request, out);
                }
            }
        }
    }
}

/// How many bytes of operations an exchange takes at a time.
pub(crate) const EXCHANGE_BUDGET: u32 = 1024 * 1024;
