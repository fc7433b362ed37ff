//! How likely a read is to see the latest write: probabilistically bounded staleness.
//!
//! The model of Bailis et al. (2012): a write goes to all N owners and is answered by W, a read
//! goes to all and is answered by R; the four legs (write, acknowledgement, read, response) are
//! drawn independently from measured times. It knows no hints, no read repair and no exchange, so
//! it is pessimistic, except when owners stall together. A pure function: same samples and same
//! random numbers, same prediction.

use crate::ledger::Histogram;

/// How many owners a key has, and how many answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// Owners of the key.
    pub owners: usize,
    /// Owners that answer a read.
    pub read: usize,
    /// Owners that answer a write.
    pub write: usize,
}

/// Measured round trips, in microseconds; each leg is taken as half of one.
#[derive(Clone, Copy, Debug)]
pub struct RoundTrips<'a> {
    /// Writes and their acknowledgements.
    pub write: &'a Histogram,
    /// Reads and their responses.
    pub read: &'a Histogram,
}

/// What is to be expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// For each draw, how long after the answer to a write a read had to start to see it.
    waits: Vec<u64>,
    /// The time until a write is answered.
    pub write_latency: Histogram,
    /// The time until a read is answered.
    pub read_latency: Histogram,
}

impl Prediction {
    /// Returns how likely a read sees the last write when it starts so long after the answer.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "there are few draws")]
    pub fn seen_after(&self, micros: u64) -> f64 {
        self.waits.partition_point(|wait| *wait <= micros) as f64 / self.waits.len() as f64
    }

    /// Returns how long to wait for the given likelihood of seeing the last write.
    #[must_use]
    pub fn wait_for(&self, likelihood: f64) -> u64 {
        #[expect(clippy::cast_precision_loss, reason = "there are few draws")]
        let rank = (likelihood.clamp(0.0, 1.0) * self.waits.len() as f64).ceil();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let at = (rank as usize).clamp(1, self.waits.len()) - 1;
        self.waits[at]
    }
}

/// Predicts from measured round trips; nothing before anything was measured, or when more owners
/// are asked to answer than there are.
#[must_use]
pub fn predict(
    trips: RoundTrips<'_>,
    quorum: Quorum,
    draws: usize,
    rng: &mut fastrand::Rng,
) -> Option<Prediction> {
    let is_possible = |answers| (1..=quorum.owners).contains(&answers);
    if draws == 0 || !is_possible(quorum.read) || !is_possible(quorum.write) {
        return None;
    }
    let (write, read) = (Sampler::new(trips.write)?, Sampler::new(trips.read)?);
    let mut prediction = Prediction {
        waits: Vec::with_capacity(draws),
        write_latency: Histogram::new(),
        read_latency: Histogram::new(),
    };
    for _ in 0..draws {
        draw(&write, &read, quorum, rng, &mut prediction);
    }
    prediction.waits.sort_unstable();
    Some(prediction)
}

/// One write and one read after it.
fn draw(
    write: &Sampler,
    read: &Sampler,
    quorum: Quorum,
    rng: &mut fastrand::Rng,
    prediction: &mut Prediction,
) {
    let mut arrivals = Vec::with_capacity(quorum.owners);
    let mut acknowledged = Vec::with_capacity(quorum.owners);
    let mut reads = Vec::with_capacity(quorum.owners);
    for owner in 0..quorum.owners {
        let (there, back) = (write.leg(rng), write.leg(rng));
        arrivals.push(there);
        acknowledged.push(there + back);
        let (there, back) = (read.leg(rng), read.leg(rng));
        reads.push((there + back, there, owner));
    }
    acknowledged.sort_unstable();
    reads.sort_unstable();
    let answered = acknowledged[quorum.write - 1];
    // The read sees the write if one of those who answer it had the write when asked.
    let waits = reads[..quorum.read]
        .iter()
        .map(|(_, there, owner)| arrivals[*owner].saturating_sub(answered).saturating_sub(*there));
    prediction.waits.push(waits.min().expect("somebody answers"));
    prediction.write_latency.record(answered);
    prediction.read_latency.record(reads[quorum.read - 1].0);
}

/// Draws from a histogram.
struct Sampler {
    /// The end of each bucket, and how many values are in it or below.
    steps: Vec<(u64, u64)>,
    count: u64,
}

impl Sampler {
    fn new(histogram: &Histogram) -> Option<Self> {
        let mut count = 0;
        let add = |(end, held)| {
            count += held;
            (end, count)
        };
        let steps = histogram.buckets().map(add).collect();
        (count > 0).then_some(Self { steps, count })
    }

