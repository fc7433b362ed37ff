//! Flushes that run beside the store: what was written before they ran is durable when they end,
//! and only that is promised, whatever was written meanwhile.

use storage::{
    Crash, DurableStore, EntryId, FlushPolicy, Millis, Options, SimDisk, Store, StoreError,
    SyncFault, Ticket,
};

const SHARD: u16 = 3;

fn open(disk: &SimDisk, flush: FlushPolicy) -> DurableStore<SimDisk> {
    let options = Options { flush, free_bytes_min: 0, segment_bytes: 2000, ..Options::default() };
    DurableStore::open(disk.process(), disk.process(), options).unwrap().0
}

/// Ends a turn that has written one entry.
fn turn(store: &mut DurableStore<SimDisk>, counter: u64) -> Ticket {
    store.append(SHARD, EntryId { actor: 1, counter }, &[7; 100]).unwrap();
    store.write_turn().unwrap();
    store.flush_ticket()
}

fn has(store: &mut DurableStore<SimDisk>, counter: u64) -> bool {
    store.entry(SHARD, EntryId { actor: 1, counter }, &mut Vec::new()).unwrap()
}

#[test]
fn a_flush_covers_what_was_written_before_it_ran() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk, FlushPolicy::Always);
    let first = turn(&mut store, 1);
    assert!(store.flushed() < first, "nothing is promised before the disk has it");
    let flush = store.begin_flush(Millis(0)).unwrap().unwrap();
    let second = turn(&mut store, 2);
    assert!(store.begin_flush(Millis(0)).unwrap().is_none(), "one at a time");
    let ended = flush.run();
    let third = turn(&mut store, 3);
    assert!(store.flushed() < first, "the store has not heard of it yet");
    store.end_flush(ended).unwrap();
    assert!(store.flushed() >= second && store.flushed() < third);
    disk.crash(Crash::PowerLosesAll);
    let mut store = open(&disk, FlushPolicy::Always);
    assert!(has(&mut store, 1) && has(&mut store, 2) && !has(&mut store, 3));
}

#[test]
fn one_flush_serves_all_turns_that_waited_for_it() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk, FlushPolicy::Always);
    let tickets: Vec<Ticket> = (1..6).map(|counter| turn(&mut store, counter)).collect();
    let changes = disk.change_count();
    let flush = store.begin_flush(Millis(0)).unwrap().unwrap();
    store.end_flush(flush.run()).unwrap();
    assert!(tickets.iter().all(|ticket| store.flushed() >= *ticket));
    assert_eq!(disk.change_count(), changes + 1);
    assert!(store.begin_flush(Millis(0)).unwrap().is_none(), "nothing is left to flush");
}

#[test]
fn a_segment_that_ends_meanwhile_is_durable_and_the_late_flush_changes_nothing() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk, FlushPolicy::Always);
    turn(&mut store, 1);
    let flush = store.begin_flush(Millis(0)).unwrap().unwrap();
    let mut counter = 1;
    let segments = |disk: &SimDisk| {
        use storage::Disk as _;
        disk.process().list().unwrap().iter().filter(|name| name.starts_with("log-")).count()
    };
    let before = segments(&disk);
    while segments(&disk) == before {
        counter += 1;
        turn(&mut store, counter);
    }
    let ended_with_segment = store.flushed();
    store.end_flush(flush.run()).unwrap();
    assert_eq!(store.flushed(), ended_with_segment);
    let late = turn(&mut store, counter + 1);
    assert!(store.flushed() < late);
    let flush = store.begin_flush(Millis(0)).unwrap().unwrap();
    store.end_flush(flush.run()).unwrap();
    disk.crash(Crash::PowerLosesAll);
    let mut store = open(&disk, FlushPolicy::Always);
    for counter in 1..=counter + 1 {
        assert!(has(&mut store, counter), "{counter}");
    }
}

#[test]
fn a_flush_that_fails_ends_all_promises() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk, FlushPolicy::Always);
    let ticket = turn(&mut store, 1);
    let flush = store.begin_flush(Millis(0)).unwrap().unwrap();
    disk.set_sync_fault(SyncFault::Failing);
    let ended = flush.run();
    disk.set_sync_fault(SyncFault::Honest);
    assert!(matches!(store.end_flush(ended), Err(StoreError::Disk { .. })));
    assert!(store.begin_flush(Millis(0)).is_err(), "a later flush would prove nothing");
    assert!(store.write_turn().is_err() && store.flush().is_err());
    assert!(store.flushed() < ticket);
}

#[test]
fn an_interval_promises_at_once_and_flushes_when_it_is_over() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk, FlushPolicy::Interval(Millis(100)));
    let ticket = turn(&mut store, 1);
    assert!(store.flushed() >= ticket && store.durable() < ticket);
    assert!(store.begin_flush(Millis(99)).unwrap().is_none());
    let flush = store.begin_flush(Millis(100)).unwrap().unwrap();
    store.end_flush(flush.run()).unwrap();
    assert!(store.durable() >= ticket);
    turn(&mut store, 2);
    assert!(store.begin_flush(Millis(199)).unwrap().is_none());
    assert!(store.begin_flush(Millis(200)).unwrap().is_some());
    let mut store = open(&SimDisk::new(1), FlushPolicy::Os);
    turn(&mut store, 1);
    assert!(store.begin_flush(Millis(1 << 40)).unwrap().is_none());
}
