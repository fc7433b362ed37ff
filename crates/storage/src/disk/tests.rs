//! One suite for both bodies, and what only the simulated one can show.

use std::io::ErrorKind;

use super::{Crash, Disk, LockOutcome, RealDisk, SimDisk, SyncFault, read_exact_at, replace_file};

fn behaves(disk: &mut impl Disk, other: &mut impl Disk) {
    assert_eq!(disk.list().unwrap(), Vec::<String>::new());
    assert_eq!(disk.len("a").unwrap_err().kind(), ErrorKind::NotFound);
    disk.append("a", b"hello ").unwrap();
    disk.append("a", b"world").unwrap();
    assert_eq!(disk.len("a").unwrap(), 11);
    let mut into = [0; 8];
    assert_eq!(disk.read_at("a", 6, &mut into).unwrap(), 5);
    assert_eq!(&into[..5], b"world");
    assert_eq!(disk.read_at("a", 99, &mut into).unwrap(), 0);
    assert_eq!(read_exact_at(disk, "a", 0, 5).unwrap(), b"hello");
    let short = read_exact_at(disk, "a", 8, 5).unwrap_err();
    assert_eq!(short.kind(), ErrorKind::UnexpectedEof);

    disk.cut("a", 5).unwrap();
    disk.append("a", b"!").unwrap();
    assert_eq!(read_exact_at(disk, "a", 0, 6).unwrap(), b"hello!");
    disk.append("a", &[0; 4]).unwrap();
    disk.write_at("a", 6, b"in").unwrap();
    assert_eq!(read_exact_at(disk, "a", 0, 10).unwrap(), b"hello!in\0\0");
    disk.write_at("a", 8, b" room").unwrap();
    disk.append("a", b".").unwrap();
    assert_eq!(read_exact_at(disk, "a", 0, 14).unwrap(), b"hello!in room.");
    assert_eq!(disk.len("a").unwrap(), 14);
    let absent = disk.write_at("absent", 0, b"x").unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
    disk.append("b", b"other").unwrap();
    disk.rename("a", "b").unwrap();
    assert_eq!(read_exact_at(disk, "b", 0, 6).unwrap(), b"hello!");
    replace_file(disk, "b", b"new").unwrap();
    assert_eq!(disk.list().unwrap(), ["b"]);
    assert_eq!(read_exact_at(disk, "b", 0, 3).unwrap(), b"new");
    disk.sync("b").unwrap();

    assert_eq!(disk.lock().unwrap(), LockOutcome::Held);
    assert_eq!(other.lock().unwrap(), LockOutcome::Taken);
    assert_eq!(other.list().unwrap(), ["b"], "the lock is not data");
    disk.remove("b").unwrap();
    disk.sync_names().unwrap();
    assert_eq!(disk.remove("b").unwrap_err().kind(), ErrorKind::NotFound);
    assert!(disk.free_bytes().unwrap() > 0);
}

#[test]
fn both_bodies_keep_the_contract() {
    let sim = SimDisk::new(1);
    behaves(&mut sim.process(), &mut sim.process());
    let directory = tempfile::tempdir().unwrap();
    let mut first = RealDisk::open(directory.path()).unwrap();
    let mut second = RealDisk::open(directory.path()).unwrap();
    behaves(&mut first, &mut second);
    drop(first);
    assert_eq!(second.lock().unwrap(), LockOutcome::Held, "the lock ends with its holder");
}

#[test]
fn power_loss_keeps_what_was_synced_and_may_tear_the_rest() {
    let mut outcomes = std::collections::BTreeSet::new();
    for seed in 0..64 {
        let disk = SimDisk::new(seed);
        let mut process = disk.process();
        process.append("a", &[1; 1000]).unwrap();
        process.sync("a").unwrap();
        process.sync_names().unwrap();
        process.append("a", &[2; 1000]).unwrap();
        process.append("b", b"no name yet").unwrap();
        disk.crash(Crash::Power);
        assert!(process.append("a", b"x").is_err(), "the process is gone");
        let mut process = disk.process();
        let len = usize::try_from(process.len("a").unwrap()).unwrap();
        let bytes = read_exact_at(&mut process, "a", 0, len).unwrap();
        assert_eq!(&bytes[..1000], &[1; 1000]);
        outcomes.insert(bytes.iter().filter(|byte| **byte == 2).count());
    }
    assert!(outcomes.contains(&0), "lost");
    assert!(outcomes.contains(&1000), "kept");
    assert!(outcomes.len() > 2, "torn");
}

#[test]
fn a_killed_process_loses_nothing_that_was_written() {
    let disk = SimDisk::new(7);
    let mut process = disk.process();
    process.append("a", b"kept").unwrap();
    disk.crash(Crash::Process);
    assert_eq!(read_exact_at(&mut disk.process(), "a", 0, 4).unwrap(), b"kept");
}

#[test]
fn faults_do_what_they_say() {
    let disk = SimDisk::new(3);
    let mut process = disk.process();
    process.append("a", b"0123456789").unwrap();
    disk.set_capacity(14);
    assert_eq!(process.append("a", b"abcdef").unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(process.len("a").unwrap(), 14, "written short");
    disk.set_capacity(u64::MAX);

    disk.set_sync_fault(SyncFault::Lying);
    process.sync("a").unwrap();
    disk.set_sync_fault(SyncFault::Failing);
    assert!(process.sync("a").is_err());
    disk.set_sync_fault(SyncFault::Honest);
    process.sync_names().unwrap();

    disk.fail_reads(Some("a"));
    assert!(process.read_at("a", 0, &mut [0]).is_err());
    disk.fail_reads(None);
    assert!(disk.flip("a", 2, 1));
    assert_eq!(read_exact_at(&mut process, "a", 0, 4).unwrap(), b"0133");
    disk.misdirect_next_append(0);
    process.append("a", b"XY").unwrap();
    assert_eq!(read_exact_at(&mut process, "a", 0, 16).unwrap(), b"XY33456789abcd\0\0");

    disk.set_capacity(18);
    assert_eq!(process.write_at("a", 15, b"long").unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(read_exact_at(&mut process, "a", 12, 6).unwrap(), b"cd\0lon", "written short");
    process.write_at("a", 14, b"fits").unwrap();
    disk.set_capacity(u64::MAX);
    disk.misdirect_next_append(0);
    process.write_at("a", 16, b"AB").unwrap();
    assert_eq!(read_exact_at(&mut process, "a", 0, 3).unwrap(), b"AB3");
    assert_eq!(read_exact_at(&mut process, "a", 14, 4).unwrap(), b"fits", "what was there stays");

    disk.crash(Crash::PowerLosesAll);
    assert_eq!(disk.process().len("a").unwrap(), 0, "the lying sync kept nothing");
}

#[test]
fn death_strikes_at_the_chosen_change() {
    for seed in 0..8 {
        let disk = SimDisk::new(seed);
        let mut process = disk.process();
        disk.die_at(2);
        process.append("a", b"first").unwrap();
        assert!(process.append("a", b"second").is_err());
        assert!(process.sync("a").is_err(), "dead is dead");
        disk.crash(Crash::Process);
        let len = disk.process().len("a").unwrap();
        assert!((5..=11).contains(&len));
    }
}
