//! What peers say, and what is answered.

use causality::{Millis, NodeId};
use replica::{ReplicaError, SealedDetail};
use storage::Store;
use wire::shard::{GroupsGiven, GroupsWanted, Rest};
use wire::{Message, Outcome, ShardId};

use crate::event::Outbox;
use crate::node::Node;

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
                let outcome = self.take_ops(now, shard.0, &ops);
                let clock = None;
                let message = Message::Acknowledged { shard, request, outcome, clock };
                self.send(from, message, out);
            }
            Message::Acknowledged { request, outcome, .. } => {
                if outcome == Outcome::Applied {
                    self.owner_answered(now, from, request, out);
                }
            }
            Message::Beat { root, .. } => self.take_beat(from, root, out),
            Message::BeatShards { shards, .. } => self.take_beat_shards(from, &shards, out),
            Message::Wanted { shard, request, wanted } => {
                self.take_wanted(from, shard, request, &wanted, out);
            }
            Message::Given { shard, request, given } => {
                self.take_given(now, Answer { from, shard, request }, given, out);
            }
            Message::Forward { request, bytes } => {
                self.take_forward(now, from, request, &bytes, out);
            }
            Message::Forwarded { request, bytes } => self.take_forwarded(request, &bytes, out),
            other => self.take_state_message(now, from, other, out),
        }
    }

    /// Applies operations that a coordinator sends.
    fn take_ops(&mut self, now: Millis, shard: u16, ops: &[cells::OwnedOp]) -> Outcome {
        let Some(replica) = self.replicas.get_mut(&shard) else { return Outcome::Refused };
        self.unstable.insert(shard);
        let mut outcome = Outcome::Applied;
        for op in ops {
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
        from: NodeId,
        shard: ShardId,
        request: wire::RequestId,
        wanted: &GroupsWanted,
        out: &mut Outbox,
    ) {
        let Some(replica) = self.replicas.get_mut(&shard.0) else { return };
        // What a peer asks from is what it has: the log is pruned by that.
        replica.report(from, wanted.applied.clone());
        if let Ok(given) = replica.give_groups(&mut self.store, wanted) {
            self.send(from, Message::Given { shard, request, given }, out);
        }
    }

    fn take_given(
        &mut self,
        now: Millis,
        Answer { from, shard, request }: Answer,
        given: GroupsGiven,
        out: &mut Outbox,
    ) {
        let Some(replica) = self.replicas.get_mut(&shard.0) else { return };
        match given {
            GroupsGiven::SealedNeeded => {
                let wanted = replica.want_groups(EXCHANGE_BUDGET, SealedDetail::Whole);
                self.send(from, Message::Wanted { shard, request, wanted }, out);
            }
            GroupsGiven::StateNeeded => self.want_state(now, shard.0, from, out),
            GroupsGiven::Groups { groups, rest, horizon, sealed } => {
                if let Some(sealed) = sealed {
                    // Refused while taking over state; learnt again with the next exchange.
                    let _ = replica.learn_sealed(&mut self.store, &sealed);
                }
                let taken = replica.take_groups(&mut self.store, now, horizon, &groups);
                let applied = taken.map_or(0, |taken| taken.applied.len());
                self.delivered.by_exchange += applied as u64;
                self.unstable.insert(shard.0);
                if rest == Rest::More && applied > 0 {
                    let replica = &self.replicas[&shard.0];
                    let wanted = replica.want_groups(EXCHANGE_BUDGET, SealedDetail::Whole);
                    self.send(from, Message::Wanted { shard, request, wanted }, out);
                } else {
                    self.owner_answered(now, from, request, out);
                }
            }
        }
    }
}

/// How many bytes of operations an exchange takes at a time.
pub(crate) const EXCHANGE_BUDGET: u32 = 1024 * 1024;
