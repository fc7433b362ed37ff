//! Sorted tables: immutable files of rows in (shard, group, column) order.
//!
//! Index and filter of every table are in memory, blocks are read when needed and kept by the
//! cache. A table's age says which of two rows with one address is newer; a removed row stays as a
//! tombstone until a merge includes the oldest table.

mod block;
mod cache;
mod cursor;
mod ending;
mod filter;
mod index;
mod writer;

use std::sync::Arc;

use codec::{DecodeError, Reader, put_varint};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::disk::{Disk, read_exact_at};
use crate::sealed::{Copies, unseal};
use crate::store::{Row, StoreError};
use block::Block;
use filter::Filter;
use index::Index;

pub(crate) use cache::Cache;
pub(crate) use cursor::{Direction, Extent, Merge};
pub(crate) use writer::TableWriter;

const META_MAGIC: [u8; 8] = *b"starTAB\x01";

/// What the manifest keeps of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableInfo {
    /// Names the file.
    pub(crate) number: u64,
    /// Orders tables: rows of a greater age are newer.
    pub(crate) age: u64,
    /// How often its rows were merged.
    pub(crate) level: u64,
    pub(crate) rows: u64,
    pub(crate) meta_offset: u64,
    pub(crate) meta_len: u64,
}

/// An open table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) info: TableInfo,
    name: String,
    index: Index,
    filter: Filter,
}

/// Reads blocks, through the cache or past it.
pub(crate) struct Blocks<'a, D> {
    pub(crate) disk: &'a mut D,
    pub(crate) cache: Option<&'a mut Cache>,
}

/// Returns the name of a table's file.
pub(crate) fn file_name(number: u64) -> String {
    format!("table-{number:08x}")
}

/// Says whether a file name is a table's.
pub(crate) fn is_file_name(name: &str) -> bool {
    name.starts_with("table-")
}

/// Hashes a row's address from the hash of its group. The row without a column, which most groups
/// have and nothing else, is as good as its group: a filter has to hold it once.
pub(crate) fn row_hash(group_hash: u64, column: &[u8]) -> u64 {
    if column.is_empty() {
        return group_hash;
    }
    xxh3_64_with_seed(column, group_hash ^ 0x9E37_79B9_7F4A_7C15)
}

fn salt(number: u64, offset: u64) -> u32 {
    let mixed = (number.rotate_left(40) ^ offset).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as u32
}

impl TableInfo {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.number);
        put_varint(out, self.age);
        put_varint(out, self.level);
        put_varint(out, self.rows);
        put_varint(out, self.meta_offset);
        put_varint(out, self.meta_len);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            number: reader.varint()?,
            age: reader.varint()?,
            level: reader.varint()?,
            rows: reader.varint()?,
            meta_offset: reader.varint()?,
            meta_len: reader.varint()?,
        })
    }

    /// Returns the length of the file.
    pub(crate) fn bytes(&self) -> u64 {
        self.meta_offset + self.meta_len
    }
}

impl Table {
    /// Opens a table: reads its index and filter. `None` when both copies of them are damaged.
    pub(crate) fn open(
        disk: &mut impl Disk,
        info: TableInfo,
    ) -> Result<Option<(Self, Copies)>, StoreError> {
        let name = file_name(info.number);
        let len = usize::try_from(info.meta_len).unwrap_or(usize::MAX);
        let bytes = match read_exact_at(disk, &name, info.meta_offset, len) {
            Ok(bytes) => bytes,
            Err(error) if is_damage(&error) => return Ok(None),
            Err(source) => return Err(StoreError::Disk { doing: "opening a table", source }),
        };
        let Some((meta, copies)) = unseal(META_MAGIC, &bytes) else { return Ok(None) };
        let mut reader = Reader::new(meta);
        let parts = Index::decode(&mut reader)
            .and_then(|index| Filter::decode(&mut reader).map(|filter| (index, filter)));
        Ok(parts.ok().map(|(index, filter)| (Self { info, name, index, filter }, copies)))
    }

    /// False when the table certainly has no row with this hash, of a group or of a row.
    pub(crate) fn may_contain(&self, hash: u64) -> bool {
        self.filter.may_contain(hash)
    }

    /// Finds a row; the inner `None` is a tombstone.
    pub(crate) fn get<D: Disk>(
        &self,
        blocks: &mut Blocks<'_, D>,
        row: Row<'_>,
    ) -> Result<Option<Option<Vec<u8>>>, StoreError> {
        let number = self.index.place(row);
        let Some(place) = self.index.block(number).filter(|place| place.shard == row.shard) else {
            return Ok(None);
        };
        let block = blocks.block(self, number)?;
        let damaged = || self.damaged(place.shard, number);
        let at = block.place(row.group, row.column).ok_or_else(damaged)?;
        if at == block.count() {
            return Ok(None);
        }
        let (found, value) = block.row(at).ok_or_else(damaged)?;
        Ok((found == row).then(|| value.map(<[u8]>::to_vec)))
    }

    /// Counts the bytes of blocks that begin with a row that is void.
    pub(crate) fn void_bytes(&self, mut is_void: impl FnMut(u16, &[u8]) -> bool) -> u64 {
        let firsts = self.index.firsts();
        let void = firsts.filter(|(place, group)| is_void(place.shard, group));
        void.map(|(place, _)| u64::from(place.len)).sum()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.index.memory_bytes() + self.filter.memory_bytes()
    }

    fn damaged(&self, shard: u16, number: usize) -> StoreError {
        StoreError::Damaged { shard, what: format!("block {number} of {}", self.name) }
    }
}

impl<D: Disk> Blocks<'_, D> {
    fn block(&mut self, table: &Table, number: usize) -> Result<Arc<Block>, StoreError> {
        if let Some(cache) = &mut self.cache
            && let Some(block) = cache.get(table.info.number, number)
        {
            return Ok(block);
        }
        let place = table.index.block(number).expect("block numbers come from the index");
        let read = read_exact_at(self.disk, &table.name, place.offset, place.len as usize);
        let stored = match read {
            Ok(stored) => stored,
            Err(error) if is_damage(&error) => return Err(table.damaged(place.shard, number)),
            Err(source) => return Err(StoreError::Disk { doing: "reading a table", source }),
        };
        let block = Block::parse(&stored, salt(table.info.number, place.offset));
        let block = block.filter(|block| block.shard() == place.shard && block.count() > 0);
        let block = Arc::new(block.ok_or_else(|| table.damaged(place.shard, number))?);
        if let Some(cache) = &mut self.cache {
            cache.insert(table.info.number, number, &block);
        }
        Ok(block)
    }
}

/// A file that is gone or too short is damaged data, not a failing disk.
fn is_damage(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::UnexpectedEof)
}
