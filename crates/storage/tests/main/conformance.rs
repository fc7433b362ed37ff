//! One suite for every body: random calls, each compared with a model that is too simple to be
//! wrong.

use std::collections::{BTreeMap, BTreeSet};

use storage::{
    DurableStore, EntryId, FlushPolicy, MemoryStore, Millis, Options, RealDisk, Row, ScanControl,
    SimDisk, Store,
};

/// How many seeds to try; STARLING_SEEDS asks for more.
pub(crate) fn seeds(default: u64) -> u64 {
    std::env::var("STARLING_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

type Address = (u16, Vec<u8>, Vec<u8>);

/// The naive model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    rows: BTreeMap<Address, Vec<u8>>,
    entries: BTreeMap<(u16, EntryId), Vec<u8>>,
    appended: BTreeSet<(u16, EntryId)>,
    states: BTreeMap<u16, Vec<u8>>,
}

/// A body under test and what may happen to it between calls.
trait Subject {
    type Body: Store;

    fn store(&mut self) -> &mut Self::Body;

    /// Does whatever must not be noticed.
    fn disturb(&mut self, rng: &mut fastrand::Rng);
}

struct InMemory(MemoryStore);

impl Subject for InMemory {
    type Body = MemoryStore;

    fn store(&mut self) -> &mut MemoryStore {
        &mut self.0
    }

    fn disturb(&mut self, _: &mut fastrand::Rng) {}
}

struct OnDisk<D: storage::Disk> {
    store: Option<DurableStore<D>>,
    options: Options,
    reopen: Box<dyn Fn() -> (D, D)>,
    now: u64,
}

impl<D: storage::Disk> OnDisk<D> {
    fn new(options: Options, reopen: Box<dyn Fn() -> (D, D)>) -> Self {
        let (disk, identity) = reopen();
        let (store, recovery) = DurableStore::open(disk, identity, options.clone()).unwrap();
        assert!(recovery.report.is_new);
        Self { store: Some(store), options, reopen, now: 0 }
    }
}

impl<D: storage::Disk> Subject for OnDisk<D> {
    type Body = DurableStore<D>;

    fn store(&mut self) -> &mut DurableStore<D> {
        self.store.as_mut().unwrap()
    }

    fn disturb(&mut self, rng: &mut fastrand::Rng) {
        self.now += rng.u64(..300);
        let now = Millis(self.now);
        let store = self.store.as_mut().unwrap();
        if store.admit().is_err() {
            store.checkpoint().unwrap();
            store.admit().unwrap();
        }
        match rng.u8(..100) {
            0..20 => store.commit_turn(now).unwrap(),
            20..30 => store.begin_checkpoint(),
            30..60 => drop(store.maintain(rng.usize(1..400)).unwrap()),
            60..62 => store.merge_all().unwrap(),
            62 => {
                store.checkpoint().unwrap();
                self.store.take().unwrap().close().unwrap();
                let (disk, identity) = (self.reopen)();
                let opened = DurableStore::open(disk, identity, self.options.clone());
                let (mut store, recovery) = opened.unwrap();
                assert!(recovery.report.is_clean, "{:?}", recovery.report);
                let mut entries = Vec::new();
                assert!(!store.replay(&mut entries).unwrap(), "{entries:?}");
                self.store = Some(store);
            }
            _ => {}
        }
    }
}

fn options(rng: &mut fastrand::Rng) -> Options {
    Options {
        store: rng.u128(..),
        flush: [FlushPolicy::Always, FlushPolicy::Interval(Millis(500)), FlushPolicy::Os]
            [rng.usize(..3)],
        segment_bytes: rng.u32(200..4000),
        memory_bytes: rng.usize(120_000..300_000),
        free_bytes_min: 0,
        ..Options::default()
    }
}

fn word(rng: &mut fastrand::Rng, few: u8) -> Vec<u8> {
    let mut word = vec![b'a' + rng.u8(..few); rng.usize(..3)];
    if rng.u8(..8) == 0 {
        let mut tail = vec![0; rng.usize(..40)];
        rng.fill(&mut tail);
        word.extend_from_slice(&tail);
    }
    word
}

fn value(rng: &mut fastrand::Rng) -> Vec<u8> {
    let len = if rng.u8(..30) == 0 { rng.usize(..6000) } else { rng.usize(..30) };
    vec![rng.u8(..); len]
}

fn run<S: Subject>(subject: &mut S, rng: &mut fastrand::Rng, steps: usize) {
    let mut model = Model::default();
    let shards = [0_u16, 1, 700];
    let groups: Vec<Vec<u8>> = (0..12).map(|_| word(rng, 4)).collect();
    let columns: Vec<Vec<u8>> = (0..10).map(|_| word(rng, 4)).collect();
    for _ in 0..steps {
        subject.disturb(rng);
        let shard = shards[rng.usize(..shards.len())];
        let (group, column) = (rng.choice(&groups).unwrap(), rng.choice(&columns).unwrap());
        step(subject.store(), &mut model, rng, Row { shard, group, column });
    }
    for shard in shards {
        check_shard(subject.store(), &model, shard, &[], usize::MAX);
    }
}

fn step<S: Store>(store: &mut S, model: &mut Model, rng: &mut fastrand::Rng, row: Row<'_>) {
    let address = (row.shard, row.group.to_vec(), row.column.to_vec());
    match rng.u16(..1000) {
        0..400 => {
            let value = value(rng);
            store.put(row, &value).unwrap();
            model.rows.insert(address, value);
        }
        400..550 => {
            store.delete(row).unwrap();
            model.rows.remove(&address);
        }
        550..700 => {
            let held = model.rows.get(&address).map(Vec::as_slice);
            assert_eq!(store.get(row).unwrap(), held);
        }
        700..760 => check_group(store, model, row, rng.usize(..12), rng.bool()),
        760..780 => check_shard(store, model, row.shard, row.group, rng.usize(..40)),
        780..790 => {
            let to = if rng.bool() { [row.group, b"\0"].concat() } else { word(rng, 4) };
            store.drop_groups(row.shard, row.group, &to).unwrap();
            let is_in = |group: &[u8]| group >= row.group && group < &to[..];
            model.rows.retain(|(shard, group, _), _| *shard != row.shard || !is_in(group));
        }
        790..997 => log_step(store, model, rng, row.shard),
        _ => {
            store.drop_shard(row.shard).unwrap();
            model.rows.retain(|(shard, _, _), _| *shard != row.shard);
            model.entries.retain(|(shard, _), _| *shard != row.shard);
            model.appended.retain(|(shard, _)| *shard != row.shard);
            model.states.remove(&row.shard);
        }
    }
}

fn log_step<S: Store>(store: &mut S, model: &mut Model, rng: &mut fastrand::Rng, shard: u16) {
    let id = EntryId { actor: rng.u64(..3), counter: rng.u64(..200) };
    match rng.u8(..10) {
        0..5 if model.appended.insert((shard, id)) => {
            let record = value(rng);
            store.append(shard, id, &record).unwrap();
            model.entries.insert((shard, id), record);
        }
        5 => {
            store.forget(shard, id.actor, id.counter / 2).unwrap();
            model.entries.retain(|(held, entry), _| {
                *held != shard || entry.actor != id.actor || entry.counter > id.counter / 2
            });
        }
        6 => {
            let state = value(rng);
            store.set_state(shard, &state).unwrap();
            model.states.insert(shard, state);
        }
        7 => assert_eq!(store.state(shard).unwrap().as_ref(), model.states.get(&shard)),
        _ => {
            let mut record = b"stale".to_vec();
            let is_there = store.entry(shard, id, &mut record).unwrap();
            let held = model.entries.get(&(shard, id));
            assert_eq!(is_there, held.is_some());
            assert_eq!(record, held.cloned().unwrap_or_default());
        }
    }
}

fn check_group<S: Store>(store: &mut S, model: &Model, from: Row<'_>, limit: usize, back: bool) {
    let mut seen = Vec::new();
    let mut visit = |column: &[u8], value: &[u8]| {
        seen.push((column.to_vec(), value.to_vec()));
        if seen.len() > limit { ScanControl::Stop } else { ScanControl::Continue }
    };
    let group = model
        .rows
        .iter()
        .filter(|((shard, group, _), _)| *shard == from.shard && group == from.group);
    let rows = group.map(|((_, _, column), value)| (column.clone(), value.clone()));
    let expected: Vec<_> = if back {
        store.scan_group_back(from, &mut visit).unwrap();
        rows.rev().skip_while(|(column, _)| column[..] > *from.column).take(limit + 1).collect()
    } else {
        store.scan_group(from, &mut visit).unwrap();
        rows.skip_while(|(column, _)| column[..] < *from.column).take(limit + 1).collect()
    };
    assert_eq!(seen, expected);
}

fn check_shard<S: Store>(store: &mut S, model: &Model, shard: u16, from: &[u8], limit: usize) {
    let mut seen = Vec::new();
    let mut visit = |row: Row<'_>, value: &[u8]| {
        seen.push(((row.shard, row.group.to_vec(), row.column.to_vec()), value.to_vec()));
        if seen.len() > limit { ScanControl::Stop } else { ScanControl::Continue }
    };
    store.scan_shard(shard, from, &mut visit).unwrap();
    let start = (shard, from.to_vec(), Vec::new());
    let rows = model.rows.range(start..).take_while(|((held, _, _), _)| *held == shard);
    let rows = rows.map(|(address, value)| (address.clone(), value.clone()));
    let expected: Vec<_> = rows.take(limit.saturating_add(1)).collect();
    assert_eq!(seen, expected);
}

