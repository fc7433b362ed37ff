//! Runs one hot path of the core many times, for `scripts/instructions` to count and to time:
//! `cargo run --release -p replica --example hot_paths -- SCENARIO COUNT`.
//!
//! Invariants: a scenario does the same warm-up whatever COUNT is, and its memory does not grow
//! with COUNT, so the difference between two counts is the cost of the operations alone. Every
//! scenario is seeded and checks its own outcome, or it would measure refusals.
//!
//! What an operation costs apart from its surroundings is found by subtraction, which is left to
//! the script: `store-fresh` makes exactly the calls to the store that `apply-fresh` makes.
#![expect(clippy::print_stdout, reason = "a measurement prints its result")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::hint::black_box;
use std::time::Instant;

use causality::{
    Actor, Clock, Context, ContextKey, ContextScope, Counters, Dot, Dots, HybridTime, Incarnation,
    Millis, NodeId, Run,
};
use cells::{Body, CellAddress, Change, Family, Insert, KeyAddress, Keyspace, Op};
use merkle::{Digest, Tree};
use replica::{Applied, Replica, Settings};
use storage::{EntryId, Row, ScanControl, Store, StoreError};
use wire::{Batch, Decoder, Encoder, FrameLimit, ProtocolVersion, RequestId, Scan, ShardId, scan};
use xxhash_rust::xxh3::xxh3_64;

const NOW: Millis = Millis(1_760_000_000_000);
const SHARD: u16 = 3;
const KEYSPACE: Keyspace = Keyspace(1);
const PAYLOAD: [u8; 100] = [7; 100];
/// How many keys are in the store at most: they fit the second-level cache.
const KEY_COUNT: u64 = 1024;
const WARM_UP_COUNT: u64 = 2 * KEY_COUNT;
/// The versions of the cell with siblings.
const SIBLING_COUNT: u64 = 8;
const SIBLING_PAYLOAD: [u8; 16] = [7; 16];
const ACTOR_COUNT: u32 = 9;
const CHANGE_COUNT: usize = 1 << 14;
/// How many elements the measured tree is made for.
const ELEMENT_COUNT: u64 = 1_000_000;
/// How long the row of a register is, and the record of a write that supersedes nothing, or one.
const ROW: [u8; 123] = [7; 123];
const FRESH_RECORD: [u8; 130] = [7; 130];
const OVERWRITE_RECORD: [u8; 142] = [7; 142];

/// One hot path: what is done once, and what is counted.
struct Scenario {
    name: &'static str,
    make: fn() -> Box<dyn FnMut(u64)>,
}

const SCENARIOS: &[Scenario] = &[
    Scenario { name: "store-fresh", make: store_fresh },
    Scenario { name: "apply-fresh", make: apply_fresh },
    Scenario { name: "store-overwrite", make: store_overwrite },
    Scenario { name: "apply-overwrite", make: apply_overwrite },
    Scenario { name: "apply-duplicate", make: apply_duplicate },
    Scenario { name: "apply-siblings", make: apply_siblings },
    Scenario { name: "mint-fresh", make: mint_fresh },
    Scenario { name: "clock-copy", make: || clocks(0, |mine, _| drop(black_box(mine.clone()))) },
    Scenario { name: "clock-union", make: || clocks(0, union) },
    Scenario { name: "clock-difference", make: || clocks(0, difference) },
    Scenario {
        name: "clock-copy-runs",
        make: || clocks(10, |mine, _| drop(black_box(mine.clone()))),
    },
    Scenario { name: "clock-union-runs", make: || clocks(10, union) },
    Scenario { name: "clock-difference-runs", make: || clocks(10, difference) },
    Scenario { name: "merkle-add", make: merkle_add },
    Scenario { name: "wire-encode", make: wire_encode },
    Scenario { name: "wire-decode", make: wire_decode },
    Scenario { name: "context-seal", make: context_seal },
    Scenario { name: "context-open", make: context_open },
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [list] = &arguments[..]
        && list == "--list"
    {
        SCENARIOS.iter().for_each(|scenario| println!("{}", scenario.name));
        return;
    }
    let found = |name: &String| SCENARIOS.iter().find(|scenario| scenario.name == name);
    let (scenario, count) = match &arguments[..] {
        [name, count] => (found(name), count.parse::<u64>().ok()),
        _ => (None, None),
    };
    let (Some(scenario), Some(count)) = (scenario, count) else {
        println!("usage: hot_paths --list | SCENARIO COUNT");
        std::process::exit(2);
    };
    let mut step = (scenario.make)();
    (0..WARM_UP_COUNT).for_each(&mut step);
    let start = Instant::now();
    (WARM_UP_COUNT..WARM_UP_COUNT + count).for_each(&mut step);
    println!("{:.1}", start.elapsed().as_secs_f64() * 1e9 / count.max(1) as f64);
}

