//! What was denied lately, for `ACL LOG`: newest first, the same denial counted and not repeated.
//!
//! Bound: so many entries; the oldest make room.

use std::collections::VecDeque;

use causality::Millis;

const ENTRIES_COUNT_MAX: usize = 128;
/// A denial that comes again within this time is the same one.
const SAME_MS: u64 = 60_000;

/// One denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) count: u64,
    pub(crate) reason: &'static str,
    /// `toplevel` or `multi`.
    pub(crate) context: &'static str,
    pub(crate) object: Vec<u8>,
    pub(crate) user: String,
    pub(crate) client: String,
    pub(crate) created: Millis,
    pub(crate) updated: Millis,
}

/// The denials of one node.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    last_id: u64,
}

impl Log {
    pub(crate) fn add(&mut self, mut entry: Entry) {
        let is_same = |old: &&mut Entry| {
            (old.reason, old.context, &old.object, &old.user)
                == (entry.reason, entry.context, &entry.object, &entry.user)
                && entry.updated.0.saturating_sub(old.updated.0) < SAME_MS
        };
        if let Some(old) = self.entries.iter_mut().find(is_same) {
            old.count += 1;
            old.updated = entry.updated;
            old.client = entry.client;
            return;
        }
        entry.id = self.last_id;
        self.last_id += 1;
        self.entries.push_front(entry);
        self.entries.truncate(ENTRIES_COUNT_MAX);
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// The newest, at most so many.
    pub(crate) fn newest(&self, count: usize) -> Vec<Entry> {
        self.entries.iter().take(count).cloned().collect()
    }
}
