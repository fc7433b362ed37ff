//! Zeros ahead of the log's end: files grow seldom, and the end is found whatever stands there.

use std::collections::BTreeSet;

use storage::{
    Crash, Disk, DurableStore, EntryId, FlushPolicy, Millis, Options, Report, SimDisk, Store,
};

const LOG: &str = "log-00000001";
const TURNS: u64 = 200;

fn options(flush: FlushPolicy) -> Options {
    Options { store: 5, flush, free_bytes_min: 0, ..Options::default() }
}

fn open(disk: &SimDisk, flush: FlushPolicy) -> (DurableStore<SimDisk>, Report) {
    let opened = DurableStore::open(disk.process(), disk.process(), options(flush));
    let (store, recovery) = opened.unwrap();
    (store, recovery.report)
}

fn append(store: &mut DurableStore<SimDisk>, counter: u64) {
    store.append(1, EntryId { actor: 1, counter }, &[7; 100]).unwrap();
    store.commit_turn(Millis(0)).unwrap();
}

fn count(disk: &SimDisk) -> (u64, Report) {
    let (mut store, report) = open(disk, FlushPolicy::Always);
    let mut entries = Vec::new();
    while store.replay(&mut entries).unwrap() {}
    (entries.len() as u64, report)
}

/// Returns a directory whose process was killed after some turns, and where its log ends.
fn killed() -> (SimDisk, usize) {
    let disk = SimDisk::new(1);
    let (mut store, _) = open(&disk, FlushPolicy::Always);
    (1..=TURNS).for_each(|counter| append(&mut store, counter));
    let end = usize::try_from(store.usage().log_bytes).unwrap();
    drop(store);
    disk.crash(Crash::Process);
    (disk, end)
}

#[test]
fn flushed_turns_seldom_grow_the_file_and_others_always_do() {
    for (flush, growths) in [(FlushPolicy::Always, 1), (FlushPolicy::Os, TURNS)] {
        let disk = SimDisk::new(1);
        let (mut store, _) = open(&disk, flush);
        let mut lens = BTreeSet::from([disk.process().len(LOG).unwrap()]);
        for counter in 1..=TURNS {
            append(&mut store, counter);
            lens.insert(disk.process().len(LOG).unwrap());
        }
        assert_eq!(lens.len() as u64 - 1, growths, "{flush:?}");
        let end = store.usage().log_bytes;
        store.close().unwrap();
        assert_eq!(disk.process().len(LOG).unwrap(), end, "{flush:?}: closing takes zeros off");
    }
}

#[test]
fn the_end_before_zeros_is_no_damage_and_what_is_among_them_is_told() {
    let (disk, end) = killed();
    assert!(disk.process().len(LOG).unwrap() > end as u64, "there are zeros");
    let (entries, report) = count(&disk.copy(2));
    assert_eq!((entries, report), (TURNS, Report::default()));
    let torn = disk.copy(2);
    assert!(torn.flip(LOG, end + 1000, 1));
    let (entries, report) = count(&torn);
    assert_eq!(entries, TURNS);
    assert_eq!(report.cut.map(|cut| cut.at), Some(end as u64));
}

#[test]
fn opening_takes_the_zeros_off_the_file_before_it_gets_a_follower() {
    let (disk, end) = killed();
    count(&disk);
    assert_eq!(disk.process().len(LOG).unwrap(), end as u64);
    disk.crash(Crash::PowerLosesAll);
    let (entries, report) = count(&disk);
    assert_eq!((entries, report), (TURNS, Report::default()));
}

#[test]
fn a_tail_that_became_zeros_is_a_lost_tail() {
    let (data, identity) = (SimDisk::new(1), SimDisk::new(2));
    let options = options(FlushPolicy::Always);
    let open = || DurableStore::open(data.process(), identity.process(), options.clone()).unwrap();
    let (mut store, _) = open();
    append(&mut store, 1);
    let end = usize::try_from(store.usage().log_bytes).unwrap();
    append(&mut store, 2);
    // The identity takes down how far the log is durable whenever it is written.
    store.reserve(1, 1, 1000);
    store.commit_turn(Millis(0)).unwrap();
    let last = usize::try_from(store.usage().log_bytes).unwrap();
    drop(store);
    let mut bytes = vec![0; last];
    data.process().read_at(LOG, 0, &mut bytes).unwrap();
    (end..last).for_each(|at| assert!(data.flip(LOG, at, bytes[at]) || bytes[at] == 0));
    let (mut store, recovery) = open();
    assert!(recovery.report.is_tail_lost && recovery.report.must_reincarnate());
    assert!(recovery.report.damage.is_empty(), "a log that ends earlier is whole");
    assert!(store.entry(1, EntryId { actor: 1, counter: 1 }, &mut Vec::new()).unwrap());
}

#[test]
fn space_for_the_bytes_alone_is_enough() {
    let disk = SimDisk::new(1);
    let (mut store, _) = open(&disk, FlushPolicy::Always);
    disk.set_capacity(disk.used() + 400);
    append(&mut store, 1);
    append(&mut store, 2);
    store.append(1, EntryId { actor: 1, counter: 3 }, &[7; 100]).unwrap();
    assert!(store.commit_turn(Millis(0)).is_err(), "full");
    disk.set_capacity(u64::MAX);
    store.commit_turn(Millis(0)).unwrap();
    drop(store);
    disk.crash(Crash::PowerLosesAll);
    let (entries, report) = count(&disk);
    assert_eq!((entries, report), (3, Report::default()));
}
