//! An operation: what one dot does to one cell.

use causality::{Clock, Dot, HybridTime, Millis};

use crate::CellAddress;

/// One operation. It touches exactly one cell, or hides the versions of one key or keyspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op<'a> {
    /// Its name.
    pub dot: Dot,
    /// When it was minted.
    pub time: HybridTime,
    /// The cell it changes.
    pub cell: CellAddress<'a>,
    /// The dots it supersedes in that cell; exactly those, whether they came or not.
    pub removed: &'a [Dot],
    /// What it does.
    pub body: Body<'a>,
}

/// What an operation does besides superseding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// Supersedes only.
    Remove,
    /// Inserts a version.
    Insert(Insert<'a>),
    /// Inserted a version that the sender no longer holds: whoever takes it needs evidence that
    /// it was superseded, cleared or expired.
    Dead {
        /// The expiry the version carried, which may be the evidence.
        expiry: Option<Millis>,
    },
    /// Hides every version of the key (or keyspace) whose dot is covered.
    Clear(std::borrow::Cow<'a, Clock>),
}

/// The version an operation inserts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Insert<'a> {
    /// The value.
    pub payload: &'a [u8],
    /// From when on it is no longer there.
    pub expiry: Option<Millis>,
}

impl Body<'_> {
    /// Returns the expiry that an inserting operation carries.
    #[must_use]
    pub const fn expiry(&self) -> Option<Millis> {
        match self {
            Self::Insert(insert) => insert.expiry,
            Self::Dead { expiry } => *expiry,
            Self::Remove | Self::Clear(_) => None,
        }
    }
}
