//! What a history says about the cluster it was taken from: each guarantee, and who broke it.
//!
//! Every key that is written has one writer, whose values rise. So of two values of a key the
//! larger is the newer, and no order has to be guessed. A history in which that is not so is
//! refused rather than judged.

use std::collections::BTreeMap;

use anyhow::bail;
use serde::Serialize;

use super::history::{Op, Outcome, Record};

/// The most violations that are told for one guarantee.
const EXAMPLES_COUNT_MAX: usize = 10;

/// One guarantee, and what was found.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) guarantee: &'static str,
    /// How many chances there were to break it.
    pub(crate) checked: usize,
    pub(crate) broken: usize,
    pub(crate) examples: Vec<String>,
}

impl Verdict {
    const fn new(guarantee: &'static str) -> Self {
        Self { guarantee, checked: 0, broken: 0, examples: Vec::new() }
    }

    fn check(&mut self, is_kept: bool, example: impl FnOnce() -> String) {
        self.checked += 1;
        if !is_kept {
            self.broken += 1;
            if self.examples.len() < EXAMPLES_COUNT_MAX {
                self.examples.push(example());
            }
        }
    }
}

/// Judges a history by every guarantee.
pub(crate) fn judge(records: &[Record]) -> anyhow::Result<Vec<Verdict>> {
    let writers = writers(records)?;
    let by_process = by_process(records);
    Ok(vec![
        read_your_writes(&by_process),
        monotonic_reads(&by_process),
        monotonic_writes(records, &writers),
        counters(records),
    ])
}

/// The writes of each key in their order; refuses a history with two writers of one key.
fn writers(records: &[Record]) -> anyhow::Result<BTreeMap<&str, Vec<&Record>>> {
    let mut writes: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in records.iter().filter(|record| record.op == Op::Write) {
        writes.entry(&record.key).or_default().push(record);
    }
    for (key, writes) in &mut writes {
        writes.sort_by_key(|write| write.start_us);
        if writes.iter().any(|write| write.process != writes[0].process) {
            bail!("`{key}` has more than one writer: only histories with one can be judged");
        }
        if writes.windows(2).any(|pair| pair[0].value >= pair[1].value) {
            bail!("the values written to `{key}` do not rise: such a history cannot be judged");
        }
    }
    Ok(writes)
}

fn by_process(records: &[Record]) -> BTreeMap<&str, Vec<&Record>> {
    let mut found: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in records.iter().filter(|record| record.outcome == Outcome::Ok) {
        found.entry(&record.process).or_default().push(record);
    }
    for records in found.values_mut() {
        records.sort_by_key(|record| record.start_us);
    }
    found
}

fn read_your_writes(processes: &BTreeMap<&str, Vec<&Record>>) -> Verdict {
    let mut verdict = Verdict::new("read your writes");
    for (process, records) in processes {
        let mut written: BTreeMap<&str, i64> = BTreeMap::new();
        for record in records {
            match (record.op, record.value) {
                (Op::Write, Some(value)) => drop(written.insert(&record.key, value)),
                (Op::Read, seen) if written.contains_key(record.key.as_str()) => {
                    let own = written[record.key.as_str()];
                    verdict.check(seen >= Some(own), || {
                        let (key, at) = (&record.key, &record.endpoint);
                        format!("{process} wrote {own} to {key} and read {seen:?} at {at}")
                    });
                }
                _ => {}
            }
        }
    }
    verdict
}

fn monotonic_reads(processes: &BTreeMap<&str, Vec<&Record>>) -> Verdict {
    let mut verdict = Verdict::new("monotonic reads");
    for (process, records) in processes {
        let mut newest: BTreeMap<&str, Option<i64>> = BTreeMap::new();
        for record in records.iter().filter(|record| record.op == Op::Read) {
            let before = newest.entry(&record.key).or_default();
            let seen = record.value;
            verdict.check(seen >= *before, || {
                let (key, before) = (&record.key, *before);
                format!("{process} read {before:?} from {key}, then {seen:?}")
            });
            *before = seen.max(*before);
        }
    }
    verdict
}

/// Nobody sees a value that was not written, or before it was.
fn monotonic_writes(records: &[Record], writers: &BTreeMap<&str, Vec<&Record>>) -> Verdict {
    let mut verdict = Verdict::new("monotonic writes");
    let reads = records.iter().filter(|one| one.op == Op::Read && one.outcome == Outcome::Ok);
    for read in reads {
        let (Some(writes), Some(seen)) = (writers.get(read.key.as_str()), read.value) else {
            continue;
        };
        let write = writes.iter().find(|write| write.value == Some(seen));
        let is_kept = write.is_some_and(|write| write.start_us <= read.end_us);
        verdict.check(is_kept, || {
            format!("{} read {seen} from {} before it was written", read.process, read.key)
        });
    }
    verdict
}

