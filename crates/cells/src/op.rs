//! An operation: what one dot does to one cell.

use std::borrow::Cow;

use causality::{Clock, Dot, Dots, HybridTime, Millis};

use crate::{CellAddress, Keyspace};

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
    Clear(Cow<'a, Clock>),
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

/// An operation that owns its bytes, for what waits in queues and messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedOp {
    /// Its name.
    pub dot: Dot,
    /// When it was minted.
    pub time: HybridTime,
    /// The cell it changes.
    pub cell: OwnedCellAddress,
    /// The dots it supersedes in that cell.
    pub removed: Dots,
    /// What it does.
    pub body: OwnedBody,
}

/// [`CellAddress`] with its bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnedCellAddress {
    /// The keyspace.
    pub keyspace: Keyspace,
    /// The key.
    pub key: Box<[u8]>,
    /// Family byte and subkey.
    pub column: Box<[u8]>,
}

/// [`Body`] with its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnedBody {
    /// Supersedes only.
    Remove,
    /// Inserts a version.
    Insert {
        /// The value.
        payload: Box<[u8]>,
        /// From when on it is no longer there.
        expiry: Option<Millis>,
    },
    /// Inserted a version that the sender no longer holds.
    Dead {
        /// The expiry the version carried.
        expiry: Option<Millis>,
    },
    /// Hides every covered version of the key or keyspace.
    Clear(Clock),
}

impl OwnedOp {
    /// Borrows the operation.
    #[must_use]
    pub fn borrow(&self) -> Op<'_> {
        Op {
            dot: self.dot,
            time: self.time,
            cell: self.cell.borrow(),
            removed: &self.removed,
            body: self.body.borrow(),
        }
    }
}

impl OwnedCellAddress {
    /// Borrows the address.
    #[must_use]
    pub fn borrow(&self) -> CellAddress<'_> {
        CellAddress::new(self.keyspace, &self.key, &self.column)
    }
}

impl From<CellAddress<'_>> for OwnedCellAddress {
    fn from(cell: CellAddress<'_>) -> Self {
        Self { keyspace: cell.key.keyspace, key: cell.key.key.into(), column: cell.column.into() }
    }
}

impl OwnedBody {
    /// Borrows the body.
    #[must_use]
    pub fn borrow(&self) -> Body<'_> {
        match self {
            Self::Remove => Body::Remove,
            Self::Insert { payload, expiry } => Body::Insert(Insert { payload, expiry: *expiry }),
            Self::Dead { expiry } => Body::Dead { expiry: *expiry },
            Self::Clear(covered) => Body::Clear(Cow::Borrowed(covered)),
        }
    }
}

impl From<&Op<'_>> for OwnedOp {
    fn from(op: &Op<'_>) -> Self {
        let body = match &op.body {
            Body::Remove => OwnedBody::Remove,
            Body::Insert(insert) => {
                OwnedBody::Insert { payload: insert.payload.into(), expiry: insert.expiry }
            }
            Body::Dead { expiry } => OwnedBody::Dead { expiry: *expiry },
            Body::Clear(covered) => OwnedBody::Clear(covered.as_ref().clone()),
        };
        Self { dot: op.dot, time: op.time, cell: op.cell.into(), removed: op.removed.into(), body }
    }
}
