//! Letting clean rows go when memory is short.
//!
//! A hand goes round all groups; it spares each that was used since it last passed, and those that
//! changed since the last checkpoint. When it has gone round twice without finding anything it
//! rests until a checkpoint makes rows clean: looking again for every write would cost more than it
//! finds.
//!
//! A large collection goes in parts, so that one that is written without end, or that is larger
//! than memory, is no obstacle: of it, only the rows that changed stay.

use super::Rows;

/// Where the hand is and how long it has found nothing.
#[derive(Debug, Default)]
pub(crate) struct Eviction {
    shard: u16,
    slot: u32,
    /// Of the large collection in that slot, the rows up to this column were looked at.
    within: Option<Box<[u8]>>,
    pub(super) fruitless: usize,
}

impl Eviction {
    fn go_to(&mut self, shard: u16, slot: u32) {
        (self.shard, self.slot, self.within) = (shard, slot, None);
    }
}

impl Rows {
    /// Lets clean groups that were not used of late go until so much memory is held at most, or
    /// nothing clean is left.
    pub(crate) fn evict(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max && self.eviction.fruitless <= 2 * self.group_count + 1024 {
            self.eviction.fruitless += 1;
            let Eviction { shard, slot, .. } = self.eviction;
            let Some(found) = self.shards.held.first_from(shard) else {
                self.eviction.go_to(0, 0);
                continue;
            };
            let slot = if found == shard { slot } else { 0 };
            let rows = self.shards.held.get_mut(found).expect("the shard was found just now");
            if slot as usize >= rows.slot_count() {
                let (shard, slot) = found.checked_add(1).map_or((0, 0), |next| (next, 0));
                self.eviction.go_to(shard, slot);
                continue;
            }
            if found != shard {
                self.eviction.go_to(found, 0);
            }
            self.evict_at(found, slot);
        }
    }

    /// Lets go what may go of the group in a slot; the hand then points to what comes next.
    fn evict_at(&mut self, shard: u16, slot: u32) {
        let held = &mut self.shards.held;
        let rows = held.get_mut(shard).expect("the hand points to a shard that is there");
        let group = rows.group_mut(slot);
        let is_large = group.goes_in_parts();
        if group.is_gone() || (group.epoch > self.flushed && !is_large) {
            self.eviction.go_to(shard, slot + 1);
            return;
        }
        // Within a large collection the hand has passed its mark already.
        if self.eviction.within.is_none() && std::mem::take(&mut group.is_used) {
            self.eviction.fruitless = 0;
            self.eviction.go_to(shard, slot + 1);
            return;
        }
        let before = group.bytes();
        if is_large {
            let within = self.eviction.within.take();
            self.eviction.within = group.release(self.flushed, within.as_deref());
            let freed = before - group.bytes();
            self.bytes -= freed;
            if freed > 0 {
                rows.is_whole = false;
                self.eviction.fruitless = 0;
            }
        } else {
            self.eviction.fruitless = 0;
            self.bytes -= before;
            self.group_count -= 1;
            let overhead = rows.overhead_bytes();
            rows.is_whole = false;
            rows.remove(self.seed.hash(shard, rows.group(slot).key()), slot);
            self.bytes = self.bytes + rows.overhead_bytes() - overhead;
        }
        if self.eviction.within.is_none() {
            self.eviction.go_to(shard, slot + 1);
        }
    }
}
