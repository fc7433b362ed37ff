//! Measures one store on the real disk: `cargo run --release -p storage --example bench [rows]`.
//!
//! Workload: keys of 24 to 40 bytes in 16 shards, values of 120 bytes (half random, half
//! compressible), random order, as one worker would see them. CPU time is that of the process.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used)]

use std::time::Instant;

use storage::{
    DurableStore, EntryId, FlushPolicy, Millis, Options, RealDisk, Row, ScanControl, Store,
};

type Bench = DurableStore<RealDisk>;

const SHARD_COUNT: usize = 16;
const SHARDS: u16 = 16;
const VALUE_BYTES: usize = 120;

/// Reads the CPU time of this process in microseconds, and its bytes handed to disks.
fn cpu_micros() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks * 10_000
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Makes keys, and counts the operations of each shard's actor.
struct Keys {
    text: String,
    counters: [u64; SHARD_COUNT],
}

impl Keys {
    fn key(&mut self, number: u64) -> (u16, &[u8]) {
        use std::fmt::Write;
        let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.text.clear();
        write!(self.text, "user:{mixed:016x}:").unwrap();
        let tail = usize::try_from(mixed % 17).unwrap();
        self.text.push_str(&"abcdefghijklmnopq"[..tail + 1]);
        (u16::try_from(mixed % u64::from(SHARDS)).unwrap(), self.text.as_bytes())
    }
}

fn value(rng: &mut fastrand::Rng) -> [u8; VALUE_BYTES] {
    let mut value = [b'v'; VALUE_BYTES];
    rng.fill(&mut value[..VALUE_BYTES / 2]);
    value
}

struct Measured {
    name: &'static str,
    start: Instant,
    cpu: u64,
}

impl Measured {
    fn start(name: &'static str) -> Self {
        Self { name, start: Instant::now(), cpu: cpu_micros() }
    }

    #[allow(clippy::cast_precision_loss)]
    fn end(self, count: u64) {
        let wall = self.start.elapsed().as_secs_f64() * 1e6;
        let cpu = (cpu_micros() - self.cpu) as f64;
        let each = |micros: f64| micros / count as f64;
        println!(
            "{:<44} {:>9} ops  {:>8.3} us CPU  {:>8.3} us wall  {:>8.0} k/s",
            self.name,
            count,
            each(cpu),
            each(wall),
            count as f64 / wall * 1e3
        );
    }
}

fn open(path: &std::path::Path, flush: FlushPolicy, memory: usize) -> Bench {
    let options = Options { store: 7, flush, memory_bytes: memory, ..Options::default() };
    let data = RealDisk::open(path.join("data")).unwrap();
    let identity = RealDisk::open(path.join("identity")).unwrap();
    let (mut store, recovery) = DurableStore::open(data, identity, options).unwrap();
    println!("  opened: {:?}", recovery.report);
    let mut entries = Vec::new();
    while store.replay(&mut entries).unwrap() {
        entries.clear();
    }
    store
}

/// Appends an entry and writes its row, as a replica applies an operation.
fn upsert(store: &mut Bench, keys: &mut Keys, key: u64, value: &[u8]) {
    let (shard, group) = keys.key(key);
    let (shard, group) = (shard, group.to_vec());
    keys.counters[usize::from(shard)] += 1;
    let id = EntryId { actor: 1 + u64::from(shard), counter: keys.counters[usize::from(shard)] };
    let mut record = [0; 200];
    record[..group.len()].copy_from_slice(&group);
    record[40..40 + value.len()].copy_from_slice(value);
    store.append(shard, id, &record[..40 + value.len()]).unwrap();
    store.put(Row { shard, group: &group, column: b"" }, value).unwrap();
}

/// What the owner does at the end of a turn; peers confirm operations a hundred thousand later.
fn turn(store: &mut Bench, keys: &Keys, counter: u64) {
    store.commit_turn(Millis(0)).unwrap();
    if counter.is_multiple_of(65_536) {
        forget(store, keys, 100_000 / u64::from(SHARDS));
    }
    if store.is_checkpoint_due() {
        store.begin_checkpoint();
    }
    store.keep_up().unwrap();
}

