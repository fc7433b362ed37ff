//! How long writes take to be seen everywhere, from a history of writes and of reads that poll.
//!
//! A write is seen at an endpoint when the first read that ends there after it shows it, or
//! anything newer. How often an endpoint polls is the error of the measurement, and is told.

use std::collections::BTreeMap;

use serde::Serialize;

use super::history::{Op, Outcome, Record};

/// How long writes took to be seen by all endpoints that read their key.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Spread {
    pub(crate) writes: usize,
    /// Writes that some endpoint had not shown when the history ended.
    pub(crate) unseen: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
    /// The 99th of 100 pauses between two reads of a key at an endpoint.
    pub(crate) polling_ms: f64,
}

/// Measures every acknowledged write of a history.
pub(crate) fn measure(records: &[Record]) -> Spread {
    let mut polls: BTreeMap<(&str, &str), Vec<&Record>> = BTreeMap::new();
    for read in records.iter().filter(|one| one.op == Op::Read && one.outcome == Outcome::Ok) {
        polls.entry((&read.key, &read.endpoint)).or_default().push(read);
    }
    polls.values_mut().for_each(|reads| reads.sort_by_key(|read| read.end_us));
    let writes = records.iter().filter(|one| one.op == Op::Write && one.outcome == Outcome::Ok);
    let (mut times, mut unseen) = (Vec::new(), 0);
    for write in writes {
        let endpoints = polls.iter().filter(|((key, _), _)| *key == write.key);
        let seen: Option<Vec<u64>> = endpoints.map(|(_, reads)| seen_after(write, reads)).collect();
        match seen.map(|seen| seen.into_iter().max()) {
            Some(Some(time)) => times.push(time),
            Some(None) => {}
            None => unseen += 1,
        }
    }
    times.sort_unstable();
    let mut pauses: Vec<u64> = polls.values().flat_map(|reads| pauses(reads)).collect();
    pauses.sort_unstable();
    Spread {
        writes: times.len() + unseen,
        unseen,
        p50_ms: at(&times, 50),
        p95_ms: at(&times, 95),
        p99_ms: at(&times, 99),
        max_ms: at(&times, 100),
        polling_ms: at(&pauses, 99),
    }
}

/// When an endpoint first showed a write, or anything newer, in microseconds after it ended.
fn seen_after(write: &Record, reads: &[&Record]) -> Option<u64> {
    let first = reads.partition_point(|read| read.end_us < write.end_us);
    let seen = reads[first..].iter().find(|read| read.value >= write.value)?;
    Some(seen.end_us - write.end_us)
}

fn pauses(reads: &[&Record]) -> Vec<u64> {
    reads.windows(2).map(|pair| pair[1].end_us.saturating_sub(pair[0].end_us)).collect()
}

/// The value so many of a hundred are at or below, in milliseconds.
#[expect(clippy::cast_precision_loss, reason = "spans of a check are short")]
fn at(sorted: &[u64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(rank).map_or(0.0, |micros| *micros as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(op: Op, endpoint: &str, value: i64, end_us: u64) -> Record {
        Record {
            process: endpoint.into(),
            endpoint: endpoint.into(),
            op,
            key: "k".into(),
            value: Some(value),
            start_us: end_us.saturating_sub(10),
            end_us,
            outcome: Outcome::Ok,
        }
    }

    #[test]
    fn a_write_has_spread_when_the_slowest_endpoint_shows_it() {
        use Op::{Read, Write};
        let history = [
            record(Write, "a", 1, 1000),
            record(Read, "a", 1, 1500),
            record(Read, "b", 0, 2000),
            record(Read, "b", 2, 5000),
            record(Write, "a", 2, 3000),
            record(Read, "a", 2, 3100),
            record(Write, "a", 3, 9000),
            record(Read, "a", 3, 9100),
        ];
        let spread = measure(&history);
        assert_eq!((spread.writes, spread.unseen), (3, 1));
        assert_eq!((spread.p50_ms, spread.max_ms), (2.0, 4.0));
        assert_eq!(spread.polling_ms, 6.0);
        assert_eq!(measure(&[]).writes, 0);
    }
}
