//! A small log-linear histogram: bounded, mergeable, and never off by more than an eighth.
//!
//! Values up to 8 have a bucket each; above, each power of two is cut into 8. Values beyond
//! 2^40 share the last bucket. Units are whoever records'.

/// Cuts of one power of two, as bits.
const CUT_BITS: u32 = 3;

/// The highest power of two that is told apart.
const POWER_MAX: u32 = 40;

/// The number of buckets that every value fits in.
const BUCKETS_MAX: usize = ((POWER_MAX - CUT_BITS + 1) << CUT_BITS) as usize;

/// How often values of each size were seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// As many as the largest value needs.
    buckets: Vec<u64>,
    count: u64,
    sum: u64,
    max: u64,
}

impl Histogram {
    /// Creates an empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self { buckets: Vec::new(), count: 0, sum: 0, max: 0 }
    }

    /// Notes a value.
    #[inline]
    pub fn record(&mut self, value: u64) {
        self.record_many(value, 1);
    }

    /// Notes a value that was seen several times.
    pub fn record_many(&mut self, value: u64, times: u64) {
        let at = bucket_of(value);
        if at >= self.buckets.len() {
            self.buckets.resize(at + 1, 0);
        }
        self.buckets[at] += times;
        self.count += times;
        self.sum = self.sum.saturating_add(value.saturating_mul(times));
        self.max = self.max.max(value);
    }

    /// Adds everything that another one has seen.
    pub fn merge(&mut self, other: &Self) {
        if self.buckets.len() < other.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }

    /// Returns how many values were noted.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Returns the sum of all values.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.sum
    }

    /// Returns the largest value.
    #[must_use]
    pub const fn max(&self) -> u64 {
        self.max
    }

    /// Returns a value that the given part of all values does not exceed: never below the true
    /// one, and at most an eighth above it.
    #[must_use]
    pub fn quantile(&self, part: f64) -> u64 {
        let wanted = (part.clamp(0.0, 1.0) * as_float(self.count)).ceil().max(1.0);
        let mut seen = 0;
        for (end, count) in self.buckets() {
            seen += count;
            if as_float(seen) >= wanted {
                return end.min(self.max);
            }
        }
        self.max
    }

    /// Returns the buckets that are not empty: the largest value of each, and how many it holds.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let counted = self.buckets.iter().enumerate().filter(|(_, count)| **count > 0);
        counted.map(|(at, count)| (bucket_end(at), *count))
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts this large need no last digit")]
const fn as_float(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, reason = "what is cast has few bits left")]
const fn bucket_of(value: u64) -> usize {
    if value < 1 << CUT_BITS {
        return value as usize;
    }
    let power = value.ilog2();
    if power >= POWER_MAX {
        return BUCKETS_MAX - 1;
    }
    let shift = power - CUT_BITS;
    let cut = (value >> shift) as usize & ((1 << CUT_BITS) - 1);
    (((shift + 1) as usize) << CUT_BITS) + cut
}

const fn bucket_end(at: usize) -> u64 {
    let (group, cut) = (at >> CUT_BITS, (at & ((1 << CUT_BITS) - 1)) as u64);
    if group == 0 {
        return cut;
    }
    let shift = group - 1;
    (((1 << CUT_BITS) + cut + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_what_falls_into_them_and_are_at_most_an_eighth_wide() {
        let mut last = 0;
        for value in (0..20_000).chain((20..40).map(|power| (1 << power) + 12_345)) {
            let at = bucket_of(value);
            assert!(at >= last && at < BUCKETS_MAX, "{value}");
            let end = bucket_end(at);
            assert!(end >= value && end - value <= value / 8, "{value} in a bucket to {end}");
            assert_eq!(bucket_of(end), at);
            assert_eq!(bucket_of(end + 1), at + 1);
            last = at;
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS_MAX - 1);
    }

    #[test]
    fn quantiles_are_close_to_the_sorted_truth() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..100 {
            let shift = rng.u32(0..30);
            let mut values: Vec<u64> =
                (0..rng.usize(1..500)).map(|_| rng.u64(0..1_000) << shift).collect();
            let mut histogram = Histogram::new();
            values.iter().for_each(|value| histogram.record(*value));
            values.sort_unstable();
            for part in [0.0, 0.5, 0.95, 0.99, 1.0] {
                let rank = (part * as_float(values.len() as u64)).ceil().max(1.0);
                let truth = values.iter().zip(1..).find(|(_, n)| f64::from(*n) >= rank).unwrap().0;
                let found = histogram.quantile(part);
                assert!(found >= *truth && found - truth <= truth / 8, "{found} for {truth}");
            }
        }
    }

    #[test]
    fn merging_is_recording_everything_in_one() {
        let mut rng = fastrand::Rng::with_seed(2);
        let (mut left, mut right, mut all) = (Histogram::new(), Histogram::new(), Histogram::new());
        for _ in 0..1_000 {
            let value = rng.u64(..) >> rng.u32(0..64);
            all.record(value);
            if rng.bool() { left.record(value) } else { right.record(value) }
        }
        left.merge(&right);
        assert_eq!(left, all);
    }

    #[test]
    fn an_empty_one_says_zero() {
        assert_eq!(Histogram::new().quantile(0.99), 0);
    }
}
