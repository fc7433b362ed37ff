//! The memory table: rows that changed since the last checkpoint, and rows worth keeping at hand.
//!
//! A checkpoint begins by counting the epoch up. Rows of the epoch before are frozen: they go to
//! the next sorted table as they were at that moment, in slices, while the owner goes on changing
//! rows; a frozen row that is changed before its turn leaves its old value in the stash. Rows older
//! than any running checkpoint are clean: the tables have them, so they may be evicted.

mod drop;
mod evict;
mod freeze;
mod group;
mod lookup;
mod one;
mod shard;
mod sorting;

use std::ops::Bound;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::by_shard::ByShard;
use crate::store::Row;
use evict::Eviction;
use freeze::Freeze;
use group::{Body, Columns, Epoch, Group, LOADED};
use one::One;
use shard::ShardRows;

pub(crate) use freeze::Slice;
pub(crate) use group::Known;

/// What the tables say of a group that comes into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Below {
    /// No table has rows of it.
    Absent,
    /// Some table may.
    Possible,
}

/// Keys the hashes of groups, so that nobody outside can make them collide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HashSeed(pub(crate) u64);

impl HashSeed {
    pub(crate) fn hash(self, shard: u16, group: &[u8]) -> u64 {
        xxh3_64_with_seed(group, self.0 ^ u64::from(shard))
    }
}

/// A row's place: its group, and the hash by which the group is found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hashed<'a> {
    pub(crate) row: Row<'a>,
    pub(crate) hash: u64,
}

/// What is in memory, by shard.
#[derive(Debug)]
struct Shards {
    held: ByShard<ShardRows>,
    /// What has never been here is nowhere.
    are_whole: bool,
}

impl Shards {
    fn shard_mut(&mut self, shard: u16) -> &mut ShardRows {
        let is_whole = self.are_whole;
        self.held.get_or_insert(shard, || ShardRows::new(is_whole))
    }
}

/// All rows of one worker that are in memory.
#[derive(Debug)]
pub(crate) struct Rows {
    seed: HashSeed,
    shards: Shards,
    epoch: Epoch,
    /// Rows of this epoch and before are clean.
    flushed: Epoch,
    freeze: Option<Freeze>,
    /// Memory of all groups.
    bytes: usize,
    /// Memory of rows changed in this epoch, estimated.
    changed_bytes: usize,
    changed_count: usize,
    group_count: usize,
    eviction: Eviction,
}

impl Rows {
    /// Makes an empty table of shards that have rows elsewhere, or have none.
    pub(crate) fn new(seed: HashSeed, below: Below) -> Self {
        Self {
            seed,
            shards: Shards { held: ByShard::default(), are_whole: below == Below::Absent },
            epoch: LOADED + 1,
            flushed: LOADED,
            freeze: None,
            bytes: 0,
            changed_bytes: 0,
            changed_count: 0,
            group_count: 0,
            eviction: Eviction::default(),
        }
    }

    /// Tells what is known of a row, and the slot of its group.
    pub(crate) fn known(&mut self, at: Hashed<'_>, short: &mut Vec<u8>) -> (Known, u32) {
        let rows = self.shards.shard_mut(at.row.shard);
        let unknown = if rows.is_whole { Known::Removed } else { Known::Nothing };
        let Some(slot) = rows.find(at.hash, at.row.group) else { return (unknown, 0) };
        let group = rows.group_mut(slot);
        group.is_used = true;
        match group.known(at.row.column, short) {
            Known::Nothing => (unknown, slot),
            known => (known, slot),
        }
    }

    /// Returns the value of a row that is known to be live, given its group's slot.
    pub(crate) fn value(&self, row: Row<'_>, slot: u32) -> Option<&[u8]> {
        self.shards.held.get(row.shard)?.group(slot).value(row.column)
    }

    /// Changes a row; `below` is asked only when its group is not in memory yet.
    pub(crate) fn put(&mut self, at: Hashed<'_>, value: &[u8], below: impl FnOnce() -> Below) {
        let rows = self.shards.shard_mut(at.row.shard);
        let Some(slot) = rows.find(at.hash, at.row.group) else {
            let below = if rows.is_whole { Below::Absent } else { below() };
            self.insert(at, Some(value), self.epoch, below);
            return;
        };
        if let Some(freeze) = &mut self.freeze {
            freeze.keep(rows.group(slot), at.row);
        }
        let group = rows.group_mut(slot);
        let before = group.bytes();
        let changed = group.set(at.row.column, Some(value), self.epoch);
        self.bytes = self.bytes + group.bytes() - before;
        if changed != Some(self.epoch) {
            self.count_change(row_bytes(at.row, value.len()));
        }
    }

    /// Removes a row; `below` is asked only when its group is not in memory yet.
    pub(crate) fn delete(&mut self, at: Hashed<'_>, below: impl FnOnce() -> Below) {
        let rows = self.shards.shard_mut(at.row.shard);
        let Some(slot) = rows.find(at.hash, at.row.group) else {
            if !rows.is_whole && below() == Below::Possible {
                self.insert(at, None, self.epoch, Below::Possible);
            }
            return;
        };
        let group = rows.group(slot);
        if group.is_absent_below && self.freeze.is_none() {
            return self.take(at, slot);
        }
        if group.is_complete && group.row(at.row.column).is_none() {
            return;
        }
        if let Some(freeze) = &mut self.freeze {
            freeze.keep(group, at.row);
        }
        let group = rows.group_mut(slot);
        let before = group.bytes();
        let changed = group.set(at.row.column, None, self.epoch);
        self.bytes = self.bytes + group.bytes() - before;
        if changed != Some(self.epoch) {
            self.count_change(row_bytes(at.row, 0));
        }
    }

