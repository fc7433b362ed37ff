//! The side that compares: one step after the other, each when the budget allows it.

use std::collections::BTreeSet;

use causality::{Millis, NodeId};
use merkle::Tell;
use replica::Condition;
use storage::Store;
use wire::shard::{Comparison, Detail, StateCellsWanted, StateSession};
use wire::{Message, RequestId, ShardId};

use super::schedule::Pair;
use super::{At, Check, Notice, Step, Verdict, Verification};
use crate::event::Outbox;
use crate::mutation::Mutation;
use crate::node::Node;

/// The most shards compared at once.
const CHECKS_MAX: usize = 16;

/// How long an answer may take.
const PATIENCE_MS: u64 = 5_000;

/// After how long clocks that differed are compared again; a little longer each time.
const APART_PAUSE_MS: u64 = 150;

/// How often clocks may differ before versions are compared while operations are under way.
const APART_COUNT_MAX: u32 = 6;

/// How often a difference is mended before it is called one that cannot be.
const ROUNDS_MAX: u32 = 3;

/// After how long a pair is tried again that could not be compared.
const RETRY_MS: u64 = 10_000;

/// How often the pairs are gathered anew: owners change rarely.
const FOLLOW_MS: u64 = 5_000;

/// How many bytes of rows are named at a time.
const NAMES_BUDGET: u32 = 64 * 1024;

/// What a message takes beside what it carries, roughly.
const ENVELOPE_SIZE: usize = 64;

impl Verification {
    /// The comparison that an answer belongs to.
    pub(super) fn asked(
        &mut self,
        now: Millis,
        from: NodeId,
        shard: u16,
        request: RequestId,
    ) -> Option<&mut Check> {
        self.wake = now;
        let check = self.open.get_mut(&shard)?;
        let is_answer = check.peer == from && check.request == request;
        (is_answer && matches!(check.at, At::Asked(_))).then_some(check)
    }
}

impl<S: Store> Node<S> {
    /// When verification has something to do.
    pub(crate) const fn next_verification(&self) -> Millis {
        self.verification.wake
    }

    /// Takes the next steps of all comparisons, as far as the budget goes.
    pub(crate) fn verify(&mut self, now: Millis, out: &mut Outbox) {
        if now < self.verification.wake {
            return;
        }
        self.tell_mended(out);
        let waiting = self.calls.len();
        self.verification.pace.refill(now, &self.config.verification, waiting);
        if now >= self.verification.next_follow {
            self.verification.next_follow = now.plus(FOLLOW_MS);
            self.follow_pairs(now);
        }
        self.give_up_late_checks(now);
        self.read_for_repair(now);
        self.begin_repair_checks(now);
        self.begin_checks(now);
        let due = |check: &Check| matches!(check.at, At::Due(at) if at <= now);
        let open = self.verification.open.iter().filter(|(_, check)| due(check));
        let due: Vec<u16> = open.map(|(shard, _)| *shard).collect();
        for shard in due {
            if !self.may_ask() {
                break;
            }
            self.ask_next_step(now, shard, out);
        }
        self.verification.follow_repairs(now);
        self.verification.wake = self.verification_wake(now);
    }

    fn may_ask(&self) -> bool {
        self.verification.pace.may_ask() || self.is_mutated(Mutation::VerificationUnpaced)
    }

    fn verification_wake(&self, now: Millis) -> Millis {
        let held = &self.verification;
        let ready = if self.may_ask() {
            now.plus(1)
        } else {
            held.pace.ready_at(now, &self.config.verification)
        };
        let at = |check: &Check| match check.at {
            At::Due(at) => at.max(ready),
            At::Asked(deadline) => deadline,
        };
        let steps = held.open.values().map(at);
        let first = held.schedule.first().filter(|_| held.open.len() < CHECKS_MAX);
        let first = first.map(|(due, _)| due.max(ready));
        let repair = held.repairs.next_due(now).map(|due| due.max(now.plus(1)));
        steps.chain(first).chain(repair).chain([held.next_follow]).min().unwrap_or(held.next_follow)
    }

    /// Gathers the pairs of this node: every shard that it owns whole, with every other owner.
    fn follow_pairs(&mut self, now: Millis) {
        let me = self.config.me;
        let owned = self.replicas.keys().filter(|shard| self.topology.is_owner(**shard, me));
        let mut pairs: BTreeSet<Pair> = BTreeSet::new();
        // A period of 0: nothing is compared unless somebody asks for it.
        let is_off = self.config.verification.period_ms == 0;
        for shard in owned.filter(|_| !is_off) {
            let others = self.topology.other_owners(*shard).into_iter();
            let is_mutated = self.is_mutated(Mutation::OneOwnerVerified);
            pairs.extend(others.take(if is_mutated { 1 } else { usize::MAX }).map(|o| (*shard, o)));
        }
        let replicas = &self.replicas;
        let has_losses =
            |shard: u16| replicas.get(&shard).is_some_and(replica::Replica::has_losses);
        let period_ms = self.config.verification.period_ms;
        self.verification.schedule.follow(now, (me, period_ms), &pairs, has_losses);
    }

