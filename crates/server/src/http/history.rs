//! What a node remembers of its last day, in two rings: every second, and every minute.
//!
//! Bound: so many samples of so few numbers, whatever happens.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use node::Histogram;
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use crate::clock;
use crate::status::{Describer, PeerReport};

/// A quarter of an hour by seconds.
const SECONDS_COUNT: usize = 900;
/// A day by minutes.
const MINUTES_COUNT: usize = 1440;
const SECONDS_PER_MINUTE: usize = 60;

/// The numbers of a sample, in their order.
const SERIES: [&str; 10] = [
    "convergence_p50_ms",
    "convergence_p95_ms",
    "convergence_p99_ms",
    "behind_ms",
    "behind_writes",
    "links_down",
    "shards_differing",
    "minted_per_s",
    "delivered_per_s",
    "elements",
];

/// Over how many seconds convergence is told: one alone may have few writes.
const WINDOW_COUNT: usize = 10;

/// What is not known, such as the convergence of no writes, is nothing.
type Numbers = [Option<f64>; SERIES.len()];

/// The numbers of one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    at_ms: u64,
    numbers: Numbers,
}

/// The history of one node.
#[derive(Debug, Default)]
pub(crate) struct History {
    rings: RefCell<Rings>,
}

#[derive(Debug, Default)]
struct Rings {
    seconds: VecDeque<Sample>,
    minutes: VecDeque<Sample>,
    /// Seconds that no minute stands for yet.
    waiting: Vec<Sample>,
    /// What was minted and what was delivered up to the last look.
    totals: Option<[u64; 2]>,
    window: Window,
}

/// The last seconds of a histogram that only grows: its buckets now, and at each second before.
#[derive(Debug, Default)]
struct Window {
    seconds: VecDeque<BTreeMap<u64, u64>>,
}

/// How often values up to each end were seen.
#[derive(Debug, Default)]
struct Recent(BTreeMap<u64, u64>);

impl Window {
    /// Takes the histogram as it is now; answers what was added to it within the window.
    fn move_on(&mut self, all: &Histogram) -> Recent {
        let now: BTreeMap<u64, u64> = all.buckets().collect();
        let before = self.seconds.front();
        let added = now.iter().map(|(end, count)| {
            let earlier = before.and_then(|before| before.get(end)).copied().unwrap_or_default();
            (*end, count - earlier)
        });
        let recent = Recent(added.filter(|(_, count)| *count > 0).collect());
        if self.seconds.len() == WINDOW_COUNT {
            self.seconds.pop_front();
        }
        self.seconds.push_back(now);
        recent
    }
}

impl Recent {
    /// The end of the bucket that a part of all values does not exceed; nothing without values.
    fn quantile(&self, part: f64) -> Option<u64> {
        let all: u64 = self.0.values().sum();
        let mut seen = 0;
        self.0.iter().find_map(|(end, count)| {
            seen += count;
            (float(seen) >= part * float(all)).then_some(*end)
        })
    }
}

impl History {
    /// Takes a sample every second, for ever.
    pub(crate) async fn run(self: Rc<Self>, describer: Rc<Describer>) {
        let mut ticks = interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            self.rings.borrow_mut().look(&describer);
        }
    }

    /// Tells everything that is remembered.
    pub(crate) fn tell(&self) -> Value {
        let rings = self.rings.borrow();
        let rows = |samples: &VecDeque<Sample>| -> Vec<Value> { samples.iter().map(row).collect() };
        json!({
            "series": SERIES,
            "seconds": rows(&rings.seconds),
            "minutes": rows(&rings.minutes),
        })
    }

    /// Tells the last second.
    pub(crate) fn last(&self) -> Value {
        self.rings.borrow().seconds.back().map_or(Value::Null, row)
    }
}

/// A sample as a row: the moment, then the numbers, with three digits behind the point.
fn row(sample: &Sample) -> Value {
    let number = |number: &Option<f64>| json!(number.map(|it| (it * 1000.0).round() / 1000.0));
    let numbers = sample.numbers.iter().map(number);
    Value::Array([json!(sample.at_ms)].into_iter().chain(numbers).collect())
}

