//! Coordination of client calls: catching up before a read, waiting for owners after a write.
//!
//! The coordinator is an owner of the key. A read above one owner first takes what the other
//! owners have of its key and this one misses (a clock one way, nothing back while nothing is
//! missing), and is then answered here: what a quorum knows of the key is what this replica then
//! knows. What is asked is said in [`crate::questions`]. How a write is
//! carried out and sent is in [`crate::writes`]; it is answered when enough have applied it.

mod rounds;

use std::collections::{BTreeMap, BTreeSet};

use api::{Call, CallError, Level, Outcome, Staleness};
use causality::{Clock, Millis, NodeId};
use replica::{Replica, SealedDetail};
use storage::Store;

use crate::event::{Outbox, RequestId};
use crate::levels::{Owner, Owners, Requirement};
use crate::mutation::Mutation;
use crate::node::Node;
use crate::paces::{HedgeBudget, Paces};
use crate::questions::{CatchingUp, Scope};
use crate::sessions::Needs;
use crate::stand_ins::StandIn;

pub(crate) use rounds::Round;

/// A call as it comes in.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) client: RequestId,
    pub(crate) call: Call,
    /// What its session has seen of the shard.
    pub(crate) needs: Needs,
    /// When whoever asked no longer waits.
    pub(crate) deadline: Millis,
}

/// A call that waits for other owners.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) client: RequestId,
    pub(crate) shard: u16,
    pub(crate) requirement: Requirement,
    pub(crate) deadline: Millis,
    pub(crate) phase: Phase,
    /// Those who keep its operations for owners that are down.
    pub(crate) stand_ins: Vec<StandIn>,
    /// A stand-in has taken part.
    pub(crate) is_sloppy: bool,
    /// What it takes in memory, roughly.
    pub(crate) size: usize,
}

#[derive(Debug)]
pub(crate) enum Phase {
    /// Owners are asked what they have; then the call is carried out.
    CatchingUp {
        call: Call,
        /// What must be here as well, for the session that asks.
        until: Option<Clock>,
        /// What the owners are asked for.
        scope: Scope,
        /// Which of them.
        round: Box<Round>,
    },
    /// The operations are out; then this is the answer.
    Replicating(Outcome),
}

impl Waiting {
    /// Notes that a node has done its part, for itself or as a stand-in.
    fn answered(&mut self, from: NodeId) {
        let stood_in = self.stand_ins.iter().filter(|stand_in| stand_in.node == from);
        for stand_in in stood_in {
            self.is_sloppy = true;
            self.requirement.answered(stand_in.owner);
        }
        self.requirement.answered(from);
    }

    /// Wrong, and kept for the suite to catch.
    fn answered_again(&mut self, from: NodeId, owners: &[Owner]) {
        let before = self.requirement.answered_count();
        self.answered(from);
        for owner in owners {
            if self.requirement.answered_count() == before {
                self.requirement.answered(owner.node);
            }
        }
    }

    /// Who counts is said by `counts`; a sloppy write promises nothing about owners.
    fn is_ready(&self, replica: Option<&Replica>, counts: impl Fn(NodeId) -> bool) -> bool {
        self.requirement.is_met_among(|node| self.is_sloppy || counts(node))
            && match (&self.phase, replica) {
                (Phase::CatchingUp { until: Some(clock), .. }, Some(here)) => here.covers(clock),
                _ => true,
            }
    }

    /// Why it is not carried out when so many owners answer.
    fn refusal(&self, answered: usize) -> CallError {
        match &self.phase {
            Phase::CatchingUp { until: Some(_), .. } if self.requirement.is_met() => {
                CallError::SessionAhead
            }
            Phase::CatchingUp { call, .. } if !call.operation.is_write() => match call.staleness {
                Some(Staleness(bound_ms)) => CallError::TooStale { bound_ms },
                None => self.requirement.missed(answered),
            },
            _ => self.requirement.missed(answered),
        }
    }

    /// When it asks further owners.
    fn rest_at(&self) -> Option<Millis> {
        match &self.phase {
            Phase::CatchingUp { round, .. } => round.rest_at,
            Phase::Replicating(_) => None,
        }
    }

    /// Whether it waits for operations, whoever brings them.
    const fn is_behind(&self) -> bool {
        matches!(self.phase, Phase::CatchingUp { until: Some(_), .. })
    }
}

