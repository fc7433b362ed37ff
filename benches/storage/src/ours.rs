//! Starling's store, driven as a node drives it: entries, rows, one `commit_turn` a turn, a little
//! background work with each.

use std::path::Path;
use std::sync::mpsc;
use std::time::Instant;

use storage::{
    DurableStore, EntryId, FlushPace, FlushPolicy, Millis, Options, RealDisk, Row, ScanControl,
    Store,
};

use crate::engine::{Engine, Flush, Key, Opened};
use crate::measure::{Measured, cpu_micros};
use crate::workload::{SHARDS, Workload};

/// Memory for each row: enough to keep all rows at hand, and less than the other engine takes.
const MEMORY_PER_ROW: usize = 448;
/// Peers confirm operations this much later; then the log may forget them.
const LAG: u64 = 100_000;
const FORGET_EVERY: u64 = 65_536;

pub struct Ours {
    store: DurableStore<RealDisk>,
    counters: [u64; SHARDS as usize],
    written: u64,
    forgotten_at: u64,
    memory_bytes: usize,
}

impl Engine for Ours {
    fn open(path: &Path, rows: u64, flush: Flush) -> (Self, Opened) {
        let flush = match flush {
            Flush::Always => FlushPolicy::Always,
            Flush::Never => FlushPolicy::Os,
        };
        // Checkpoints come from changed rows here, so that the log grows as long as the bar wants.
        let replay_bytes_max = 1 << 30;
        let memory_bytes = usize::try_from(rows).unwrap() * MEMORY_PER_ROW;
        let options =
            Options { store: 7, flush, memory_bytes, replay_bytes_max, ..Options::default() };
        let disk = |name| RealDisk::open(path.join(name)).unwrap();
        let (store, _) = DurableStore::open(disk("data"), disk("identity"), options).unwrap();
        let cpu_micros = cpu_micros();
        let counters = [0; SHARDS as usize];
        let mut ours = Self { store, counters, written: 0, forgotten_at: 0, memory_bytes };
        ours.replay();
        let log_bytes = ours.store.usage().log_bytes;
        (ours, Opened { log_bytes, cpu_micros })
    }

    fn upsert(&mut self, key: Key<'_>, record: &[u8], value: &[u8]) {
        let counter = &mut self.counters[usize::from(key.shard)];
        *counter += 1;
        let id = EntryId { actor: actor(key.shard), counter: *counter };
        self.store.append(key.shard, id, record).unwrap();
        self.written += 1;
        self.put(key, value);
    }

    fn put(&mut self, key: Key<'_>, value: &[u8]) {
        self.store.put(row(key), value).unwrap();
    }

    fn end_turn(&mut self) {
        self.store.commit_turn(Millis(0)).unwrap();
        if self.written - self.forgotten_at >= FORGET_EVERY {
            self.forgotten_at = self.written;
            self.forget();
        }
        if self.store.is_checkpoint_due() {
            self.save_states();
            self.store.begin_checkpoint();
        }
        self.store.keep_up().unwrap();
    }

    fn get(&mut self, key: Key<'_>) -> bool {
        self.store.get(row(key)).unwrap().is_some()
    }

    fn scan(&mut self) -> u64 {
        let mut count = 0;
        for shard in 0..SHARDS {
            let mut visit = |_: Row<'_>, value: &[u8]| {
                count += u64::from(!value.is_empty());
                ScanControl::Continue
            };
            self.store.scan_shard(shard, b"", &mut visit).unwrap();
        }
        count
    }

    fn budget(&self) -> Option<u64> {
        Some(self.memory_bytes as u64)
    }

    fn has_much_log(&self, bytes: u64) -> bool {
        self.store.usage().log_bytes >= bytes
    }

    fn close(mut self) {
        self.save_states();
        self.store.checkpoint().unwrap();
        self.store.close().unwrap();
    }

    /// One worker serves all writers: it takes what has arrived, ends the turn and answers all.
    fn many_writers(path: &Path, rows: u64, writers: u64, turns: u64, name: &str) {
        let (mut ours, _) = Self::open(path, rows, Flush::Always);
        let measured = Measured::start();
        let (ask, asked) = mpsc::channel::<(u64, mpsc::Sender<()>)>();
        std::thread::scope(|scope| {
            for writer in 0..writers {
                let ask = ask.clone();
                scope.spawn(move || {
                    let (done, wait) = mpsc::channel();
                    for turn in 0..turns {
                        ask.send((writer * turns + turn, done.clone())).unwrap();
                        wait.recv().unwrap();
                    }
                });
            }
            drop(ask);
            let mut load = Workload::new(writers * turns);
            let (mut pace, mut waiting) = (FlushPace::default(), Vec::new());
            loop {
                if waiting.is_empty() {
                    let Ok(first) = asked.recv() else { break };
                    waiting.push(first);
                }
                waiting.extend(asked.try_iter());
                let enough = Instant::now() + pace.patience(waiting.len());
                while !pace.patience(waiting.len()).is_zero() {
                    let left = enough.saturating_duration_since(Instant::now());
                    let Ok(one) = asked.recv_timeout(left) else { break };
                    waiting.push(one);
                }
                for (number, _) in &waiting {
                    let (key, record, value) = load.change(*number);
                    ours.upsert(key, record, value);
                }
                let start = Instant::now();
                ours.end_turn();
                let (took, served) = (start.elapsed(), std::mem::take(&mut waiting));
                waiting.extend(asked.try_iter());
                pace.ended(took, served.len() + waiting.len());
                for (_, done) in served {
                    done.send(()).unwrap();
                }
            }
        });
        measured.per(name, writers * turns);
        ours.close();
    }
}

impl Ours {
    /// Applies what comes after the checkpoint, as a replica does.
    fn replay(&mut self) {
        for shard in 0..SHARDS {
            if let Some(state) = self.store.state(shard).unwrap() {
                let counter = u64::from_le_bytes(state.try_into().unwrap());
                self.counters[usize::from(shard)] = counter;
            }
        }
        let mut entries = Vec::new();
        while self.store.replay(&mut entries).unwrap() {
            for entry in entries.drain(..) {
                let (name, value) = Workload::told(&entry.record);
                let key = Key { shard: entry.shard, name };
                self.store.put(row(key), value).unwrap();
                self.counters[usize::from(entry.shard)] = entry.id.counter;
            }
        }
    }

    fn forget(&mut self) {
        for shard in 0..SHARDS {
            let through = self.counters[usize::from(shard)].saturating_sub(LAG / u64::from(SHARDS));
            self.store.forget(shard, actor(shard), through).unwrap();
        }
    }

    fn save_states(&mut self) {
        for shard in 0..SHARDS {
            let counter = self.counters[usize::from(shard)];
            self.store.set_state(shard, &counter.to_le_bytes()).unwrap();
        }
    }
}

fn row(key: Key<'_>) -> Row<'_> {
    Row { shard: key.shard, group: key.name, column: b"" }
}

fn actor(shard: u16) -> u64 {
    1 + u64::from(shard)
}
