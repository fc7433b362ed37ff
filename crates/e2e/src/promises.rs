//! What one writer was promised, and what a node may therefore say.
//!
//! A writer owns its keys, so each has one history: a string that only grows, members that are
//! only added, keys that are deleted for ever. The counters are everybody's: their sum must lie
//! between what was acknowledged and that plus what was left in doubt.

use std::collections::{BTreeMap, BTreeSet};

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Acknowledged,
    /// No answer, or one that leaves the outcome open.
    InDoubt,
}

/// What a writer does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Writes the next number to a string.
    Write { key: usize, number: u64 },
    /// Adds a member that was never added before.
    Add { key: usize, member: u64 },
    /// Adds one to a counter.
    Count { key: usize },
    /// Writes a key that will be deleted.
    Raise { key: usize },
    /// Deletes it, for ever.
    Delete { key: usize },
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Number {
    pub(crate) acknowledged: u64,
    pub(crate) attempted: u64,
}

/// Everything one writer was promised.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    pub(crate) writer: usize,
    pub(crate) strings: BTreeMap<usize, Number>,
    pub(crate) members: BTreeMap<usize, BTreeMap<u64, Ending>>,
    pub(crate) counters: BTreeMap<usize, Number>,
    pub(crate) deleted: BTreeSet<usize>,
    /// A key that was written and whose deletion has not been acknowledged.
    raised: Option<usize>,
    next: u64,
    pub(crate) acknowledged_count: u64,
    pub(crate) in_doubt_count: u64,
}

const STRINGS_COUNT: usize = 150;
const SETS_COUNT: usize = 4;
pub(crate) const COUNTERS_COUNT: usize = 8;

impl Promises {
    pub(crate) fn new(writer: usize) -> Self {
        Self { writer, ..Self::default() }
    }

    pub(crate) fn decide(&mut self, rng: &mut fastrand::Rng) -> Deed {
        self.next += 1;
        match rng.u32(..100) {
            0..50 => {
                let key = rng.usize(..STRINGS_COUNT);
                let held = self.strings.entry(key).or_default();
                held.attempted += 1;
                Deed::Write { key, number: held.attempted }
            }
            50..70 => Deed::Count { key: rng.usize(..COUNTERS_COUNT) },
            70..85 => Deed::Add { key: rng.usize(..SETS_COUNT), member: self.next },
            _ => match self.raised {
                Some(key) => Deed::Delete { key },
                None => Deed::Raise { key: usize::try_from(self.next).expect("64 bits") },
            },
        }
    }

    pub(crate) fn ended(&mut self, deed: &Deed, ending: Ending) {
        let is_acknowledged = ending == Ending::Acknowledged;
        match ending {
            Ending::Acknowledged => self.acknowledged_count += 1,
            Ending::InDoubt => self.in_doubt_count += 1,
        }
        match deed {
            Deed::Write { key, number } if is_acknowledged => {
                self.strings.entry(*key).or_default().acknowledged = *number;
            }
            Deed::Write { .. } => {}
            Deed::Add { key, member } => {
                self.members.entry(*key).or_default().insert(*member, ending);
            }
            Deed::Count { key } => {
                let held = self.counters.entry(*key).or_default();
                held.attempted += 1;
                held.acknowledged += u64::from(is_acknowledged);
            }
            // A write in doubt may be carried out after its deletion: such keys prove nothing.
            Deed::Raise { key } => self.raised = is_acknowledged.then_some(*key),
            Deed::Delete { key } if is_acknowledged => {
                self.deleted.insert(*key);
                self.raised = None;
            }
            Deed::Delete { .. } => {}
        }
    }

    /// The command for a deed.
    pub(crate) fn command(&self, deed: &Deed) -> Vec<String> {
        let text = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        match deed {
            Deed::Write { key, number } => {
                text(&["SET", &self.string_key(*key), &number.to_string()])
            }
            Deed::Add { key, member } => text(&["SADD", &self.set_key(*key), &member.to_string()]),
            Deed::Count { key } => text(&["INCR", &counter_key(*key)]),
            Deed::Raise { key } => text(&["SET", &self.brief_key(*key), "brief"]),
            Deed::Delete { key } => text(&["DEL", &self.brief_key(*key)]),
        }
    }

    pub(crate) fn string_key(&self, key: usize) -> String {
        format!("w{}:string{key}", self.writer)
    }

    pub(crate) fn set_key(&self, key: usize) -> String {
        format!("w{}:set{key}", self.writer)
    }

    pub(crate) fn brief_key(&self, key: usize) -> String {
        format!("w{}:brief{key}", self.writer)
    }
}

pub(crate) fn counter_key(key: usize) -> String {
    format!("counter{key}")
}