    fn give_up_late_checks(&mut self, now: Millis) {
        let late = |check: &Check| matches!(check.at, At::Asked(deadline) if deadline <= now);
        let open = self.verification.open.iter().filter(|(_, check)| late(check));
        let late: Vec<u16> = open.map(|(shard, _)| *shard).collect();
        late.into_iter().for_each(|shard| self.end_check(now, shard, Verdict::Unknown));
    }

    /// Begins what a repair asks for, before what is due by itself.
    fn begin_repair_checks(&mut self, now: Millis) {
        for (shard, peer) in self.verification.repairs.due(now) {
            if self.verification.open.len() >= CHECKS_MAX {
                return;
            }
            if self.verification.open.contains_key(&shard) {
                continue;
            }
            if self.is_comparable(shard) && self.is_reachable(peer) {
                self.verification.open.insert(shard, Check::new(peer, now));
                let retry = now.plus(RETRY_MS);
                self.verification.schedule.put_off((shard, peer), retry);
            } else {
                self.verification.repairs.compared(now, (shard, peer), Verdict::Unknown);
            }
        }
    }

    fn begin_checks(&mut self, now: Millis) {
        let due: Vec<Pair> = self.verification.schedule.due(now).take(4 * CHECKS_MAX).collect();
        for (shard, peer) in due {
            if self.verification.open.len() >= CHECKS_MAX {
                return;
            }
            if self.verification.open.contains_key(&shard) {
                // Two peers of one shard are due: the second one's turn comes after the first.
                self.verification.schedule.put_off((shard, peer), now.plus(APART_PAUSE_MS));
            } else if self.is_comparable(shard) && self.is_reachable(peer) {
                self.verification.open.insert(shard, Check::new(peer, now));
                self.verification.schedule.put_off((shard, peer), now.plus(RETRY_MS));
            } else {
                self.verification.schedule.put_off((shard, peer), now.plus(RETRY_MS));
            }
        }
    }

    /// Whether this node can vouch for its rows of a shard.
    pub(crate) fn is_comparable(&self, shard: u16) -> bool {
        let replica = self.replicas.get(&shard);
        let is_serving = replica.is_some_and(|one| one.condition() == Condition::Serving);
        is_serving && !self.transfers.is_filling(shard) && !self.takeovers.contains_key(&shard)
    }

    fn ask_next_step(&mut self, now: Millis, shard: u16, out: &mut Outbox) {
        if !self.is_comparable(shard) {
            self.end_check(now, shard, Verdict::Unknown);
            return;
        }
        let request = self.new_request();
        let Some(message) = self.step_message(shard, request) else {
            // A walk that asks nothing more has ended on the way.
            self.compare_again(now, shard);
            return;
        };
        let Some(check) = self.verification.open.get_mut(&shard) else { return };
        check.request = request;
        check.at = At::Asked(now.plus(PATIENCE_MS));
        let peer = check.peer;
        self.verification.pace.spend_request();
        self.send(peer, message, out);
    }

    fn step_message(&mut self, shard: u16, request: RequestId) -> Option<Message> {
        let replica = self.replicas.get(&shard)?;
        let check = self.verification.open.get(&shard)?;
        let at = ShardId(shard);
        let message = match &check.step {
            Step::Compare => {
                let summary = replica.summary();
                let size = ENVELOPE_SIZE + clock_size(&summary.clock);
                self.charge(size);
                Message::Summary { shard: at, request, summary }
            }
            Step::Walk(walk) => {
                let ask = replica.walk_ask(walk)?;
                self.charge(ENVELOPE_SIZE);
                Message::Ask { shard: at, request, session: StateSession::PRESENT, ask }
            }
            Step::List { ranges, after } => {
                let range = ranges.last()?;
                let wanted = StateCellsWanted {
                    session: StateSession::PRESENT,
                    first: range.first,
                    last: range.last,
                    after: after.clone(),
                    detail: Detail::Names,
                    budget: NAMES_BUDGET,
                };
                self.charge(ENVELOPE_SIZE);
                Message::CellsWanted { shard: at, request, wanted }
            }
        };
        Some(message)
    }

    /// Counts bytes that verification has sent or received.
    pub(super) fn charge(&mut self, bytes: usize) {
        self.verification.counts.bytes += bytes as u64;
        self.verification.pace.spend_bytes(bytes);
    }

