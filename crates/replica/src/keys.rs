//! Walking the keys of a keyspace, one visit each however many rows a key has; and looking for
//! those that hold more than they show.

use cells::{Family, KeyAddress, Keyspace};
use storage::{ScanControl, Store};

use crate::error::ReplicaError;
use crate::head::Head;
use crate::replica::Replica;
use crate::rows::{HEAD_COLUMN, first_group, split_group};

/// Rows of one key that a walk passes before it leaps to the next key.
const ROWS_MAX: u32 = 16;

/// A key that holds what only housekeeping needs: a record of its end, or floors of counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Of which keyspace.
    pub keyspace: Keyspace,
    /// The key.
    pub key: Vec<u8>,
    /// It has a record of its end.
    pub has_end: bool,
    /// How many floors and entries of counters it has, when it has floors.
    pub counter_count: u64,
    /// Where a walk meets it.
    pub place: Vec<u8>,
}

/// A part of a walk over all keys of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// The keys that hold something.
    pub keys: Vec<Leftover>,
    /// How many keys were passed.
    pub passed: usize,
    /// Where to go on; nothing at the end.
    pub next: Option<Vec<u8>>,
}

impl Replica {
    /// Looks at some keys of the shard, of all keyspaces, for what only housekeeping needs.
    ///
    /// # Errors
    /// The store failed, or a head makes no sense.
    pub fn find_leftovers<S: Store>(
        &self,
        store: &mut S,
        from: Option<&[u8]>,
        count_max: usize,
    ) -> Result<Leftovers, ReplicaError> {
        let first = first_group(Keyspace(1), 0);
        let mut from = Some(from.unwrap_or(&first).to_vec());
        let (mut found, mut failed) = (Leftovers::default(), Ok(()));
        let (mut last, mut rows): (Vec<u8>, u32) = (Vec::new(), 0);
        while let Some(start) = from.take() {
            store.scan_shard(self.shard, &start, &mut |row, value| {
                let Some((key, _)) = split_group(row.group) else { return ScanControl::Continue };
                if row.group == last {
                    rows += 1;
                    if rows < ROWS_MAX {
                        return ScanControl::Continue;
                    }
                    from = Some([&last, [0].as_slice()].concat());
                    return ScanControl::Stop;
                }
                if found.passed == count_max {
                    found.next = Some(row.group.to_vec());
                    return ScanControl::Stop;
                }
                (found.passed, rows) = (found.passed + 1, 0);
                last.clear();
                last.extend_from_slice(row.group);
                // Only a plain string has no head, and nothing is left of it.
                if row.column == HEAD_COLUMN {
                    match Head::decode(value) {
                        Ok(head) => found.keys.extend(leftover(row.group, key, &head)),
                        Err(source) => failed = Err(self.damaged("head", source)),
                    }
                }
                ScanControl::Continue
            })?;
        }
        failed.map(|()| found)
    }

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

fn leftover(place: &[u8], key: KeyAddress<'_>, head: &Head) -> Option<Leftover> {
    let count_of = |families: [Family; 3]| families.map(|family| head.count(family)).iter().sum();
    let entries: u64 = count_of([Family::RegisterCount, Family::MapCount, Family::ZsetCount]);
    let floors: u64 = count_of([Family::RegisterFloor, Family::MapFloor, Family::ZsetFloor]);
    let has_end = head.count(Family::KeyExpiry) > 0;
    let counter_count = if floors > 0 { floors + entries } else { 0 };
    let (keyspace, key, place) = (key.keyspace, key.key.to_vec(), place.to_vec());
    let leftover = Leftover { keyspace, key, has_end, counter_count, place };
    (has_end || floors > 0).then_some(leftover)
}