/// The calls that wait.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    waiting: BTreeMap<wire::RequestId, Waiting>,
    deadlines: BTreeSet<(Millis, wire::RequestId)>,
    /// Those that wait for operations which their sessions have seen, by shard.
    behind: BTreeSet<(u16, wire::RequestId)>,
    /// When further owners are asked.
    rest: BTreeSet<(Millis, wire::RequestId)>,
    pub(crate) paces: Paces,
    pub(crate) budget: HedgeBudget,
    bytes: usize,
}

impl Calls {
    pub(crate) fn next_deadline(&self) -> Option<Millis> {
        let waits = [self.deadlines.first(), self.rest.first()];
        waits.into_iter().flatten().map(|(at, _)| *at).min()
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// A call that waits for what other owners have, and how much of that it needs.
    pub(crate) fn catching_up(&self, request: wire::RequestId) -> Option<CatchingUp<'_>> {
        let Waiting { phase, deadline, .. } = self.waiting.get(&request)?;
        match phase {
            Phase::CatchingUp { call, scope, .. } => {
                Some(CatchingUp { call, scope: *scope, deadline: *deadline })
            }
            Phase::Replicating(_) => None,
        }
    }

    fn insert(&mut self, request: wire::RequestId, waiting: Waiting) {
        if waiting.is_behind() {
            self.behind.insert((waiting.shard, request));
        }
        if let Some(due) = waiting.rest_at() {
            self.rest.insert((due, request));
        }
        self.deadlines.insert((waiting.deadline, request));
        self.bytes += waiting.size;
        self.waiting.insert(request, waiting);
    }

    /// The call that waits longest.
    pub(crate) fn oldest(&self) -> Option<wire::RequestId> {
        self.waiting.keys().next().copied()
    }

    fn remove(&mut self, request: wire::RequestId) -> Option<Waiting> {
        let waiting = self.waiting.remove(&request)?;
        if let Some(due) = waiting.rest_at() {
            self.rest.remove(&(due, request));
        }
        self.deadlines.remove(&(waiting.deadline, request));
        self.bytes -= waiting.size;
        if waiting.is_behind() {
            self.behind.remove(&(waiting.shard, request));
        }
        Some(waiting)
    }
}

impl<S: Store> Node<S> {
    /// Whether as many calls wait here as may, or as many bytes of them.
    pub(crate) fn is_full(&self) -> bool {
        let (count, bytes) = self.forwards.load();
        let limits = &self.config.coordination;
        self.calls.waiting.len() + count >= limits.calls_max
            || self.calls.bytes + bytes >= limits.call_bytes_max
    }

    /// Takes a client's call.
    pub(crate) fn called(&mut self, now: Millis, client: RequestId, call: Call, out: &mut Outbox) {
        let Some(shard) = self.shard_of_call(&call) else {
            out.replies.push((client, Outcome::Failed(CallError::EmptyKey)));
            return;
        };
        let needs = self.needs_of(call.session, shard);
        let asked = Asked { client, call, needs, deadline: self.deadline(now) };
        if self.serves(shard) {
            self.called_here(now, shard, asked, out);
        } else {
            self.forward(now, shard, asked, out);
        }
    }

    /// Takes a call for a shard of this node.
    pub(crate) fn called_here(
        &mut self,
        now: Millis,
        shard: u16,
        Asked { client, call, needs, deadline }: Asked,
        out: &mut Outbox,
    ) {
        if self.is_full() {
            out.replies.push((client, Outcome::Failed(CallError::Busy)));
            return;
        }
        let read = self.level_looked_at(now, shard, &call);
        let is_one = |level| matches!(level, Level::One | Level::LocalOne);
        let has_forgotten = needs == Needs::Forgotten;
        let level = if is_one(read) && has_forgotten { Level::Quorum } else { read };
        let until = match needs {
            Needs::Clock(clock) if !self.replicas[&shard].covers(&clock) => Some(clock),
            _ => None,
        };
        let is_sloppy = self.is_cut_off(shard, &call);
        if until.is_none() && is_one(level) {
            self.carry_out(now, (client, deadline, is_sloppy), shard, &call, out);
            self.sample(now, shard, &call, out);
        } else {
            let scope = self.scope_of(&call, has_forgotten || until.is_some());
            let level = self.asked_level(level);
            let requirement = Requirement::new(level, &self.topology.owners(shard));
            let (stand_ins, size) = (Vec::new(), call.key.len());
            let phase = Phase::CatchingUp { call, until, scope, round: Box::default() };
            let waiting =
                Waiting { client, shard, requirement, deadline, phase, stand_ins, is_sloppy, size };
            self.catch_up(now, waiting, out);
        }
    }