fn forget(store: &mut Bench, keys: &Keys, kept: u64) {
    for (shard, counter) in (0..).zip(keys.counters) {
        store.forget(shard, 1 + u64::from(shard), counter.saturating_sub(kept)).unwrap();
    }
}

/// One run of the workload.
struct Run {
    store: Bench,
    keys: Keys,
    rng: fastrand::Rng,
    rows: u64,
    counter: u64,
}

fn main() {
    let argument = |place| std::env::args().nth(place).map(|text| text.parse::<u64>().unwrap());
    let rows = argument(1).unwrap_or(2_000_000);
    let memory = usize::try_from(argument(2).unwrap_or(512)).unwrap() << 20;
    let directory = tempfile::tempdir_in(".").unwrap();
    let path = directory.path();
    let mut run = Run {
        store: open(path, FlushPolicy::Os, memory),
        keys: Keys { text: String::new(), counters: [0; SHARD_COUNT] },
        rng: fastrand::Rng::with_seed(1),
        rows,
        counter: 0,
    };
    run.writes();
    run.points();
    run.log();
    run.scans();
    forget(&mut run.store, &run.keys, 0);
    let measured = Measured::start("checkpoint and merges");
    run.store.checkpoint().unwrap();
    run.store.merge_all().unwrap();
    measured.end(1);
    report(&run.store, user_bytes(rows), run.counter);
    run.store.close().unwrap();

    let measured = Measured::start("open after a clean close");
    run.store = open(path, FlushPolicy::Os, memory);
    measured.end(1);
    for index in 0..rows {
        run.upsert(index, 16);
    }
    println!("log: {} MB", run.store.usage().log_bytes >> 20);
    drop(run.store);
    let measured = Measured::start("open after a crash, and replay");
    drop(open(path, FlushPolicy::Os, memory));
    measured.end(1);
    fsyncs(path, &mut run.keys, &mut run.rng, rows);
}

fn user_bytes(count: u64) -> u64 {
    count * (32 + VALUE_BYTES as u64)
}

