//! Letting clean rows go when memory is short.
//!
//! A hand goes round all groups; it spares each that was used since it last passed, and those that
//! changed since the last checkpoint. When it has gone round twice without finding anything it
//! rests until a checkpoint makes rows clean: looking again for every write would cost more than it
//! finds.

use super::Rows;

/// Where the hand is and how long it has found nothing.
#[derive(Debug, Default)]
pub(crate) struct Eviction {
    shard: u16,
    slot: u32,
    pub(super) fruitless: usize,
}

impl Rows {
    /// Lets clean groups that were not used of late go until so much memory is held at most, or
    /// nothing clean is left.
    pub(crate) fn evict(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max && self.eviction.fruitless <= 2 * self.group_count + 1024 {
            self.eviction.fruitless += 1;
            let Eviction { shard, slot, .. } = self.eviction;
            let Some(found) = self.shards.first_from(shard) else {
                (self.eviction.shard, self.eviction.slot) = (0, 0);
                continue;
            };
            let slot = if found == shard { slot } else { 0 };
            let rows = self.shards.get_mut(found).expect("the shard was found just now");
            if slot as usize >= rows.slot_count() {
                (self.eviction.shard, self.eviction.slot) =
                    found.checked_add(1).map_or((0, 0), |next| (next, 0));
                continue;
            }
            (self.eviction.shard, self.eviction.slot) = (found, slot + 1);
            let group = rows.group_mut(slot);
            if group.is_gone() || group.epoch > self.flushed {
                continue;
            }
            self.eviction.fruitless = 0;
            if !std::mem::take(&mut group.is_used) {
                self.bytes -= group.bytes();
                self.group_count -= 1;
                let before = rows.overhead_bytes();
                rows.remove(slot);
                self.bytes = self.bytes + rows.overhead_bytes() - before;
            }
        }
    }
}