    /// How many owners a call looks at before it is carried out here.
    ///
    /// A write that acts on what it sees looks at as many as it writes to: then what was written
    /// at that level is there to be removed, extended or counted, whoever carries the call out.
    fn level_looked_at(&self, now: Millis, shard: u16, call: &Call) -> Level {
        if call.operation.is_blind() {
            return Level::One;
        }
        let level = self.read_level(now, shard, call);
        if !call.operation.is_write() || self.is_mutated(Mutation::RemovalLooksHereOnly) {
            return level;
        }
        let owners = self.topology.owners(shard);
        let needed = Requirement::new(call.write, &owners).needed_count();
        let is_more = needed > Requirement::new(level, &owners).needed_count();
        if is_more && !self.is_cut_off(shard, call) { call.write } else { level }
    }

    /// Stand-ins let a write go on where too few owners can be asked; what it acts on is then what
    /// a few of them have.
    fn is_cut_off(&self, shard: u16, call: &Call) -> bool {
        if !self.is_sloppy() || !call.operation.is_write() || call.operation.is_blind() {
            return false;
        }
        let looks = Requirement::new(call.write, &self.topology.owners(shard));
        !looks.can_be_met(|node| self.is_reachable(node))
    }

    /// Asks enough other owners for what is missing here.
    fn catch_up(&mut self, now: Millis, mut waiting: Waiting, out: &mut Outbox) {
        let (shard, requirement) = (waiting.shard, &mut waiting.requirement);
        requirement.answered(self.config.me);
        if !requirement.can_be_met(|node| self.is_reachable(node)) {
            let reachable = requirement.reachable_count(|node| self.is_reachable(node));
            let error = waiting.refusal(reachable);
            out.replies.push((waiting.client, Outcome::Failed(error)));
            return;
        }
        let request = self.new_request();
        if let Phase::CatchingUp { scope, round, .. } = &mut waiting.phase {
            **round = self.new_round(now, (shard, *scope), &waiting.requirement);
        }
        self.calls.budget.asked();
        self.wait(request, waiting, now, out);
        for owner in self.calls.asked(request) {
            self.ask_for(now, (owner, shard), request, SealedDetail::Hash, out);
        }
    }

    pub(crate) fn wait(
        &mut self,
        request: wire::RequestId,
        waiting: Waiting,
        now: Millis,
        out: &mut Outbox,
    ) {
        if self.is_ready(&waiting) {
            self.note_level_met(now, waiting.shard, request);
            self.finish(waiting, now, out);
        } else {
            self.calls.insert(request, waiting);
        }
    }

    /// Notes that an owner has done its part of a call.
    pub(crate) fn owner_answered(
        &mut self,
        now: Millis,
        from: NodeId,
        request: wire::RequestId,
        out: &mut Outbox,
    ) {
        let is_mutated = self.is_mutated(Mutation::RepeatedAnswerCounts);
        let Some(waiting) = self.calls.waiting.get_mut(&request) else { return };
        if is_mutated {
            waiting.answered_again(from, &self.topology.owners(waiting.shard));
        }
        waiting.answered(from);
        self.finish_if_ready(now, request, out);
    }

    fn finish_if_ready(&mut self, now: Millis, request: wire::RequestId, out: &mut Outbox) {
        if self.calls.waiting.get(&request).is_some_and(|waiting| self.is_ready(waiting))
            && let Some(waiting) = self.calls.remove(request)
        {
            self.note_level_met(now, waiting.shard, request);
            let steady = self.steady_time(now);
            self.calls.note_slow(&waiting, steady);
            self.finish(waiting, now, out);
        }
    }

