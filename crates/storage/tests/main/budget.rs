//! Memory: data several times larger than the budget works within it, and when nothing can be let
//! go writes are refused before they begin.

use storage::{
    DurableStore, EntryId, FlushPolicy, Millis, Options, Row, ScanControl, SimDisk, Store,
    StoreError, Work,
};

const MEMORY_BYTES: usize = 4 << 20;
const ROWS: u32 = 62_000;

fn open(disk: &SimDisk) -> DurableStore<SimDisk> {
    let options = Options {
        flush: FlushPolicy::Os,
        segment_bytes: 64 << 10,
        memory_bytes: MEMORY_BYTES,
        free_bytes_min: 0,
        replay_bytes_max: 1 << 20,
        ..Options::default()
    };
    DurableStore::open(disk.process(), disk.process(), options).unwrap().0
}

/// A byte that all keys share, and four that tell them apart.
fn key(number: u32) -> [u8; 5] {
    let [a, b, c, d] = number.wrapping_mul(0x9E37_79B1).to_be_bytes();
    [b'k', a, b, c, d]
}

/// So many bytes of the key name the group: one, and all rows are one collection.
fn row(key: &[u8], group_len: usize) -> Row<'_> {
    Row { shard: 1, group: &key[..group_len], column: &key[group_len..] }
}

const PLAIN: usize = 4;
const COLLECTION: usize = 1;

fn put(store: &mut DurableStore<SimDisk>, row: Row<'_>, version: u32) -> Result<(), StoreError> {
    let mut value = [0; 200];
    value[..4].copy_from_slice(&version.to_le_bytes());
    store.put(row, &value)
}

fn held(store: &DurableStore<SimDisk>) -> usize {
    let usage = store.usage();
    usage.rows_bytes + usage.cache_bytes + usage.other_bytes
}

#[test]
fn data_larger_than_memory_stays_within_the_budget() {
    check_larger_than_memory(PLAIN);
}

#[test]
fn a_collection_larger_than_memory_stays_within_the_budget() {
    check_larger_than_memory(COLLECTION);
}

fn check_larger_than_memory(group_len: usize) {
    let disk = SimDisk::new(1);
    let mut store = open(&disk);
    let mut rng = fastrand::Rng::with_seed(1);
    let mut versions = vec![0; ROWS as usize];
    let mut most = 0;
    for step in 0..2 * ROWS {
        let number = if step < ROWS { step } else { rng.u32(..ROWS) };
        versions[number as usize] = step;
        store.admit().unwrap();
        let id = EntryId { actor: 1, counter: u64::from(step) };
        store.append(1, id, &[1; 30]).unwrap();
        put(&mut store, row(&key(number), group_len), step).unwrap();
        if step % 16 == 0 {
            store.forget(1, 1, u64::from(step).saturating_sub(1000)).unwrap();
            store.commit_turn(Millis(0)).unwrap();
            if store.is_checkpoint_due() {
                store.begin_checkpoint();
            }
            store.keep_up().unwrap();
            most = most.max(held(&store));
        }
    }
    assert!(most <= MEMORY_BYTES, "{most} bytes of {MEMORY_BYTES}");
    assert!(store.usage().log_bytes < 3 << 20, "{:?}", store.usage());
    let user_bytes = u64::from(ROWS) * 204;
    assert!(user_bytes > 3 * MEMORY_BYTES as u64);
    assert!(store.usage().table_bytes < 4 * user_bytes, "{:?}", store.usage());
    for (number, version) in (0..).zip(&versions) {
        let value = store.get(row(&key(number), group_len)).unwrap().expect("no row was removed");
        assert_eq!(value[..4], u32::to_le_bytes(*version), "row {number}");
    }
    assert!(held(&store) <= MEMORY_BYTES);
    let mut count = 0;
    let mut visit = |_: Row<'_>, _: &[u8]| {
        count += 1;
        ScanControl::Continue
    };
    store.scan_shard(1, b"", &mut visit).unwrap();
    assert_eq!(count, ROWS);
}

#[test]
fn without_checkpoints_writes_are_refused_and_nothing_is_lost() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk);
    let mut number = 0;
    while store.admit().is_ok() {
        put(&mut store, row(&key(number), PLAIN), number).unwrap();
        number += 1;
        assert!(number < ROWS, "never refused");
    }
    let admitted = number;
    while put(&mut store, row(&key(number), PLAIN), number).is_ok() {
        number += 1;
        assert!(number < ROWS, "never refused");
    }
    assert!(number > admitted + 100, "a reserve for what is under way");
    assert!(matches!(
        put(&mut store, row(&key(number), PLAIN), 0),
        Err(StoreError::Full { what: "memory" })
    ));
    assert!(store.is_checkpoint_due());
    store.begin_checkpoint();
    while store.maintain(10_000).unwrap() == Work::More {}
    store.admit().unwrap();
    put(&mut store, row(&key(number), PLAIN), number).unwrap();
    for number in 0..=number {
        let value = store.get(row(&key(number), PLAIN)).unwrap().expect("no row was removed");
        assert_eq!(value[..4], number.to_le_bytes(), "row {number}");
    }
}