impl Run {
    fn upsert(&mut self, key: u64, batch: u64) {
        self.counter += 1;
        upsert(&mut self.store, &mut self.keys, key, &value(&mut self.rng));
        if self.counter.is_multiple_of(batch) {
            turn(&mut self.store, &self.keys, self.counter);
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn writes(&mut self) {
        let rows = self.rows;
        let measured = Measured::start("load, batches of 256");
        for key in 0..rows {
            self.upsert(key, 256);
        }
        measured.end(rows);
        report(&self.store, user_bytes(rows), self.counter);
        let names = [("random upsert, batch 1", 1), ("batch 16", 16), ("batch 256", 256)];
        for (name, batch) in names {
            let before = self.store.usage().table_bytes_written;
            let measured = Measured::start(name);
            for _ in 0..rows {
                let key = self.rng.u64(..rows);
                self.upsert(key, batch);
            }
            measured.end(rows);
            let written = self.store.usage().table_bytes_written - before;
            println!("  table bytes per user byte {:.2}", written as f64 / user_bytes(rows) as f64);
        }
        report(&self.store, user_bytes(rows), self.counter);
    }

    fn get(&mut self, key: u64) -> bool {
        let (shard, group) = self.keys.key(key);
        self.store.get(Row { shard, group, column: b"" }).unwrap().is_some()
    }

    fn points(&mut self) {
        let rows = self.rows;
        let measured = Measured::start("get, then cell and log, batch 16");
        for _ in 0..rows {
            let key = self.rng.u64(..rows);
            assert!(self.get(key));
            self.upsert(key, 16);
        }
        measured.end(rows);
        let hot: Vec<u64> = (0..1000).map(|_| self.rng.u64(..rows)).collect();
        let measured = Measured::start("get, 1000 hot keys");
        for key in hot.iter().cycle().take(4_000_000) {
            assert!(self.get(*key));
        }
        measured.end(4_000_000);
        let measured = Measured::start("  of which making the key");
        for key in hot.iter().cycle().take(4_000_000) {
            std::hint::black_box(self.keys.key(*key));
        }
        measured.end(4_000_000);
        let measured = Measured::start("put, 1000 hot keys");
        for key in hot.iter().cycle().take(4_000_000) {
            let (shard, group) = self.keys.key(*key);
            self.store.put(Row { shard, group, column: b"" }, &[7; VALUE_BYTES]).unwrap();
        }
        measured.end(4_000_000);
        let measured = Measured::start("get, uniform");
        for _ in 0..rows {
            let key = self.rng.u64(..rows);
            assert!(self.get(key));
        }
        measured.end(rows);
        let measured = Measured::start("get, absent");
        for index in 0..rows {
            assert!(!self.get(rows * 10 + index));
        }
        measured.end(rows);
    }

    fn log(&mut self) {
        let (rows, store) = (self.rows, &mut self.store);
        let measured = Measured::start("append of a 200 byte record");
        for index in 0..rows {
            let id = EntryId { actor: 99, counter: index + 1 };
            store.append(3, id, &[5; 200]).unwrap();
            if index.is_multiple_of(256) {
                store.commit_turn(Millis(0)).unwrap();
            }
        }
        measured.end(rows);
        let measured = Measured::start("entry, recent");
        let mut record = Vec::new();
        for index in 0..rows / 4 {
            let id = EntryId { actor: 99, counter: rows - index };
            assert!(store.entry(3, id, &mut record).unwrap());
        }
        measured.end(rows / 4);
        store.forget(3, 99, rows).unwrap();
    }

    fn scans(&mut self) {
        let (rows, store) = (self.rows, &mut self.store);
        let measured = Measured::start("scan of everything, per row");
        let mut seen = 0;
        for shard in 0..SHARDS {
            let mut visit = |_: Row<'_>, value: &[u8]| {
                seen += u64::from(!value.is_empty());
                ScanControl::Continue
            };
            store.scan_shard(shard, b"", &mut visit).unwrap();
        }
        assert_eq!(seen, rows);
        measured.end(rows);
        let measured = Measured::start("scan of 100 rows");
        for _ in 0..rows / 100 {
            let (shard, group) = self.keys.key(self.rng.u64(..rows));
            let mut left = 100;
            let mut visit = |_: Row<'_>, _: &[u8]| {
                left -= 1;
                if left == 0 { ScanControl::Stop } else { ScanControl::Continue }
            };
            store.scan_shard(shard, group, &mut visit).unwrap();
        }
        measured.end(rows / 100);
        report(&self.store, user_bytes(rows), self.counter);
    }
}

fn fsyncs(path: &std::path::Path, keys: &mut Keys, rng: &mut fastrand::Rng, rows: u64) {
    let mut store = open(path, FlushPolicy::Always, 256 << 20);
    for (name, batch) in [("upsert, fsync each", 1), ("batch 16, fsync each", 16)] {
        let measured = Measured::start(name);
        let turns = 2000;
        for _ in 0..turns {
            for _ in 0..batch {
                upsert(&mut store, keys, rng.u64(..rows), &value(rng));
            }
            store.commit_turn(Millis(0)).unwrap();
        }
        measured.end(turns * batch);
    }
}

#[allow(clippy::cast_precision_loss)]
fn report(store: &Bench, user_bytes: u64, counter: u64) {
    let usage = store.usage();
    println!(
        "  held: rows {} + blocks {} + other {} = {} MB, resident {} MB; log {} MB, {} tables of \
         {} MB = {:.2} of user bytes; written to tables {} MB; {} operations",
        usage.rows_bytes >> 20,
        usage.cache_bytes >> 20,
        usage.other_bytes >> 20,
        (usage.rows_bytes + usage.cache_bytes + usage.other_bytes) >> 20,
        resident_bytes() >> 20,
        usage.log_bytes >> 20,
        usage.table_count,
        usage.table_bytes >> 20,
        usage.table_bytes as f64 / user_bytes as f64,
        usage.table_bytes_written >> 20,
        counter
    );
}
