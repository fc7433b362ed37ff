//! One flipped byte at every place of every file, files that vanish, and the other ways in which
//! bytes go wrong: always told, never guessed, and never more lost than is told.

use std::collections::BTreeSet;

use storage::{
    Affected, Crash, Damage, Disk, DurableStore, EntryId, FlushPolicy, Millis, Options, Report,
    Row, ScanControl, SimDisk, Store, StoreError, SyncFault,
};

use crate::conformance::seeds;
use crate::owner::{History, Moment, Owner, SHARDS};

fn options() -> Options {
    Options {
        store: 5,
        flush: FlushPolicy::Always,
        segment_bytes: 700,
        free_bytes_min: 0,
        ..Options::default()
    }
}

/// A directory with some history that was all acknowledged.
fn populated(seed: u64) -> (SimDisk, History) {
    let disk = SimDisk::new(seed);
    let mut history = History::new();
    let mut rng = fastrand::Rng::with_seed(seed);
    for _ in 0..2 {
        let mut owner = Owner::open(disk.process(), disk.process(), &options()).unwrap();
        owner.live(&mut history, &mut rng, 120).unwrap();
        owner.store.commit_turn(Millis(0)).unwrap();
        disk.crash(Crash::PowerLosesAll);
    }
    (disk, history)
}

/// What a shard has: its rows, its state, and its entries.
fn of_shard(moment: &Moment, shard: u16) -> Moment {
    let mut part = moment.clone();
    part.rows.retain(|(held, _, _), _| *held == shard);
    part.entries.retain(|(held, _), _| *held == shard);
    part.last.retain(|held, _| *held == shard);
    part
}

/// Says whether damage to a shard's rows was told, and whether any to its entries was.
fn told(report: &Report, shard: u16) -> (bool, bool) {
    let concerns = |affected: &Affected| match affected {
        Affected::All => true,
        Affected::Shards(shards) => shards.contains(&shard),
    };
    let mut damage = report.damage.iter().filter(|damage| concerns(&damage.affected));
    let any = damage.clone().next().is_some();
    (damage.any(|damage| !damage.is_covered), any)
}

/// Opens a directory that something happened to, and checks that every difference was told.
fn check(disk: &SimDisk, history: &History, what: &str) -> Report {
    let mut owner = match Owner::open(disk.process(), disk.process(), &options()) {
        Ok(owner) => owner,
        // Applying the entries of a damaged log may need a damaged table.
        Err(StoreError::Damaged { .. }) => return Report::default(),
        Err(error) => panic!("{what}: {error:?}"),
    };
    let report = owner.report.clone();
    for shard in SHARDS {
        let (rows_told, entries_told) = told(&report, shard);
        let expected = of_shard(history.last(), shard);
        let found = match owner.content_of(history, shard) {
            Ok(found) => found,
            Err(StoreError::Damaged { .. }) => continue,
            Err(error) => panic!("{what}: {error:?}"),
        };
        let is_cut = report.must_reincarnate() && (report.cut.is_some() || report.is_tail_lost);
        assert!(
            found.rows == expected.rows && found.last == expected.last || rows_told || is_cut,
            "{what}: rows of shard {shard} differ and nothing was told: {report:?}"
        );
        assert!(
            found.entries == expected.entries || rows_told || entries_told || is_cut,
            "{what}: entries of shard {shard} differ and nothing was told: {report:?}"
        );
    }
    report
}

#[test]
fn one_flipped_byte_anywhere_is_told_or_harmless() {
    let mut reactions: BTreeSet<(String, &str)> = BTreeSet::new();
    for seed in 0..seeds(1) {
        let (disk, history) = populated(seed);
        for name in disk.process().list().unwrap() {
            let len = usize::try_from(disk.process().len(&name).unwrap()).unwrap();
            // Every byte when more seeds than one were asked for.
            let stride = if seeds(1) > 1 { 1 } else { 3 };
            for at in (0..len).step_by(stride) {
                let copy = disk.copy(seed);
                assert!(copy.flip(&name, at, 1 << (at % 8)));
                let what = format!("seed {seed}, byte {at} of {len} of {name}");
                let report = check(&copy, &history, &what);
                let reaction = if !report.damage.is_empty() {
                    "damage"
                } else if report.cut.is_some() {
                    "cut"
                } else if !report.healed.is_empty() {
                    "healed"
                } else {
                    "found when read"
                };
                let kind = name.split('-').next().unwrap_or_default().to_owned();
                reactions.insert((kind, reaction));
            }
        }
    }
    // As docs/formats/store.md says, and nothing else.
    let documented = [
        ("identity", "healed"),
        ("log", "cut"),
        ("log", "damage"),
        ("manifest", "healed"),
        ("table", "found when read"),
        ("table", "healed"),
    ];
    let documented = documented.map(|(kind, reaction)| (kind.to_owned(), reaction));
    assert_eq!(reactions, BTreeSet::from(documented));
}