/// Tells the seed of a failure.
pub(crate) struct Told(pub(crate) u64);

impl Drop for Told {
    #[expect(clippy::print_stderr, reason = "the seed is what the reader of a failure needs")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with seed {}", self.0);
        }
    }
}

#[test]
fn the_body_in_memory_agrees_with_the_model() {
    for seed in 0..seeds(30) {
        let _told = Told(seed);
        let mut rng = fastrand::Rng::with_seed(seed);
        run(&mut InMemory(MemoryStore::new()), &mut rng, 800);
    }
}

#[test]
fn the_durable_body_agrees_with_the_model() {
    for seed in 0..seeds(120) {
        let _told = Told(seed);
        let mut rng = fastrand::Rng::with_seed(seed);
        let (data, identity) = (SimDisk::new(seed), SimDisk::new(seed));
        let options = options(&mut rng);
        let reopen = Box::new(move || (data.process(), identity.process()));
        run(&mut OnDisk::new(options, reopen), &mut rng, 1200);
    }
}

#[test]
fn the_durable_body_agrees_with_the_model_on_a_real_disk() {
    for seed in 0..3 {
        let _told = Told(seed);
        let mut rng = fastrand::Rng::with_seed(seed);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_path_buf();
        let options = Options { flush: FlushPolicy::Os, ..options(&mut rng) };
        let reopen = Box::new(move || {
            let open = |name| RealDisk::open(path.join(name)).unwrap();
            (open("data"), open("identity"))
        });
        run(&mut OnDisk::new(options, reopen), &mut rng, 600);
    }
}
