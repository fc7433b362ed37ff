//! The body in memory: the simulator's store and the reference for the conformance suite.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::store::{EntryId, Row, ScanControl, Store, StoreError};

type Columns = BTreeMap<Vec<u8>, Vec<u8>>;

/// Rows and log of one worker, in ordered maps.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    shards: BTreeMap<u16, Shard>,
}

#[derive(Clone, Debug, Default)]
struct Shard {
    groups: BTreeMap<Vec<u8>, Columns>,
    log: BTreeMap<EntryId, Vec<u8>>,
    state: Option<Vec<u8>>,
}

impl MemoryStore {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts the entries that the log of a shard holds.
    #[must_use]
    pub fn entry_count(&self, shard: u16) -> usize {
        self.shards.get(&shard).map_or(0, |shard| shard.log.len())
    }

    fn columns(&self, row: Row<'_>) -> Option<&Columns> {
        self.shards.get(&row.shard)?.groups.get(row.group)
    }
}

impl Store for MemoryStore {
    fn get(&mut self, row: Row<'_>) -> Result<Option<&[u8]>, StoreError> {
        Ok(self.columns(row).and_then(|columns| columns.get(row.column)).map(Vec::as_slice))
    }

    fn put(&mut self, row: Row<'_>, value: &[u8]) -> Result<(), StoreError> {
        let groups = &mut self.shards.entry(row.shard).or_default().groups;
        if let Some(columns) = groups.get_mut(row.group) {
            match columns.get_mut(row.column) {
                Some(held) => {
                    held.clear();
                    held.extend_from_slice(value);
                }
                None => {
                    columns.insert(row.column.to_vec(), value.to_vec());
                }
            }
        } else {
            let columns = Columns::from([(row.column.to_vec(), value.to_vec())]);
            groups.insert(row.group.to_vec(), columns);
        }
        Ok(())
    }

    fn delete(&mut self, row: Row<'_>) -> Result<(), StoreError> {
        let Some(shard) = self.shards.get_mut(&row.shard) else { return Ok(()) };
        let Some(columns) = shard.groups.get_mut(row.group) else { return Ok(()) };
        columns.remove(row.column);
        if columns.is_empty() {
            shard.groups.remove(row.group);
        }
        Ok(())
    }

    fn scan_group(
        &mut self,
        from: Row<'_>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ScanControl,
    ) -> Result<(), StoreError> {
        let Some(columns) = self.columns(from) else { return Ok(()) };
        let range = (Bound::Included(from.column), Bound::Unbounded);
        for (column, value) in columns.range::<[u8], _>(range) {
            if visit(column, value) == ScanControl::Stop {
                break;
            }
        }
        Ok(())
    }

    fn scan_group_back(
        &mut self,
        from: Row<'_>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ScanControl,
    ) -> Result<(), StoreError> {
        let Some(columns) = self.columns(from) else { return Ok(()) };
        let range = (Bound::Unbounded, Bound::Included(from.column));
        for (column, value) in columns.range::<[u8], _>(range).rev() {
            if visit(column, value) == ScanControl::Stop {
                break;
            }
        }
        Ok(())
    }

    fn scan_shard(
        &mut self,
        shard: u16,
        from_group: &[u8],
        visit: &mut dyn FnMut(Row<'_>, &[u8]) -> ScanControl,
    ) -> Result<(), StoreError> {
        let Some(held) = self.shards.get(&shard) else { return Ok(()) };
        let range = (Bound::Included(from_group), Bound::Unbounded);
        for (group, columns) in held.groups.range::<[u8], _>(range) {
            for (column, value) in columns {
                if visit(Row { shard, group, column }, value) == ScanControl::Stop {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn append(&mut self, shard: u16, id: EntryId, record: &[u8]) -> Result<(), StoreError> {
        let old = self.shards.entry(shard).or_default().log.insert(id, record.to_vec());
        assert!(old.is_none(), "entry {id:?} of shard {shard} appended twice");
        Ok(())
    }

    fn entry(&mut self, shard: u16, id: EntryId, record: &mut Vec<u8>) -> Result<bool, StoreError> {
        record.clear();
        let held = self.shards.get(&shard).and_then(|shard| shard.log.get(&id));
        if let Some(held) = held {
            record.extend_from_slice(held);
        }
        Ok(held.is_some())
    }

    fn forget(&mut self, shard: u16, actor: u64, through: u64) -> Result<(), StoreError> {
        let Some(shard) = self.shards.get_mut(&shard) else { return Ok(()) };
        let doomed: Vec<EntryId> = shard
            .log
            .range(EntryId { actor, counter: 0 }..=EntryId { actor, counter: through })
            .map(|(id, _)| *id)
            .collect();
        for id in doomed {
            shard.log.remove(&id);
        }
        Ok(())
    }

    fn set_state(&mut self, shard: u16, state: &[u8]) -> Result<(), StoreError> {
        self.shards.entry(shard).or_default().state = Some(state.to_vec());
        Ok(())
    }

    fn state(&mut self, shard: u16) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.shards.get(&shard).and_then(|shard| shard.state.clone()))
    }

    fn drop_groups(&mut self, shard: u16, from: &[u8], to: &[u8]) -> Result<(), StoreError> {
        let Some(shard) = self.shards.get_mut(&shard).filter(|_| from < to) else { return Ok(()) };
        let mut behind = shard.groups.split_off(from);
        shard.groups.append(&mut behind.split_off(to));
        Ok(())
    }

    fn drop_shard(&mut self, shard: u16) -> Result<(), StoreError> {
        self.shards.remove(&shard);
        Ok(())
    }
}
