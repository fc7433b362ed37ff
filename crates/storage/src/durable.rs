//! The durable body: the operation log, the memory table and sorted tables, as one store.
//!
//! A write goes to the log's buffer and the memory table. A turn ends with `commit_turn`, which
//! writes the log once. A checkpoint writes the changed rows of memory to a new table, in slices;
//! the manifest then names the table, the states of the shards and the log position in one step, so
//! rows and states can never disagree. Reads look in memory, then in the tables, newest first.
//!
//! Not known here: what rows and states mean, when a checkpoint is convenient, and time.

mod budget;
mod checkpoint;
mod dropping;
mod merging;
mod open;
mod scan;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::disk::Disk;
use crate::floors::Floors;
use crate::identity::Identity;
use crate::log::{EndedFlush, Log, PendingFlush, Replay};
use crate::manifest::Manifest;
use crate::options::{Millis, Options};
use crate::rows::{Below, HashSeed, Hashed, Known, Rows};
use crate::store::{Entry, EntryId, Row, ScanControl, Store, StoreError};
use crate::table::{Blocks, Cache, Table, row_hash};
use checkpoint::Checkpointing;
use merging::Merging;

pub use checkpoint::Work;
pub use open::Recovery;

/// Everything appended before a moment; ordered by time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// What the store holds, in bytes and counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Rows in memory.
    pub rows_bytes: usize,
    /// Blocks of tables in memory.
    pub cache_bytes: usize,
    /// Indexes and filters of tables, the log's index and buffer, unfinished tables.
    pub other_bytes: usize,
    /// Rows changed since the last checkpoint began.
    pub changed_bytes: usize,
    /// The log's segments.
    pub log_bytes: u64,
    /// The tables' files.
    pub table_bytes: u64,
    /// How many tables there are.
    pub table_count: usize,
    /// Bytes written to tables since the store was opened.
    pub table_bytes_written: u64,
    /// Free space of the disk, when it was last asked for.
    pub disk_free_bytes: u64,
    /// Free space is below the watermark: ordinary writes are refused.
    pub is_disk_low: bool,
}

/// One worker's store on a disk.
#[derive(Debug)]
pub struct DurableStore<D: Disk> {
    disk: D,
    identity_disk: D,
    options: Options,
    identity: Identity,
    is_identity_changed: bool,
    hash_seed: HashSeed,
    log: Log,
    replay: Replay,
    rows: Rows,
    /// Newest first.
    tables: Vec<Arc<Table>>,
    cache: Cache,
    floors: Floors,
    states: BTreeMap<u16, Arc<[u8]>>,
    /// What the manifest file says.
    manifest: Manifest,
    next_table: u64,
    next_age: u64,
    checkpointing: Option<Checkpointing>,
    merging: Option<Merging>,
    /// Files of replaced tables with their lengths.
    leftovers: Vec<(String, u64)>,
    /// What rows in memory may take.
    rows_bytes_max: usize,
    /// A row that was read and does not fit into memory.
    scratch: Vec<u8>,
    /// Changes already paid for with background work.
    paid_bytes: usize,
    /// Background work that was asked for and is not yet done.
    owed_bytes: usize,
    table_bytes_written: u64,
    /// Bytes of tables that were dropped, when they are known.
    void_bytes: Option<u64>,
    turns_since_look: u32,
    disk_free_bytes: u64,
}

impl<D: Disk> DurableStore<D> {
    /// Ends a turn: writes everything appended in one write and flushes as the policy says.
    ///
    /// # Errors
    /// `Full` when the disk has no space: the turn is kept and the next call tries again. `Disk`:
    /// the store must be opened again; what [`DurableStore::flushed`] covers is safe.
    pub fn commit_turn(&mut self, now: Millis) -> Result<(), StoreError> {
        self.end_turn(|log, disk| log.commit(disk, now))
    }

    /// Ends a turn without waiting for the disk: writes everything appended in one write. What
    /// must be durable first waits for its ticket; see [`DurableStore::begin_flush`].
    ///
    /// # Errors
    /// As [`DurableStore::commit_turn`].
    pub fn write_turn(&mut self) -> Result<(), StoreError> {
        self.end_turn(Log::write_turn)
    }

    /// Returns the flush that the policy asks for now, to be run on any thread and handed back to
    /// [`DurableStore::end_flush`]. Nothing while one is under way, or when none is due.
    ///
    /// # Errors
    /// As [`DurableStore::commit_turn`].
    pub fn begin_flush(&mut self, now: Millis) -> Result<Option<PendingFlush>, StoreError> {
        self.log.begin_flush(&mut self.disk, now)
    }

