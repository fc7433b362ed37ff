//! Dropping many rows at once: a floor instead of a mark for each row.
//!
//! What is in memory goes at once; what tables have of the range is void from then on, and merges
//! leave it out. The cost is that of the groups in memory.

use super::DurableStore;
use crate::disk::Disk;
use crate::store::{Row, ScanControl, Store, StoreError};

/// Beyond this, ranges are dropped row by row: each read has to look among them, and the manifest
/// holds them all.
const RANGES_BYTES_MAX: usize = 64 << 10;
/// Rows removed between two looks at the next ones.
const ROWS_PER_LOOK: usize = 1024;

impl<D: Disk> DurableStore<D> {
    pub(super) fn drop_range(
        &mut self,
        shard: u16,
        from: &[u8],
        to: &[u8],
    ) -> Result<(), StoreError> {
        if self.floors.ranges.bytes() + from.len() + to.len() > RANGES_BYTES_MAX {
            return remove_rows(self, shard, from, to);
        }
        self.rows.drop_groups(shard, from, to);
        let is_anything_below =
            self.checkpointing.is_some() || self.tables_of(shard).next().is_some();
        if is_anything_below {
            self.floors.ranges.insert(shard, from, to, self.next_age);
        }
        Ok(())
    }
}

/// Removes the rows of a range of groups one by one.
fn remove_rows(
    store: &mut (impl Store + ?Sized),
    shard: u16,
    from: &[u8],
    to: &[u8],
) -> Result<(), StoreError> {
    let mut start = from.to_vec();
    loop {
        let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        store.scan_shard(shard, &start, &mut |row, _| {
            if row.group >= to || found.len() == ROWS_PER_LOOK {
                return ScanControl::Stop;
            }
            found.push((row.group.to_vec(), row.column.to_vec()));
            ScanControl::Continue
        })?;
        for (group, column) in &found {
            store.delete(Row { shard, group, column })?;
        }
        match found.pop() {
            Some((group, _)) => start = group,
            None => return Ok(()),
        }
    }
}