    /// Takes in a row that a table has, to have it at hand.
    pub(crate) fn load(&mut self, at: Hashed<'_>, value: &[u8]) -> u32 {
        let rows = self.shards.shard_mut(at.row.shard);
        if let Some(slot) = rows.find(at.hash, at.row.group) {
            let group = rows.group_mut(slot);
            let before = group.bytes();
            group.set(at.row.column, Some(value), LOADED);
            self.bytes = self.bytes + group.bytes() - before;
            return slot;
        }
        self.insert(at, Some(value), LOADED, Below::Possible)
    }

    /// Removes everything of a shard.
    pub(crate) fn drop_shard(&mut self, shard: u16) {
        if let Some(freeze) = &mut self.freeze {
            freeze.drop_shard(shard);
        }
        let Some(rows) = self.shards.held.remove(shard) else { return };
        let slots = 0..u32::try_from(rows.slot_count()).expect("slots are counted in 32 bits");
        for group in slots.map(|slot| rows.group(slot)).filter(|group| !group.is_gone()) {
            self.bytes -= group.bytes();
            self.group_count -= 1;
        }
        self.bytes -= rows.overhead_bytes();
        self.eviction.fruitless = 0;
        self.shards.shard_mut(shard).is_whole = true;
    }

    /// Says whether all live rows of a shard are in memory.
    pub(crate) fn is_whole(&self, shard: u16) -> bool {
        self.shards.held.get(shard).map_or(self.shards.are_whole, |rows| rows.is_whole)
    }

    /// Says whether all live rows of a group are in memory.
    pub(crate) fn is_complete(&self, at: Hashed<'_>) -> bool {
        let Some(rows) = self.shards.held.get(at.row.shard) else { return self.shards.are_whole };
        let slot = rows.find(at.hash, at.row.group);
        rows.is_whole || slot.is_some_and(|slot| rows.group(slot).is_complete)
    }

    /// Brings the order of a shard's groups up to date before it is walked.
    pub(crate) fn tidy(&mut self, shard: u16) {
        if let Some(rows) = self.shards.held.get_mut(shard) {
            let before = rows.overhead_bytes();
            rows.tidy();
            self.bytes = self.bytes + rows.overhead_bytes() - before;
        }
    }

    /// As [`Rows::tidy`], for the groups that are there when it begins, some at a time; true when
    /// it is done.
    fn tidy_some(&mut self, shard: u16, left: &mut usize) -> bool {
        let Some(rows) = self.shards.held.get_mut(shard) else { return true };
        let before = rows.overhead_bytes();
        let is_done = rows.tidy_some(left);
        self.bytes = self.bytes + rows.overhead_bytes() - before;
        is_done
    }

    /// Walks the rows of one group within a range of columns, removed ones too.
    pub(crate) fn columns(
        &self,
        at: Hashed<'_>,
        range: (Bound<&[u8]>, Bound<&[u8]>),
    ) -> Option<Columns<'_>> {
        let rows = self.shards.held.get(at.row.shard)?;
        Some(rows.group(rows.find(at.hash, at.row.group)?).columns(range))
    }

    /// Returns the groups of a tidied shard from a key on, in order.
    pub(crate) fn groups<'a>(
        &'a self,
        shard: u16,
        from_group: &[u8],
    ) -> impl Iterator<Item = &'a Group> + use<'a> {
        let rows = self.shards.held.get(shard);
        let start = rows.map_or(0, |rows| rows.place(from_group));
        let slots = rows.into_iter().flat_map(move |rows| {
            (start..).map_while(|place| rows.at_place(place)).map(|slot| rows.group(slot))
        });
        slots.filter(|group| !group.is_gone())
    }

    /// Returns the memory held, estimated.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.freeze.as_ref().map_or(0, |freeze| freeze.stash_bytes)
    }

    /// Estimates the memory of rows changed since the last freeze.
    pub(crate) fn changed_bytes(&self) -> usize {
        self.changed_bytes
    }

    /// Counts the rows changed since the last freeze.
    pub(crate) fn changed_count(&self) -> usize {
        self.changed_count
    }

    fn count_change(&mut self, bytes: usize) {
        self.changed_bytes += bytes;
        self.changed_count += 1;
    }

    fn insert(&mut self, at: Hashed<'_>, value: Option<&[u8]>, epoch: Epoch, below: Below) -> u32 {
        let group = Group {
            epoch,
            is_used: true,
            is_complete: below == Below::Absent,
            is_absent_below: below == Below::Absent,
            body: Body::One(One::new(at.row.group, at.row.column, value)),
        };
        self.bytes += group.bytes();
        self.group_count += 1;
        if epoch == self.epoch {
            self.count_change(row_bytes(at.row, value.map_or(0, <[u8]>::len)));
        }
        let rows = self.shards.shard_mut(at.row.shard);
        let before = rows.overhead_bytes();
        let slot = rows.insert(at.hash, group);
        self.bytes = self.bytes + rows.overhead_bytes() - before;
        slot
    }

    fn take(&mut self, at: Hashed<'_>, slot: u32) {
        let rows = self.shards.shard_mut(at.row.shard);
        let group = rows.group_mut(slot);
        let before = group.bytes();
        if group.take(at.row.column) {
            let overhead = rows.overhead_bytes();
            rows.remove(at.hash, slot);
            self.bytes = self.bytes + rows.overhead_bytes() - overhead - before;
            self.group_count -= 1;
        } else {
            self.bytes = self.bytes + group.bytes() - before;
        }
    }
}

fn row_bytes(row: Row<'_>, value_len: usize) -> usize {
    row.group.len() + row.column.len() + value_len + 80
}
