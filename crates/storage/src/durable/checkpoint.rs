//! Checkpoints: the changed rows go to a new table, in slices, and the manifest makes it count.
//!
//! Begun, a checkpoint stands for one moment: the rows, states and log position of then. What is
//! written while it runs belongs to the next one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::DurableStore;
use crate::disk::Disk;
use crate::floors::Ranges;
use crate::log;
use crate::rows::Slice;
use crate::store::StoreError;
use crate::table::{Table, TableInfo, TableWriter, file_name};

/// A changed byte is written once by a checkpoint and about twice by merges, each with an index and
/// a filter.
const WORK_PER_CHANGE: usize = 4;
/// Background work goes on when nothing changes.
const WORK_BYTES_MIN: usize = 1024;

/// Each slice has to find its place again, so that it should be worth it.
const SLICE_BYTES: usize = 32 << 10;

/// Whether there is background work left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Call again soon.
    More,
    /// Nothing to do until something is written.
    Done,
}

/// A checkpoint that is being written.
#[derive(Debug)]
pub(super) struct Checkpointing {
    log: log::Checkpoint,
    states: BTreeMap<u16, Arc<[u8]>>,
    ranges: Ranges,
    writer: TableWriter,
    /// What is left is the end of the table.
    has_all_rows: bool,
}

impl Checkpointing {
    pub(super) fn drop_shard(&mut self, shard: u16) {
        self.states.remove(&shard);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.writer.memory_bytes()
    }
}

impl<D: Disk> DurableStore<D> {
    /// Says whether the owner should set the states of its shards and begin a checkpoint: much has
    /// changed, or much log would have to be replayed.
    #[must_use]
    pub fn is_checkpoint_due(&self) -> bool {
        self.checkpointing.is_none()
            && (self.rows.changed_bytes() >= self.rows_bytes_max / 3
                || self.log.bytes_since(self.manifest.log.position)
                    >= self.options.replay_bytes_max)
    }

    /// Begins a checkpoint of this moment, with the states as they were last set. Does nothing
    /// while one is running.
    pub fn begin_checkpoint(&mut self) {
        if self.checkpointing.is_some() {
            return;
        }
        let number = self.take_table_number();
        let age = self.next_age;
        self.next_age += 1;
        let writer = TableWriter::new(self.hash_seed, (number, age, 0), self.rows.changed_count());
        let (log, states) = (self.log.checkpoint(), self.states.clone());
        let ranges = self.floors.ranges.clone();
        self.rows.freeze();
        self.checkpointing =
            Some(Checkpointing { log, states, ranges, writer, has_all_rows: false });
    }

    /// Does the background work that the writes since the last call ask for, so that it keeps up
    /// with any rate of them. To be called once a turn.
    ///
    /// # Errors
    /// As [`DurableStore::maintain`].
    pub fn keep_up(&mut self) -> Result<Work, StoreError> {
        let changed = self.rows.changed_bytes();
        // A checkpoint that began meanwhile has set the count back.
        let since = changed.checked_sub(self.paid_bytes).unwrap_or(changed);
        self.paid_bytes = changed;
        self.owed_bytes += since.saturating_mul(WORK_PER_CHANGE) + WORK_BYTES_MIN;
        if self.owed_bytes < SLICE_BYTES {
            return Ok(Work::More);
        }
        let bytes = std::mem::take(&mut self.owed_bytes);
        self.maintain(bytes)
    }

    /// Does about so many bytes of background work: the running checkpoint first, then merging.
    ///
    /// # Errors
    /// `Full`, `Disk` or `Damaged`: the checkpoint or merge is given up, nothing is lost.
    pub fn maintain(&mut self, bytes: usize) -> Result<Work, StoreError> {
        if self.checkpointing.is_some() {
            let outcome = self.checkpoint_slice(bytes);
            if outcome.is_err() {
                self.give_up_checkpoint();
            }
            outcome?;
            return Ok(Work::More);
        }
        self.merge_slice(bytes)
    }

