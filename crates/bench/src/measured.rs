//! What a load came to.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::mix::Deed;

/// Longer latencies count as this one.
const LATENCY_MAX_NS: u64 = 60_000_000_000;
/// The parts of requests whose latencies are told.
const PARTS: [f64; 12] = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999, 1.0];

/// Latencies and refusals of one kind of request.
pub(crate) struct Tally {
    latencies: Histogram<u64>,
    errors: u64,
    /// What the first refusal said.
    example: Option<String>,
}

/// Everything that a load came to, by kind of request.
#[derive(Default)]
pub(crate) struct Tallies(BTreeMap<Deed, Tally>);

/// A latency, and the part of all requests that took no longer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The part, 0 to 1.
    pub part: f64,
    /// Microseconds.
    pub us: f64,
}

/// Figures of one kind of request, or of all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Which kind; `all` for all.
    pub what: String,
    /// How many were answered.
    pub count: u64,
    /// How many of those with an error.
    pub errors: u64,
    /// What the first error said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
    /// Answered in a second.
    pub per_second: f64,
    /// The mean latency in microseconds.
    pub mean_us: f64,
    /// Latencies by part.
    pub latencies: Vec<Point>,
}

/// What a load came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// What was asked for, in words.
    pub plan: String,
    /// Seconds that were measured.
    pub seconds: f64,
    /// Microseconds of processor time that the servers used for each request, when they ran here.
    pub server_cpu_us: Option<f64>,
    /// All requests, then each kind when there are several.
    pub figures: Vec<Figures>,
}

impl Tally {
    fn new() -> Self {
        let latencies = Histogram::new_with_max(LATENCY_MAX_NS, 2).expect("these bounds are sound");
        Self { latencies, errors: 0, example: None }
    }

    fn take(&mut self, other: &Self) {
        self.latencies.add(&other.latencies).expect("the bounds are the same");
        self.errors += other.errors;
        self.example = self.example.take().or_else(|| other.example.clone());
    }

    #[expect(clippy::cast_precision_loss, reason = "rates and latencies, not their last digits")]
    fn figures(&self, what: &str, seconds: f64) -> Figures {
        let point = |part| {
            let us = self.latencies.value_at_quantile(part) as f64 / 1000.0;
            Point { part, us: if part == 0.0 { self.latencies.min() as f64 / 1000.0 } else { us } }
        };
        Figures {
            what: what.into(),
            count: self.latencies.len(),
            errors: self.errors,
            example: self.example.clone(),
            per_second: self.latencies.len() as f64 / seconds,
            mean_us: self.latencies.mean() / 1000.0,
            latencies: PARTS.into_iter().map(point).collect(),
        }
    }
}

impl Tallies {
    pub(crate) fn note(&mut self, deed: Deed, latency: Duration, error: Option<&[u8]>) {
        let tally = self.0.entry(deed).or_insert_with(Tally::new);
        let ns = crate::clock::nanos(latency).clamp(1, LATENCY_MAX_NS);
        tally.latencies.record(ns).expect("it is within the bounds");
        if let Some(text) = error {
            tally.errors += 1;
            tally.example.get_or_insert_with(|| String::from_utf8_lossy(text).into_owned());
        }
    }

    pub(crate) fn take(&mut self, other: &Self) {
        for (deed, tally) in &other.0 {
            self.0.entry(*deed).or_insert_with(Tally::new).take(tally);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a time per request, not its last digit")]
    pub(crate) fn measured(
        &self,
        plan: String,
        span: Duration,
        server_seconds: Option<f64>,
    ) -> Measured {
        let seconds = span.as_secs_f64();
        let mut all = Tally::new();
        self.0.values().for_each(|tally| all.take(tally));
        let mut figures = vec![all.figures("all", seconds)];
        if self.0.len() > 1 {
            let kinds = self.0.iter().map(|(deed, tally)| tally.figures(deed.name(), seconds));
            figures.extend(kinds);
        }
        let count = figures[0].count.max(1) as f64;
        let server_cpu_us = server_seconds.map(|used| used * 1e6 / count);
        Measured { plan, seconds, server_cpu_us, figures }
    }
}

impl Figures {
    /// Returns the latency in microseconds that so large a part of the requests did not exceed.
    #[must_use]
    pub fn latency_us(&self, part: f64) -> f64 {
        let found = self.latencies.iter().find(|point| point.part >= part);
        found.map_or(0.0, |point| point.us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_all_connections_together() {
        let mut one = Tallies::default();
        let mut other = Tallies::default();
        for ms in 1..=99 {
            one.note(Deed::Get, Duration::from_millis(ms), None);
        }
        other.note(Deed::Set, Duration::from_millis(500), Some(b"ERR no"));
        one.take(&other);
        let measured = one.measured("plan".into(), Duration::from_secs(2), Some(0.5));
        let [all, get, set] = &measured.figures[..] else { panic!("{measured:?}") };
        assert_eq!((all.count, all.errors, all.per_second), (100, 1, 50.0));
        assert_eq!((get.count, get.errors, &*get.what), (99, 0, "get"));
        assert_eq!(set.example.as_deref(), Some("ERR no"));
        assert!((49_000.0..51_500.0).contains(&get.latency_us(0.5)), "{get:?}");
        assert!((495_000.0..505_000.0).contains(&all.latency_us(1.0)), "{all:?}");
        assert_eq!(measured.server_cpu_us, Some(5000.0));
    }
}
