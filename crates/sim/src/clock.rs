//! A machine's clock: off by some, fast or slow by some, and moved by hand now and then.

use causality::Millis;

#[derive(Clone, Debug)]
pub(crate) struct Clock {
    start: Millis,
    ahead_ms: i64,
    drift_ppm: i64,
    moved_ms: i64,
}

impl Clock {
    pub(crate) const fn new(start: Millis, ahead_ms: i64, drift_ppm: i64) -> Self {
        Self { start, ahead_ms, drift_ppm, moved_ms: 0 }
    }

    /// What the clock shows at a true moment.
    pub(crate) fn shows(&self, now: Millis) -> Millis {
        let since = i64::try_from(now.0 - self.start.0).unwrap_or(i64::MAX);
        let ahead =
            self.ahead_ms + self.moved_ms + since.saturating_mul(self.drift_ppm) / 1_000_000;
        Millis(now.0.saturating_add_signed(ahead))
    }

    /// The first true moment, not before now, at which the clock shows so much.
    pub(crate) fn moment_of(&self, shown: Millis, now: Millis) -> Millis {
        let mut moment = now;
        loop {
            let missing = shown.0.saturating_sub(self.shows(moment).0);
            if missing == 0 {
                break;
            }
            moment = moment.plus(missing);
        }
        // A fast clock was there sooner.
        while moment > now && self.shows(moment.minus(1)) >= shown {
            moment = moment.minus(1);
        }
        moment
    }

    /// Moves the clock by hand, from where it would be without.
    pub(crate) const fn jump(&mut self, by_ms: i64) {
        self.moved_ms = by_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_the_first_that_shows_it() {
        let start = Millis(1_000_000);
        for (ahead, drift) in [(0, 0), (50, 300), (-70, -300), (0, 1_000)] {
            let clock = Clock::new(start, ahead, drift);
            for wait in [0, 1, 7, 1_000, 123_456] {
                let shown = clock.shows(start).plus(wait);
                let moment = clock.moment_of(shown, start);
                assert!(clock.shows(moment) >= shown, "{ahead} {drift} {wait}");
                assert!(moment == start || clock.shows(moment.minus(1)) < shown);
            }
        }
    }
}