    /// Takes a peer's word on how the two compare.
    pub(crate) fn take_compared(
        &mut self,
        now: Millis,
        from: NodeId,
        (shard, request): (u16, RequestId),
        comparison: Comparison,
        out: &mut Outbox,
    ) {
        let Some(check) = self.verification.asked(now, from, shard, request) else { return };
        if !matches!(check.step, Step::Compare) {
            return;
        }
        check.at = At::Due(now);
        match comparison {
            Comparison::Equal | Comparison::EqualWithLosses => {
                if comparison == Comparison::Equal
                    && let Some(replica) = self.replicas.get_mut(&shard)
                {
                    replica.all_is_back();
                }
                self.end_check(now, shard, Verdict::Verified);
            }
            Comparison::Apart { horizon } => {
                check.apart_count += 1;
                let apart_count = check.apart_count;
                check.at = At::Due(now.plus(APART_PAUSE_MS * u64::from(apart_count)));
                self.verification.counts.apart += 1;
                self.stand_apart(now, from, shard, (horizon, apart_count));
            }
            Comparison::Different => {
                check.rounds += 1;
                check.step = Step::Walk(Box::new(self.replicas[&shard].start_walk()));
                if check.rounds == 1 {
                    self.verification.counts.different += 1;
                    out.notices.push(Notice::Different { shard, peer: from });
                } else if check.rounds > ROUNDS_MAX {
                    self.verification.counts.unmended += 1;
                    out.notices.push(Notice::Unmended { shard, peer: from });
                    self.end_check(now, shard, Verdict::Unmended);
                }
            }
            Comparison::Unable => self.end_check(now, shard, Verdict::Unknown),
        }
    }

    /// The clocks differ. Usually an operation is under way, and a moment later they do not.
    fn stand_apart(
        &mut self,
        now: Millis,
        peer: NodeId,
        shard: u16,
        (horizon, apart_count): (Millis, u32),
    ) {
        if let Some(replica) = self.replicas.get_mut(&shard) {
            // One that lies in this node's future is waited for.
            let _ = replica.adopt_horizon(&mut self.store, now, horizon);
        }
        if apart_count < APART_COUNT_MAX {
            return;
        }
        let is_behind = self.peers.get(&peer).is_some_and(|held| held.shards_differing > 0);
        if is_behind {
            // The exchange has work to do first.
            self.end_check(now, shard, Verdict::Unknown);
        } else if let Some(check) = self.verification.open.get_mut(&shard) {
            check.is_moving = true;
            check.at = At::Due(now);
            check.step = Step::Walk(Box::new(self.replicas[&shard].start_walk()));
        }
    }

    /// Takes a step of a walk.
    pub(crate) fn take_tell(
        &mut self,
        now: Millis,
        from: NodeId,
        (shard, request): (u16, RequestId),
        tell: &Tell,
    ) {
        let size = match tell {
            Tell::Children { sums, .. } => sums.len() * size_of::<merkle::ChildSums>(),
            Tell::Same | Tell::Shallow { .. } => 0,
        };
        self.charge(ENVELOPE_SIZE + size);
        let Some(check) = self.verification.asked(now, from, shard, request) else { return };
        let Step::Walk(walk) = &mut check.step else { return };
        check.at = At::Due(now);
        let Some(replica) = self.replicas.get_mut(&shard) else { return };
        if replica.walk_take(walk, tell).is_err() {
            self.end_check(now, shard, Verdict::Unknown);
            return;
        }
        if !walk.is_done() {
            return;
        }
        let ranges = walk.take_ranges();
        if ranges.is_empty() {
            self.compare_again(now, shard);
        } else {
            check.step = Step::List { ranges, after: None };
        }
    }

    /// What there was to mend is mended: are the two equal now? While operations are under way,
    /// nobody could say, and the versions have been compared.
    pub(super) fn compare_again(&mut self, now: Millis, shard: u16) {
        let Some(check) = self.verification.open.get_mut(&shard) else { return };
        if check.is_moving {
            self.end_check(now, shard, Verdict::Verified);
        } else {
            check.step = Step::Compare;
            check.at = At::Due(now);
        }
    }

    pub(super) fn end_check(&mut self, now: Millis, shard: u16, verdict: Verdict) {
        let Some(check) = self.verification.open.remove(&shard) else { return };
        let pair = (shard, check.peer);
        self.verification.repairs.compared(now, pair, verdict);
        let period_ms = self.config.verification.period_ms;
        match verdict {
            Verdict::Verified => {
                self.verification.counts.verified += 1;
                let due = now.plus(period_ms - period_ms / 4);
                self.verification.schedule.verified(pair, now, due);
            }
            Verdict::Unmended => {
                self.verification.schedule.put_off(pair, now.plus(period_ms / 8));
            }
            Verdict::Unknown => {
                let retry_ms = RETRY_MS.min(period_ms / 8);
                self.verification.schedule.put_off(pair, now.plus(retry_ms));
            }
        }
    }
}

/// The bytes of a clock, roughly.
pub(super) fn clock_size(clock: &causality::Clock) -> usize {
    clock.iter().map(|(_, counters)| 6 + 3 * counters.spans().count()).sum()
}
