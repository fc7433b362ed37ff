//! A store that can crash: it knows its last checkpoint and the entries appended since.

use storage::{Entry, EntryId, MemoryStore, Row, ScanControl, Store, StoreError};

/// What survives a crash, beside what is there now.
#[derive(Clone, Default)]
pub struct RecordingStore {
    now: MemoryStore,
    checkpoint: MemoryStore,
    since: Vec<Entry>,
}

impl RecordingStore {
    /// Makes everything so far durable.
    pub fn checkpoint(&mut self) {
        self.checkpoint = self.now.clone();
        self.since.clear();
    }

    /// Counts the entries that a crash may lose.
    pub fn tail_len(&self) -> usize {
        self.since.len()
    }

    /// Falls back to the checkpoint with the first `kept` entries after it in the log; returns
    /// those, to be applied again.
    pub fn crash(&mut self, kept: usize) -> Vec<Entry> {
        self.now = self.checkpoint.clone();
        self.since.truncate(kept);
        for entry in &self.since {
            let mut known = Vec::new();
            if !self.now.entry(entry.shard, entry.id, &mut known).unwrap() {
                self.now.append(entry.shard, entry.id, &entry.record).unwrap();
            }
        }
        self.since.clone()
    }
}

impl Store for RecordingStore {
    fn get(&mut self, row: Row<'_>) -> Result<Option<&[u8]>, StoreError> {
        self.now.get(row)
    }

    fn put(&mut self, row: Row<'_>, value: &[u8]) -> Result<(), StoreError> {
        self.now.put(row, value)
    }

    fn delete(&mut self, row: Row<'_>) -> Result<(), StoreError> {
        self.now.delete(row)
    }

    fn scan_group(
        &mut self,
        from: Row<'_>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ScanControl,
    ) -> Result<(), StoreError> {
        self.now.scan_group(from, visit)
    }

    fn scan_group_back(
        &mut self,
        from: Row<'_>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ScanControl,
    ) -> Result<(), StoreError> {
        self.now.scan_group_back(from, visit)
    }

    fn scan_shard(
        &mut self,
        shard: u16,
        from_group: &[u8],
        visit: &mut dyn FnMut(Row<'_>, &[u8]) -> ScanControl,
    ) -> Result<(), StoreError> {
        self.now.scan_shard(shard, from_group, visit)
    }

    fn append(&mut self, shard: u16, id: EntryId, record: &[u8]) -> Result<(), StoreError> {
        self.now.append(shard, id, record)?;
        self.since.push(Entry { shard, id, record: record.to_vec() });
        Ok(())
    }

    fn entry(&mut self, shard: u16, id: EntryId, record: &mut Vec<u8>) -> Result<bool, StoreError> {
        self.now.entry(shard, id, record)
    }

    fn forget(&mut self, shard: u16, actor: u64, through: u64) -> Result<(), StoreError> {
        self.now.forget(shard, actor, through)
    }

    fn set_state(&mut self, shard: u16, state: &[u8]) -> Result<(), StoreError> {
        self.now.set_state(shard, state)
    }

    fn state(&mut self, shard: u16) -> Result<Option<Vec<u8>>, StoreError> {
        self.now.state(shard)
    }

    fn drop_groups(&mut self, shard: u16, from: &[u8], to: &[u8]) -> Result<(), StoreError> {
        self.now.drop_groups(shard, from, to)
    }

    fn drop_shard(&mut self, shard: u16) -> Result<(), StoreError> {
        self.now.drop_shard(shard)
    }
}