#[test]
fn no_slice_of_a_checkpoint_or_merge_writes_much() {
    const ROWS: u32 = 400_000;
    const SLICE_BYTES: usize = 1000;
    // A write of a table gathers this much, and a little comes on top.
    const WRITE_BYTES: u64 = 300 << 10;
    let disk = SimDisk::new(1);
    let options = Options { memory_bytes: 1 << 30, free_bytes_min: 0, ..Options::default() };
    let (mut store, _) = DurableStore::open(disk.process(), disk.process(), options).unwrap();
    for round in 0..4 {
        for number in (round..ROWS).step_by(4) {
            let key = key(number);
            store.put(row(&key, PLAIN), b"v").unwrap();
        }
        store.begin_checkpoint();
        let (mut used, mut changes) = (disk.used(), disk.change_count());
        while store.maintain(SLICE_BYTES).unwrap() == Work::More {
            // What a slice leaves behind grows by a write, or shrinks by a table that was replaced.
            assert!(disk.used().saturating_sub(used) <= WRITE_BYTES, "round {round}");
            assert!(disk.change_count() - changes <= 16, "round {round}");
            (used, changes) = (disk.used(), disk.change_count());
        }
    }
    let usage = store.usage();
    let index_and_filter_bytes = u64::from(ROWS) * 3;
    assert!(index_and_filter_bytes > 3 * WRITE_BYTES, "too little for the test to fail");
    assert_eq!(usage.table_count, 1, "the four were merged");
}

#[test]
fn dropping_a_range_of_groups_costs_no_mark_for_each_row() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk);
    let group = |number: u16| number.to_be_bytes();
    for number in 0..20_000_u16 {
        let row = Row { shard: 1, group: &group(number), column: b"" };
        store.put(row, &[7; 100]).unwrap();
        if number % 500 == 499 {
            store.checkpoint().unwrap();
        }
    }
    store.merge_all().unwrap();
    store.close().unwrap();
    let mut store = open(&disk);
    let (before, changes) = (store.usage(), disk.change_count());
    store.drop_groups(1, &group(100), &group(19_900)).unwrap();
    assert_eq!(disk.change_count(), changes, "nothing is written");
    assert!(store.usage().changed_bytes <= before.changed_bytes, "no mark for each row");
    let mut count = 0;
    let mut visit = |_: Row<'_>, _: &[u8]| {
        count += 1;
        ScanControl::Continue
    };
    // A walk over what is left does not read what is void.
    let reads = disk.read_count();
    store.scan_shard(1, b"", &mut visit).unwrap();
    assert_eq!(count, 200);
    assert!(disk.read_count() - reads < 30, "void blocks were read");
    assert_eq!(store.get(Row { shard: 1, group: &group(5000), column: b"" }).unwrap(), None);
    store.checkpoint().unwrap();
    drop(store);
    let mut store = open(&disk);
    assert_eq!(store.get(Row { shard: 1, group: &group(5000), column: b"" }).unwrap(), None);
    for round in 0..8_u16 {
        store.put(Row { shard: 1, group: &group(round), column: b"" }, b"y").unwrap();
        store.checkpoint().unwrap();
        store.merge_all().unwrap();
    }
    let after = store.usage().table_bytes;
    assert!(after < before.table_bytes / 10, "merging leaves out what is void: {after}");
}

#[test]
fn dropping_a_shard_costs_nothing_and_leaves_nothing() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk);
    for number in 0..2000 {
        put(&mut store, row(&key(number), PLAIN), number).unwrap();
        store.put(Row { shard: 2, group: b"other", column: &number.to_be_bytes() }, b"x").unwrap();
    }
    store.checkpoint().unwrap();
    let changes = disk.change_count();
    store.drop_shard(1).unwrap();
    assert_eq!(disk.change_count(), changes, "one record in the next turn");
    let mut visit = |_: Row<'_>, _: &[u8]| panic!("a row is left");
    store.scan_shard(1, b"", &mut visit).unwrap();
    assert_eq!(store.get(row(&key(0), PLAIN)).unwrap(), None);
    let before = store.usage().table_bytes;
    for round in 0..8_u8 {
        store.put(Row { shard: 2, group: b"other", column: &[round] }, b"y").unwrap();
        store.checkpoint().unwrap();
        store.merge_all().unwrap();
    }
    assert!(store.usage().table_bytes < before, "merging drops what is void");
}
