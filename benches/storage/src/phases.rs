//! The parts of a round, each run in a process of its own.

use std::path::Path;
use std::time::Instant;

use crate::engine::{Engine, Flush};
use crate::measure::{
    Measured, cpu_micros, resident_bytes, tell, thread_cpu_micros, written_bytes,
};
use crate::workload::Workload;

/// What a process says when it wants to be killed in the middle of its work.
pub const KILL_ME: &str = "kill me";

/// A turn of the load, which is not measured.
const LOAD_BATCH: u64 = 256;
/// The unit of log in which opening after a kill is told.
const LOG_UNIT_BYTES: f64 = (256 << 20) as f64;
/// The log that a killed process leaves at least, for each row.
const KILLED_LOG_BYTES: u64 = 64;
const WRITERS: u64 = 16;
const HOT_KEYS: usize = 1000;

/// Everything that needs no durability.
pub fn work<E: Engine>(path: &Path, rows: u64) {
    let (mut engine, _) = E::open(path, rows, Flush::Never);
    let mut load = Workload::new(rows);
    for number in 0..rows {
        upsert(&mut engine, &mut load, number);
        if number.is_multiple_of(LOAD_BATCH) {
            engine.end_turn();
        }
    }
    engine.end_turn();
    writes(&mut engine, &mut load, rows);
    reads(&mut engine, &mut load, rows);
    if let Some(budget) = engine.budget() {
        tell("resident memory / budget", resident_bytes() / budget as f64);
    }
    tell("resident memory, MB", resident_bytes() / 1e6);
    engine.close();
}

fn writes<E: Engine>(engine: &mut E, load: &mut Workload, rows: u64) {
    let before = written_bytes();
    for (name, batch, count) in
        [("upsert, batch 1", 1, rows / 8), ("upsert, batch 16", 16, rows / 2)]
    {
        let measured = Measured::start();
        for number in 1..=count {
            let key = load.random();
            upsert(engine, load, key);
            if number % batch == 0 {
                engine.end_turn();
            }
        }
        measured.per(name, count);
    }
    let user_bytes = Workload::user_bytes(rows / 2 + rows / 8);
    tell("bytes written / user bytes, random upserts", (written_bytes() - before) / user_bytes);
    let count = rows / 4;
    let measured = Measured::start();
    for _ in 0..count {
        let number = load.random();
        assert!(engine.get(load.key(number)));
        upsert(engine, load, number);
        engine.end_turn();
    }
    measured.per("read-modify-write of cell and log", count);
}

fn reads<E: Engine>(engine: &mut E, load: &mut Workload, rows: u64) {
    let hot: Vec<u64> = (0..HOT_KEYS).map(|_| load.random()).collect();
    let count = 1_000_000;
    let mut found = 0;
    let measured = Measured::start();
    for number in hot.iter().cycle().take(count) {
        found += usize::from(engine.get(load.key(*number)));
    }
    measured.per("get of a hot cell", count as u64);
    assert_eq!(found, count);
    let measured = Measured::start();
    for _ in 0..rows / 4 {
        let number = load.random();
        assert!(engine.get(load.key(number)));
    }
    measured.per("get, uniform", rows / 4);
    // The first walk brings new rows into order, or blocks into memory, in every engine.
    for name in ["first scan, per row", "scan, per row"] {
        let measured = Measured::start();
        assert_eq!(engine.scan(), rows);
        measured.per(name, rows);
    }
}

fn upsert<E: Engine>(engine: &mut E, load: &mut Workload, number: u64) {
    let (key, record, value) = load.change(number);
    engine.upsert(key, record, value);
}

/// Opens what `work` has left behind in order, and walks it: nothing of it is in memory yet.
pub fn open<E: Engine>(path: &Path, rows: u64) {
    let measured = Measured::start();
    let (mut engine, _) = E::open(path, rows, Flush::Never);
    tell("open after a clean close, s", measured.seconds());
    tell("open after a clean close, s CPU", cpu_micros() / 1e6);
    let measured = Measured::start();
    assert_eq!(engine.scan(), rows);
    measured.per("scan of tables, per row", rows);
    engine.close();
}

/// Writes until the log is long, and asks to be killed.
pub fn grow<E: Engine>(path: &Path, rows: u64) {
    let (mut engine, _) = E::open(path, rows, Flush::Never);
    let mut load = Workload::new(rows);
    let mut turns = 0_u64;
    while !engine.has_much_log(rows * KILLED_LOG_BYTES) {
        turns += 1;
        for _ in 0..LOAD_BATCH {
            let number = load.random();
            upsert(&mut engine, &mut load, number);
        }
        engine.end_turn();
        assert!(turns < 100_000, "the log never gets long");
    }
    println!("{KILL_ME}");
    loop {
        let number = load.random();
        upsert(&mut engine, &mut load, number);
        engine.end_turn();
    }
}

/// Opens what a killed process left behind.
pub fn open_killed<E: Engine>(path: &Path, rows: u64) {
    let measured = Measured::start();
    let (engine, opened) = E::open(path, rows, Flush::Never);
    let parts = opened.log_bytes as f64 / LOG_UNIT_BYTES;
    tell("open after kill -9 and apply, s per 256 MB of log", measured.seconds() / parts);
    tell("open after kill -9 and apply, s CPU per 256 MB", cpu_micros() / 1e6 / parts);
    tell("open after kill -9, s CPU per 256 MB", opened.cpu_micros / 1e6 / parts);
    tell("log that was read, MB", opened.log_bytes as f64 / 1e6);
    engine.close();
}

/// How long single turns take, flushes apart: what the store does in slices is done in them.
pub fn turns<E: Engine>(path: &Path, rows: u64) {
    let (mut engine, _) = E::open(path, rows, Flush::Never);
    let mut load = Workload::new(rows);
    let mut took = Vec::new();
    for turn in 0..rows / 8 {
        let (start, cpu) = (Instant::now(), thread_cpu_micros());
        for number in 0..16 {
            let is_new = turn < rows / 16;
            let number = if is_new { turn * 16 + number } else { load.random() };
            upsert(&mut engine, &mut load, number);
        }
        engine.end_turn();
        took.push((thread_cpu_micros() - cpu, start.elapsed().as_secs_f64() * 1e6));
    }
    let mut tell_of = |name: &str, of: &dyn Fn(&(f64, f64)) -> f64| {
        took.sort_by(|one, other| of(one).total_cmp(&of(other)));
        for (part, nth) in [("p99", took.len() / 100), ("p99.9", took.len() / 1000)] {
            tell(&format!("turn of 16 upserts, {part}, {name}"), of(&took[took.len() - 1 - nth]));
        }
        tell(&format!("turn of 16 upserts, longest, {name}"), of(&took[took.len() - 1]));
    };
    tell_of("us CPU of its thread", &|turn| turn.0);
    tell_of("us", &|turn| turn.1);
    engine.close();
}

/// Everything that waits for the disk.
pub fn flush<E: Engine>(path: &Path, rows: u64) {
    let (mut engine, _) = E::open(path, rows, Flush::Always);
    let mut load = Workload::new(rows);
    for (name, batch, turns) in [("flush each", 1, 1000), ("batch 16, flush each", 16, 1000)] {
        let measured = Measured::start();
        for _ in 0..turns {
            for _ in 0..batch {
                let number = load.random();
                upsert(&mut engine, &mut load, number);
            }
            engine.end_turn();
        }
        measured.per(name, turns * batch);
    }
    engine.close();
    E::many_writers(path, rows, WRITERS, 1000, "flush each, 16 writers");
}