/// A hash table of rows and a ring of records with all memory taken beforehand: as little as a
/// store can do.
struct PlainStore {
    rows: Vec<PlainRow>,
    records: Vec<(EntryId, Bytes<192>)>,
}

#[derive(Clone)]
struct PlainRow {
    /// 0 when free.
    hash: u64,
    name: Bytes<40>,
    value: Bytes<512>,
}

/// Bytes in place, up to a size.
#[derive(Clone)]
struct Bytes<const N: usize> {
    size: usize,
    bytes: [u8; N],
}

impl<const N: usize> Bytes<N> {
    const EMPTY: Self = Self { size: 0, bytes: [0; N] };

    fn set(&mut self, bytes: &[u8]) {
        self.bytes[..bytes.len()].copy_from_slice(bytes);
        self.size = bytes.len();
    }

    fn get(&self) -> &[u8] {
        &self.bytes[..self.size]
    }
}

impl PlainStore {
    fn new() -> Self {
        let row = PlainRow { hash: 0, name: Bytes::EMPTY, value: Bytes::EMPTY };
        let record = (EntryId { actor: 0, counter: 0 }, Bytes::EMPTY);
        let count = usize::try_from(2 * KEY_COUNT).expect("a small constant");
        Self { rows: vec![row; count], records: vec![record; count] }
    }

    /// Forgets the rows, so that keys can be fresh for ever.
    fn clear(&mut self) {
        self.rows.iter_mut().for_each(|row| row.hash = 0);
    }

    /// The place of a row, or the free one where it belongs. All names of this program differ in
    /// their groups, which hold hashes that were mixed well.
    fn place(&self, row: Row<'_>) -> (usize, u64) {
        let hash = xxh3_64(row.group) | 1;
        let mask = self.rows.len() - 1;
        let start = usize::try_from(hash >> 32).expect("half a word");
        let mut at = start & mask;
        loop {
            let held = &self.rows[at];
            if held.hash == 0 || (held.hash == hash && is_named(held.name.get(), row)) {
                return (at, hash);
            }
            at = (at + 1) & mask;
        }
    }

    fn record(&mut self, counter: u64) -> &mut (EntryId, Bytes<192>) {
        let at = usize::try_from(counter % (2 * KEY_COUNT)).expect("a small number");
        &mut self.records[at]
    }
}

fn is_named(name: &[u8], row: Row<'_>) -> bool {
    name.strip_prefix(row.group) == Some(row.column)
}

impl Store for PlainStore {
    fn get(&mut self, row: Row<'_>) -> Result<Option<&[u8]>, StoreError> {
        let (at, _) = self.place(row);
        let held = &self.rows[at];
        Ok((held.hash != 0).then(|| held.value.get()))
    }

    fn put(&mut self, row: Row<'_>, value: &[u8]) -> Result<(), StoreError> {
        let (at, hash) = self.place(row);
        let held = &mut self.rows[at];
        if held.hash == 0 {
            held.hash = hash;
            let (group, column) = held.name.bytes.split_at_mut(row.group.len());
            group.copy_from_slice(row.group);
            column[..row.column.len()].copy_from_slice(row.column);
            held.name.size = row.group.len() + row.column.len();
        }
        held.value.set(value);
        Ok(())
    }

    fn delete(&mut self, _: Row<'_>) -> Result<(), StoreError> {
        unreachable!("no scenario empties a cell")
    }

    fn scan_group(
        &mut self,
        _: Row<'_>,
        _: &mut dyn FnMut(&[u8], &[u8]) -> ScanControl,
    ) -> Result<(), StoreError> {
        unreachable!("no scenario scans a key")
    }

