//! Merging tables: a few neighbours in age become one, in slices.
//!
//! Tables of one level are about equally large; four of them make one of the next level. When all
//! tables together are much larger than the oldest one, or half of them was dropped, everything is
//! merged, so that dead rows take a bounded part of the disk.

use std::sync::Arc;

use super::DurableStore;
use super::checkpoint::Work;
use crate::disk::Disk;
use crate::store::{Row, StoreError};
use crate::table::{Blocks, Direction, Extent, Merge, Table, TableWriter, file_name};

/// So much of a replaced table is removed at a time.
const REMOVED_BYTES: u64 = 16 << 20;

/// This many tables of one level are merged.
const FAN_IN: usize = 4;

/// A merge that is being written.
#[derive(Debug)]
pub(super) struct Merging {
    /// Numbers of the tables that go.
    inputs: Vec<u64>,
    merge: Merge,
    writer: TableWriter,
    /// Nothing older is left, so that tombstones have nothing to hide.
    is_oldest: bool,
    /// What is left is the end of the table.
    has_all_rows: bool,
}

impl Merging {
    pub(super) fn memory_bytes(&self) -> usize {
        self.writer.memory_bytes()
    }
}

impl<D: Disk> DurableStore<D> {
    /// Merges tables until nothing is left to merge.
    ///
    /// # Errors
    /// As [`DurableStore::maintain`].
    pub fn merge_all(&mut self) -> Result<(), StoreError> {
        while self.maintain(usize::MAX)? == Work::More {}
        Ok(())
    }

    /// Removes a part of a table that is not needed any more: a large file takes the system long.
    /// What stays behind when it does not work is removed at the next opening.
    fn remove_leftover(&mut self) {
        let Some((name, len)) = self.leftovers.last_mut() else { return };
        *len = len.saturating_sub(REMOVED_BYTES);
        let is_cut = *len > 0 && self.disk.cut(name, *len).is_ok();
        if !is_cut && let Some((name, _)) = self.leftovers.pop() {
            let _ = self.disk.remove(&name);
        }
    }

    pub(super) fn merge_slice(&mut self, bytes: usize) -> Result<Work, StoreError> {
        if !self.leftovers.is_empty() {
            self.remove_leftover();
            return Ok(Work::More);
        }
        if self.merging.is_none() {
            let Some((first, count)) = self.choose() else { return Ok(Work::Done) };
            if !self.has_space_to_merge(first, count)? {
                return Ok(Work::Done);
            }
            self.begin_merge(first, count)?;
        }
        let mut merging = self.merging.take().expect("a merge was begun");
        match self.merge_some(&mut merging, bytes) {
            Ok(Work::More) => self.merging = Some(merging),
            Ok(Work::Done) => self.end_merge(merging)?,
            Err(error) => {
                merging.writer.abandon(&mut self.disk);
                return Err(error);
            }
        }
        Ok(Work::More)
    }

    fn choose(&mut self) -> Option<(usize, usize)> {
        let all: u64 = self.tables.iter().map(|table| table.info.bytes()).sum();
        if self.void_bytes() > all / 2 {
            return Some((0, self.tables.len()));
        }
        choose(&self.tables)
    }

    /// Counts the bytes of blocks that merging would leave out, since they were dropped.
    fn void_bytes(&mut self) -> u64 {
        if let Some(bytes) = self.void_bytes {
            return bytes;
        }
        let void = self.tables.iter().map(|table| {
            let is_void = |shard, group: &[u8]| table.info.age < self.merge_floor(shard, group);
            table.void_bytes(is_void)
        });
        let bytes = void.sum();
        self.void_bytes = Some(bytes);
        bytes
    }

    /// Returns the age from which on rows go into a merge. A range counts for the tables when it
    /// counts for the states that go with them.
    fn merge_floor(&self, shard: u16, group: &[u8]) -> u64 {
        self.floors.of_shard(shard).max(self.manifest.floors.of_group(shard, group))
    }

