//! The rows of one stretch of one shard, in order, as a table stores them.
//!
//! ```text
//! frame   checksum u32 (of all that follows, xor the place) | form u8 | shard u16 | raw length u32
//! raw     rows | row offsets, u32 each | row count u32
//! row     back varint | [group length varint | group] | column length varint
//!         | value length + 1 varint, 0 for a removed row | column | value
//! ```
//!
//! `back` is the distance to the row of the same block that holds the group's bytes; 0 means they
//! are here. Rows are reached by number, so a block can be searched and walked both ways without
//! unpacking it. Decoding is total: bytes that make no sense are `None`.

use codec::{Reader, put_varint};

use crate::store::Row;

const FRAME_BYTES: usize = 11;
/// The rows are stored as they are.
const FORM_PLAIN: u8 = 0;

/// A row of a table: its value, or the fact that it was removed.
pub(crate) type Stored<'a> = (Row<'a>, Option<&'a [u8]>);

/// Where the parts of a row stand in a block: start and length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    group: (u32, u32),
    column: (u32, u32),
    value: Option<(u32, u32)>,
}

/// Gathers rows until the block is full.
#[derive(Debug, Default)]
pub(crate) struct BlockBuilder {
    shard: u16,
    raw: Vec<u8>,
    offsets: Vec<u32>,
    group: Vec<u8>,
    group_at: usize,
}

impl BlockBuilder {
    pub(crate) fn add(&mut self, row: Row<'_>, value: Option<&[u8]>) {
        assert!(self.offsets.is_empty() || self.shard == row.shard, "a block is of one shard");
        let at = self.raw.len();
        let is_same = !self.offsets.is_empty() && self.group == row.group;
        self.shard = row.shard;
        self.offsets.push(u32::try_from(at).expect("blocks are short"));
        if is_same {
            put_varint(&mut self.raw, (at - self.group_at) as u64);
        } else {
            put_varint(&mut self.raw, 0);
            put_varint(&mut self.raw, row.group.len() as u64);
            self.raw.extend_from_slice(row.group);
            self.group.clear();
            self.group.extend_from_slice(row.group);
            self.group_at = at;
        }
        put_varint(&mut self.raw, row.column.len() as u64);
        put_varint(&mut self.raw, value.map_or(0, |value| value.len() as u64 + 1));
        self.raw.extend_from_slice(row.column);
        self.raw.extend_from_slice(value.unwrap_or_default());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    pub(crate) fn shard(&self) -> u16 {
        self.shard
    }

    /// Counts the bytes of the rows so far.
    pub(crate) fn len(&self) -> usize {
        self.raw.len()
    }

    /// Appends the stored form of the block, which will stand at a salt's place, and starts anew.
    pub(crate) fn finish(&mut self, salt: u32, out: &mut Vec<u8>) {
        for offset in &self.offsets {
            self.raw.extend_from_slice(&offset.to_le_bytes());
        }
        let count = u32::try_from(self.offsets.len()).expect("blocks are short");
        self.raw.extend_from_slice(&count.to_le_bytes());
        let start = out.len();
        let raw_len = u32::try_from(self.raw.len()).expect("blocks are short");
        out.extend_from_slice(&[0; 4]);
        out.push(FORM_PLAIN);
        out.extend_from_slice(&self.shard.to_le_bytes());
        out.extend_from_slice(&raw_len.to_le_bytes());
        out.extend_from_slice(&self.raw);
        let sum = crc32fast::hash(&out[start + 4..]) ^ salt;
        out[start..start + 4].copy_from_slice(&sum.to_le_bytes());
        self.raw.clear();
        self.offsets.clear();
    }
}

/// A block in memory.
#[derive(Debug)]
pub(crate) struct Block {
    shard: u16,
    raw: Vec<u8>,
    offsets_at: usize,
    count: usize,
}

impl Block {
    /// Checks and unpacks the stored form.
    pub(crate) fn parse(stored: &[u8], salt: u32) -> Option<Self> {
        let (frame, body) = stored.split_at_checked(FRAME_BYTES)?;
        let sum = u32::from_le_bytes(*frame.first_chunk()?);
        if crc32fast::hash(&stored[4..]) ^ salt != sum {
            return None;
        }
        let raw_len = u32::from_le_bytes([frame[7], frame[8], frame[9], frame[10]]) as usize;
        let raw = match frame[4] {
            FORM_PLAIN if body.len() == raw_len => body.to_vec(),
            _ => return None,
        };
        let (_, count) = raw.split_last_chunk()?;
        let count = u32::from_le_bytes(*count) as usize;
        let offsets_at = raw.len().checked_sub(4)?.checked_sub(count.checked_mul(4)?)?;
        Some(Self { shard: u16::from_le_bytes([frame[5], frame[6]]), raw, offsets_at, count })
    }

    pub(crate) fn shard(&self) -> u16 {
        self.shard
    }

    /// Counts the rows.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.raw.capacity() + size_of::<Self>()
    }

    /// Returns a row by its number; `None` past the end or when the bytes make no sense.
    pub(crate) fn row(&self, number: usize) -> Option<Stored<'_>> {
        self.parts(number).map(|parts| self.stored(parts))
    }

    /// Returns the row whose parts were found before.
    pub(crate) fn stored(&self, parts: Parts) -> Stored<'_> {
        let part = |(start, len): (u32, u32)| &self.raw[start as usize..(start + len) as usize];
        let row = Row { shard: self.shard, group: part(parts.group), column: part(parts.column) };
        (row, parts.value.map(part))
    }

    /// Finds the parts of a row; `None` past the end or when the bytes make no sense.
    pub(crate) fn parts(&self, number: usize) -> Option<Parts> {
        if number >= self.count {
            return None;
        }
        let offset = self.raw.get(self.offsets_at + 4 * number..)?.first_chunk()?;
        let at = u32::from_le_bytes(*offset) as usize;
        let mut reader = Reader::new(self.raw.get(at..self.offsets_at)?);
        let limit = self.offsets_at;
        let group = match reader.count("back", limit).ok()? {
            0 => self.group_part(&mut reader)?,
            back => self.group_at(at.checked_sub(back)?)?,
        };
        let column_len = reader.count("column", limit).ok()?;
        let value_len = reader.count("value", limit + 1).ok()?;
        let column = self.part(&mut reader, column_len)?;
        let value = match value_len.checked_sub(1) {
            Some(len) => Some(self.part(&mut reader, len)?),
            None => None,
        };
        Some(Parts { group, column, value })
    }

    /// Returns the number of the first row at or after a group and column.
    pub(crate) fn place(&self, group: &[u8], column: &[u8]) -> Option<usize> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = usize::midpoint(low, high);
            let (row, _) = self.row(middle)?;
            if (row.group, row.column) < (group, column) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Some(low)
    }

    fn group_at(&self, at: usize) -> Option<(u32, u32)> {
        let mut reader = Reader::new(self.raw.get(at..self.offsets_at)?);
        if reader.count("back", 0).ok()? != 0 {
            return None;
        }
        self.group_part(&mut reader)
    }

    fn group_part(&self, reader: &mut Reader<'_>) -> Option<(u32, u32)> {
        let len = reader.count("group", self.offsets_at).ok()?;
        self.part(reader, len)
    }

    /// Takes the next bytes of a reader that ends with the rows, as their place and length.
    fn part(&self, reader: &mut Reader<'_>, len: usize) -> Option<(u32, u32)> {
        let start = self.offsets_at - reader.rest().len();
        reader.take(len).ok()?;
        Some((u32::try_from(start).ok()?, u32::try_from(len).ok()?))
    }
}