    /// Half of a round trip.
    fn leg(&self, rng: &mut fastrand::Rng) -> u64 {
        let rank = rng.u64(1..=self.count);
        let at = self.steps.partition_point(|(_, through)| *through < rank);
        self.steps[at].0 / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: usize = 20_000;

    fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::new();
        values.into_iter().for_each(|value| histogram.record(value));
        histogram
    }

    fn predicted(write: &Histogram, read: &Histogram, quorum: (usize, usize, usize)) -> Prediction {
        let (owners, read_count, write_count) = quorum;
        let quorum = Quorum { owners, read: read_count, write: write_count };
        let mut rng = fastrand::Rng::with_seed(1);
        predict(RoundTrips { write, read }, quorum, DRAWS, &mut rng).unwrap()
    }

    #[test]
    fn quorums_that_overlap_always_see_the_write() {
        let trips = histogram((0..1_000).map(|n| n * n));
        for (owners, read, write) in [(1, 1, 1), (3, 2, 2), (3, 1, 3), (5, 4, 2)] {
            let prediction = predicted(&trips, &trips, (owners, read, write));
            assert!((prediction.seen_after(0) - 1.0).abs() < f64::EPSILON, "{owners}");
            assert_eq!(prediction.wait_for(1.0), 0);
        }
    }

    /// A leg of a write takes D with likelihood q, else nothing. With two owners and one answer
    /// each, the write is answered by the first owner whose two legs sum to least; the closed
    /// form follows from the sixteen cases.
    #[test]
    fn a_case_small_enough_to_count_comes_out_as_counted() {
        const D: u64 = 1 << 20;
        let q = 0.25;
        let (write, read) = (histogram([0, 0, 0, 2 * D - 1]), histogram(0..4_096));
        let prediction = predicted(&write, &read, (2, 1, 1));
        let late = |legs: u32, bit: u32| f64::from(legs >> bit & 1);
        let mut stale = 0.0;
        for legs in 0..16u32 {
            let likelihood = (0..4).map(|bit| if late(legs, bit) > 0.0 { q } else { 1.0 - q });
            let [there_0, back_0, there_1, back_1] = [0, 1, 2, 3].map(|bit| late(legs, bit));
            let answered = (there_0 + back_0).min(there_1 + back_1);
            let late_owners = [there_0, there_1].into_iter().filter(|there| *there > answered);
            // Either owner answers the read with the same likelihood.
            let late_count = u32::try_from(late_owners.count()).unwrap();
            stale += likelihood.product::<f64>() * f64::from(late_count) / 2.0;
        }
        let found = prediction.seen_after(D / 2);
        assert!((found - (1.0 - stale)).abs() < 0.01, "{found}, counted {}", 1.0 - stale);
        assert!((prediction.seen_after(2 * D) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn more_answers_and_more_time_never_make_it_worse() {
        let mut rng = fastrand::Rng::with_seed(3);
        let write = histogram((0..500).map(|_| rng.u64(100..10_000)));
        let read = histogram((0..500).map(|_| rng.u64(100..2_000)));
        let one = predicted(&write, &read, (3, 1, 1));
        for (read_count, write_count) in [(2, 1), (1, 2)] {
            let more = predicted(&write, &read, (3, read_count, write_count));
            assert!(more.seen_after(0) > one.seen_after(0));
        }
        let likelihoods = [0, 500, 1_000, 3_000, 6_000].map(|micros| one.seen_after(micros));
        assert!(likelihoods.is_sorted() && likelihoods[0] < likelihoods[3], "{likelihoods:?}");
        let wait = one.wait_for(0.99);
        assert!(one.seen_after(wait) >= 0.99 && one.seen_after(wait / 2) < 0.99);
    }

    #[test]
    fn nothing_is_predicted_from_nothing_or_for_quorums_that_cannot_be() {
        let (trips, mut rng) = (histogram([5]), fastrand::Rng::with_seed(1));
        let none = Histogram::new();
        let mut is_predicted = |write, (owners, read_count, write_count)| {
            let quorum = Quorum { owners, read: read_count, write: write_count };
            predict(RoundTrips { write, read: &trips }, quorum, 10, &mut rng).is_some()
        };
        assert!(is_predicted(&trips, (3, 1, 1)));
        assert!(!is_predicted(&none, (3, 1, 1)));
        assert!(!is_predicted(&trips, (3, 4, 1)));
        assert!(!is_predicted(&trips, (3, 1, 0)));
    }
}
