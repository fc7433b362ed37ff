//! The dotted cell: live versions by dot, and dots known to be superseded before they came.

use std::fmt;

use causality::{Dot, Dots, HybridTime, Millis};
use smallvec::SmallVec;

/// One live value of a cell, named by its dot. Payloads are borrowed from a row or an operation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Version<'a> {
    /// The operation that inserted it.
    pub dot: Dot,
    /// When, for ties and ages.
    pub time: HybridTime,
    /// From when on it is no longer there.
    pub expiry: Option<Millis>,
    /// The value.
    pub payload: &'a [u8],
}

/// A cell as a replica holds it. Invariants: versions and `gone` ascend by dot, each dot once;
/// every live dot is applied here, no gone dot is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell<'a> {
    /// The live versions, by dot.
    pub live: SmallVec<[Version<'a>; 2]>,
    /// Dots that some operation superseded and that have not been applied here yet.
    pub gone: Dots,
}

impl<'a> Cell<'a> {
    /// Says whether nothing is worth keeping.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_empty() && self.gone.is_empty()
    }

    /// Returns the live version of a dot.
    #[must_use]
    pub fn version(&self, dot: Dot) -> Option<&Version<'a>> {
        self.live.iter().find(|version| version.dot == dot)
    }

    /// Returns the dots of the live versions.
    #[must_use]
    pub fn dots(&self) -> Dots {
        self.live.iter().map(|version| version.dot).collect()
    }

    /// Returns the version that last-writer-wins shows: the highest (time, dot).
    #[must_use]
    pub fn winner(&self) -> Option<&Version<'a>> {
        self.live.iter().max_by_key(|version| version.rank())
    }

    /// Returns the newest time among the live versions.
    #[must_use]
    pub fn newest(&self) -> HybridTime {
        self.live.iter().map(|version| version.time).max().unwrap_or_default()
    }

    /// Takes a live version out.
    pub fn take(&mut self, dot: Dot) -> Option<Version<'a>> {
        let at = self.live.iter().position(|version| version.dot == dot)?;
        Some(self.live.remove(at))
    }

    /// Puts a live version in its place; its dot must not be live.
    pub fn put(&mut self, version: Version<'a>) {
        let at = self.live.partition_point(|held| held.dot < version.dot);
        assert!(self.live.get(at).is_none_or(|held| held.dot != version.dot), "dot is live twice");
        self.live.insert(at, version);
    }

    /// Notes that a dot that has not come yet is superseded.
    pub fn mark_gone(&mut self, dot: Dot) {
        if let Err(at) = self.gone.binary_search(&dot) {
            self.gone.insert(at, dot);
        }
    }

    /// Forgets a gone dot; says whether it was one.
    pub fn unmark_gone(&mut self, dot: Dot) -> bool {
        let found = self.gone.binary_search(&dot);
        found.map(|at| self.gone.remove(at)).is_ok()
    }
}

impl Version<'_> {
    /// The order of last-writer-wins among concurrent versions.
    #[must_use]
    pub const fn rank(&self) -> (HybridTime, Dot) {
        (self.time, self.dot)
    }

    /// Says whether the version is over at a moment.
    #[must_use]
    pub fn is_expired(&self, at: Millis) -> bool {
        self.expiry.is_some_and(|expiry| expiry <= at)
    }
}

impl fmt::Debug for Version<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.dot, self.time)?;
        if let Some(Millis(expiry)) = self.expiry {
            write!(f, " until {expiry}")?;
        }
        write!(f, "={:?}", self.payload.escape_ascii().to_string())
    }
}
