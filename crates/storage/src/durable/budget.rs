//! Budgets: what memory is shared among, and when writes are refused.
//!
//! Ordinary writes are refused before they begin ([`crate::Store::admit`]), so that no operation
//! stops half way. Memory has a reserve beyond that for operations under way; only when it is used
//! up too does a single row fail.

use super::checkpoint::Checkpointing;
use super::merging::Merging;
use super::{DurableStore, Usage};
use crate::disk::Disk;
use crate::store::StoreError;

/// The reserve is this part of the budget.
const RESERVE_PART: usize = 16;
/// So much room is made at a time: more would hold a turn up.
const ROOM_BYTES: usize = 2 << 20;
/// Free space is asked for once in so many turns.
const TURNS_PER_LOOK: u32 = 64;

impl<D: Disk> DurableStore<D> {
    /// Returns what is held.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage {
            rows_bytes: self.rows.bytes(),
            cache_bytes: self.cache.bytes(),
            other_bytes: self.other_bytes(),
            changed_bytes: self.rows.changed_bytes(),
            log_bytes: self.log.bytes(),
            table_bytes: self.tables.iter().map(|table| table.info.bytes()).sum(),
            table_count: self.tables.len(),
            table_bytes_written: self.table_bytes_written,
            disk_free_bytes: self.disk_free_bytes,
            is_disk_low: self.is_disk_low(),
        }
    }

    pub(super) fn admit_write(&mut self) -> Result<(), StoreError> {
        if self.is_disk_low() {
            return Err(StoreError::Full { what: "disk" });
        }
        if self.rows.bytes() > self.rows_bytes_max {
            self.evict();
            if self.rows.bytes() > self.rows_bytes_max {
                return Err(StoreError::Full { what: "memory" });
            }
        }
        Ok(())
    }

    /// Makes room for one more row, or refuses.
    pub(super) fn make_room(&mut self) -> Result<(), StoreError> {
        if self.rows.bytes() > self.rows_bytes_max {
            self.evict();
            let reserve = self.options.memory_bytes / RESERVE_PART;
            if self.rows.bytes() > self.rows_bytes_max + reserve {
                return Err(StoreError::Full { what: "memory" });
            }
        }
        Ok(())
    }

    /// Lets clean rows go until a little room is left.
    pub(super) fn evict(&mut self) {
        let room = ROOM_BYTES.min(self.rows_bytes_max / 16);
        self.rows.evict(self.rows_bytes_max - room);
    }

    /// Shares the budget between blocks and rows, after what everything else takes.
    pub(super) fn share_memory(&mut self) {
        let reserve = self.options.memory_bytes / RESERVE_PART;
        let rest = self.options.memory_bytes.saturating_sub(self.other_bytes() + reserve);
        let cache_bytes = if self.tables.is_empty() { 0 } else { rest / 4 };
        self.cache.resize(cache_bytes);
        self.rows_bytes_max = rest - cache_bytes;
        if self.rows.bytes() > self.rows_bytes_max {
            self.evict();
        }
    }

    /// Looks after the budgets at the end of a turn.
    pub(super) fn look_after_budgets(&mut self) -> Result<(), StoreError> {
        self.turns_since_look += 1;
        if self.turns_since_look >= TURNS_PER_LOOK {
            self.look_at_disk()?;
        }
        Ok(())
    }

    /// Asks how much space is free.
    pub(super) fn look_at_disk(&mut self) -> Result<(), StoreError> {
        self.turns_since_look = 0;
        let free = self.disk.free_bytes();
        let free = free.map_err(|source| StoreError::Disk { doing: "asking for space", source })?;
        self.disk_free_bytes = free;
        self.share_memory();
        Ok(())
    }

    fn is_disk_low(&self) -> bool {
        self.disk_free_bytes < self.options.free_bytes_min
    }

    fn other_bytes(&self) -> usize {
        let tables = self.tables.iter().map(|table| table.memory_bytes());
        let states = self.states.values().map(|state| state.len());
        let checkpointing = self.checkpointing.as_ref().map_or(0, Checkpointing::memory_bytes);
        let merging = self.merging.as_ref().map_or(0, Merging::memory_bytes);
        let all = tables.sum::<usize>() + states.sum::<usize>() + checkpointing + merging;
        all + self.log.memory_bytes() + self.floors.ranges.bytes()
    }
}
