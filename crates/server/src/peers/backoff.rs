//! How long to wait before a link is tried again: doubling, bounded, and never quite the same.

use std::time::Duration;

const FIRST_MS: u64 = 100;
const LAST_MS: u64 = 2_000;

/// The waits of one link.
#[derive(Debug)]
pub(super) struct Backoff {
    rng: fastrand::Rng,
    span_ms: u64,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Self { rng: fastrand::Rng::with_seed(seed), span_ms: FIRST_MS }
    }

    /// Starts small again, after a link that worked.
    pub(super) const fn reset(&mut self) {
        self.span_ms = FIRST_MS;
    }

    /// Returns the next wait: between half the span and all of it, so that two nodes that lost
    /// each other do not come back in step.
    pub(super) fn next(&mut self) -> Duration {
        let wait = self.rng.u64(self.span_ms / 2..=self.span_ms);
        self.span_ms = (self.span_ms * 2).min(LAST_MS);
        Duration::from_millis(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_differ() {
        let mut backoff = Backoff::new(1);
        for span in [100, 200, 400, 800, 1600, 2000, 2000] {
            let wait = backoff.next();
            assert!(Duration::from_millis(span / 2) <= wait, "{wait:?}");
            assert!(wait <= Duration::from_millis(span), "{wait:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(100));
        assert_ne!(Backoff::new(1).next(), Backoff::new(2).next());
    }
}
