//! Scans: rows in memory and rows of tables in one order, memory first where both have one.

use std::ops::Bound;
use std::sync::Arc;

use super::DurableStore;
use crate::disk::Disk;
use crate::floors::Ranges;
use crate::store::{Row, ScanControl, StoreError};
use crate::table::{Blocks, Direction, Extent, Merge};

type VisitColumn<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ScanControl;
type VisitRow<'a> = &'a mut dyn FnMut(Row<'_>, &[u8]) -> ScanControl;

impl<D: Disk> DurableStore<D> {
    pub(super) fn scan_group_up(
        &mut self,
        from: Row<'_>,
        visit: VisitColumn<'_>,
    ) -> Result<(), StoreError> {
        let range = (Bound::Included(from.column), Bound::Unbounded);
        let at = self.hashed(from);
        let mut merge = self.seek_group(from, Direction::Up)?;
        let mut blocks = Blocks { disk: &mut self.disk, cache: Some(&mut self.cache) };
        let held = self.rows.columns(at, range).into_iter().flatten();
        let held = held.map(|(column, _, value)| (column, value));
        walk_group(from, held, merge.as_mut(), &mut blocks, Direction::Up, visit)
    }

    pub(super) fn scan_group_down(
        &mut self,
        from: Row<'_>,
        visit: VisitColumn<'_>,
    ) -> Result<(), StoreError> {
        let range = (Bound::Unbounded, Bound::Included(from.column));
        let at = self.hashed(from);
        let mut merge = self.seek_group(from, Direction::Down)?;
        let mut blocks = Blocks { disk: &mut self.disk, cache: Some(&mut self.cache) };
        let held = self.rows.columns(at, range).into_iter().flat_map(Iterator::rev);
        let held = held.map(|(column, _, value)| (column, value));
        walk_group(from, held, merge.as_mut(), &mut blocks, Direction::Down, visit)
    }

    pub(super) fn scan_groups(
        &mut self,
        shard: u16,
        from_group: &[u8],
        visit: VisitRow<'_>,
    ) -> Result<(), StoreError> {
        self.rows.tidy(shard);
        let from = Row { shard, group: from_group, column: &[] };
        let is_whole = self.rows.is_whole(shard);
        let tables = self.tables_of(shard).filter(|_| !is_whole);
        let tables: Vec<_> = tables.map(Arc::clone).collect();
        let mut blocks = Blocks { disk: &mut self.disk, cache: Some(&mut self.cache) };
        let mut merge = Merge::seek(&mut blocks, tables, from, Direction::Up, Extent::Shard)?;
        let ranges = &self.floors.ranges;
        merge.skip_void(&mut blocks, ranges)?;
        let all = (Bound::Unbounded, Bound::Unbounded);
        for group in self.rows.groups(shard, from_group) {
            for (column, _, value) in group.columns(all) {
                let row = Row { shard, group: group.key(), column };
                if walk_before(row, (&mut merge, ranges), &mut blocks, visit)? == ScanControl::Stop
                {
                    return Ok(());
                }
                if value.is_some_and(|value| visit(row, value) == ScanControl::Stop) {
                    return Ok(());
                }
            }
        }
        while let Some((row, value)) = merge.row()?.filter(|(row, _)| row.shard == shard) {
            if value.is_some_and(|value| visit(row, value) == ScanControl::Stop) {
                return Ok(());
            }
            merge.step(&mut blocks)?;
            merge.skip_void(&mut blocks, ranges)?;
        }
        Ok(())
    }

    /// Places a walk over the tables that may have rows of a group; nothing when none may.
    fn seek_group(
        &mut self,
        from: Row<'_>,
        direction: Direction,
    ) -> Result<Option<Merge>, StoreError> {
        let at = self.hashed(from);
        if self.tables.is_empty() || self.rows.is_complete(at) {
            return Ok(None);
        }
        let floor = self.floors.of_group(from.shard, from.group);
        let tables = self.tables.iter().take_while(|table| table.info.age >= floor);
        let tables = tables.filter(|table| table.may_contain(at.hash));
        let tables: Vec<_> = tables.map(Arc::clone).collect();
        let mut blocks = Blocks { disk: &mut self.disk, cache: Some(&mut self.cache) };
        Ok(Some(Merge::seek(&mut blocks, tables, from, direction, Extent::Shard)?))
    }
}

/// Walks one group, taking from memory and tables whichever column comes next.
fn walk_group<'a, D: Disk>(
    from: Row<'_>,
    held: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    mut merge: Option<&mut Merge>,
    blocks: &mut Blocks<'_, D>,
    direction: Direction,
    visit: VisitColumn<'_>,
) -> Result<(), StoreError> {
    let mut held = held.peekable();
    loop {
        let stored = match &merge {
            Some(merge) => merge.row()?,
            None => None,
        };
        let stored = stored.filter(|(row, _)| row.shard == from.shard && row.group == from.group);
        let is_held_next = match (held.peek(), &stored) {
            (None, None) => return Ok(()),
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some((column, _)), Some((row, _))) if direction == Direction::Up => {
                *column <= row.column
            }
            (Some((column, _)), Some((row, _))) => *column >= row.column,
        };
        let is_stored_taken = if is_held_next {
            let (column, value) = held.next().expect("it was looked at just now");
            let is_hidden = stored.is_some_and(|(row, _)| row.column == column);
            if value.is_some_and(|value| visit(column, value) == ScanControl::Stop) {
                return Ok(());
            }
            is_hidden
        } else {
            let (row, value) = stored.expect("one of the two is next");
            if value.is_some_and(|value| visit(row.column, value) == ScanControl::Stop) {
                return Ok(());
            }
            true
        };
        if let Some(merge) = &mut merge
            && is_stored_taken
        {
            merge.step(blocks)?;
        }
    }
}

/// Visits the rows of tables before a row in memory, and skips the one it hides.
fn walk_before<D: Disk>(
    held: Row<'_>,
    (merge, ranges): (&mut Merge, &Ranges),
    blocks: &mut Blocks<'_, D>,
    visit: VisitRow<'_>,
) -> Result<ScanControl, StoreError> {
    while let Some((row, value)) = merge.row()?.filter(|(row, _)| *row <= held) {
        let is_hidden = row == held;
        if !is_hidden && value.is_some_and(|value| visit(row, value) == ScanControl::Stop) {
            return Ok(ScanControl::Stop);
        }
        merge.step(blocks)?;
        merge.skip_void(blocks, ranges)?;
    }
    Ok(ScanControl::Continue)
}