    /// Takes note of a flush that was run; [`DurableStore::flushed`] then covers what it covered.
    ///
    /// # Errors
    /// As [`DurableStore::commit_turn`]: a flush that failed is never made good by a later one.
    pub fn end_flush(&mut self, ended: EndedFlush) -> Result<(), StoreError> {
        self.log.end_flush(&mut self.disk, ended)
    }

    /// Makes everything appended durable, whatever the policy.
    ///
    /// # Errors
    /// As [`DurableStore::commit_turn`].
    pub fn flush(&mut self) -> Result<(), StoreError> {
        self.write_identity()?;
        self.log.flush(&mut self.disk)
    }

    /// Returns a ticket for everything appended so far.
    #[must_use]
    pub fn flush_ticket(&self) -> Ticket {
        Ticket(self.log.end().0)
    }

    /// Returns the ticket up to which the flush policy's promise is kept: durable under `Always`,
    /// handed to the operating system under the others. Replies up to it may go.
    #[must_use]
    pub fn flushed(&self) -> Ticket {
        match self.options.flush {
            crate::options::FlushPolicy::Always => self.durable(),
            _ => Ticket(self.log.written().0),
        }
    }

    /// Returns the ticket up to which everything is durable.
    #[must_use]
    pub fn durable(&self) -> Ticket {
        Ticket(self.log.synced().0)
    }

    /// Promises that an actor's counters up to `through` may be used, beyond what the log tells.
    /// The promise is durable before the turn's entries are.
    pub fn reserve(&mut self, shard: u16, actor: u64, through: u64) {
        let held = self.identity.reserved.entry((shard, actor)).or_default();
        if *held < through {
            *held = through;
            self.is_identity_changed = true;
        }
    }

    /// Returns up to which counter an actor may have minted; 0 when nothing was ever reserved.
    #[must_use]
    pub fn reserved(&self, shard: u16, actor: u64) -> u64 {
        self.identity.reserved.get(&(shard, actor)).copied().unwrap_or(0)
    }

    /// Ends the promises for an actor that will never mint again.
    pub fn retire(&mut self, shard: u16, actor: u64) {
        self.is_identity_changed |= self.identity.reserved.remove(&(shard, actor)).is_some();
    }

