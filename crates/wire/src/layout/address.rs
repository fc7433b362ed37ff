//! The address of a cell, without what the cell before it has already said.
//!
//! ```text
//! head varint = extra * 4 + (same keyspace) * 2 + (same key)
//!   | [keyspace, unless same keyspace] [key, unless same key] | column
//! ```
//!
//! `extra` is a small number of whatever the cell belongs to. The elements of one collection
//! follow one another and share their key. Keys above a bound are always written out, so that a
//! few bytes can never stand for a long key many times over.

use causality::Dot;
use cells::{CellAddress, Keyspace, OwnedCellAddress};
use codec::DecodeError;

use super::{BodyReader, BodyWriter, Layout};

const SAME_KEY: u64 = 1;
const SAME_KEYSPACE: u64 = 2;
const EXTRA_SHIFT: u32 = 2;

/// A longer key is never left out.
const REPEATED_KEY_SIZE_MAX: usize = 64;

impl BodyWriter<'_> {
    /// Writes an address with a small number of the caller's.
    pub(super) fn cell(&mut self, extra: usize, cell: CellAddress<'_>) {
        assert!(!cell.column.is_empty(), "a column begins with its family");
        let keyspace = cell.key.keyspace.0;
        let is_same_keyspace = keyspace == self.trail.keyspace;
        let is_same_key = is_same_keyspace && self.last_key() == Some(cell.key.key);
        let flags = if is_same_key {
            SAME_KEY | SAME_KEYSPACE
        } else if is_same_keyspace {
            SAME_KEYSPACE
        } else {
            0
        };
        self.varint((extra as u64) << EXTRA_SHIFT | flags);
        if !is_same_keyspace {
            self.varint(u64::from(keyspace));
            self.trail.keyspace = keyspace;
        }
        if !is_same_key {
            self.slice(cell.key.key);
            let end = self.out.len();
            let is_short = cell.key.key.len() <= REPEATED_KEY_SIZE_MAX;
            self.key = is_short.then_some(end - cell.key.key.len()..end);
        }
        self.slice(cell.column);
    }

    fn last_key(&self) -> Option<&[u8]> {
        self.out.get(self.key.clone()?)
    }
}

impl<'a> BodyReader<'a, '_> {
    /// Reads an address and the small number before it.
    pub(super) fn cell(&mut self) -> Result<(usize, CellAddress<'a>), DecodeError> {
        let head = self.bytes.varint()?;
        let extra = usize::try_from(head >> EXTRA_SHIFT).map_err(|_| DecodeError::Number)?;
        let is_same_key = head & SAME_KEY != 0;
        let is_same_keyspace = head & SAME_KEYSPACE != 0;
        if is_same_key && !is_same_keyspace {
            return Err(DecodeError::Inconsistent("cell"));
        }
        if !is_same_keyspace {
            self.trail.keyspace = u32::read(self)?;
        }
        let key = if is_same_key {
            self.key.ok_or(DecodeError::Inconsistent("cell"))?
        } else {
            let key = self.slice("key")?;
            self.key = (key.len() <= REPEATED_KEY_SIZE_MAX).then_some(key);
            key
        };
        let column = self.slice("column")?;
        if column.is_empty() {
            return Err(DecodeError::Inconsistent("column"));
        }
        Ok((extra, CellAddress::new(Keyspace(self.trail.keyspace), key, column)))
    }

    /// Reads an address that carries no number.
    pub(super) fn plain_cell(&mut self) -> Result<CellAddress<'a>, DecodeError> {
        match self.cell()? {
            (0, cell) => Ok(cell),
            _ => Err(DecodeError::Unknown("mark of a cell")),
        }
    }
}

impl Layout for OwnedCellAddress {
    const SIZE_MIN: usize = 3;

    fn write(&self, writer: &mut BodyWriter<'_>) {
        writer.cell(0, self.borrow());
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        reader.plain_cell().map(Self::from)
    }
}

/// A dot that is mentioned, wherever one is part of a list.
impl Layout for Dot {
    const SIZE_MIN: usize = 2;

    fn write(&self, writer: &mut BodyWriter<'_>) {
        writer.mention(*self);
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        reader.mention()
    }
}
