//! How long a suspect has to refute: longer in larger clusters, shorter when others confirm.
//!
//! Lifeguard, section IV-B: `max - (max - min) * log(c + 1) / log(k + 1)` after c of k expected
//! confirmations. The logarithms are in fixed point, so that every machine computes the same.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::ids::{Millis, NodeId};
use crate::message::ACCUSER_COUNT_MAX;

/// An open suspicion.
#[derive(Clone, Debug)]
pub(crate) struct Suspicion {
    /// Who did not get an answer: never more than can shorten the suspicion.
    accusers: BTreeSet<NodeId>,
    started: Millis,
    times: SuspicionTimes,
}

/// The bounds of one suspicion, fixed when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SuspicionTimes {
    shortest: Millis,
    longest: Millis,
    confirmations: usize,
}

impl Suspicion {
    pub(crate) fn new(now: Millis, accusers: &[NodeId], times: SuspicionTimes) -> Self {
        let mut suspicion = Self { accusers: BTreeSet::new(), started: now, times };
        suspicion.confirm(accusers);
        suspicion
    }

    /// Adds accusers; whether one of them was new.
    pub(crate) fn confirm(&mut self, accusers: &[NodeId]) -> bool {
        let before = self.accusers.len();
        for accuser in accusers {
            if self.accusers.len() <= self.times.confirmations {
                self.accusers.insert(*accuser);
            }
        }
        self.accusers.len() > before
    }

    pub(crate) fn accusers(&self) -> Vec<NodeId> {
        self.accusers.iter().copied().collect()
    }

    pub(crate) fn deadline(&self) -> Millis {
        self.started.plus(self.times.after(self.accusers.len().saturating_sub(1)))
    }

    /// Moves the start later, as if the span had not passed.
    pub(crate) fn delay(&mut self, span: Millis) {
        self.started = self.started.plus(span);
    }
}

impl SuspicionTimes {
    /// The bounds in a cluster of this many live nodes, the suspect and this node included.
    pub(crate) fn new(config: &Config, node_count: usize) -> Self {
        let doublings = log2_fixed(node_count as u64);
        let scaled = config.suspicion_per_doubling.times(doublings).0 >> FRACTION_BITS;
        let shortest = config.suspicion_base.plus(Millis(scaled));
        // In a cluster of three only one other can confirm; of two, nobody.
        let confirmations = config.confirmation_count.min(node_count.saturating_sub(2));
        let longest = shortest.times(u64::from(config.suspicion_stretch));
        assert!(confirmations < ACCUSER_COUNT_MAX, "the settings were checked");
        Self { shortest, longest, confirmations }
    }

    fn after(&self, confirmed: usize) -> Millis {
        if confirmed >= self.confirmations {
            return self.shortest;
        }
        let range = self.longest.since(self.shortest);
        let passed = range.times(log2_fixed(confirmed as u64 + 1)).0;
        Millis(self.longest.0 - passed / log2_fixed(self.confirmations as u64 + 1))
    }
}

const FRACTION_BITS: u32 = 8;

/// log2 in steps of 1/256, linear between powers of two; zero for zero and one.
const fn log2_fixed(value: u64) -> u64 {
    if value < 2 {
        return 0;
    }
    let whole = value.ilog2();
    let mantissa = match whole.checked_sub(FRACTION_BITS) {
        Some(excess) => value >> excess,
        None => value << (FRACTION_BITS - whole),
    };
    let fraction = mantissa - (1 << FRACTION_BITS);
    ((whole as u64) << FRACTION_BITS) + fraction
}

#[cfg(test)]
mod tests {
    use super::{Suspicion, SuspicionTimes, log2_fixed};
    use crate::config::Config;
    use crate::ids::{ClusterHash, Millis, NodeId};

    #[test]
    fn logarithms_are_exact_at_powers_and_monotone_between() {
        assert_eq!([1, 2, 4, 1024].map(log2_fixed), [0, 256, 512, 2560]);
        assert!((1..5_000).all(|value| log2_fixed(value) <= log2_fixed(value + 1)));
        assert!(log2_fixed(u64::MAX) < 64 * 256);
    }

    #[test]
    fn suspicion_grows_with_the_cluster_and_shrinks_with_confirmations() {
        let config = Config::new(ClusterHash(1));
        let check = |nodes, accusers: &[u32], expected: u64| {
            let accusers: Vec<NodeId> = accusers.iter().map(|id| NodeId(*id)).collect();
            let times = SuspicionTimes::new(&config, nodes);
            let suspicion = Suspicion::new(Millis(1_000), &accusers, times);
            assert_eq!(suspicion.deadline(), Millis(1_000 + expected), "{nodes} {accusers:?}");
        };
        check(2, &[1], 4_300);
        check(3, &[1], 8_700);
        check(3, &[1, 2], 4_350);
        check(1_024, &[1], 10_400);
        check(1_024, &[1, 2], 7_800);
        check(1_024, &[1, 2, 3, 4], 5_200);
        check(1_024, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 5_200);
    }

    #[test]
    fn an_accuser_counts_once() {
        let times = SuspicionTimes::new(&Config::new(ClusterHash(1)), 100);
        let mut suspicion = Suspicion::new(Millis(0), &[NodeId(1)], times);
        assert!(!suspicion.confirm(&[NodeId(1)]));
        assert!(suspicion.confirm(&[NodeId(1), NodeId(2)]));
        assert_eq!(suspicion.accusers(), [NodeId(1), NodeId(2)]);
    }
}
