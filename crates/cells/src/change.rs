//! What a data type asks for: cells to read, and changes to make.
//!
//! A command on a data type reads through [`ReadCells`] and returns [`Change`]s; whoever
//! coordinates gives each a dot and a time and applies it. So the types know no replica.

use causality::{Dots, Millis};
use thiserror::Error;

use crate::types::zset::{self, Toward};
use crate::{Cell, Families, KeyAddress};

/// One change to one cell, before it has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Family byte and subkey of the cell.
    pub column: Vec<u8>,
    /// The dots it supersedes: what the reader saw live.
    pub removed: Dots,
    /// The new version, if it inserts one: payload and expiry.
    pub insert: Option<(Vec<u8>, Option<Millis>)>,
}

/// Whether a scan goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadControl {
    /// Next cell, please.
    Continue,
    /// Enough.
    Stop,
}

/// Reading failed below; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("reading failed: {0}")]
pub struct ReadError(pub String);

/// What a data type may see of one replica. Expired and cleared versions are never shown.
pub trait ReadCells {
    /// Reads one cell of a key and hands it to `see`; an absent cell is an empty one.
    fn read<T>(
        &mut self,
        key: KeyAddress<'_>,
        column: &[u8],
        see: impl FnOnce(&Cell<'_>) -> T,
    ) -> Result<T, ReadError>;

    /// Visits the cells of a key that have live versions, from a column on (inclusive), in order.
    fn scan(
        &mut self,
        key: KeyAddress<'_>,
        from: &[u8],
        visit: &mut dyn FnMut(&[u8], &Cell<'_>) -> ReadControl,
    ) -> Result<(), ReadError>;

    /// Visits the same cells from a column downwards (inclusive).
    fn scan_back(
        &mut self,
        key: KeyAddress<'_>,
        from: &[u8],
        visit: &mut dyn FnMut(&[u8], &Cell<'_>) -> ReadControl,
    ) -> Result<(), ReadError>;

    /// Counts the cells of one family of a key that have live versions, without visiting them.
    fn count(&mut self, key: KeyAddress<'_>, family: crate::Family) -> Result<u64, ReadError>;

    /// Visits the members of a sorted set by their [index keys](crate::types::zset::index_key),
    /// from one on (inclusive) or from the end, rising or falling.
    fn scan_scores(
        &mut self,
        key: KeyAddress<'_>,
        from: Option<&[u8]>,
        toward: Toward,
        visit: &mut dyn FnMut(&[u8]) -> ReadControl,
    ) -> Result<(), ReadError>
    where
        Self: Sized,
    {
        zset::sort_and_visit(self, key, from, toward, visit)
    }

    /// Counts the members of a sorted set.
    fn count_scores(&mut self, key: KeyAddress<'_>) -> Result<u64, ReadError>
    where
        Self: Sized,
    {
        zset::count_shown(self, key)
    }

    /// Tells what is known of the key's families without looking at its cells: it saves looking for
    /// what most keys do not have.
    fn families(&mut self, key: KeyAddress<'_>) -> Result<Families, ReadError> {
        let _ = key;
        Ok(Families::UNKNOWN)
    }

    /// The moment as of which expiry is judged.
    fn now(&self) -> Millis;
}