    fn scan_group_back(
        &mut self,
        _: Row<'_>,
        _: &mut dyn FnMut(&[u8], &[u8]) -> ScanControl,
    ) -> Result<(), StoreError> {
        unreachable!("no scenario scans a key")
    }

    fn scan_shard(
        &mut self,
        _: u16,
        _: &[u8],
        _: &mut dyn FnMut(Row<'_>, &[u8]) -> ScanControl,
    ) -> Result<(), StoreError> {
        assert!(self.rows.iter().all(|row| row.hash == 0), "scanned only on opening, when empty");
        Ok(())
    }

    fn append(&mut self, _: u16, id: EntryId, record: &[u8]) -> Result<(), StoreError> {
        let held = self.record(id.counter);
        held.0 = id;
        held.1.set(record);
        Ok(())
    }

    fn entry(&mut self, _: u16, id: EntryId, record: &mut Vec<u8>) -> Result<bool, StoreError> {
        record.clear();
        let held = self.record(id.counter);
        if held.0 == id {
            record.extend_from_slice(held.1.get());
        }
        Ok(held.0 == id)
    }

    fn forget(&mut self, _: u16, _: u64, _: u64) -> Result<(), StoreError> {
        unreachable!("no scenario forgets entries")
    }

    fn set_state(&mut self, _: u16, _: &[u8]) -> Result<(), StoreError> {
        unreachable!("no scenario saves its state")
    }

    fn state(&mut self, _: u16) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }

    fn drop_groups(&mut self, _: u16, _: &[u8], _: &[u8]) -> Result<(), StoreError> {
        unreachable!("no scenario drops groups")
    }

    fn drop_shard(&mut self, _: u16) -> Result<(), StoreError> {
        unreachable!("no scenario drops its shard")
    }
}

fn actor(number: u32) -> Actor {
    Actor::new(NodeId(number), Incarnation(180_000_000 + number))
}

/// A dot of the peer; its counter takes four bytes, as after some million operations.
fn dot(step: u64) -> Dot {
    Dot::new(actor(2), (1 << 24) + step)
}

fn time(step: u64) -> HybridTime {
    HybridTime::at(Millis(NOW.0 + step / 64))
}

/// A key of 16 bytes.
fn key(number: u64) -> [u8; 16] {
    let mut key = *b"user:\0\0\0\0\0\0\0\0:ok";
    key[5..13].copy_from_slice(&number.to_be_bytes());
    key
}

/// The name of a row as a replica makes it, without its hashing: 28 bytes.
fn group(number: u64) -> [u8; 28] {
    let mut group = [1; 28];
    group[4..12].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    group[12..].copy_from_slice(&key(number));
    group
}

fn insert(payload: &[u8]) -> Body<'_> {
    Body::Insert(Insert { payload, expiry: None })
}

fn open() -> (Replica, PlainStore) {
    let mut store = PlainStore::new();
    let replica = Replica::open(SHARD, actor(1), Settings::default(), &mut store);
    (replica.expect("an empty store opens"), store)
}

/// Applies the register write of a step to a key.
fn write(replica: &mut Replica, store: &mut PlainStore, step: u64, at: u64, removed: &[Dot]) {
    let (key, column) = (key(at), [Family::Register as u8]);
    let cell = CellAddress::new(KEYSPACE, &key, &column);
    let op = Op { dot: dot(step), time: time(step), cell, removed, body: insert(&PAYLOAD) };
    let applied = replica.apply(store, NOW, black_box(&op)).expect("the operation is sound");
    assert_eq!(applied, Applied::Now);
    if step < WARM_UP_COUNT {
        let record = if removed.is_empty() { &FRESH_RECORD[..] } else { &OVERWRITE_RECORD };
        assert_eq!(store.record(dot(step).counter).1.size, record.len());
        assert!(store.rows.iter().any(|row| row.value.size == ROW.len()), "no row of that size");
    }
}