#[test]
fn both_copies_damaged_are_told() {
    for seed in 0..8 {
        let (disk, history) = populated(seed);
        // Opening removes what no manifest names.
        let opened = disk.copy(seed);
        drop(Owner::open(opened.process(), opened.process(), &options()).unwrap());
        let named = opened.process().list().unwrap();
        for name in disk.process().list().unwrap().iter().filter(|name| named.contains(name)) {
            let len = usize::try_from(disk.process().len(name).unwrap()).unwrap();
            let copy = disk.copy(seed);
            let what = format!("seed {seed}, both copies of {name}");
            match name.split('-').next() {
                Some("identity") => {
                    assert!(copy.flip(name, 25, 1) && copy.flip(name, len - 1, 1));
                    assert!(check(&copy, &history, &what).is_identity_lost, "{what}");
                }
                Some("manifest") => {
                    assert!(copy.flip(name, 25, 1) && copy.flip(name, len - 1, 1));
                    let report = check(&copy, &history, &what);
                    assert!(report.damage.iter().any(Damage::loses_rows), "{what}: {report:?}");
                }
                Some("table") => {
                    // The copies end the file; both begin with what names them.
                    let mut bytes = vec![0; len];
                    disk.process().read_at(name, 0, &mut bytes).unwrap();
                    let is_magic = |at: &usize| bytes[*at..].starts_with(b"starTAB");
                    let copies: Vec<usize> = (0..len).filter(is_magic).collect();
                    assert_eq!(copies.len(), 2, "{what}");
                    assert!(copies.into_iter().all(|at| copy.flip(name, at, 1)));
                    let report = check(&copy, &history, &what);
                    assert!(report.damage.iter().any(Damage::loses_rows), "{what}: {report:?}");
                }
                _ => {}
            }
        }
    }
}

#[test]
fn a_file_that_vanished_is_told() {
    let mut told_count = 0;
    for seed in 0..10 {
        let (disk, history) = populated(seed);
        for name in disk.process().list().unwrap() {
            let copy = disk.copy(seed);
            copy.process().remove(&name).unwrap();
            let report = check(&copy, &history, &format!("seed {seed} without {name}"));
            if name == "identity" {
                assert!(report.is_identity_lost);
            } else {
                // A segment that was just begun, or is about to be removed, is no loss.
                told_count += usize::from(report.is_tail_lost || !report.damage.is_empty());
            }
        }
    }
    assert!(told_count > 50, "{told_count}");
}

#[test]
fn a_misdirected_write_is_told() {
    for seed in 0..40 {
        let (disk, mut history) = populated(seed);
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut owner = Owner::open(disk.process(), disk.process(), &options()).unwrap();
        owner.live(&mut history, &mut rng, 10).unwrap();
        owner.store.commit_turn(Millis(0)).unwrap();
        for counter in 0..3 {
            let id = EntryId { actor: 999, counter };
            owner.store.append(SHARDS[0], id, b"not in the history").unwrap();
            if counter == 1 {
                disk.misdirect_next_append(rng.u64(..100));
            }
            owner.store.commit_turn(Millis(0)).unwrap();
        }
        disk.crash(Crash::Process);
        let report = check(&disk, &history, &format!("seed {seed}"));
        assert!(report.must_reincarnate(), "seed {seed}: {report:?}");
    }
}

#[test]
fn a_disk_that_lies_about_flushing_is_found_out() {
    let mut told_count = 0;
    for seed in 0..40 {
        let disk = SimDisk::new(seed);
        let mut history = History::new();
        let mut rng = fastrand::Rng::with_seed(seed);
        let other = SimDisk::new(seed);
        let mut owner = Owner::open(disk.process(), other.process(), &options()).unwrap();
        owner.live(&mut history, &mut rng, 60).unwrap();
        owner.store.commit_turn(Millis(0)).unwrap();
        disk.set_sync_fault(SyncFault::Lying);
        owner.live(&mut history, &mut rng, 60).unwrap();
        owner.store.commit_turn(Millis(0)).unwrap();
        disk.crash(Crash::PowerLosesAll);
        disk.set_sync_fault(SyncFault::Honest);
        let owner = Owner::open(disk.process(), other.process(), &options()).unwrap();
        told_count += usize::from(owner.report.must_reincarnate());
    }
    assert!(told_count > 30, "{told_count}: the identity on another disk mostly knows better");
}

