//! fjall 3 with its defaults and a cache of 128 bytes a row: one keyspace for cells, one for the
//! log, each turn one batch. Its log is its journal, whose length it reports.

use std::path::Path;

use fjall::{
    Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch as WriteBatch, PersistMode,
};

use crate::engine::{Engine, Flush, Key, Opened};
use crate::measure::{Measured, cpu_micros};
use crate::workload::Workload;

/// What it holds beside the cache is as much again at the least.
const CACHE_PER_ROW: u64 = 128;

pub struct Theirs {
    database: Database,
    cells: Keyspace,
    log: Keyspace,
    batch: WriteBatch,
    flush: Flush,
    counter: u64,
}

impl Engine for Theirs {
    fn open(path: &Path, rows: u64, flush: Flush) -> (Self, Opened) {
        let log_bytes = journal_bytes(path);
        let database = Database::builder(path).cache_size(rows * CACHE_PER_ROW).open().unwrap();
        let cells = database.keyspace("cells", KeyspaceCreateOptions::default).unwrap();
        let log = database.keyspace("log", KeyspaceCreateOptions::default).unwrap();
        // Counting the log would be a walk over all of it; another process has other numbers.
        let counter = u64::from(std::process::id()) << 32;
        let batch = new_batch(&database, flush);
        (
            Self { database, cells, log, batch, flush, counter },
            Opened { log_bytes, cpu_micros: cpu_micros() },
        )
    }

    fn upsert(&mut self, key: Key<'_>, record: &[u8], value: &[u8]) {
        self.counter += 1;
        let mut id = key.shard.to_be_bytes().to_vec();
        id.extend_from_slice(&1_u64.to_be_bytes());
        id.extend_from_slice(&self.counter.to_be_bytes());
        self.batch.insert(&self.log, id, record);
        self.put(key, value);
    }

    fn put(&mut self, key: Key<'_>, value: &[u8]) {
        self.batch.insert(&self.cells, cell(key), value);
    }

    fn end_turn(&mut self) {
        let next = new_batch(&self.database, self.flush);
        std::mem::replace(&mut self.batch, next).commit().unwrap();
    }

    fn get(&mut self, key: Key<'_>) -> bool {
        self.cells.get(cell(key)).unwrap().is_some()
    }

    fn scan(&mut self) -> u64 {
        let mut count = 0;
        for row in self.cells.iter() {
            let (_, value) = row.into_inner().unwrap();
            count += u64::from(!value.is_empty());
        }
        count
    }

    fn budget(&self) -> Option<u64> {
        None
    }

    fn has_much_log(&self, bytes: u64) -> bool {
        self.database.journal_disk_space().unwrap() >= bytes
    }

    fn close(mut self) {
        self.end_turn();
        self.database.persist(PersistMode::SyncAll).unwrap();
    }

    fn many_writers(path: &Path, rows: u64, writers: u64, turns: u64, name: &str) {
        let (theirs, _) = Self::open(path, rows, Flush::Always);
        let measured = Measured::start();
        std::thread::scope(|scope| {
            for writer in 0..writers {
                let mut own = Self {
                    database: theirs.database.clone(),
                    cells: theirs.cells.clone(),
                    log: theirs.log.clone(),
                    batch: new_batch(&theirs.database, Flush::Always),
                    flush: Flush::Always,
                    counter: theirs.counter + writer * turns,
                };
                scope.spawn(move || {
                    let mut load = Workload::new(writers * turns);
                    for turn in 0..turns {
                        let (key, record, value) = load.change(writer * turns + turn);
                        own.upsert(key, record, value);
                        own.end_turn();
                    }
                });
            }
        });
        measured.per(name, writers * turns);
        theirs.close();
    }
}

fn new_batch(database: &Database, flush: Flush) -> WriteBatch {
    let mode = match flush {
        Flush::Always => PersistMode::SyncData,
        Flush::Never => PersistMode::Buffer,
    };
    database.batch().durability(Some(mode))
}

fn cell(key: Key<'_>) -> Vec<u8> {
    let mut cell = key.shard.to_be_bytes().to_vec();
    cell.extend_from_slice(key.name);
    cell
}

/// Bytes of the journals, before the opening turns them into something else.
fn journal_bytes(path: &Path) -> u64 {
    let files = std::fs::read_dir(path).into_iter().flatten().flatten();
    let journals = files.filter(|file| file.path().extension().is_some_and(|end| end == "jnl"));
    journals.map(|file| file.metadata().map_or(0, |data| data.len())).sum()
}
