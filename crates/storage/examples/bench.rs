//! Measures one store on the real disk: `cargo run --release -p storage --example bench [rows]`.
//!
//! Workload: keys of 24 to 40 bytes in 16 shards, values of 120 bytes (half random, half
//! compressible), random order, as one worker would see them. CPU time is that of the process.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used)]

use std::time::Instant;

use storage::{
    DurableStore, EntryId, FlushPolicy, Millis, Options, RealDisk, Row, ScanControl, Store, Work,
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

fn main() {
    let rows: u64 = std::env::args().nth(1).map_or(2_000_000, |text| text.parse().unwrap());
    let memory_mb: usize = std::env::args().nth(2).map_or(512, |text| text.parse().unwrap());
    let directory = tempfile::tempdir_in(".").unwrap();
    let path = directory.path();
    let memory = memory_mb << 20;
    let mut rng = fastrand::Rng::with_seed(1);
    let mut keys = Keys { text: String::new(), counters: [0; SHARD_COUNT] };
    let mut store = open(path, FlushPolicy::Os, memory);
    let mut counter = 0_u64;

    let measured = Measured::start("load, batches of 256");
    for key in 0..rows {
        counter += 1;
        upsert(&mut store, &mut keys, key, &value(&mut rng));
        if counter.is_multiple_of(256) {
            turn(&mut store, &keys, counter);
        }
    }
    measured.end(rows);
    let user_bytes = |count: u64| count * (32 + VALUE_BYTES as u64);
    report(&store, user_bytes(rows), counter);

    for (name, batch) in [("random upsert, batch 1", 1), ("batch 16", 16), ("batch 256", 256)] {
        let before = store.usage().table_bytes_written;
        let measured = Measured::start(name);
        let count = rows / 2;
        for _ in 0..count {
            counter += 1;
            upsert(&mut store, &mut keys, rng.u64(..rows), &value(&mut rng));
            if counter.is_multiple_of(batch) {
                turn(&mut store, &keys, counter);
            }
        }
        measured.end(count);
        let written = store.usage().table_bytes_written - before;
        println!("  table bytes per user byte {:.2}", written as f64 / user_bytes(count) as f64);
    }
    report(&store, user_bytes(rows), counter);

    let measured = Measured::start("get + cell and log, batch 16");
    for _ in 0..rows / 2 {
        counter += 1;
        let key = rng.u64(..rows);
        let (shard, group) = keys.key(key);
        let held = store.get(Row { shard, group, column: b"" }).unwrap().unwrap();
        let mut changed = [0; VALUE_BYTES];
        changed.copy_from_slice(held);
        changed[0] ^= 1;
        upsert(&mut store, &mut keys, key, &changed);
        if counter.is_multiple_of(16) {
            turn(&mut store, &keys, counter);
        }
    }
    measured.end(rows / 2);

    let hot: Vec<u64> = (0..1000).map(|_| rng.u64(..rows)).collect();
    let measured = Measured::start("get, 1000 hot keys");
    for index in 0..4 * rows {
        let (shard, group) = keys.key(hot[usize::try_from(index % 1000).unwrap()]);
        assert!(store.get(Row { shard, group, column: b"" }).unwrap().is_some());
    }
    measured.end(4 * rows);
    let measured = Measured::start("  of which making the key");
    for index in 0..4 * rows {
        std::hint::black_box(keys.key(hot[usize::try_from(index % 1000).unwrap()]));
    }
    measured.end(4 * rows);
    let measured = Measured::start("put, 1000 hot keys");
    for index in 0..rows {
        let (shard, group) = keys.key(hot[usize::try_from(index % 1000).unwrap()]);
        store.put(Row { shard, group, column: b"" }, &[7; VALUE_BYTES]).unwrap();
    }
    measured.end(rows);
    let measured = Measured::start("get, uniform");
    for _ in 0..rows / 2 {
        let (shard, group) = keys.key(rng.u64(..rows));
        assert!(store.get(Row { shard, group, column: b"" }).unwrap().is_some());
    }
    measured.end(rows / 2);
    let measured = Measured::start("get, absent");
    for index in 0..rows {
        let (shard, group) = keys.key(rows * 10 + index);
        assert!(store.get(Row { shard, group, column: b"" }).unwrap().is_none());
    }
    measured.end(rows);

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

    let measured = Measured::start("scan of everything, per row");
    let mut seen = 0;
    for shard in 0..SHARDS {
        store
            .scan_shard(shard, b"", &mut |_, value| {
                seen += u64::from(!value.is_empty());
                ScanControl::Continue
            })
            .unwrap();
    }
    assert_eq!(seen, rows);
    measured.end(rows);
    let measured = Measured::start("scan of 100 rows");
    for _ in 0..rows / 100 {
        let (shard, group) = keys.key(rng.u64(..rows));
        let mut left = 100;
        store
            .scan_shard(shard, group, &mut |_, _| {
                left -= 1;
                if left == 0 { ScanControl::Stop } else { ScanControl::Continue }
            })
            .unwrap();
    }
    measured.end(rows / 100);
    report(&store, user_bytes(rows), counter);

    forget(&mut store, &keys, 0);
    let measured = Measured::start("checkpoint and merges");
    store.checkpoint().unwrap();
    while store.maintain(1 << 20).unwrap() == Work::More {}
    measured.end(1);
    report(&store, user_bytes(rows), counter);
    store.close().unwrap();
    let measured = Measured::start("open after a clean close");
    let mut store = open(path, FlushPolicy::Os, memory);
    measured.end(1);

    for index in 0..rows {
        counter += 1;
        upsert(&mut store, &mut keys, index, &value(&mut rng));
        if counter.is_multiple_of(16) {
            turn(&mut store, &keys, counter);
        }
    }
    println!("log: {} MB", store.usage().log_bytes >> 20);
    drop(store);
    let measured = Measured::start("open after a crash, and replay");
    let store = open(path, FlushPolicy::Os, memory);
    measured.end(1);
    drop(store);
    fsyncs(path, &mut keys, &mut rng, rows);
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
