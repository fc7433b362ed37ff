//! Who the directory is: what was promised is remembered, and a directory that is not what it was
//! is found out.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use storage::{
    Crash, Disk, DurableStore, EntryId, FlushPolicy, Millis, Options, RealDisk, Report, SimDisk,
    Store, StoreError,
};

fn options() -> Options {
    let flush = FlushPolicy::Always;
    Options { store: 77, cluster: 9, flush, free_bytes_min: 0, ..Options::default() }
}

fn open(data: &SimDisk, identity: &SimDisk) -> (DurableStore<SimDisk>, Report) {
    static NONCE: AtomicU64 = AtomicU64::new(1);
    let options = Options { nonce: NONCE.fetch_add(1, Ordering::Relaxed), ..options() };
    let opened = DurableStore::open(data.process(), identity.process(), options);
    let (store, recovery) = opened.unwrap();
    (store, recovery.report)
}

fn append(store: &mut DurableStore<SimDisk>, counter: u64) {
    store.append(1, EntryId { actor: 8, counter }, b"record").unwrap();
    store.commit_turn(Millis(0)).unwrap();
}

#[test]
fn reserved_counters_survive_everything() {
    let (data, identity) = (SimDisk::new(1), SimDisk::new(2));
    let (mut store, report) = open(&data, &identity);
    assert!(report.is_new && !report.must_reincarnate());
    assert_eq!(store.reserved(1, 8), 0);
    store.reserve(1, 8, 1000);
    store.reserve(1, 8, 500);
    store.reserve(2, 8, 70);
    append(&mut store, 1);
    data.crash(Crash::PowerLosesAll);
    identity.crash(Crash::PowerLosesAll);
    let (mut store, report) = open(&data, &identity);
    assert!(!report.must_reincarnate(), "{report:?}");
    assert_eq!((store.reserved(1, 8), store.reserved(2, 8), store.reserved(1, 9)), (1000, 70, 0));
    store.retire(2, 8);
    store.checkpoint().unwrap();
    store.close().unwrap();
    let (store, report) = open(&data, &identity);
    assert!(report.is_clean);
    assert_eq!((store.reserved(1, 8), store.reserved(2, 8)), (1000, 0));
}

#[test]
fn two_processes_do_not_share_a_directory() {
    let (data, identity) = (SimDisk::new(1), SimDisk::new(2));
    let (store, _) = open(&data, &identity);
    let second = DurableStore::open(data.process(), identity.process(), options());
    assert!(matches!(second, Err(StoreError::Locked)));
    drop(store);
    open(&data, &identity);
}

#[test]
fn another_cluster_and_mixed_up_directories_are_refused() {
    let (data, identity) = (SimDisk::new(1), SimDisk::new(2));
    drop(open(&data, &identity));
    let other = Options { cluster: 10, ..options() };
    let opened = DurableStore::open(data.process(), identity.process(), other);
    assert!(matches!(opened, Err(StoreError::Foreign { .. })));

    let (other_data, other_identity) = (SimDisk::new(3), SimDisk::new(4));
    let other = Options { store: 78, ..options() };
    drop(DurableStore::open(other_data.process(), other_identity.process(), other).unwrap());
    let opened = DurableStore::open(data.process(), other_identity.process(), options());
    assert!(matches!(opened, Err(StoreError::Foreign { .. })));
}

#[test]
fn a_restored_backup_is_found_out() {
    let (data, identity) = (SimDisk::new(1), SimDisk::new(2));
    let (mut store, _) = open(&data, &identity);
    append(&mut store, 1);
    let backup_in_run = data.copy(3);
    append(&mut store, 2);
    store.checkpoint().unwrap();
    store.close().unwrap();
    let backup_when_closed = data.copy(4);

    let (_, report) = open(&backup_in_run, &identity.copy(5));
    assert!(report.must_reincarnate(), "older than the end of its own run: {report:?}");
    let (_, report) = open(&backup_when_closed.copy(6), &identity.copy(5));
    assert!(report.is_clean, "the same as the original: {report:?}");

    drop(open(&data, &identity));
    let (_, report) = open(&backup_when_closed, &identity.copy(5));
    assert!(report.is_restored && report.must_reincarnate(), "a run older: {report:?}");
    let (_, report) = open(&backup_when_closed, &identity.copy(5));
    assert!(report.must_reincarnate(), "used beside the original: {report:?}");
    let (store, report) = open(&data, &identity.copy(5));
    assert!(!report.must_reincarnate(), "{report:?}");
    drop(store);
}

#[test]
fn a_clone_beside_the_original_is_found_out() {
    let (data, identity) = (SimDisk::new(1), SimDisk::new(2));
    let (mut store, _) = open(&data, &identity);
    append(&mut store, 1);
    drop(store);
    let clone = data.copy(3);
    let (mut original, report) = open(&data, &identity);
    assert!(!report.must_reincarnate());
    append(&mut original, 2);
    let (_, report) = open(&clone, &identity);
    assert!(report.is_restored, "another run used the identity meanwhile: {report:?}");
}

