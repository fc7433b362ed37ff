//! Removing all groups of a range.

use std::ops::Bound;

use super::{Rows, row_bytes};
use crate::store::Row;

impl Rows {
    /// Removes the groups from one key (inclusive) to another (exclusive). What tables have of them
    /// must count as void from now on.
    pub(crate) fn drop_groups(&mut self, shard: u16, from: &[u8], to: &[u8]) {
        for slot in self.slots_between(shard, from, to) {
            if self.freeze.is_some() {
                self.empty(shard, slot);
            } else {
                self.remove(shard, slot);
            }
        }
        self.eviction.fruitless = 0;
    }

    fn slots_between(&mut self, shard: u16, from: &[u8], to: &[u8]) -> Vec<u32> {
        if to.split_last() == Some((&0, from)) {
            let hash = self.seed.hash(shard, from);
            let rows = self.shards.held.get(shard);
            return rows.and_then(|rows| rows.find(hash, from)).into_iter().collect();
        }
        self.tidy(shard);
        self.shards.held.get(shard).map_or(Vec::new(), |rows| rows.slots_between(from, to))
    }

    fn remove(&mut self, shard: u16, slot: u32) {
        let rows = self.shards.held.get_mut(shard).expect("it has the slot");
        let group = rows.group(slot);
        let (hash, held) = (self.seed.hash(shard, group.key()), group.bytes());
        let before = rows.overhead_bytes();
        rows.remove(hash, slot);
        self.bytes = self.bytes + rows.overhead_bytes() - before - held;
        self.group_count -= 1;
    }

    /// Removes the rows of a group one by one: the checkpoint under way still wants what they were.
    fn empty(&mut self, shard: u16, slot: u32) {
        let rows = self.shards.held.get_mut(shard).expect("it has the slot");
        let group = rows.group(slot);
        let all = group.columns((Bound::Unbounded, Bound::Unbounded));
        let live: Vec<Vec<u8>> =
            all.filter(|row| row.2.is_some()).map(|(column, _, _)| column.to_vec()).collect();
        let key = group.key().to_vec();
        for column in &live {
            let row = Row { shard, group: &key, column };
            if let Some(freeze) = &mut self.freeze {
                freeze.keep(rows.group(slot), row);
            }
            let group = rows.group_mut(slot);
            let before = group.bytes();
            let changed = group.set(column, None, self.epoch);
            self.bytes = self.bytes + group.bytes() - before;
            if changed != Some(self.epoch) {
                self.changed_bytes += row_bytes(row, 0);
                self.changed_count += 1;
            }
        }
    }
}