/// What was added is what is there at the end, at every endpoint: no more, no less.
fn counters(records: &[Record]) -> Verdict {
    let mut verdict = Verdict::new("counters count exactly");
    let mut sums: BTreeMap<&str, (i64, i64, u64)> = BTreeMap::new();
    for record in records.iter().filter(|record| record.op == Op::Add) {
        let (sure, possible, end) = sums.entry(&record.key).or_default();
        let by = record.value.unwrap_or_default();
        match record.outcome {
            Outcome::Ok => *sure += by,
            Outcome::Unknown => *possible += by,
            Outcome::Failed => {}
        }
        *end = record.end_us.max(*end);
    }
    for (key, (sure, possible, end)) in sums {
        let after = records.iter().filter(|one| {
            one.op == Op::Read
                && one.key == key
                && one.start_us >= end
                && one.outcome == Outcome::Ok
        });
        let mut last: BTreeMap<&str, &Record> = BTreeMap::new();
        for read in after {
            let held = last.entry(&read.endpoint).or_insert(read);
            if read.start_us > held.start_us {
                *held = read;
            }
        }
        for (endpoint, read) in last {
            let seen = read.value.unwrap_or_default();
            verdict.check((sure..=sure + possible).contains(&seen), || {
                format!("{endpoint} shows {seen} in {key}, but {sure} were added")
            });
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(process: &str, op: Op, key: &str, value: Option<i64>, start_us: u64) -> Record {
        Record {
            process: process.into(),
            endpoint: process.into(),
            op,
            key: key.into(),
            value,
            start_us,
            end_us: start_us + 1,
            outcome: Outcome::Ok,
        }
    }

    /// Which guarantees a history breaks.
    fn broken(records: &[Record]) -> Vec<&'static str> {
        let verdicts = judge(records).unwrap();
        verdicts.iter().filter(|one| one.broken > 0).map(|one| one.guarantee).collect()
    }

    #[test]
    fn each_guarantee_is_broken_by_its_own_history_and_by_no_other() {
        use Op::{Add, Read, Write};
        let write = |value, at| record("a", Write, "k", Some(value), at);
        let read = |process, value, at| record(process, Read, "k", value, at);

        let good = [write(1, 0), read("a", Some(1), 2), read("b", None, 3), read("b", Some(1), 5)];
        assert!(broken(&good).is_empty());
        assert_eq!(broken(&[write(1, 0), read("a", None, 2)]), ["read your writes"]);
        let back = [write(1, 0), write(2, 2), read("b", Some(2), 4), read("b", Some(1), 6)];
        assert_eq!(broken(&back), ["monotonic reads"]);
        assert_eq!(broken(&[read("b", Some(1), 0), write(1, 5)]), ["monotonic writes"]);

        let add = |by, at| record("a", Add, "n", Some(by), at);
        let count = |seen, at| record("b", Read, "n", Some(seen), at);
        assert!(broken(&[add(2, 0), add(3, 2), count(2, 3), count(5, 6)]).is_empty());
        assert_eq!(broken(&[add(2, 0), add(3, 2), count(4, 6)]), ["counters count exactly"]);
        assert_eq!(broken(&[add(2, 0), add(3, 2), count(6, 6)]), ["counters count exactly"]);
    }

    #[test]
    fn an_addition_of_unknown_outcome_may_count_or_not() {
        let mut unknown = record("a", Op::Add, "n", Some(3), 0);
        unknown.outcome = Outcome::Unknown;
        for (seen, is_fine) in [(0, true), (3, true), (4, false)] {
            let read = record("b", Op::Read, "n", Some(seen), 5);
            assert_eq!(broken(&[unknown.clone(), read]).is_empty(), is_fine, "{seen}");
        }
    }

    #[test]
    fn what_cannot_be_judged_is_refused() {
        let one = record("a", Op::Write, "k", Some(1), 0);
        let other = record("b", Op::Write, "k", Some(2), 5);
        assert!(judge(&[one.clone(), other]).is_err());
        assert!(judge(&[one.clone(), record("a", Op::Write, "k", Some(1), 5)]).is_err());
    }
}
