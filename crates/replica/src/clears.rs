//! Whole-key clears that may still meet versions they cover.
//!
//! A clear carries the clock its coordinator had: every covered version of the key is hidden,
//! also one that arrives later. It is kept until everything it covers has been applied here;
//! after that no covered version can arrive as new. Its record stays in the log as any other.

use causality::{Clock, Dot};
use cells::{KeyAddress, Keyspace};

/// One clear of a key, or of a whole keyspace when the key is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clear {
    /// The keyspace.
    pub keyspace: Keyspace,
    /// The key; empty for the whole keyspace.
    pub key: Vec<u8>,
    /// The operation.
    pub dot: Dot,
    /// What its coordinator had applied: the versions it hides.
    pub covered: Clock,
}

/// The clears that are still needed: most of the time none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clears {
    held: Vec<Clear>,
}

impl Clear {
    pub(crate) fn hits(&self, key: KeyAddress<'_>) -> bool {
        self.keyspace == key.keyspace && (self.key.is_empty() || self.key == key.key)
    }
}

impl Clears {
    /// Adds a clear; clears are kept in the order of their dots.
    pub(crate) fn add(&mut self, clear: Clear) {
        if let Err(at) = self.held.binary_search_by_key(&clear.dot, |held| held.dot) {
            self.held.insert(at, clear);
        }
    }

    /// Says whether a clear of the key covers the dot.
    #[inline]
    pub(crate) fn cover(&self, key: KeyAddress<'_>, dot: Dot) -> bool {
        !self.held.is_empty()
            && self.held.iter().any(|clear| clear.hits(key) && clear.covered.contains(dot))
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&Clear) -> bool) {
        self.held.retain(keep);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Clear> {
        self.held.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Clear> {
        self.held.iter_mut()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}