#[test]
fn after_a_failed_flush_nothing_is_promised_any_more() {
    let disk = SimDisk::new(1);
    let mut owner = Owner::open(disk.process(), disk.process(), &options()).unwrap();
    let store = &mut owner.store;
    store.append(3, EntryId { actor: 1, counter: 1 }, b"safe").unwrap();
    store.commit_turn(Millis(0)).unwrap();
    let safe = store.flush_ticket();
    assert!(store.flushed() >= safe);
    store.append(3, EntryId { actor: 1, counter: 2 }, b"lost").unwrap();
    let ticket = store.flush_ticket();
    disk.set_sync_fault(SyncFault::Failing);
    assert!(matches!(store.commit_turn(Millis(0)), Err(StoreError::Disk { .. })));
    disk.set_sync_fault(SyncFault::Honest);
    assert!(store.commit_turn(Millis(0)).is_err(), "a flush that failed once proves nothing later");
    assert!(store.append(3, EntryId { actor: 1, counter: 3 }, b"").is_err());
    assert!(store.flushed() >= safe);
    assert!(store.flushed() < ticket);
}

#[test]
fn a_full_disk_keeps_the_turn_until_there_is_space() {
    for seed in 0..40 {
        let disk = SimDisk::new(seed);
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut history = History::new();
        let mut owner = Owner::open(disk.process(), disk.process(), &options()).unwrap();
        owner.live(&mut history, &mut rng, 60).unwrap();
        disk.set_capacity(disk.used() + rng.u64(..400));
        let mut full_count = 0;
        for _ in 0..100 {
            // What was half done when the disk was full is in the history all the same: entries and
            // rows are kept in memory, only turns and checkpoints are refused.
            match owner.live(&mut history, &mut rng, 1) {
                Err(StoreError::Full { what: "disk" }) => full_count += 1,
                outcome => outcome.unwrap(),
            }
        }
        assert!(full_count > 0, "seed {seed}");
        assert_eq!(owner.content(&history).unwrap(), *history.last(), "seed {seed}");
        disk.set_capacity(u64::MAX);
        owner.store.commit_turn(Millis(0)).unwrap();
        owner.store.checkpoint().unwrap();
        assert_eq!(owner.content(&history).unwrap(), *history.last(), "seed {seed}");
        disk.crash(Crash::PowerLosesAll);
        let mut owner = Owner::open(disk.process(), disk.process(), &options()).unwrap();
        assert!(owner.report.damage.is_empty(), "seed {seed}: {:?}", owner.report);
        assert_eq!(owner.content(&history).unwrap(), *history.last(), "seed {seed}");
    }
}

#[test]
fn low_space_refuses_ordinary_writes_before_the_disk_is_full() {
    let disk = SimDisk::new(1);
    disk.set_capacity(100_000);
    let options = Options { free_bytes_min: 50_000, ..options() };
    let (mut store, _) = DurableStore::open(disk.process(), disk.process(), options).unwrap();
    let mut counter = 0;
    while store.admit().is_ok() {
        counter += 1;
        store.append(1, EntryId { actor: 1, counter }, &[0; 100]).unwrap();
        store.commit_turn(Millis(0)).unwrap();
        assert!(counter < 1000, "never refused");
    }
    assert!(matches!(store.admit(), Err(StoreError::Full { what: "disk" })));
    assert!(store.usage().is_disk_low);
    counter += 1;
    store.append(1, EntryId { actor: 1, counter }, b"repair still works").unwrap();
    store.commit_turn(Millis(0)).unwrap();
    disk.set_capacity(u64::MAX);
    for _ in 0..100 {
        store.commit_turn(Millis(0)).unwrap();
    }
    store.admit().unwrap();
}

#[test]
fn a_read_error_is_never_an_absent_row() {
    let disk = SimDisk::new(1);
    let options = Options { memory_bytes: 400_000, ..options() };
    let (mut store, _) =
        DurableStore::open(disk.process(), disk.process(), options.clone()).unwrap();
    let row = Row { shard: 1, group: b"g", column: b"c" };
    store.put(row, b"value").unwrap();
    store.checkpoint().unwrap();
    store.close().unwrap();
    let (mut store, _) = DurableStore::open(disk.process(), disk.process(), options).unwrap();
    let names = disk.process().list().unwrap();
    let table = names.iter().find(|name| name.starts_with("table-")).unwrap();
    disk.fail_reads(Some(table));
    assert!(matches!(store.get(row), Err(StoreError::Disk { .. })));
    let mut visit = |_: &[u8], _: &[u8]| ScanControl::Continue;
    assert!(store.scan_group(row, &mut visit).is_err());
    assert!(store.scan_group_back(row, &mut visit).is_err());
    assert!(store.scan_shard(1, b"", &mut |_, _| ScanControl::Continue).is_err());
    disk.fail_reads(None);
    assert!(disk.flip(table, 12, 1));
    assert!(matches!(store.get(row), Err(StoreError::Damaged { shard: 1, .. })));
    assert!(disk.flip(table, 12, 1));
    assert_eq!(store.get(row).unwrap(), Some(&b"value"[..]));
}
