//! kill -9 of a writing process on a real file system, over and over on one directory.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use storage::{
    DurableStore, EntryId, FlushPolicy, Millis, Options, RealDisk, Row, Store, StoreError,
};

const CHILD: &str = "STARLING_STORAGE_KILL_CHILD";
const KEYS: u64 = 300;
const SHARD: u16 = 4;
const ACTOR: u64 = 1;

fn options() -> Options {
    Options {
        store: 1,
        flush: FlushPolicy::Os,
        segment_bytes: 100_000,
        memory_bytes: 1 << 20,
        free_bytes_min: 0,
        replay_bytes_max: 150_000,
        ..Options::default()
    }
}

/// Opens the store, brings it up to date, and returns the number of the last operation.
fn open(path: &Path) -> (DurableStore<RealDisk>, u64) {
    let disk = |name| RealDisk::open(path.join(name)).unwrap();
    let (mut store, recovery) =
        DurableStore::open(disk("data"), disk("identity"), options()).unwrap();
    let report = recovery.report;
    // A signal may end a write half way, at a page boundary: a cut is no loss, damage would be.
    assert!(report.damage.is_empty(), "{report:?}");
    assert!(!report.is_tail_lost && !report.is_restored, "{report:?}");
    let state = store.state(SHARD).unwrap();
    let mut last = state.map_or(0, |state| u64::from_le_bytes(state.try_into().unwrap()));
    let mut entries = Vec::new();
    while store.replay(&mut entries).unwrap() {
        for entry in entries.drain(..) {
            assert_eq!(entry.id.counter, last + 1, "entries come in order");
            last = entry.id.counter;
            apply(&mut store, last);
        }
    }
    (store, last)
}

fn apply(store: &mut DurableStore<RealDisk>, number: u64) {
    let key = (number % KEYS).to_le_bytes();
    let row = Row { shard: SHARD, group: &key[..2], column: &key[2..] };
    store.put(row, &number.to_le_bytes()).unwrap();
    store.set_state(SHARD, &number.to_le_bytes()).unwrap();
}

/// What the child does until it is killed.
fn write_forever(path: &Path) {
    let (mut store, mut number) = open(path);
    let mut acks = OpenOptions::new().append(true).create(true).open(path.join("acks")).unwrap();
    loop {
        for _ in 0..number % 5 + 1 {
            number += 1;
            let id = EntryId { actor: ACTOR, counter: number };
            store.append(SHARD, id, &[7; 100]).unwrap();
            apply(&mut store, number);
        }
        store.forget(SHARD, ACTOR, number.saturating_sub(2000)).unwrap();
        store.commit_turn(Millis(0)).unwrap();
        acks.write_all(&number.to_le_bytes()).unwrap();
        if store.is_checkpoint_due() {
            store.begin_checkpoint();
        }
        store.keep_up().unwrap();
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    if let Some(path) = std::env::var_os(CHILD) {
        write_forever(Path::new(&path));
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let mut rng = fastrand::Rng::with_seed(crate::conformance::seeds(1));
    let mut total = 0;
    for round in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::nothing_acknowledged_is_lost_by_kill_9"])
            .env(CHILD, path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let enough = total + 8 * rng.u64(500..5000);
        loop {
            let len = std::fs::metadata(path.join("acks")).map_or(0, |acks| acks.len());
            assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
            if len >= enough {
                break;
            }
            std::thread::yield_now();
        }
        let disk = |name| RealDisk::open(path.join(name)).unwrap();
        let second = DurableStore::open(disk("data"), disk("identity"), options());
        assert!(matches!(second, Err(StoreError::Locked)), "round {round}: two at once");
        child.kill().unwrap();
        child.wait().unwrap();
        let acks = std::fs::read(path.join("acks")).unwrap();
        total = acks.len() as u64 / 8 * 8;
        let acked = u64::from_le_bytes(*acks[..acks.len() / 8 * 8].last_chunk().unwrap());
        check(path, acked, round);
    }
}

fn check(path: &Path, acked: u64, round: u64) {
    let (mut store, last) = open(path);
    assert!(last >= acked, "round {round}: {acked} were acknowledged, {last} are there");
    for key in 0..KEYS {
        let newest = last - (last + KEYS - key) % KEYS;
        let key = key.to_le_bytes();
        let row = Row { shard: SHARD, group: &key[..2], column: &key[2..] };
        assert_eq!(store.get(row).unwrap(), Some(&newest.to_le_bytes()[..]), "round {round}");
    }
    let mut record = Vec::new();
    for counter in last - 1500..=last {
        let id = EntryId { actor: ACTOR, counter };
        assert!(store.entry(SHARD, id, &mut record).unwrap(), "round {round}: entry {counter}");
    }
}
