//! Hybrid time: 48 bits of milliseconds and 16 bits that count within one.
//!
//! It breaks ties between concurrent versions, carries expiry and measures age. It never decides
//! causality and never what may be forgotten. Skew is bounded where operations enter; a replica
//! applies whatever time an operation carries, but does not let it drag its own clock ahead.

use std::fmt;

use thiserror::Error;

/// Milliseconds since the Unix epoch, as some clock saw them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl Millis {
    /// Adds a span, stopping at the end of time.
    #[must_use]
    pub const fn plus(self, span: u64) -> Self {
        Self(self.0.saturating_add(span))
    }

    /// Subtracts a span, stopping at zero.
    #[must_use]
    pub const fn minus(self, span: u64) -> Self {
        Self(self.0.saturating_sub(span))
    }
}

/// A moment that orders the operations of one actor strictly, and others by wall time.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HybridTime(u64);

const LOGICAL_BITS: u32 = 16;
const MILLIS_MAX: u64 = (1 << (64 - LOGICAL_BITS)) - 1;

impl HybridTime {
    /// The start of a millisecond.
    #[must_use]
    pub const fn at(millis: Millis) -> Self {
        let bounded = if millis.0 > MILLIS_MAX { MILLIS_MAX } else { millis.0 };
        Self(bounded << LOGICAL_BITS)
    }

    /// Restores a time from [`HybridTime::bits`].
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Returns the time as 64 bits that sort like it.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Returns the wall part.
    #[must_use]
    pub const fn millis(self) -> Millis {
        Millis(self.0 >> LOGICAL_BITS)
    }

    /// Returns the next moment; a full logical part moves on to the next millisecond.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for HybridTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.millis().0, self.0 & ((1 << LOGICAL_BITS) - 1))
    }
}

impl fmt::Debug for HybridTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A time from outside lies further ahead than the bound allows. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the time is {ahead_ms} ms ahead of this node's clock, more than {bound_ms} ms")]
pub struct SkewError {
    /// How far ahead it is.
    pub ahead_ms: u64,
    /// How far it may be.
    pub bound_ms: u64,
}

/// The clock of one actor: strictly rising, near wall time.
#[derive(Clone, Debug)]
pub struct HybridClock {
    last: HybridTime,
    bound_ms: u64,
}

impl HybridClock {
    /// Starts a clock that never goes back behind `floor` (what was minted or seen before).
    #[must_use]
    pub const fn new(floor: HybridTime, bound_ms: u64) -> Self {
        Self { last: floor, bound_ms }
    }

    /// Mints the next time: after everything minted before, and after `seen` (the newest version
    /// that the operation meets) unless that lies beyond the bound; causal dominance, not time,
    /// then makes the operation win.
    pub fn mint(&mut self, now: Millis, seen: HybridTime) -> HybridTime {
        let wall = HybridTime::at(now);
        let near = if seen < self.limit(now) { seen.next() } else { HybridTime::default() };
        self.last = wall.max(self.last.next()).max(near);
        self.last
    }

    /// Notes a time that a peer's operation carries; one beyond the bound is not followed.
    pub fn observe(&mut self, now: Millis, seen: HybridTime) {
        if seen < self.limit(now) {
            self.last = self.last.max(seen);
        }
    }

    /// Refuses a time from a client that lies beyond the bound.
    ///
    /// # Errors
    /// [`SkewError`]; the clock has not moved.
    pub fn check_ingress(&self, now: Millis, given: Millis) -> Result<(), SkewError> {
        let ahead_ms = given.0.saturating_sub(now.0);
        if ahead_ms > self.bound_ms {
            return Err(SkewError { ahead_ms, bound_ms: self.bound_ms });
        }
        Ok(())
    }

    /// Returns the newest time minted or followed.
    #[must_use]
    pub const fn last(&self) -> HybridTime {
        self.last
    }

    const fn limit(&self, now: Millis) -> HybridTime {
        HybridTime::at(now.plus(self.bound_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: u64 = 500;

    #[test]
    fn minted_times_rise_and_stay_near_the_wall() {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut clock = HybridClock::new(HybridTime::default(), BOUND);
        let (mut wall, mut last) = (1_000_000u64, HybridTime::default());
        for _ in 0..10_000 {
            // Wall clocks jump both ways.
            wall = wall.saturating_add(rng.u64(0..20)).saturating_sub(rng.u64(0..15));
            let seen = HybridTime::at(Millis(wall + rng.u64(0..2_000)));
            if rng.bool() {
                clock.observe(Millis(wall), seen);
            }
            let minted = clock.mint(Millis(wall), seen);
            assert!(minted > last, "C2: times of one actor rise");
            assert!(minted.millis().0 <= wall + BOUND + 200, "C1: near the wall");
            last = minted;
        }
    }

    #[test]
    fn a_poisoned_time_is_not_followed() {
        let mut clock = HybridClock::new(HybridTime::default(), BOUND);
        let poison = HybridTime::at(Millis(9_000_000));
        clock.observe(Millis(1_000), poison);
        assert!(clock.mint(Millis(1_000), poison).millis() <= Millis(1_000 + BOUND));
        let near = HybridTime::at(Millis(1_400));
        assert!(clock.mint(Millis(1_000), near) > near);
    }

    #[test]
    fn a_full_logical_part_moves_to_the_next_millisecond() {
        let end = HybridTime::from_bits((7 << LOGICAL_BITS) | 0xffff);
        assert_eq!(end.next(), HybridTime::at(Millis(8)));
        assert_eq!(HybridTime::from_bits(u64::MAX).next().bits(), u64::MAX);
    }

    #[test]
    fn ingress_names_the_excess() {
        let clock = HybridClock::new(HybridTime::default(), BOUND);
        assert_eq!(clock.check_ingress(Millis(0), Millis(500)), Ok(()));
        let refused = clock.check_ingress(Millis(0), Millis(501));
        assert_eq!(refused, Err(SkewError { ahead_ms: 501, bound_ms: 500 }));
    }
}
