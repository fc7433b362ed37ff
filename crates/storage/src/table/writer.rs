//! Writing a table: rows come in order, blocks go out, index and filter follow in pieces.
//!
//! File: blocks without gaps, then the sealed index and filter. The table does not count before the
//! manifest names it, so a half written file is no harm.

use super::block::BlockBuilder;
use super::ending::{Ending, PIECE_BYTES};
use super::filter::Filter;
use super::index::Index;
use super::{Table, TableInfo, file_name, row_hash, salt};
use crate::disk::Disk;
use crate::durable::Work;
use crate::rows::HashSeed;
use crate::store::{Row, StoreError};

/// A block ends when its rows are at least this long.
const BLOCK_BYTES: usize = 4096;
/// Blocks go to the disk in writes of about this size.
const WRITE_BYTES: usize = 256 << 10;

/// What was written is flushed when it is so much, so that no flush takes long: the worker waits.
const FLUSH_BYTES: u64 = 4 << 20;

/// A table that is being written.
#[derive(Debug)]
pub(crate) struct TableWriter {
    seed: HashSeed,
    number: u64,
    age: u64,
    level: u64,
    name: String,
    block: BlockBuilder,
    first: (Vec<u8>, Vec<u8>),
    last_group: Option<(u16, Vec<u8>)>,
    group_hash: u64,
    index: Index,
    filter: Filter,
    buffer: Vec<u8>,
    /// Bytes of the blocks, written or in the buffer.
    len: u64,
    ending: Option<Ending>,
    /// Bytes written since the last flush.
    unflushed: u64,
    rows: u64,
}

impl TableWriter {
    /// Starts a table of a number, age and level for about this many rows.
    pub(crate) fn new(
        seed: HashSeed,
        (number, age, level): (u64, u64, u64),
        row_count: usize,
    ) -> Self {
        Self {
            seed,
            number,
            age,
            level,
            name: file_name(number),
            block: BlockBuilder::default(),
            first: (Vec::new(), Vec::new()),
            last_group: None,
            group_hash: 0,
            index: Index::default(),
            filter: Filter::for_keys(2 * row_count),
            buffer: Vec::new(),
            len: 0,
            ending: None,
            unflushed: 0,
            rows: 0,
        }
    }

    /// Adds the next row in order.
    pub(crate) fn add(
        &mut self,
        disk: &mut impl Disk,
        row: Row<'_>,
        value: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        if !self.block.is_empty() && self.block.shard() != row.shard {
            self.end_block();
        }
        if self.block.is_empty() {
            self.first.0.clear();
            self.first.0.extend_from_slice(row.group);
            self.first.1.clear();
            self.first.1.extend_from_slice(row.column);
        }
        let is_same = |(shard, group): &(u16, Vec<u8>)| *shard == row.shard && group == row.group;
        if !self.last_group.as_ref().is_some_and(is_same) {
            self.group_hash = self.seed.hash(row.shard, row.group);
            self.filter.insert(self.group_hash);
            let (shard, group) = self.last_group.get_or_insert_default();
            *shard = row.shard;
            group.clear();
            group.extend_from_slice(row.group);
        }
        if !row.column.is_empty() {
            self.filter.insert(row_hash(self.group_hash, row.column));
        }
        self.block.add(row, value);
        self.rows += 1;
        if self.block.len() >= BLOCK_BYTES {
            self.end_block();
        }
        if self.buffer.len() >= WRITE_BYTES { self.write(disk) } else { Ok(()) }
    }

    /// Goes about so many bytes further with what follows the rows; at least one piece. `Done`
    /// when the table is durable.
    pub(crate) fn end_some(
        &mut self,
        disk: &mut impl Disk,
        bytes: usize,
    ) -> Result<Work, StoreError> {
        if !self.block.is_empty() {
            self.end_block();
        }
        if self.rows == 0 {
            return Ok(Work::Done);
        }
        let mut ending =
            self.ending.take().unwrap_or_else(|| Ending::new(&self.index, &self.filter));
        let mut pieces_left = 1 + bytes / PIECE_BYTES;
        let mut is_more = true;
        while is_more && pieces_left > 0 {
            pieces_left -= 1;
            is_more = ending.step(&self.index, &self.filter, &mut self.buffer);
            if self.buffer.len() >= WRITE_BYTES {
                self.write(disk)?;
            }
        }
        self.ending = Some(ending);
        if is_more {
            return Ok(Work::More);
        }
        self.write(disk)?;
        disk.sync(&self.name).map_err(|source| failed("flushing a table", source))?;
        Ok(Work::Done)
    }

    /// Returns the table that was ended, or nothing when it has no rows.
    pub(crate) fn finish(self) -> Option<Table> {
        let ending = self.ending?;
        let info = TableInfo {
            number: self.number,
            age: self.age,
            level: self.level,
            rows: self.rows,
            meta_offset: self.len,
            meta_len: ending.bytes(),
        };
        let (name, index, filter) = (self.name, self.index.fitted(), self.filter);
        Some(Table { info, name, index, filter })
    }

    /// Removes what was written.
    pub(crate) fn abandon(self, disk: &mut impl Disk) {
        // A file that stays behind is removed at the next opening.
        let _ = disk.remove(&self.name);
    }

    /// Counts the bytes of the blocks so far.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.index.memory_bytes() + self.filter.memory_bytes() + self.buffer.capacity()
    }

    fn end_block(&mut self) {
        let before = self.buffer.len();
        let row = Row { shard: self.block.shard(), group: &self.first.0, column: &self.first.1 };
        self.block.finish(salt(self.number, self.len), &mut self.buffer);
        let len = u32::try_from(self.buffer.len() - before).expect("blocks are short");
        self.index.push(row, self.len, len);
        self.len += u64::from(len);
    }

    fn write(&mut self, disk: &mut impl Disk) -> Result<(), StoreError> {
        disk.append(&self.name, &self.buffer)
            .map_err(|source| failed("writing a table", source))?;
        self.unflushed += self.buffer.len() as u64;
        self.buffer.clear();
        if self.unflushed >= FLUSH_BYTES {
            disk.sync(&self.name).map_err(|source| failed("flushing a table", source))?;
            self.unflushed = 0;
        }
        Ok(())
    }
}

fn failed(doing: &'static str, source: std::io::Error) -> StoreError {
    if source.kind() == std::io::ErrorKind::StorageFull {
        return StoreError::Full { what: "disk" };
    }
    StoreError::Disk { doing, source }
}
