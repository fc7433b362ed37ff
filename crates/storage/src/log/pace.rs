//! How long a flush waits for others to join it.
//!
//! Those whose replies leave when a flush ends will soon ask again. A flush that begins at once
//! misses them, and everybody waits for two flushes instead of one: writers fall apart into groups
//! that wait for each other. So the next flush waits until as many have come as there were, but
//! only for a part of what a flush takes, so that waiting in vain costs little.

use std::time::Duration;

/// The part of a flush's time that the next one waits, and for how long at most.
const PATIENCE_PART: u32 = 4;
const PATIENCE_MAX: Duration = Duration::from_millis(1);

/// What the last flush says about the next one.
#[derive(Clone, Copy, Debug, Default)]
pub struct FlushPace {
    expected_count: usize,
    patience: Duration,
}

impl FlushPace {
    /// Takes note of a flush: how long it took, and how many it served or wait already.
    pub fn ended(&mut self, took: Duration, count: usize) {
        self.expected_count = count;
        self.patience = (took / PATIENCE_PART).min(PATIENCE_MAX);
    }

    /// Returns for how long the next flush waits when so many wait for it: not at all when nobody
    /// else is expected.
    #[must_use]
    pub fn patience(&self, waiting_count: usize) -> Duration {
        if waiting_count >= self.expected_count { Duration::ZERO } else { self.patience }
    }
}

#[cfg(test)]
mod tests {
    use super::FlushPace;
    use std::time::Duration;

    const TOOK: Duration = Duration::from_micros(400);

    #[test]
    fn waits_a_quarter_for_as_many_as_there_were() {
        let mut pace = FlushPace::default();
        assert_eq!(pace.patience(1), Duration::ZERO, "nothing is known yet");
        pace.ended(TOOK, 16);
        assert_eq!(pace.patience(15), TOOK / 4);
        assert_eq!(pace.patience(16), Duration::ZERO, "all are here");
        pace.ended(TOOK, 1);
        assert_eq!(pace.patience(1), Duration::ZERO, "whoever is alone has nobody to wait for");
        pace.ended(Duration::from_secs(1), 16);
        assert_eq!(pace.patience(1), Duration::from_millis(1), "a slow disk is no reason");
    }
}