/// As a backup or a snapshot of a volume copies it.
fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn backups_and_clones_of_real_directories_are_found_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let open = |data: &str, nonce| {
        let disk = |name: &str| RealDisk::open(path(name)).unwrap();
        let options = Options { nonce, ..options() };
        let (store, recovery) = DurableStore::open(disk(data), disk("identity"), options).unwrap();
        (store, recovery.report)
    };
    let append = |store: &mut DurableStore<RealDisk>, counter| {
        store.append(1, EntryId { actor: 8, counter }, b"record").unwrap();
        store.commit_turn(Millis(0)).unwrap();
    };
    let (mut store, _) = open("data", 1);
    append(&mut store, 1);
    store.checkpoint().unwrap();
    store.close().unwrap();
    copy_files(&path("data"), &path("backup"));
    copy_files(&path("data"), &path("clone"));

    let (mut store, report) = open("data", 2);
    assert!(report.is_clean, "{report:?}");
    append(&mut store, 2);
    drop(store);
    let (_, report) = open("clone", 3);
    assert!(report.is_restored && report.must_reincarnate(), "{report:?}");
    let (_, report) = open("data", 4);
    assert!(report.must_reincarnate(), "the clone has used the identity: {report:?}");
    let (_, report) = open("backup", 5);
    assert!(report.is_restored && report.must_reincarnate(), "{report:?}");
}

#[test]
fn a_lost_identity_is_told_and_made_anew() {
    let (data, identity) = (SimDisk::new(1), SimDisk::new(2));
    let (mut store, _) = open(&data, &identity);
    store.reserve(1, 8, 1000);
    append(&mut store, 1);
    drop(store);
    let fresh = SimDisk::new(3);
    let (store, report) = open(&data, &fresh);
    assert!(report.is_identity_lost && report.must_reincarnate(), "{report:?}");
    drop(store);
    let (_, report) = open(&data, &fresh);
    assert!(!report.is_identity_lost && !report.is_restored, "{report:?}");
    let (_, report) = open(&data, &identity);
    assert!(report.must_reincarnate(), "the old one is behind the data now: {report:?}");
}

#[test]
fn a_restored_backup_on_a_full_disk_opens_when_there_is_space() {
    for room in 0..200 {
        let (data, identity) = (SimDisk::new(1), SimDisk::new(2));
        let (mut store, _) = open(&data, &identity);
        append(&mut store, 1);
        let end = store.usage().log_bytes;
        let backup = data.copy(3);
        drop(store);
        for _ in 0..3 {
            drop(open(&data, &identity));
        }
        // Without the room that the last segment had ahead.
        backup.process().cut("log-00000001", end).unwrap();
        backup.crash(Crash::Process);
        backup.set_capacity(backup.used() + room);
        for _ in 0..3 {
            // It may begin the next segment, in part, and end there.
            let opened = DurableStore::open(backup.process(), identity.process(), options());
            drop(opened);
            backup.crash(Crash::Process);
        }
        backup.set_capacity(u64::MAX);
        let (mut store, report) = open(&backup, &identity);
        assert!(report.damage.is_empty(), "{room} bytes of room: {report:?}");
        let mut record = Vec::new();
        assert!(store.entry(1, EntryId { actor: 8, counter: 1 }, &mut record).unwrap());
    }
}

#[test]
fn a_lost_segment_before_one_that_was_never_begun_is_told() {
    let (data, identity) = (SimDisk::new(1), SimDisk::new(2));
    let (mut store, _) = open(&data, &identity);
    append(&mut store, 1);
    drop(store);
    let (mut store, _) = open(&data, &identity);
    append(&mut store, 2);
    drop(store);
    data.crash(Crash::Process);
    data.process().remove("log-00000002").unwrap();
    data.process().append("log-00000003", b"half a star").unwrap();
    let (_, report) = open(&data, &identity);
    assert!(report.is_tail_lost && report.must_reincarnate(), "{report:?}");
}

#[test]
fn a_lost_tail_is_told() {
    let (data, identity) = (SimDisk::new(1), SimDisk::new(2));
    let (mut store, _) = open(&data, &identity);
    for counter in 1..20 {
        append(&mut store, counter);
    }
    let older = data.copy(3);
    append(&mut store, 20);
    store.reserve(1, 8, 5000);
    append(&mut store, 21);
    store.reserve(1, 8, 10_000);
    append(&mut store, 22);
    drop(store);
    let (_, report) = open(&older, &identity);
    assert!(report.is_tail_lost, "{report:?}");
}

#[test]
fn a_weak_policy_and_no_close_call_for_a_new_incarnation() {
    let (data, identity) = (SimDisk::new(1), SimDisk::new(2));
    let weak = Options { flush: FlushPolicy::Os, ..options() };
    let reopen = |options: &Options| {
        let opened = DurableStore::open(data.process(), identity.process(), options.clone());
        let (store, recovery) = opened.unwrap();
        (store, recovery.report)
    };
    let (store, _) = reopen(&weak);
    drop(store);
    let (store, report) = reopen(&options());
    assert!(report.is_unclean_and_weak && report.must_reincarnate());
    drop(store);
    let (store, report) = reopen(&weak);
    assert!(!report.must_reincarnate(), "the run before was strict: {report:?}");
    store.close().unwrap();
    let (_, report) = reopen(&options());
    assert!(report.is_clean && !report.must_reincarnate());
}