/// The calls to the store that one write makes, with a row and a record as long as its own.
fn touch(store: &mut PlainStore, step: u64, at: u64, row: &[u8], record: &[u8]) {
    let group = group(at);
    let at = Row { shard: SHARD, group: &group, column: &[Family::Register as u8] };
    let id = EntryId { actor: actor(2).bits(), counter: dot(step).counter };
    store.append(SHARD, id, black_box(record)).expect("it never fails");
    black_box(store.get(at).expect("it never fails"));
    store.put(at, black_box(row)).expect("it never fails");
}

fn store_fresh() -> Box<dyn FnMut(u64)> {
    let mut store = PlainStore::new();
    Box::new(move |step| {
        if step.is_multiple_of(KEY_COUNT) {
            store.clear();
        }
        touch(&mut store, step, step, &ROW, &FRESH_RECORD);
    })
}

fn apply_fresh() -> Box<dyn FnMut(u64)> {
    let (mut replica, mut store) = open();
    Box::new(move |step| {
        if step.is_multiple_of(KEY_COUNT) {
            store.clear();
        }
        write(&mut replica, &mut store, step, step, &[]);
    })
}

fn store_overwrite() -> Box<dyn FnMut(u64)> {
    let mut store = PlainStore::new();
    Box::new(move |step| touch(&mut store, step, step % KEY_COUNT, &ROW, &OVERWRITE_RECORD))
}

fn apply_overwrite() -> Box<dyn FnMut(u64)> {
    let (mut replica, mut store) = open();
    Box::new(move |step| {
        let older = step.checked_sub(KEY_COUNT).map(dot);
        write(&mut replica, &mut store, step, step % KEY_COUNT, older.as_slice());
    })
}

/// The same operations again and again, as after a lost acknowledgement: the log is compared.
fn apply_duplicate() -> Box<dyn FnMut(u64)> {
    let (mut replica, mut store) = open();
    (0..KEY_COUNT).for_each(|step| write(&mut replica, &mut store, step, step, &[]));
    Box::new(move |step| {
        let at = step % KEY_COUNT;
        let (key, column) = (key(at), [Family::Register as u8]);
        let cell = CellAddress::new(KEYSPACE, &key, &column);
        let op = Op { dot: dot(at), time: time(at), cell, removed: &[], body: insert(&PAYLOAD) };
        let applied = replica.apply(&mut store, NOW, black_box(&op)).expect("it is the same");
        assert_eq!(applied, Applied::Before);
    })
}

/// One cell of eight versions, each write of which replaces the oldest: reading and writing its
/// row is most of the work.
fn apply_siblings() -> Box<dyn FnMut(u64)> {
    let (mut replica, mut store) = open();
    Box::new(move |step| {
        let (key, column) = (key(0), [Family::Register as u8]);
        let older = step.checked_sub(SIBLING_COUNT).map(dot);
        let op = Op {
            dot: dot(step),
            time: time(step),
            cell: CellAddress::new(KEYSPACE, &key, &column),
            removed: older.as_slice(),
            body: insert(&SIBLING_PAYLOAD),
        };
        let applied = replica.apply(&mut store, NOW, black_box(&op)).expect("it is sound");
        assert_eq!(applied, Applied::Now);
    })
}

fn mint_fresh() -> Box<dyn FnMut(u64)> {
    let (mut replica, mut store) = open();
    let column = Family::Register.column(&[]);
    let change = Change { column, removed: Dots::new(), insert: Some((PAYLOAD.to_vec(), None)) };
    Box::new(move |step| {
        if step.is_multiple_of(KEY_COUNT) {
            store.clear();
        }
        let key = key(step);
        let key = KeyAddress { keyspace: KEYSPACE, key: &key };
        let minted = replica.mint(&mut store, NOW, key, black_box(change.clone()));
        black_box(minted.expect("nothing speaks against it"));
    })
}

/// Two clocks of which each has seen what the other has not, with so many runs for each actor.
fn two_clocks(run_count: u64) -> (Clock, Clock) {
    let (mut mine, mut theirs) = (Clock::new(), Clock::new());
    for number in 1..=ACTOR_COUNT {
        let base = 1_000_000 + u64::from(number);
        let ahead = u64::from(number % 2);
        let (mut held, mut given) =
            (Counters::up_to(base + ahead), Counters::up_to(base + 1 - ahead));
        for run in 0..run_count {
            let first = base + 100 * (run + 1);
            held.insert_run(Run { first, last: first + 20 });
            given.insert_run(Run { first: first + 10, last: first + 40 });
        }
        mine.insert_all(actor(number), &held);
        theirs.insert_all(actor(number), &given);
    }
    (mine, theirs)
}

