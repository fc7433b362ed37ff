//! The changes of one command, in the order in which they will be minted.
//!
//! Some payloads and columns name the very dot they will get (counter births, list positions), so
//! a draft knows the first dot and counts on: whoever mints it gives its operations consecutive
//! dots from there, the clear first, and mints nothing else in between.

use causality::{Actor, Dot, Dots, Millis};

use crate::Change;

/// Changes of one key that are minted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    next: Dot,
    scope: Scope,
    changes: Vec<Change>,
}

/// Whether the key is cleared before the changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Cells,
    WholeKey,
}

impl Draft {
    /// Starts a draft whose first operation will get the dot `next`.
    #[must_use]
    pub const fn new(next: Dot) -> Self {
        Self { next, scope: Scope::Cells, changes: Vec::new() }
    }

    /// Asks for a clear of the whole key, minted before every change.
    pub fn clear_key(&mut self) {
        if self.scope == Scope::WholeKey {
            return;
        }
        assert!(self.changes.is_empty(), "a clear comes first, or the dots would not fit");
        self.scope = Scope::WholeKey;
        self.next.counter += 1;
    }

    /// Adds a change; it will get the dot that [`Draft::next_dot`] named before the call.
    pub fn push(&mut self, change: Change) {
        self.changes.push(change);
        self.next.counter += 1;
    }

    /// Adds a change that inserts a version.
    pub(crate) fn insert(
        &mut self,
        column: Vec<u8>,
        removed: Dots,
        payload: Vec<u8>,
        expiry: Option<Millis>,
    ) {
        self.push(Change { column, removed, insert: Some((payload, expiry)) });
    }

    /// Adds a change that only removes; nothing when there is nothing to remove.
    pub(crate) fn remove(&mut self, column: Vec<u8>, removed: Dots) {
        if !removed.is_empty() {
            self.push(Change { column, removed, insert: None });
        }
    }

    /// Returns the dot of the next change.
    #[must_use]
    pub const fn next_dot(&self) -> Dot {
        self.next
    }

    /// Returns who mints.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        self.next.actor
    }

    /// Says whether the key must be cleared before the changes are made.
    #[must_use]
    pub fn clears_key(&self) -> bool {
        self.scope == Scope::WholeKey
    }

    /// Returns the changes so far.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Hands the changes over to be minted.
    #[must_use]
    pub fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    /// Says whether nothing at all is to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scope == Scope::Cells && self.changes.is_empty()
    }
}
