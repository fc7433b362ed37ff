//! Walking the keys of a keyspace, one visit each however many rows a key has.

use cells::Keyspace;
use storage::{ScanControl, Store};

use crate::error::ReplicaError;
use crate::replica::Replica;
use crate::rows::{first_group, split_group};

/// Rows of one key that a walk passes before it leaps to the next key.
const ROWS_MAX: u32 = 16;

impl Replica {
    /// Visits the keys that have rows, from a key hash on, in the order of their hashes. Whether a
    /// key shows anything is for a reader to say: its rows may all be over.
    ///
    /// # Errors
    /// The store failed.
    pub fn visit_keys<S: Store>(
        &self,
        store: &mut S,
        keyspace: Keyspace,
        from_hash: u64,
        visit: &mut dyn FnMut(&[u8], u64) -> ScanControl,
    ) -> Result<(), ReplicaError> {
        let mut from = Some(first_group(keyspace, from_hash));
        let mut last: Vec<u8> = Vec::new();
        while let Some(start) = from.take() {
            let mut rows = 0;
            store.scan_shard(self.shard, &start, &mut |row, _| {
                let key = split_group(row.group).filter(|(key, _)| key.keyspace == keyspace);
                let Some((key, hash)) = key else { return ScanControl::Stop };
                if row.group != last {
                    rows = 0;
                    last.clear();
                    last.extend_from_slice(row.group);
                    return visit(key.key, hash);
                }
                rows += 1;
                if rows < ROWS_MAX {
                    return ScanControl::Continue;
                }
                // The first group that sorts behind this one.
                from = Some([&last, [0].as_slice()].concat());
                ScanControl::Stop
            })?;
        }
        Ok(())
    }

    /// Says whether any key of a keyspace has rows.
    ///
    /// # Errors
    /// The store failed.
    pub fn has_keyspace<S: Store>(
        &self,
        store: &mut S,
        keyspace: Keyspace,
    ) -> Result<bool, ReplicaError> {
        let mut has_any = false;
        self.visit_keys(store, keyspace, 0, &mut |_, _| {
            has_any = true;
            ScanControl::Stop
        })?;
        Ok(has_any)
    }
}