    /// A merge that runs out of space is work for nothing, over and over.
    fn has_space_to_merge(&mut self, first: usize, count: usize) -> Result<bool, StoreError> {
        let bytes = self.tables[first..first + count].iter().map(|table| table.info.bytes());
        // What is void is not written again: dropping helps when space is short.
        let written = bytes.sum::<u64>().saturating_sub(self.void_bytes());
        let needed = written + self.options.free_bytes_min / 2;
        let free = self.disk.free_bytes();
        Ok(free.map_err(|source| StoreError::Disk { doing: "asking for space", source })? >= needed)
    }

    fn begin_merge(&mut self, first: usize, count: usize) -> Result<(), StoreError> {
        let inputs = &self.tables[first..first + count];
        let rows: u64 = inputs.iter().map(|table| table.info.rows).sum();
        let age = inputs[0].info.age;
        let level = inputs.iter().map(|table| table.info.level).max().unwrap_or(0) + 1;
        let numbers = inputs.iter().map(|table| table.info.number).collect();
        let start = Row { shard: 0, group: &[], column: &[] };
        let mut blocks = Blocks { disk: &mut self.disk, cache: None };
        let tables = inputs.iter().map(Arc::clone);
        let merge = Merge::seek(&mut blocks, tables, start, Direction::Up, Extent::Everything)?;
        let is_oldest = first + count == self.tables.len();
        let number = self.take_table_number();
        let row_count = usize::try_from(rows).unwrap_or(usize::MAX);
        let writer = TableWriter::new(self.hash_seed, (number, age, level), row_count);
        self.merging =
            Some(Merging { inputs: numbers, merge, writer, is_oldest, has_all_rows: false });
        Ok(())
    }

    fn merge_some(&mut self, merging: &mut Merging, bytes: usize) -> Result<Work, StoreError> {
        if merging.has_all_rows {
            return merging.writer.end_some(&mut self.disk, bytes);
        }
        let end = merging.writer.len().saturating_add(bytes as u64);
        while merging.writer.len() < end {
            let Some((row, value)) = merging.merge.row()? else {
                merging.has_all_rows = true;
                break;
            };
            let floor = self.merge_floor(row.shard, row.group);
            let is_void = merging.merge.age().is_some_and(|age| age < floor);
            if !is_void && (value.is_some() || !merging.is_oldest) {
                merging.writer.add(&mut self.disk, row, value)?;
            }
            let mut blocks = Blocks { disk: &mut self.disk, cache: None };
            merging.merge.step(&mut blocks)?;
        }
        Ok(Work::More)
    }

    fn end_merge(&mut self, merging: Merging) -> Result<(), StoreError> {
        let Merging { inputs, writer, .. } = merging;
        let merged = writer.finish().map(Arc::new);
        let info = merged.as_ref().map(|table| table.info);
        self.table_bytes_written += info.map_or(0, |info| info.bytes());
        let mut tables = self.tables.clone();
        let is_input = |table: &Arc<Table>| inputs.contains(&table.info.number);
        let place = tables.iter().position(is_input).expect("inputs stay until they are merged");
        let replaced: Vec<_> = tables.extract_if(.., |table| is_input(table)).collect();
        if let Some(merged) = merged {
            tables.insert(place, merged);
        }
        let (log, states) = (self.manifest.log.clone(), self.manifest.states.clone());
        let ranges = self.manifest.floors.ranges.clone();
        let outcome = self.install(tables, log, states, ranges);
        self.discard_if_full(&outcome, info);
        outcome?;
        for table in replaced {
            self.cache.remove_table(table.info.number);
            self.leftovers.push((file_name(table.info.number), table.info.bytes()));
        }
        self.share_memory();
        Ok(())
    }
}

/// Chooses neighbours to merge: the place of the first and how many.
fn choose(tables: &[Arc<Table>]) -> Option<(usize, usize)> {
    let bytes = |table: &Arc<Table>| table.info.bytes();
    let oldest = tables.last().map_or(0, bytes);
    let newer: u64 = tables.iter().map(bytes).sum::<u64>() - oldest;
    if tables.len() >= FAN_IN && newer > oldest + oldest / 2 {
        return Some((0, tables.len()));
    }
    let mut first = 0;
    while first < tables.len() {
        let level = tables[first].info.level;
        let run = tables[first..].iter().take_while(|table| table.info.level == level).count();
        if run >= FAN_IN {
            return Some((first, run));
        }
        first += run;
    }
    None
}
