//! Whom a call asks, and when it asks further owners.

use causality::{Millis, NodeId};

use super::{Calls, Phase, Waiting};
use crate::ledger::Micros;

/// Whom a call has asked, and whom it has not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round {
    pub(crate) asked: Vec<NodeId>,
    /// How many of them were asked at first.
    pub(crate) first_count: usize,
    pub(crate) asked_at: Micros,
    pub(crate) rest: Vec<NodeId>,
    /// When the rest is asked too.
    pub(crate) rest_at: Option<Millis>,
    /// That has been put off, because too many calls wanted it.
    pub(crate) is_postponed: bool,
}

impl Round {
    /// Who was asked at first.
    pub(crate) fn first(&self) -> &[NodeId] {
        self.asked.get(..self.first_count).unwrap_or_default()
    }
}

impl Calls {
    /// The call that asks further owners next.
    pub(crate) fn next_rest(&self) -> Option<(Millis, wire::RequestId)> {
        self.rest.first().copied()
    }

    fn round(&mut self, request: wire::RequestId) -> Option<&mut Round> {
        match &mut self.waiting.get_mut(&request)?.phase {
            Phase::CatchingUp { round, .. } => Some(round),
            Phase::Replicating(_) => None,
        }
    }

    /// Hands out the owners that a call has not asked; from now on it has.
    pub(crate) fn take_rest(&mut self, request: wire::RequestId) -> Option<(u16, Vec<NodeId>)> {
        let round = self.round(request)?;
        let (rest, due) = (std::mem::take(&mut round.rest), round.rest_at.take());
        round.asked.extend(&rest);
        due.inspect(|due| _ = self.rest.remove(&(*due, request)));
        Some((self.waiting[&request].shard, rest))
    }

    /// Puts off asking further owners; false when that was done before.
    pub(crate) fn postpone_rest(
        &mut self,
        request: wire::RequestId,
        due: Millis,
        wait_ms: u64,
    ) -> bool {
        let Some(round) = self.round(request) else { return false };
        if std::mem::replace(&mut round.is_postponed, true) {
            return false;
        }
        let later = due.plus(wait_ms);
        round.rest_at = Some(later);
        self.rest.remove(&(due, request));
        self.rest.insert((later, request));
        true
    }

    /// The calls that have asked an owner and not all others.
    pub(crate) fn asking(&self, owner: NodeId) -> Vec<wire::RequestId> {
        let has_asked = |request: &wire::RequestId| match &self.waiting[request].phase {
            Phase::CatchingUp { round, .. } => round.asked.contains(&owner),
            Phase::Replicating(_) => false,
        };
        self.rest.iter().map(|(_, request)| *request).filter(has_asked).collect()
    }

    /// Whom a call has asked.
    pub(super) fn asked(&mut self, request: wire::RequestId) -> Vec<NodeId> {
        self.round(request).map(|round| round.asked.clone()).unwrap_or_default()
    }

    /// Notes how fast an owner has answered a call.
    pub(crate) fn note_pace(&mut self, from: NodeId, request: wire::RequestId, now: Micros) {
        let Some(round) = self.round(request) else { return };
        let (asked_at, is_first) = (round.asked_at, round.first().contains(&from));
        if is_first {
            self.paces.answered(from, asked_at, now);
        }
    }

    /// Notes the owners that a call asked first and did not have to wait for: they take longer.
    pub(super) fn note_slow(&mut self, waiting: &Waiting, now: Micros) {
        let Phase::CatchingUp { round, .. } = &waiting.phase else { return };
        let is_slow = |node: &&NodeId| !waiting.requirement.is_answered_by(**node);
        for node in round.first().iter().filter(is_slow) {
            self.paces.answered(*node, round.asked_at, now);
        }
    }
}
