//! How fast peers answer, measured: the nearest is asked first, and whoever takes longer than it
//! usually does is not waited for alone.

use std::collections::BTreeMap;

use causality::{Millis, NodeId};

use crate::ledger::{Histogram, Micros};

/// Answers are forgotten after one to two of these, so that a peer that was slow is tried again.
const WINDOW_MS: u64 = 10_000;

/// With fewer answers than these, nothing is said of a peer's slowest ones.
const SAMPLES_MIN: u64 = 32;

/// Extra questions are at most one in so many.
const HEDGE_EVERY: u32 = 20;

/// How many may be asked at once after a quiet time.
const HEDGES_SAVED_MAX: u32 = 16;

/// How fast each peer answers one sort of question.
#[derive(Debug, Default)]
pub(crate) struct Paces {
    by_peer: BTreeMap<NodeId, Pace>,
    next_window: Millis,
}

#[derive(Debug, Default)]
struct Pace {
    now: Histogram,
    before: Histogram,
    /// Of both, as of the last multiple of [`SAMPLES_MIN`] answers.
    usual_bits: u32,
    slowest_ms: Option<u64>,
}

impl Pace {
    fn sum_up(&mut self) {
        let quantile = |part| self.now.quantile(part).max(self.before.quantile(part));
        let (usual, slowest) = (quantile(0.5), quantile(0.99));
        let is_known = self.now.count() + self.before.count() >= SAMPLES_MIN;
        self.usual_bits = u64::BITS - usual.leading_zeros();
        self.slowest_ms = is_known.then(|| slowest / 1_000 + 1);
    }
}

impl Paces {
    /// Notes how long a peer took.
    pub(crate) fn answered(&mut self, peer: NodeId, asked: Micros, now: Micros) {
        let pace = self.by_peer.entry(peer).or_default();
        pace.now.record(now.since(asked));
        if pace.now.count().is_multiple_of(SAMPLES_MIN) {
            pace.sum_up();
        }
    }

    /// Forgets what is old.
    pub(crate) fn turn(&mut self, now: Millis) {
        if now < self.next_window {
            return;
        }
        self.next_window = now.plus(WINDOW_MS);
        for pace in self.by_peer.values_mut() {
            pace.before = std::mem::take(&mut pace.now);
            pace.sum_up();
        }
    }

    /// How many bits the time takes in which a peer usually answers, in microseconds; 0 when that
    /// is not known, so that it will be.
    pub(crate) fn usual(&self, peer: NodeId) -> u32 {
        self.by_peer.get(&peer).map_or(0, |pace| pace.usual_bits)
    }

    /// The time in which a peer answers 99 of 100 times, if there are enough to say.
    pub(crate) fn slowest_ms(&self, peer: NodeId) -> Option<u64> {
        self.by_peer.get(&peer)?.slowest_ms
    }
}

/// How many extra questions may be asked: a small part of all.
#[derive(Debug, Default)]
pub(crate) struct HedgeBudget {
    saved: u32,
}

impl HedgeBudget {
    /// Notes an ordinary question.
    pub(crate) fn asked(&mut self) {
        self.saved = (self.saved + 1).min(HEDGES_SAVED_MAX * HEDGE_EVERY);
    }

    /// Takes one extra question out of the budget, if there is one.
    pub(crate) fn take(&mut self) -> bool {
        let left = self.saved.checked_sub(HEDGE_EVERY);
        self.saved = left.unwrap_or(self.saved);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_usual_is_known_after_enough_answers_and_forgotten() {
        let (mut paces, peer) = (Paces::default(), NodeId(1));
        paces.turn(Millis(0));
        assert_eq!((paces.usual(peer), paces.slowest_ms(peer)), (0, None));
        for number in 0..100 {
            let micros = if number % 40 == 7 { 9_000 } else { 700 };
            assert_eq!(paces.slowest_ms(peer).is_some(), number >= SAMPLES_MIN);
            paces.answered(peer, Micros(5), Micros(5 + micros));
        }
        assert_eq!(paces.usual(peer), 10);
        let slowest = paces.slowest_ms(peer).unwrap();
        assert!((9..=11).contains(&slowest), "{slowest}");
        paces.turn(Millis(WINDOW_MS));
        assert_eq!(paces.usual(peer), 10, "still of the window before");
        paces.turn(Millis(2 * WINDOW_MS));
        assert_eq!((paces.usual(peer), paces.slowest_ms(peer)), (0, None));
    }

    #[test]
    fn extra_questions_are_one_in_twenty() {
        let mut budget = HedgeBudget::default();
        assert!(!budget.take());
        let extra = (0..10_000).filter(|_| {
            budget.asked();
            budget.take()
        });
        assert_eq!(extra.count(), 500);
        (0..10_000).for_each(|_| budget.asked());
        let burst = (0..100).filter(|_| budget.take()).count();
        assert_eq!(burst, HEDGES_SAVED_MAX as usize);
    }
}
