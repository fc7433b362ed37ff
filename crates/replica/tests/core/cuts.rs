//! Clocks cut at a moment: equal on both sides as soon as everything minted before it has come.

use causality::{Actor, Incarnation, Millis, NodeId};
use cells::types::string;
use cells::{KeyAddress, Keyspace, OwnedOp, types::Draft};
use replica::{CUT_GRID_MS, Mutation, Replica, SealedDetail, Settings};
use storage::MemoryStore;
use wire::shard::GroupsGiven;

const KEY_COUNT: u64 = 50;

struct Side {
    replica: Replica,
    store: MemoryStore,
}

impl Side {
    fn open(node: u32, mutation: Option<Mutation>) -> Self {
        let mut store = MemoryStore::new();
        let me = Actor::new(NodeId(node), Incarnation(1));
        let mut replica = Replica::open(1, me, Settings::default(), &mut store).unwrap();
        replica.mutate(mutation);
        Self { replica, store }
    }

    fn write(&mut self, now: Millis, key: u64) -> OwnedOp {
        let key = key.to_le_bytes();
        let key = KeyAddress { keyspace: Keyspace(1), key: &key };
        let mut draft = Draft::new(self.replica.next_dot());
        let mut reader = self.replica.reader(&mut self.store, now);
        string::set(&mut reader, key, b"value", None, &mut draft).unwrap();
        self.replica.mint(&mut self.store, now, key, draft.changes()[0].clone()).unwrap()
    }
}

/// What comparing two busy replicas led to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Compared {
    differing: u32,
    /// Although each had just taken what it missed.
    differing_after: u32,
    shipped_known: usize,
    shipped: usize,
}

/// Two replicas write and send each other everything within 190 ms; `lost` of the
/// operations get lost. Their clocks are compared every second as they were `lag_ms` ago.
fn compare(seed: u64, lag_ms: u64, lost: f64, mutation: Option<Mutation>) -> Compared {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut sides = [Side::open(1, mutation), Side::open(2, mutation)];
    let mut flights: Vec<(u64, usize, OwnedOp)> = Vec::new();
    let mut compared = Compared::default();
    for ms in 10_000..20_000 {
        let now = Millis(ms);
        let from = rng.usize(0..2);
        let op = sides[from].write(now, rng.u64(0..KEY_COUNT));
        if rng.f64() >= lost {
            flights.push((ms + rng.u64(1..190), 1 - from, op));
        }
        for (_, to, op) in flights.extract_if(.., |(due, ..)| *due <= ms) {
            let side = &mut sides[to];
            side.replica.apply(&mut side.store, now, &op.borrow()).unwrap();
        }
        if ms % 1_000 == 999 {
            let moment = (ms - lag_ms) / CUT_GRID_MS * CUT_GRID_MS;
            exchange(&mut sides, now, Millis(moment), &mut compared);
        }
    }
    compared
}

fn exchange(sides: &mut [Side; 2], now: Millis, moment: Millis, compared: &mut Compared) {
    let [left, right] = sides;
    if left.replica.clock_hash_before(moment) == right.replica.clock_hash_before(moment) {
        assert_eq!(left.replica.clock_before(moment), right.replica.clock_before(moment));
        return;
    }
    compared.differing += 1;
    for (to, from) in [(0, 1), (1, 0)] {
        let wanted = sides[to].replica.want_groups(u32::MAX, SealedDetail::Hash);
        let giver = &mut sides[from];
        let given = giver.replica.give_settled_groups(&mut giver.store, &wanted, moment);
        let GroupsGiven::Groups { groups, horizon, .. } = given.unwrap() else { panic!("groups") };
        let taker = &mut sides[to];
        let taken = taker.replica.take_groups(&mut taker.store, now, horizon, &groups).unwrap();
        compared.shipped_known += taken.known_count;
        compared.shipped += taken.applied.len();
    }
    let [left, right] = sides;
    let (left, right) = (left.replica.clock_before(moment), right.replica.clock_before(moment));
    compared.differing_after += u32::from(left != right);
}

#[test]
fn what_is_under_way_does_not_differ_and_what_is_lost_is_found() {
    for seed in 0..3 {
        assert_eq!(compare(seed, 200, 0.0, None), Compared::default(), "seed {seed}");
        let with_losses = compare(seed, 200, 0.01, None);
        assert!(with_losses.differing > 5, "seed {seed}: {with_losses:?}");
        assert_eq!(with_losses.differing_after, 0, "seed {seed}");
        assert!(with_losses.shipped >= 50, "seed {seed}: {with_losses:?}");
    }
}

#[test]
fn without_a_lag_everything_under_way_differs() {
    let compared = compare(1, 0, 0.0, None);
    assert!(compared.differing > 5 && compared.shipped > 100, "{compared:?}");
}

#[test]
fn cutting_by_arrival_never_agrees_under_load() {
    let compared = compare(1, 200, 0.0, Some(Mutation::CutByArrival));
    assert!(compared.differing > 5 && compared.differing_after > 0, "{compared:?}");
}