    /// Whether a call can go on: by owners that act by this node's view.
    fn is_ready(&self, waiting: &Waiting) -> bool {
        let replica = self.replicas.get(&waiting.shard);
        waiting.is_ready(replica, |node| self.acts_with_me(node))
    }

    /// Whether the answers of a node count: it acts by this node's view, as it said on this link.
    fn acts_with_me(&self, node: NodeId) -> bool {
        let view = Some(self.view_hash());
        node == self.config.me
            || self.is_mutated(Mutation::AnswersCountAcrossViews)
            || self.peers.get(&node).is_some_and(|peer| peer.view == view)
    }

    /// Where a write must satisfy its level, in each.
    pub(crate) fn write_sets(&self, shard: u16) -> &[Owners] {
        let sets = self.topology.sets(shard);
        if self.is_mutated(Mutation::LevelInOldOwnersOnly) {
            return sets.get(..1).unwrap_or_default();
        }
        sets
    }

    /// Goes on with the calls whose owners have come to act by this node's view.
    pub(crate) fn recheck_calls(&mut self, now: Millis, out: &mut Outbox) {
        let requests: Vec<wire::RequestId> = self.calls.waiting.keys().copied().collect();
        requests.into_iter().for_each(|request| self.finish_if_ready(now, request, out));
    }

    /// Lets the calls that wait follow the view: writes satisfy their levels among its owners too,
    /// reads ask its owners anew.
    pub(crate) fn follow_calls(&mut self, now: Millis, out: &mut Outbox) {
        let requests: Vec<wire::RequestId> = self.calls.waiting.keys().copied().collect();
        for request in requests {
            let Some(waiting) = self.calls.waiting.get(&request) else { continue };
            let sets = self.write_sets(waiting.shard).to_vec();
            match self.calls.waiting.get_mut(&request) {
                Some(waiting) if matches!(waiting.phase, Phase::Replicating(_)) => {
                    waiting.requirement.widen(&sets);
                }
                _ => self.read_again(now, request, out),
            }
        }
    }

    fn read_again(&mut self, now: Millis, request: wire::RequestId, out: &mut Outbox) {
        let Some(waiting) = self.calls.remove(request) else { return };
        let shard = waiting.shard;
        if self.serves(shard) {
            let level = waiting.requirement.level();
            let requirement = Requirement::new(level, &self.topology.owners(shard));
            self.catch_up(now, Waiting { requirement, ..waiting }, out);
        } else if let Phase::CatchingUp { call, until, .. } = waiting.phase {
            let needs = until.map_or(Needs::Forgotten, Needs::Clock);
            let (client, deadline) = (waiting.client, waiting.deadline);
            let asked = Asked { client, call, needs, deadline };
            self.forward(now, shard, asked, out);
        }
    }

    /// Goes on with the calls whose sessions have seen what has just arrived.
    pub(crate) fn operations_arrived(&mut self, now: Millis, shard: u16, out: &mut Outbox) {
        let all = (shard, wire::RequestId(0))..=(shard, wire::RequestId(u64::MAX));
        let behind: Vec<wire::RequestId> =
            self.calls.behind.range(all).map(|(_, request)| *request).collect();
        for request in behind {
            self.finish_if_ready(now, request, out);
        }
    }

    fn finish(&mut self, waiting: Waiting, now: Millis, out: &mut Outbox) {
        match waiting.phase {
            Phase::Replicating(outcome) => {
                if waiting.is_sloppy {
                    out.sloppy.push(waiting.client);
                }
                out.replies.push((waiting.client, outcome));
            }
            Phase::CatchingUp { call, .. } => {
                let to = (waiting.client, waiting.deadline, waiting.is_sloppy);
                self.carry_out(now, to, waiting.shard, &call, out);
            }
        }
    }

    /// Fails the calls whose owners did not answer in time.
    pub(crate) fn give_up_late(&mut self, now: Millis, out: &mut Outbox) {
        while let Some((deadline, request)) = self.calls.deadlines.first().copied()
            && deadline <= now
        {
            let late = self.calls.remove(request).expect("its deadline is noted");
            let error = late.refusal(late.requirement.answered_count());
            let outcome = match late.phase {
                Phase::Replicating(done) if self.is_mutated(Mutation::LateIsDone) => done,
                _ => Outcome::Failed(error),
            };
            out.replies.push((late.client, outcome));
        }
    }
}
