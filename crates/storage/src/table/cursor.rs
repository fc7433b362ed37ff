//! Walking tables in order, either way, and several of them at once as if they were one.

use std::cmp::Ordering;
use std::sync::Arc;

use super::block::{Block, Parts, Stored};
use super::{Blocks, Table};
use crate::disk::Disk;
use crate::floors::Ranges;
use crate::store::{Row, StoreError};

/// Which way to walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}

/// Which part of the tables to walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Only the shard where the walk starts; damage elsewhere is no matter.
    Shard,
    Everything,
}

/// A place in one table.
#[derive(Debug)]
struct Cursor {
    table: Arc<Table>,
    /// Blocks of other shards count as the end.
    only: Option<u16>,
    block: Option<Arc<Block>>,
    block_number: usize,
    row_number: usize,
    /// The row at the place, found once for all comparisons.
    parts: Option<Parts>,
}

/// Rows of several tables in one order; of rows with one address the newest.
#[derive(Debug)]
pub(crate) struct Merge {
    /// Newest first.
    cursors: Vec<Cursor>,
    direction: Direction,
    /// The cursor whose row is next.
    front: Option<usize>,
}

impl Merge {
    /// Starts at a row (inclusive). Tables come newest first.
    pub(crate) fn seek<D: Disk>(
        blocks: &mut Blocks<'_, D>,
        tables: impl IntoIterator<Item = Arc<Table>>,
        from: Row<'_>,
        direction: Direction,
        extent: Extent,
    ) -> Result<Self, StoreError> {
        let only = (extent == Extent::Shard).then_some(from.shard);
        let mut cursors = Vec::new();
        for table in tables {
            cursors.push(Cursor::seek(blocks, table, from, direction, only)?);
        }
        let mut merge = Self { cursors, direction, front: None };
        merge.front = merge.find_front();
        Ok(merge)
    }

    /// Returns the next row, or nothing at the end.
    pub(crate) fn row(&self) -> Result<Option<Stored<'_>>, StoreError> {
        match self.front {
            Some(front) => Ok(self.cursors[front].row()),
            None => Ok(None),
        }
    }

    /// Returns the age of the table that the next row is from.
    pub(crate) fn age(&self) -> Option<u64> {
        self.front.map(|front| self.cursors[front].table.info.age)
    }

    /// Steps to the next address.
    pub(crate) fn step<D: Disk>(&mut self, blocks: &mut Blocks<'_, D>) -> Result<(), StoreError> {
        let Some(front) = self.front else { return Ok(()) };
        let mut stale = Vec::new();
        if let Some((row, _)) = self.cursors[front].row() {
            for (number, cursor) in self.cursors.iter().enumerate().skip(front + 1) {
                if cursor.row().is_some_and(|(other, _)| other == row) {
                    stale.push(number);
                }
            }
        }
        self.cursors[front].step(blocks, self.direction)?;
        for number in stale {
            self.cursors[number].step(blocks, self.direction)?;
        }
        self.front = self.find_front();
        Ok(())
    }

    /// Steps upwards over rows that were dropped after their table was written.
    pub(crate) fn skip_void<D: Disk>(
        &mut self,
        blocks: &mut Blocks<'_, D>,
        ranges: &Ranges,
    ) -> Result<(), StoreError> {
        while let Some(front) = self.front.filter(|_| !ranges.is_empty()) {
            let cursor = &mut self.cursors[front];
            let Some((row, _)) = cursor.row() else { return Ok(()) };
            let Some((end, age)) = ranges.find(row.shard, row.group) else { return Ok(()) };
            if cursor.table.info.age >= age {
                return Ok(());
            }
            // Rows of other tables that this one hid are older still.
            let behind = Row { shard: row.shard, group: end, column: &[] };
            *cursor = Cursor::seek(
                blocks,
                Arc::clone(&cursor.table),
                behind,
                Direction::Up,
                cursor.only,
            )?;
            self.front = self.find_front();
        }
        Ok(())
    }

    fn find_front(&self) -> Option<usize> {
        let mut best: Option<(usize, Row<'_>)> = None;
        for (number, cursor) in self.cursors.iter().enumerate() {
            let Some((row, _)) = cursor.row() else { continue };
            let is_before = match (&best, self.direction) {
                (None, _) => true,
                (Some((_, held)), Direction::Up) => row.cmp(held) == Ordering::Less,
                (Some((_, held)), Direction::Down) => row.cmp(held) == Ordering::Greater,
            };
            if is_before {
                best = Some((number, row));
            }
        }
        best.map(|(number, _)| number)
    }
}

