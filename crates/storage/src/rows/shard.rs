//! The groups of one shard: found by hash in one step, walked in key order when somebody scans.
//!
//! Groups live in numbered slots. The order of slots is tidied only when a scan needs it: new
//! groups are sorted in, those that are gone are taken out, and only then are their slots used
//! again. A checkpoint, which has time, has new groups sorted in some at a time.

use super::group::{Body, Group};
use super::lookup::Lookup;
use super::sorting::{Sorting, count_before, sort_slots};

/// Slots of vanished groups wait for the next tidying until they are this part of all.
const GONE_PART_MAX: usize = 4;
/// How many groups a walk touches ahead of itself.
const TOUCH_AHEAD: usize = 8;

/// All groups of one shard that are in memory.
#[derive(Debug, Default)]
pub(crate) struct ShardRows {
    /// All live rows of the shard are here; the tables need not be asked.
    pub(crate) is_whole: bool,
    lookup: Lookup,
    slots: Vec<Group>,
    free: Vec<u32>,
    /// Slots by key, those of vanished groups included.
    sorted: Vec<u32>,
    /// Slots not yet in `sorted`, in no order.
    unsorted: Vec<u32>,
    sorting: Option<Sorting>,
    gone_count: usize,
}

impl ShardRows {
    pub(crate) fn new(is_whole: bool) -> Self {
        Self { is_whole, ..Self::default() }
    }

    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        self.lookup.find(hash, |slot| self.group(slot).key() == key)
    }

    pub(crate) fn group(&self, slot: u32) -> &Group {
        &self.slots[slot as usize]
    }

    pub(crate) fn group_mut(&mut self, slot: u32) -> &mut Group {
        &mut self.slots[slot as usize]
    }

    /// Adds a group that is not there yet.
    pub(crate) fn insert(&mut self, hash: u64, group: Group) -> u32 {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = group;
                slot
            }
            None => {
                let slot = u32::try_from(self.slots.len()).expect("memory holds fewer groups");
                if self.slots.len() == self.slots.capacity() {
                    // A quarter at a time: doubling would keep half of the memory empty.
                    self.slots.reserve_exact(self.slots.len() / 4 + 16);
                }
                self.slots.push(group);
                slot
            }
        };
        self.lookup.insert(hash, slot);
        self.unsorted.push(slot);
        slot
    }

    /// Takes a group out.
    pub(crate) fn remove(&mut self, hash: u64, slot: u32) {
        let group = &mut self.slots[slot as usize];
        let key = Box::from(group.key());
        group.body = Body::Gone(key);
        self.lookup.remove(hash, slot);
        self.gone_count += 1;
        if self.gone_count > 1024 + self.slots.len() / GONE_PART_MAX {
            self.sweep();
        }
    }

    /// Returns the memory of slots, order and hash table, used or not.
    pub(crate) fn overhead_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Group>()
            + self.lookup.bytes()
            + (self.free.capacity() + self.sorted.capacity() + self.unsorted.capacity()) * 4
            + self.sorting.as_ref().map_or(0, Sorting::bytes)
    }

    /// Counts the slots, of which some may be empty.
    pub(crate) fn slot_count(&self) -> usize {
        self.slots.len()
    }

    /// Brings the order up to date.
    pub(crate) fn tidy(&mut self) {
        if self.gone_count > 0 {
            self.sweep();
        }
        if self.unsorted.is_empty() {
            return;
        }
        self.sorting = None;
        sort_slots(&self.slots, &mut self.unsorted);
        let slots = &self.slots;
        let key = |slot: u32| slots[slot as usize].key();
        let mut merged = Vec::with_capacity(self.sorted.len() + self.unsorted.len());
        let mut rest = &self.sorted[..];
        for &slot in &self.unsorted {
            let count = count_before(rest, |held| key(held) < key(slot));
            merged.extend_from_slice(&rest[..count]);
            merged.push(slot);
            rest = &rest[count..];
        }
        merged.extend_from_slice(rest);
        self.sorted = merged;
        self.unsorted.clear();
    }

    /// Brings the groups that are there now into the order, some at a time, for about so many bytes
    /// of work. True when they are.
    pub(crate) fn tidy_some(&mut self, left: &mut usize) -> bool {
        if self.sorting.is_none() && self.unsorted.is_empty() {
            return true;
        }
        let (old, new) = (&self.sorted, &mut self.unsorted);
        let sorting = self.sorting.get_or_insert_with(|| Sorting::new(new.len(), old.len()));
        if !sorting.step(&self.slots, old, new, left) {
            return false;
        }
        if let Some(sorting) = self.sorting.take() {
            let (sorted, count) = sorting.finish();
            self.sorted = sorted;
            self.unsorted.drain(..count);
        }
        true
    }

    /// Gives up what [`ShardRows::tidy_some`] has begun.
    pub(crate) fn stop_tidying(&mut self) {
        self.sorting = None;
    }

    /// Returns the place in the order, as it was last tidied, of the first group at or after a key.
    pub(crate) fn place(&self, key: &[u8]) -> usize {
        self.sorted.partition_point(|slot| self.group(*slot).key() < key)
    }

    /// Returns the slots of the groups within a range of keys, as the order was last tidied.
    pub(crate) fn slots_between(&self, from: &[u8], to: &[u8]) -> Vec<u32> {
        let places = self.place(from)..self.place(to).max(self.place(from));
        let there = self.sorted[places].iter().filter(|slot| !self.group(**slot).is_gone());
        there.copied().collect()
    }

    /// Returns the slot at a place in the order. Neighbours in the order are far apart in memory,
    /// so that one further on is touched already: it arrives while this one is worked on.
    pub(crate) fn at_place(&self, place: usize) -> Option<u32> {
        self.at_place_of(place, |_| true)
    }

    /// As [`ShardRows::at_place`], touching only groups that are of use.
    pub(crate) fn at_place_of(
        &self,
        place: usize,
        is_of_use: impl FnOnce(&Group) -> bool,
    ) -> Option<u32> {
        let ahead = self.sorted.get(place + TOUCH_AHEAD).map(|slot| self.group(*slot));
        if let Some(ahead) = ahead.filter(|group| is_of_use(group)) {
            ahead.touch();
        }
        self.sorted.get(place).copied()
    }

    fn sweep(&mut self) {
        self.sorting = None;
        let slots = &self.slots;
        let is_there = |slot: &u32| !slots[*slot as usize].is_gone();
        let gone = self.sorted.iter().chain(&self.unsorted).filter(|slot| !is_there(slot));
        self.free.extend(gone);
        self.sorted.retain(is_there);
        self.unsorted.retain(is_there);
        self.gone_count = 0;
        for slot in &self.free {
            if let Body::Gone(key) = &mut self.slots[*slot as usize].body {
                *key = Box::default();
            }
        }
    }
}
