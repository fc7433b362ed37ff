//! Blocks read of late, within a byte budget.
//!
//! Second-chance eviction: a hand goes round, spares each block that was used since it last passed
//! and takes the others.

use std::sync::Arc;

use hashbrown::HashMap;

use super::block::Block;

type Key = (u64, usize);

/// Blocks in memory by table and number. The map is never walked.
#[derive(Debug)]
pub(crate) struct Cache {
    places: HashMap<Key, usize>,
    slots: Vec<Slot>,
    hand: usize,
    bytes: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct Slot {
    key: Key,
    block: Arc<Block>,
    is_used: bool,
}

impl Cache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { places: HashMap::new(), slots: Vec::new(), hand: 0, bytes: 0, bytes_max }
    }

    pub(crate) fn get(&mut self, table: u64, number: usize) -> Option<Arc<Block>> {
        let place = *self.places.get(&(table, number))?;
        let slot = &mut self.slots[place];
        slot.is_used = true;
        Some(Arc::clone(&slot.block))
    }

    pub(crate) fn insert(&mut self, table: u64, number: usize, block: &Arc<Block>) {
        let bytes = block.memory_bytes();
        if bytes > self.bytes_max / 4 {
            return;
        }
        while self.bytes + bytes > self.bytes_max {
            self.evict();
        }
        self.bytes += bytes;
        self.places.insert((table, number), self.slots.len());
        let block = Arc::clone(block);
        self.slots.push(Slot { key: (table, number), block, is_used: false });
    }

    /// Changes the budget.
    pub(crate) fn resize(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
        while self.bytes > self.bytes_max {
            self.evict();
        }
    }

    /// Lets the blocks of a table go.
    pub(crate) fn remove_table(&mut self, table: u64) {
        for place in (0..self.slots.len()).rev() {
            if self.slots[place].key.0 == table {
                self.remove(place);
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.slots.capacity() * 64
    }

    fn evict(&mut self) {
        loop {
            if self.hand >= self.slots.len() {
                self.hand = 0;
            }
            let slot = &mut self.slots[self.hand];
            if !std::mem::take(&mut slot.is_used) {
                break;
            }
            self.hand += 1;
        }
        self.remove(self.hand);
    }

    fn remove(&mut self, place: usize) {
        let slot = self.slots.swap_remove(place);
        self.bytes -= slot.block.memory_bytes();
        self.places.remove(&slot.key);
        if let Some(moved) = self.slots.get(place) {
            self.places.insert(moved.key, place);
        }
    }
}
