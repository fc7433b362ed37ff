//! Local health: how much this node should doubt itself before it accuses others.
//!
//! Lifeguard, section IV-A: a node that misses answers is more often slow itself than surrounded
//! by failures. The score counts recent signs of that, and stretches probes accordingly.

use crate::ids::Millis;

#[derive(Debug)]
pub(crate) struct Health {
    score: u32,
    score_max: u32,
}

impl Health {
    pub(crate) const fn new(score_max: u32) -> Self {
        Self { score: 0, score_max }
    }

    /// A probe was answered in time.
    pub(crate) const fn improve(&mut self) {
        self.score = self.score.saturating_sub(1);
    }

    /// A probe failed that even the relays did not answer for, a claim had to be refuted, or this
    /// node slept past its deadlines.
    pub(crate) fn worsen(&mut self) {
        self.score = (self.score + 1).min(self.score_max);
    }

    pub(crate) fn stretch(&self, span: Millis) -> Millis {
        span.times(u64::from(self.score) + 1)
    }

    /// Zero is healthy.
    pub(crate) const fn score(&self) -> u32 {
        self.score
    }
}

#[cfg(test)]
mod tests {
    use super::Health;
    use crate::ids::Millis;

    #[test]
    fn the_score_stays_within_its_bounds() {
        let mut health = Health::new(2);
        health.improve();
        assert_eq!(health.stretch(Millis(10)), Millis(10));
        for _ in 0..5 {
            health.worsen();
        }
        assert_eq!((health.score(), health.stretch(Millis(10))), (2, Millis(30)));
    }
}