    /// Runs a checkpoint of this moment to its end, after any that is running.
    ///
    /// # Errors
    /// As [`DurableStore::maintain`].
    pub fn checkpoint(&mut self) -> Result<(), StoreError> {
        while self.checkpointing.is_some() {
            self.maintain(usize::MAX)?;
        }
        self.begin_checkpoint();
        while self.checkpointing.is_some() {
            self.maintain(usize::MAX)?;
        }
        Ok(())
    }

    fn checkpoint_slice(&mut self, bytes: usize) -> Result<(), StoreError> {
        let Some(checkpointing) = &mut self.checkpointing else { return Ok(()) };
        let (writer, disk) = (&mut checkpointing.writer, &mut self.disk);
        if !checkpointing.has_all_rows {
            let slice = self.rows.frozen(bytes, |row, value| writer.add(disk, row, value))?;
            checkpointing.has_all_rows = slice == Slice::Last;
            return Ok(());
        }
        if writer.end_some(disk, bytes)? == Work::More { Ok(()) } else { self.end_checkpoint() }
    }

    fn end_checkpoint(&mut self) -> Result<(), StoreError> {
        let Some(ended) = self.checkpointing.take() else { return Ok(()) };
        let Checkpointing { log, states, ranges, writer, .. } = ended;
        let mut tables = self.tables.clone();
        let table = writer.finish();
        let info = table.as_ref().map(|table| table.info);
        if let Some(table) = table {
            self.table_bytes_written += table.info.bytes();
            tables.insert(0, Arc::new(table));
        }
        let position = log.position;
        let outcome = self.install(tables, log, states, ranges);
        self.discard_if_full(&outcome, info);
        outcome?;
        self.rows.freeze_done();
        self.log.release(&mut self.disk, position)?;
        self.share_memory();
        Ok(())
    }

    fn give_up_checkpoint(&mut self) {
        self.rows.freeze_failed();
        if let Some(checkpointing) = self.checkpointing.take() {
            checkpointing.writer.abandon(&mut self.disk);
        }
    }

    /// Makes a set of tables and what it stands for durable and current, in one step.
    pub(super) fn install(
        &mut self,
        tables: Vec<Arc<Table>>,
        log: log::Checkpoint,
        states: BTreeMap<u16, Arc<[u8]>>,
        ranges: Ranges,
    ) -> Result<(), StoreError> {
        // The tables may contain the effects of anything logged so far.
        self.flush()?;
        let oldest = tables.last().map_or(u64::MAX, |table| table.info.age);
        self.floors.forget(oldest);
        self.manifest.log = log;
        self.manifest.states = states;
        self.manifest.run = self.identity.run;
        self.manifest.tables = tables.iter().map(|table| table.info).collect();
        // Rows and states are of one moment, and so are the ranges; shards are told by the log.
        self.manifest.floors.clone_from(&self.floors);
        self.manifest.floors.ranges = ranges;
        self.manifest.floors.forget(oldest);
        self.manifest.next_table = self.next_table;
        self.manifest.next_age = self.next_age;
        self.manifest.write(&mut self.disk)?;
        self.tables = tables;
        self.void_bytes = None;
        self.identity.durable = self.log.synced();
        self.is_identity_changed = true;
        Ok(())
    }

    /// Removes a new table for which there was no space in the end. After other errors the manifest
    /// may name it, so that it has to stay.
    pub(super) fn discard_if_full(
        &mut self,
        outcome: &Result<(), StoreError>,
        info: Option<TableInfo>,
    ) {
        if let (Err(StoreError::Full { .. }), Some(info)) = (outcome, info) {
            // A file that stays behind is removed at the next opening.
            let _ = self.disk.remove(&file_name(info.number));
        }
    }

    pub(super) fn take_table_number(&mut self) -> u64 {
        self.next_table += 1;
        self.next_table - 1
    }
}
