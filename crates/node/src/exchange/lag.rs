//! How long ago clocks are compared: twice what operations need to arrive.
//!
//! Measured is an operation's age when a coordinator's message brings it: travel and the skew of
//! the minting clock together, which is what the comparison must allow for.

use causality::{HybridTime, Millis};
use replica::CUT_GRID_MS;

use crate::ledger::Histogram;

/// Never less, or a pause of a machine would look like a loss.
const LAG_MIN_MS: u64 = 200;

/// Never more: replicas remember the times of operations a little longer than this.
const LAG_MAX_MS: u64 = 2_000;

/// Ages are forgotten after one to two of these.
const WINDOW_MS: u64 = 30_000;

/// The ages of operations on arrival.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    ages: Histogram,
    ages_before: Histogram,
    next_window: Millis,
    lag_ms: u64,
}

impl Lag {
    /// Notes an operation that a coordinator's message has brought.
    #[inline]
    pub(crate) fn arrived(&mut self, now: Millis, minted: HybridTime) {
        let age_ms = now.0.saturating_sub(minted.millis().0);
        // Older ones were kept for this node while it was away; they were not under way.
        if age_ms <= LAG_MAX_MS {
            self.ages.record(age_ms);
        }
    }

    /// Fits the lag to what was seen.
    pub(crate) fn turn(&mut self, now: Millis) {
        if now >= self.next_window {
            self.next_window = now.plus(WINDOW_MS);
            self.ages_before = std::mem::take(&mut self.ages);
        }
        self.lag_ms = 2 * self.ages.quantile(0.99).max(self.ages_before.quantile(0.99));
    }

    /// Returns how long ago clocks are compared.
    pub(crate) fn lag_ms(&self) -> u64 {
        self.lag_ms.clamp(LAG_MIN_MS, LAG_MAX_MS)
    }

    /// Returns the moment at which clocks are compared now.
    pub(crate) fn moment(&self, now: Millis) -> Millis {
        let moment = now.minus(self.lag_ms()).0;
        Millis(moment - moment % CUT_GRID_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lag_follows_what_is_seen_within_its_bounds() {
        let mut lag = Lag::default();
        let start = Millis(1_000_000);
        let arrive = |lag: &mut Lag, now: Millis, age: u64| {
            (0..100).for_each(|_| lag.arrived(now, HybridTime::at(now.minus(age))));
            lag.turn(now);
            lag.lag_ms()
        };
        assert_eq!(arrive(&mut lag, start, 1), LAG_MIN_MS);
        assert!((500..=560).contains(&arrive(&mut lag, start, 250)));
        assert_eq!(arrive(&mut lag, start, 2_000), LAG_MAX_MS);
        assert_eq!(arrive(&mut lag, start.plus(2 * WINDOW_MS), 60_000), LAG_MAX_MS);
        assert_eq!(arrive(&mut lag, start.plus(4 * WINDOW_MS), 60_000), LAG_MIN_MS);
        assert_eq!(lag.moment(Millis(10_250)), Millis(10_000));
    }
}
