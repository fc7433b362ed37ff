//! Which operations are recent, so that two replicas can compare what they had a moment ago.
//!
//! Operations under way are on one replica and not yet on the other; comparing whole clocks would
//! take them for missing. An actor's dots rise with their times, so "minted before a moment" is
//! one counter per actor: below the first counter that was minted after it. Times are those of
//! the minting node and travel with the operation, so both sides cut at the same place; the time
//! of arrival would cut each side elsewhere. Of the past, a few seconds are remembered; what is
//! older, or bears a time from the future, counts as settled.

use std::collections::{BTreeMap, VecDeque};

use causality::{Actor, Clock, Counters, Dot, HybridTime, Millis};

use crate::hash::clock_hash;
use crate::mutation::Mutation;
use crate::replica::Replica;

/// Moments to cut at are multiples of this.
pub const CUT_GRID_MS: u64 = 100;

/// How many steps of the grid are remembered: the oldest moment that can be cut at.
const SLICES_MAX: usize = 40;

/// The operations of one actor that were minted within one step of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slice {
    step: u64,
    first: u64,
}

/// The recent operations of each actor, by when they were minted.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    by_actor: BTreeMap<Actor, VecDeque<Slice>>,
}

/// A clock's hash, and what it is the hash of: clocks only grow, so their size names them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldHash {
    applied_count: u64,
    sealed_count: usize,
    cut: Option<Millis>,
    hash: u64,
}

impl Recent {
    /// Notes an operation when it is applied.
    #[inline]
    pub(crate) fn note(&mut self, dot: Dot, time: HybridTime) {
        let step = time.millis().0 / CUT_GRID_MS;
        let slices = self.by_actor.entry(dot.actor).or_default();
        match slices.back_mut() {
            Some(last) if last.step == step => last.first = last.first.min(dot.counter),
            Some(last) if last.step > step => note_late(slices, Slice { step, first: dot.counter }),
            _ => slices.push_back(Slice { step, first: dot.counter }),
        }
        if slices.len() > SLICES_MAX {
            slices.pop_front();
        }
    }

    /// The first operation of an actor minted at a moment or later.
    fn first_since(&self, actor: Actor, moment: Millis) -> Option<u64> {
        let step = moment.0 / CUT_GRID_MS;
        let slices = self.by_actor.get(&actor)?;
        let from = slices.partition_point(|slice| slice.step < step);
        slices.range(from..).map(|slice| slice.first).min()
    }

    fn is_anything_since(&self, moment: Millis) -> bool {
        let step = moment.0 / CUT_GRID_MS;
        let is_since = |slices: &VecDeque<Slice>| slices.back().is_some_and(|s| s.step >= step);
        self.by_actor.values().any(is_since)
    }

    fn forget_before(&mut self, moment: Millis) {
        let step = moment.0 / CUT_GRID_MS;
        self.by_actor.retain(|_, slices| {
            let old = slices.partition_point(|slice| slice.step < step);
            slices.drain(..old);
            !slices.is_empty()
        });
    }
}

/// Notes an operation that came after younger ones.
fn note_late(slices: &mut VecDeque<Slice>, late: Slice) {
    match slices.binary_search_by_key(&late.step, |slice| slice.step) {
        Ok(at) => slices[at].first = slices[at].first.min(late.first),
        Err(at) => slices.insert(at, late),
    }
}

impl Replica {
    /// Returns the part of the clock that was minted before a moment (a multiple of
    /// [`CUT_GRID_MS`]).
    #[must_use]
    pub fn clock_before(&self, moment: Millis) -> Clock {
        let mut clock = self.state.whole_clock();
        for actor in self.recent.by_actor.keys() {
            if let Some(first) = self.recent.first_since(*actor, moment)
                && let Some(mut counters) = clock.remove(*actor)
            {
                counters.intersect(&Counters::up_to(first - 1));
                clock.insert_all(*actor, &counters);
            }
        }
        clock
    }

    /// Hashes [`Replica::clock_before`]; at no cost while nothing has been applied since the last
    /// time.
    pub fn clock_hash_before(&mut self, moment: Millis) -> u64 {
        let cut = self.recent.is_anything_since(moment).then_some(moment);
        let applied_count = self.state.applied.dot_count();
        let sealed_count = self.state.sealed.len();
        if let Some(held) = self.held_hash
            && (held.applied_count, held.sealed_count, held.cut)
                == (applied_count, sealed_count, cut)
        {
            return held.hash;
        }
        let hash = clock_hash(&self.clock_before(moment));
        self.held_hash = Some(HeldHash { applied_count, sealed_count, cut, hash });
        hash
    }

    /// Says whether an operation counts as settled: minted before the moment.
    pub(crate) fn is_before(&self, dot: Dot, moment: Millis) -> bool {
        self.recent.first_since(dot.actor, moment).is_none_or(|first| dot.counter < first)
    }

    /// Notes when an operation was minted. A time ahead of every clock within the skew bound
    /// would keep its actor out of comparisons until then.
    pub(crate) fn note_recent(&mut self, now: Millis, dot: Dot, time: HybridTime) {
        let time = if self.is_mutated(Mutation::CutByArrival) { HybridTime::at(now) } else { time };
        if time.millis() <= now.plus(self.settings.skew_bound_ms) {
            self.recent.note(dot, time);
        }
    }

    /// Called now and then: forgets when operations were minted that no comparison cuts at any
    /// more, and what was kept for questions that nobody asks any more.
    pub fn forget_recent(&mut self, now: Millis) {
        self.recent.forget_before(now.minus(CUT_GRID_MS * SLICES_MAX as u64));
        self.age_index();
    }
}

#[cfg(test)]
mod tests {
    use causality::{Incarnation, NodeId};

    use super::*;

    fn actor() -> Actor {
        Actor::new(NodeId(1), Incarnation(1))
    }

    fn noted(ops: &[(u64, u64)]) -> Recent {
        let mut recent = Recent::default();
        for (counter, millis) in ops {
            recent.note(Dot::new(actor(), *counter), HybridTime::at(Millis(*millis)));
        }
        recent
    }

    #[test]
    fn a_cut_is_below_the_first_operation_minted_since_in_whatever_order_they_came() {
        let ops = [(1, 100), (2, 150), (3, 250), (4, 260), (5, 900)];
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..50 {
            let mut ops = ops;
            rng.shuffle(&mut ops);
            let recent = noted(&ops);
            let expected =
                [(100, Some(1)), (200, Some(3)), (300, Some(5)), (900, Some(5)), (1000, None)];
            for (moment, first) in expected {
                assert_eq!(recent.first_since(actor(), Millis(moment)), first, "at {moment}");
                assert_eq!(recent.is_anything_since(Millis(moment)), first.is_some());
            }
        }
    }

    #[test]
    fn the_past_is_bounded_and_forgotten() {
        let ops: Vec<(u64, u64)> = (1..1_000).map(|n| (n, n * CUT_GRID_MS)).collect();
        let mut recent = noted(&ops);
        assert_eq!(recent.by_actor[&actor()].len(), SLICES_MAX);
        assert_eq!(recent.first_since(actor(), Millis(0)), Some(1_000 - SLICES_MAX as u64));
        recent.forget_before(Millis(1_000 * CUT_GRID_MS));
        assert!(recent.by_actor.is_empty());
    }
}