impl Cursor {
    fn seek<D: Disk>(
        blocks: &mut Blocks<'_, D>,
        table: Arc<Table>,
        from: Row<'_>,
        direction: Direction,
        only: Option<u16>,
    ) -> Result<Self, StoreError> {
        let mut block_number = table.index.place(from);
        let place = table.index.block(block_number);
        if direction == Direction::Up && place.is_some_and(|place| place.shard < from.shard) {
            block_number += 1;
        }
        let mut cursor =
            Self { table, only, block: None, block_number, row_number: 0, parts: None };
        cursor.load(blocks)?;
        let Some(block) = &cursor.block else { return Ok(cursor) };
        let place = match block.shard().cmp(&from.shard) {
            Ordering::Less => Some(block.count()),
            Ordering::Greater => Some(0),
            Ordering::Equal => block.place(from.group, from.column),
        };
        cursor.row_number = place.ok_or_else(|| cursor.damaged())?;
        if direction == Direction::Up {
            cursor.normalise_up(blocks)?;
            return Ok(cursor);
        }
        cursor.find_parts()?;
        if cursor.row().is_none_or(|(row, _)| row > from) {
            cursor.step(blocks, Direction::Down)?;
        }
        Ok(cursor)
    }

    fn row(&self) -> Option<Stored<'_>> {
        Some(self.block.as_ref()?.stored(self.parts?))
    }

    /// Finds the row at the place, after the place has changed.
    fn find_parts(&mut self) -> Result<(), StoreError> {
        self.parts = match &self.block {
            Some(block) if self.row_number < block.count() => {
                Some(block.parts(self.row_number).ok_or_else(|| self.damaged())?)
            }
            _ => None,
        };
        Ok(())
    }

    fn step<D: Disk>(
        &mut self,
        blocks: &mut Blocks<'_, D>,
        direction: Direction,
    ) -> Result<(), StoreError> {
        if direction == Direction::Up {
            self.row_number += 1;
            return self.normalise_up(blocks);
        }
        if self.row_number > 0 {
            self.row_number -= 1;
            return self.find_parts();
        }
        let Some(previous) = self.block_number.checked_sub(1) else {
            self.block = None;
            return self.find_parts();
        };
        self.block_number = previous;
        self.load(blocks)?;
        self.row_number = self.block.as_ref().map_or(0, |block| block.count() - 1);
        self.find_parts()
    }

    fn normalise_up<D: Disk>(&mut self, blocks: &mut Blocks<'_, D>) -> Result<(), StoreError> {
        let is_past = self.block.as_ref().is_some_and(|block| self.row_number >= block.count());
        if is_past {
            self.block_number += 1;
            self.row_number = 0;
            self.load(blocks)?;
        }
        self.find_parts()
    }

    fn load<D: Disk>(&mut self, blocks: &mut Blocks<'_, D>) -> Result<(), StoreError> {
        let place = self.table.index.block(self.block_number);
        let is_there =
            place.is_some_and(|place| self.only.is_none_or(|shard| shard == place.shard));
        self.block =
            if is_there { Some(blocks.block(&self.table, self.block_number)?) } else { None };
        Ok(())
    }

    fn damaged(&self) -> StoreError {
        let place = self.table.index.block(self.block_number);
        self.table.damaged(place.map_or(0, |place| place.shard), self.block_number)
    }
}