fn clocks(run_count: u64, each: fn(&Clock, &Clock)) -> Box<dyn FnMut(u64)> {
    let (mine, theirs) = two_clocks(run_count);
    assert!(!mine.covers(&theirs) && !theirs.covers(&mine), "each has news for the other");
    Box::new(move |_| each(black_box(&mine), black_box(&theirs)))
}

fn union(mine: &Clock, theirs: &Clock) {
    let mut both = mine.clone();
    both.union(theirs);
    black_box(both);
}

fn difference(mine: &Clock, theirs: &Clock) {
    black_box(mine.difference(theirs));
}

fn merkle_add() -> Box<dyn FnMut(u64)> {
    let mut rng = fastrand::Rng::with_seed(1);
    let changes: Vec<(u64, Digest)> =
        (0..CHANGE_COUNT).map(|_| (rng.u64(..), Digest(rng.u128(..)))).collect();
    let mut tree = Tree::for_count(ELEMENT_COUNT);
    let mut next = changes.clone().into_iter().cycle();
    Box::new(move |_| {
        let (hash, digest) = next.next().expect("it goes round");
        tree.add(black_box(hash), black_box(digest));
    })
}

const BATCH: Batch = Batch { shard: ShardId(SHARD), request: RequestId(200_000_000) };

/// Encodes the overwrite of a step as a frame of its own.
fn encode(encoder: &mut Encoder, step: u64, out: &mut Vec<u8>) {
    let (key, column) = (key(step), [Family::Register as u8]);
    let cell = CellAddress::new(KEYSPACE, &key, &column);
    let removed = [dot(step)];
    let (dot, time) = (dot(step + KEY_COUNT), time(step));
    let op = Op { dot, time, cell, removed: &removed, body: insert(&PAYLOAD) };
    out.clear();
    encoder.replicate(BATCH, [black_box(op)], out).expect("it fits a frame");
}

fn wire_encode() -> Box<dyn FnMut(u64)> {
    let mut encoder = Encoder::new(ProtocolVersion::CURRENT, FrameLimit::default());
    let mut out = Vec::new();
    Box::new(move |step| {
        encode(&mut encoder, step, &mut out);
        black_box(&out);
    })
}

/// Decodes a frame of a warm link, on which the actor is known.
fn wire_decode() -> Box<dyn FnMut(u64)> {
    let mut encoder = Encoder::new(ProtocolVersion::CURRENT, FrameLimit::default());
    let mut decoder = Decoder::new();
    let mut bytes = Vec::new();
    encode(&mut encoder, 0, &mut bytes);
    decode(&mut decoder, &bytes);
    encode(&mut encoder, 1, &mut bytes);
    Box::new(move |_| decode(&mut decoder, black_box(&bytes)))
}

fn decode(decoder: &mut Decoder, bytes: &[u8]) {
    let Ok(Scan::Complete { frame, .. }) = scan(bytes, FrameLimit::default()) else {
        unreachable!("a whole frame was encoded")
    };
    let mut count = 0;
    let decoded = decoder.replicate(&frame, |_, op| {
        black_box(op);
        count += 1;
    });
    decoded.expect("the frame was encoded by our own end");
    assert_eq!(count, 1);
}

const SECRET: ContextKey = ContextKey::new([5; 16]);
const SCOPE: ContextScope = ContextScope { cluster: 7, shard: SHARD, key: 99 };

fn context() -> Context {
    Context::new([dot(1), dot(2)])
}

fn context_seal() -> Box<dyn FnMut(u64)> {
    let context = context();
    Box::new(move |_| drop(black_box(black_box(&context).seal(&SECRET, SCOPE))))
}

fn context_open() -> Box<dyn FnMut(u64)> {
    let sealed = context().seal(&SECRET, SCOPE);
    Box::new(move |_| {
        let opened = Context::open(black_box(&sealed), &SECRET, SCOPE);
        black_box(opened.expect("we sealed it"));
    })
}