    /// Hands out entries after the last checkpoint in order, some at a time, appending them to
    /// `out`. False when there are no more. To be applied before anything else is written; the
    /// entries are in the log already.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn replay(&mut self, out: &mut Vec<Entry>) -> Result<bool, StoreError> {
        self.replay.next_part(&mut self.disk, out)
    }

    /// Visits the entries that keep the oldest part of the log from going; forgetting them frees
    /// it.
    pub fn oldest_entries(&self, visit: impl FnMut(u16, EntryId)) {
        self.log.oldest_entries(visit);
    }

    /// Ends the run: flushes and notes that nothing is missing. A checkpoint just before makes the
    /// next opening fast.
    ///
    /// # Errors
    /// As [`DurableStore::commit_turn`]; the directory is then as after a crash.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.log.close(&mut self.disk)?;
        self.identity.durable = self.log.synced();
        self.identity.closed_at = Some(self.log.synced());
        self.identity.write(&mut self.identity_disk)
    }

    fn end_turn(
        &mut self,
        write: impl FnOnce(&mut Log, &mut D) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.write_identity()?;
        let segment = self.log.segment();
        write(&mut self.log, &mut self.disk)?;
        // Nobody else would know of a segment that has no follower yet.
        self.is_identity_changed |= self.log.segment() != segment;
        self.look_after_budgets()
    }

    fn write_identity(&mut self) -> Result<(), StoreError> {
        if self.is_identity_changed {
            self.identity.durable = self.identity.durable.max(self.log.synced());
            self.identity.write(&mut self.identity_disk)?;
            self.is_identity_changed = false;
        }
        Ok(())
    }

    fn hashed<'a>(&self, row: Row<'a>) -> Hashed<'a> {
        Hashed { row, hash: self.hash_seed.hash(row.shard, row.group) }
    }

    /// Returns the tables that may have rows of a shard, newest first.
    fn tables_of(&self, shard: u16) -> impl Iterator<Item = &Arc<Table>> {
        let floor = self.floors.of_shard(shard);
        self.tables.iter().take_while(move |table| table.info.age >= floor)
    }

    fn find_in_tables(&mut self, at: Hashed<'_>) -> Result<Option<Vec<u8>>, StoreError> {
        let hash = row_hash(at.hash, at.row.column);
        let floor = self.floors.of_group(at.row.shard, at.row.group);
        let mut blocks = Blocks { disk: &mut self.disk, cache: Some(&mut self.cache) };
        for table in self.tables.iter().take_while(|table| table.info.age >= floor) {
            if table.may_contain(hash)
                && let Some(found) = table.get(&mut blocks, at.row)?
            {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Says whether any table may have rows of a group.
    fn below(tables: &[Arc<Table>], floors: &Floors, at: Hashed<'_>) -> Below {
        let floor = floors.of_group(at.row.shard, at.row.group);
        let mut tables = tables.iter().take_while(|table| table.info.age >= floor);
        if tables.any(|table| table.may_contain(at.hash)) { Below::Possible } else { Below::Absent }
    }
}

impl<D: Disk> Store for DurableStore<D> {
    fn get(&mut self, row: Row<'_>) -> Result<Option<&[u8]>, StoreError> {
        let at = self.hashed(row);
        let (known, mut slot) = self.rows.known(at, &mut self.scratch);
        match known {
            Known::Copied => return Ok(Some(&self.scratch)),
            Known::Removed => return Ok(None),
            Known::Nothing => {
                let Some(value) = self.find_in_tables(at)? else { return Ok(None) };
                if self.rows.bytes() > self.rows_bytes_max {
                    self.evict();
                }
                if self.rows.bytes() > self.rows_bytes_max {
                    self.scratch = value;
                    return Ok(Some(&self.scratch));
                }
                slot = self.rows.load(at, &value);
            }
            Known::Live => {}
        }
        Ok(self.rows.value(row, slot))
    }

    fn put(&mut self, row: Row<'_>, value: &[u8]) -> Result<(), StoreError> {
        self.make_room()?;
        let at = self.hashed(row);
        let (tables, floors) = (&self.tables, &self.floors);
        self.rows.put(at, value, || Self::below(tables, floors, at));
        Ok(())
    }

    fn delete(&mut self, row: Row<'_>) -> Result<(), StoreError> {
        let at = self.hashed(row);
        let (tables, floors) = (&self.tables, &self.floors);
        self.rows.delete(at, || Self::below(tables, floors, at));
        Ok(())
    }

    fn scan_group(
        &mut self,
        from: Row<'_>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ScanControl,
    ) -> Result<(), StoreError> {
        self.scan_group_up(from, visit)
    }

    fn scan_group_back(
        &mut self,
        from: Row<'_>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ScanControl,
    ) -> Result<(), StoreError> {
        self.scan_group_down(from, visit)
    }

    fn scan_shard(
        &mut self,
        shard: u16,
        from_group: &[u8],
        visit: &mut dyn FnMut(Row<'_>, &[u8]) -> ScanControl,
    ) -> Result<(), StoreError> {
        self.scan_groups(shard, from_group, visit)
    }

    fn admit(&mut self) -> Result<(), StoreError> {
        self.admit_write()
    }

    fn append(&mut self, shard: u16, id: EntryId, record: &[u8]) -> Result<(), StoreError> {
        self.log.append(&mut self.disk, shard, id, record)
    }

    fn entry(&mut self, shard: u16, id: EntryId, record: &mut Vec<u8>) -> Result<bool, StoreError> {
        self.log.entry(&mut self.disk, shard, id, record)
    }

    fn forget(&mut self, shard: u16, actor: u64, through: u64) -> Result<(), StoreError> {
        self.log.forget(&mut self.disk, shard, actor, through)
    }

    fn set_state(&mut self, shard: u16, state: &[u8]) -> Result<(), StoreError> {
        self.states.insert(shard, state.into());
        Ok(())
    }

    fn state(&mut self, shard: u16) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.states.get(&shard).map(|state| state.to_vec()))
    }

    fn drop_groups(&mut self, shard: u16, from: &[u8], to: &[u8]) -> Result<(), StoreError> {
        self.drop_range(shard, from, to)
    }

    fn drop_shard(&mut self, shard: u16) -> Result<(), StoreError> {
        self.log.drop_shard(&mut self.disk, shard)?;
        self.rows.drop_shard(shard);
        self.states.remove(&shard);
        if let Some(checkpointing) = &mut self.checkpointing {
            checkpointing.drop_shard(shard);
        }
        self.floors.drop_shard(shard, self.next_age);
        self.void_bytes = None;
        Ok(())
    }
}
