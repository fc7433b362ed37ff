//! A checkpoint stands for the moment it began, whatever the owner changes while it is written.

use std::collections::BTreeMap;

use storage::{Crash, DurableStore, FlushPolicy, Options, Row, ScanControl, SimDisk, Store, Work};

use crate::conformance::{Told, seeds};

type Rows = BTreeMap<(Vec<u8>, Vec<u8>), Vec<u8>>;

const SHARD: u16 = 5;

fn open(disk: &SimDisk) -> DurableStore<SimDisk> {
    let options = Options { flush: FlushPolicy::Always, free_bytes_min: 0, ..Options::default() };
    DurableStore::open(disk.process(), disk.process(), options).unwrap().0
}

fn change(store: &mut DurableStore<SimDisk>, rows: &mut Rows, rng: &mut fastrand::Rng) {
    let (group, column) = (vec![b'a' + rng.u8(..6)], vec![b'0'; rng.usize(..4)]);
    let row = Row { shard: SHARD, group: &group, column: &column };
    if rng.u8(..10) == 0 {
        let to = if rng.bool() { vec![group[0], 0] } else { vec![b'a' + rng.u8(..7)] };
        store.drop_groups(SHARD, &group, &to).unwrap();
        rows.retain(|(held, _), _| *held < group || *held >= to);
    } else if rng.u8(..4) == 0 {
        store.delete(row).unwrap();
        rows.remove(&(group, column));
    } else {
        let value = vec![rng.u8(..); rng.usize(..20)];
        store.put(row, &value).unwrap();
        rows.insert((group, column), value);
    }
}

/// Reads the rows before anything is replayed: what the checkpoint has.
fn content(store: &mut DurableStore<SimDisk>) -> Rows {
    let mut rows = Rows::new();
    let mut visit = |row: Row<'_>, value: &[u8]| {
        rows.insert((row.group.to_vec(), row.column.to_vec()), value.to_vec());
        ScanControl::Continue
    };
    store.scan_shard(SHARD, b"", &mut visit).unwrap();
    rows
}

#[test]
fn what_changes_while_a_checkpoint_is_written_is_not_in_it() {
    for seed in 0..seeds(200) {
        let _told = Told(seed);
        let mut rng = fastrand::Rng::with_seed(seed);
        let disk = SimDisk::new(seed);
        let mut rows = Rows::new();
        for _ in 0..4 {
            let mut store = open(&disk);
            for _ in 0..rng.usize(..40) {
                change(&mut store, &mut rows, &mut rng);
            }
            store.set_state(SHARD, b"at the moment").unwrap();
            let moment = rows.clone();
            store.begin_checkpoint();
            store.set_state(SHARD, b"later").unwrap();
            loop {
                for _ in 0..rng.usize(..6) {
                    change(&mut store, &mut rows, &mut rng);
                }
                let before = disk.change_count();
                let work = store.maintain(rng.usize(1..150)).unwrap();
                // The manifest is the last thing that a checkpoint writes.
                let is_over = work == Work::Done || disk.change_count() > before;
                if is_over {
                    break;
                }
            }
            assert_eq!(content(&mut store), rows, "the living store has the present");
            drop(store);
            disk.crash(Crash::PowerLosesAll);
            let mut store = open(&disk);
            assert_eq!(content(&mut store), moment, "the checkpoint has its moment");
            assert_eq!(store.state(SHARD).unwrap().unwrap(), b"at the moment");
            rows = moment;
        }
    }
}