impl Rings {
    fn look(&mut self, describer: &Describer) {
        let (seen, reports) = (describer.introspect(), describer.reports());
        let sum = |number: fn(&PeerReport) -> u64| float(reports.iter().map(number).sum());
        let delivered = seen.status.delivered;
        let delivered = delivered.by_write + delivered.by_hint + delivered.by_exchange;
        let totals = [seen.ledger.minted, delivered];
        let before = self.totals.replace(totals).unwrap_or(totals);
        let rate = |index: usize| Some(float(totals[index].saturating_sub(before[index])));
        let recent = self.window.move_on(&seen.ledger.everywhere);
        let behind = reports.iter().filter_map(|peer| peer.behind_ms).max();
        let millis = |part: f64| recent.quantile(part).map(|micros| float(micros) / 1000.0);
        self.push(Sample {
            at_ms: clock::now().0,
            numbers: [
                millis(0.5),
                millis(0.95),
                millis(0.99),
                Some(float(behind.unwrap_or_default())),
                Some(sum(|peer| peer.writes_behind)),
                Some(sum(|peer| u64::from(peer.link != "up"))),
                Some(sum(|peer| peer.shards_differing as u64)),
                rate(0),
                rate(1),
                Some(float(seen.status.element_count)),
            ],
        });
    }

    fn push(&mut self, sample: Sample) {
        push(&mut self.seconds, SECONDS_COUNT, sample);
        self.waiting.push(sample);
        if self.waiting.len() == SECONDS_PER_MINUTE {
            let worst = worst(&self.waiting);
            push(&mut self.minutes, MINUTES_COUNT, worst);
            self.waiting.clear();
        }
    }
}

/// The largest of each number: a minute is as bad as its worst second.
fn worst(samples: &[Sample]) -> Sample {
    let mut worst = Sample { at_ms: 0, numbers: [None; SERIES.len()] };
    for sample in samples {
        worst.at_ms = sample.at_ms;
        for (worst, number) in worst.numbers.iter_mut().zip(sample.numbers) {
            *worst = match (*worst, number) {
                (Some(worst), Some(number)) => Some(worst.max(number)),
                (one, other) => one.or(other),
            };
        }
    }
    worst
}

fn push(ring: &mut VecDeque<Sample>, count_max: usize, sample: Sample) {
    if ring.len() == count_max {
        ring.pop_front();
    }
    ring.push_back(sample);
}

/// Counts beyond 2^53 lose their last digit, which no graph shows.
#[expect(clippy::cast_precision_loss, reason = "said above")]
const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_as_bad_as_its_worst_second_and_rings_are_bounded() {
        let mut rings = Rings::default();
        for second in 0..100_000_u32 {
            let mut numbers = [None; SERIES.len()];
            numbers[1] = Some(if second % 60 == 7 { f64::from(second) } else { 1.0 });
            rings.push(Sample { at_ms: u64::from(second), numbers });
        }
        assert_eq!((rings.seconds.len(), rings.minutes.len()), (SECONDS_COUNT, MINUTES_COUNT));
        let last = rings.minutes.back().unwrap();
        assert_eq!((last.at_ms, last.numbers[1]), (99_959, Some(99_907.0)));
        assert_eq!((&row(last)[0], &row(last)[1]), (&json!(99_959), &Value::Null));
    }

    #[test]
    fn convergence_is_that_of_the_last_seconds() {
        let (mut window, mut all) = (Window::default(), Histogram::new());
        assert_eq!(window.move_on(&all).quantile(0.5), None);
        all.record_many(100, 99);
        all.record(5000);
        let recent = window.move_on(&all);
        assert_eq!((recent.quantile(0.5), recent.quantile(0.99)), (Some(103), Some(103)));
        assert_eq!(recent.quantile(1.0), Some(5119));
        for _ in 0..WINDOW_COUNT {
            window.move_on(&all);
        }
        assert_eq!(window.move_on(&all).quantile(0.5), None, "it is long ago");
    }
}
