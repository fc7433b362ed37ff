//! The side that is asked: every answer says what is here at this moment, and nothing is kept.

use causality::{Millis, NodeId};
use merkle::Ask;
use storage::Store;
use wire::shard::{Comparison, LostVersion, StateCellsWanted, StateSession, Summary};
use wire::{Message, RequestId, ShardId};

use super::mending::size_of_names;
use crate::event::Outbox;
use crate::mutation::Mutation;
use crate::node::Node;

/// The most bytes of names that are given at a time.
const NAMES_BUDGET_MAX: u32 = 1 << 20;

/// The most versions given back for one question; the asking side finds the rest the next time.
const GIVEN_COUNT_MAX: usize = 1_024;

/// The bytes of values after which nothing more is given back for one question.
const GIVEN_SIZE_MAX: usize = 4 << 20;

impl<S: Store> Node<S> {
    /// Compares what a peer holds with what is here.
    pub(crate) fn take_summary(
        &mut self,
        now: Millis,
        from: NodeId,
        (shard, request): (ShardId, RequestId),
        theirs: &Summary,
        out: &mut Outbox,
    ) {
        self.heed_clock(now, from, (shard.0, &theirs.clock), out);
        let comparison = self.compare(now, shard.0, theirs);
        if matches!(comparison, Comparison::Equal | Comparison::EqualWithLosses) {
            let due = now.plus(self.config.verification.period_ms);
            self.verification.schedule.verified((shard.0, from), now, due);
        }
        self.send(from, Message::Compared { shard, request, comparison }, out);
    }

    fn compare(&mut self, now: Millis, shard: u16, theirs: &Summary) -> Comparison {
        if !self.is_comparable(shard) {
            return Comparison::Unable;
        }
        let is_unsettled = self.is_mutated(Mutation::ComparedUnsettled);
        let is_blind = self.is_mutated(Mutation::DifferenceUnseen);
        let Some(replica) = self.replicas.get_mut(&shard) else { return Comparison::Unable };
        // One that lies in this node's future is not adopted, and the two differ in it.
        let _ = replica.adopt_horizon(&mut self.store, now, theirs.horizon);
        let mine = replica.summary();
        let is_apart = (&mine.clock, mine.horizon) != (&theirs.clock, theirs.horizon);
        if is_apart && !is_unsettled {
            return Comparison::Apart { horizon: mine.horizon };
        }
        let is_equal = (mine.digest, mine.element_count) == (theirs.digest, theirs.element_count);
        match (is_equal || is_blind, replica.has_losses()) {
            (false, _) => Comparison::Different,
            (true, true) => Comparison::EqualWithLosses,
            (true, false) => Comparison::Equal,
        }
    }

    /// Shows nodes of this replica's tree.
    pub(crate) fn take_ask(
        &mut self,
        from: NodeId,
        (shard, request): (ShardId, RequestId),
        ask: &Ask,
        out: &mut Outbox,
    ) {
        let Some(replica) = self.replicas.get_mut(&shard.0) else { return };
        if let Ok(tell) = replica.walk_answer(ask) {
            let session = StateSession::PRESENT;
            self.send(from, Message::Tell { shard, request, session, tell }, out);
        }
    }

    /// Names what is live in a range.
    pub(crate) fn take_names_wanted(
        &mut self,
        from: NodeId,
        (shard, request): (ShardId, RequestId),
        mut wanted: StateCellsWanted,
        out: &mut Outbox,
    ) {
        wanted.budget = wanted.budget.min(NAMES_BUDGET_MAX);
        let Some(replica) = self.replicas.get(&shard.0) else { return };
        if let Ok(names) = replica.names(&mut self.store, &wanted) {
            self.charge(size_of_names(&names));
            self.send(from, Message::Names { shard, request, names }, out);
        }
    }

    /// Gives versions back that a peer has lost.
    pub(crate) fn take_lost(
        &mut self,
        from: NodeId,
        (shard, request): (ShardId, RequestId),
        versions: &[LostVersion],
        out: &mut Outbox,
    ) {
        let mut size = 0;
        for lost in versions.iter().take(GIVEN_COUNT_MAX) {
            if size >= GIVEN_SIZE_MAX {
                return;
            }
            size += self.give_back(from, (shard, request), lost, out);
        }
    }
}
