//! The laws of one owner and its copies, under partial, late, repeated and reordered deltas.

use std::collections::BTreeMap;

use super::{Applied, Store, WriteError};
use crate::config::Config;
use crate::ids::{ClusterHash, Generation, Identity, Millis, NodeId, Version};
use crate::message::{DIGEST_BYTES, Delta, Entry, Key, Page, Start, Value};

const OWNER: Identity = Identity { node: NodeId(1), generation: Generation(1) };

fn config() -> Config {
    Config {
        key_count_max: 6,
        key_bytes_max: 8,
        value_bytes_max: 16,
        deleted_keep: Millis(20),
        ..Config::new(ClusterHash(1))
    }
}

fn store(node: u32) -> Store {
    Store::new(Identity { node: NodeId(node), generation: Generation(1) }, &config())
}

fn copy(node: u32) -> Store {
    let mut store = store(node);
    store.renew(OWNER);
    store
}

fn live(store: &Store) -> BTreeMap<Key, Value> {
    let contents = store.contents(OWNER.node).expect("all stores know the owner");
    contents.live().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn position(store: &Store) -> (Version, Version) {
    let contents = store.contents(OWNER.node).expect("all stores know the owner");
    (contents.version, contents.floor)
}

fn page(store: &mut Store, rng: &mut fastrand::Rng) -> Page {
    let mut page = store.page(rng, 4_096);
    page.digests.retain(|digest| digest.identity == OWNER);
    Page { first: OWNER.node, last: OWNER.node, ..page }
}

/// An owner that writes and forgets, and what its map was at every version.
struct World {
    stores: Vec<Store>,
    history: BTreeMap<Version, BTreeMap<Key, Value>>,
    late: Vec<(usize, Delta)>,
    now: Millis,
    resets: usize,
    rng: fastrand::Rng,
}

impl World {
    fn new(seed: u64) -> Self {
        let stores = std::iter::once(store(1)).chain((2..=5).map(copy)).collect();
        let rng = fastrand::Rng::with_seed(seed);
        let (history, late) = (BTreeMap::new(), Vec::new());
        Self { stores, history, late, now: Millis(0), resets: 0, rng }
    }

    fn write(&mut self) {
        self.now = self.now.plus(Millis(self.rng.u64(..4)));
        let key = format!("k{}", self.rng.u8(..9));
        let owner = &mut self.stores[0];
        if self.rng.u8(..5) < 3 {
            let value = vec![self.rng.u8(..); self.rng.usize(..16)];
            // With nine names for six places, refusals and early forgetting both happen.
            let _ = owner.set(&key, &value);
        } else {
            owner.delete(self.now, &key);
        }
        self.record();
        if self.rng.u8(..4) == 0 {
            self.stores[0].collect(self.now);
            self.record();
        }
    }

    fn record(&mut self) {
        let queued = self.stores[0].deletions.len();
        assert!(queued <= config().key_count_max, "{queued} deletions wait to be forgotten");
        let (version, _) = position(&self.stores[0]);
        let live = live(&self.stores[0]);
        let before = self.history.insert(version, live.clone());
        assert!(before.is_none_or(|before| before == live), "a version names one state");
    }

    /// One of the two halves of an exchange between random stores, in small bites.
    fn exchange(&mut self, source: usize, target: usize) {
        let bytes_max = 120 + self.rng.usize(..200);
        let list = page(&mut self.stores[target], &mut self.rng);
        let (deltas, _) = self.stores[source].answer(&list, &mut self.rng, bytes_max);
        for delta in deltas {
            if self.rng.u8(..3) == 0 {
                self.late.push((target, delta.clone()));
            }
            self.apply(target, &delta);
        }
    }

    fn replay(&mut self) {
        if self.late.is_empty() {
            return;
        }
        let index = self.rng.usize(..self.late.len());
        let (target, delta) = self.late.swap_remove(index);
        // Not only late: also to somebody for whom it was not meant.
        let target = if self.rng.bool() { target } else { self.rng.usize(1..5) };
        self.apply(target, &delta);
    }

    fn apply(&mut self, target: usize, delta: &Delta) {
        if target == 0 {
            return;
        }
        let before = position(&self.stores[target]);
        let applied = self.stores[target].apply(delta);
        assert_ne!(applied, Applied::Refused, "honest deltas keep the bounds");
        self.resets += usize::from(matches!(applied, Applied::Reset(_)));
        let after = position(&self.stores[target]);
        assert!(before.0 <= after.0 && before.1 <= after.1, "a copy went backwards");
        self.check(target);
    }

    /// Whatever is shown is what the owner had at that version, no more and no less.
    fn check(&self, target: usize) {
        let (version, floor) = position(&self.stores[target]);
        assert!(floor <= version, "a torn copy is shown");
        if version > Version(0) {
            assert_eq!(live(&self.stores[target]), self.history[&version], "at {version}");
        }
    }

    fn is_done(&self) -> bool {
        let done = position(&self.stores[0]);
        self.stores.iter().all(|store| position(store) == done)
    }
}

#[test]
fn copies_are_never_wrong_and_all_arrive() {
    let mut resets = 0;
    for seed in 0..1_500 {
        let mut world = World::new(seed);
        for _ in 0..150 {
            match world.rng.u8(..10) {
                0..4 => world.write(),
                4 => world.replay(),
                _ => {
                    let (source, target) = (world.rng.usize(..5), world.rng.usize(1..5));
                    world.exchange(source, target);
                }
            }
        }
        let mut turns = 0;
        while !world.is_done() {
            turns += 1;
            assert!(turns < 2_000, "seed {seed}: the copies never arrive");
            let (source, target) = (world.rng.usize(..5), world.rng.usize(1..5));
            world.exchange(source, target);
        }
        let truth = live(&world.stores[0]);
        assert!(world.stores.iter().all(|store| live(store) == truth), "seed {seed}");
        resets += world.resets;
    }
    assert!(resets > 1_000, "floors were hardly exercised: {resets} resets");
}

#[test]
fn copies_agree_even_when_the_owner_and_a_fresh_start_are_lost() {
    for seed in 0..1_500 {
        let mut world = World::new(seed);
        for _ in 0..120 {
            match world.rng.u8(..10) {
                0..5 => world.write(),
                _ => {
                    let (source, target) = (world.rng.usize(..2), world.rng.usize(1..5));
                    world.exchange(source, target);
                }
            }
        }
        // The owner dies, and with it the only copy that was near to it.
        let survivors = 2..5_usize;
        let agreed = (0..3_000).any(|_| {
            let source = world.rng.usize(survivors.clone());
            let target = world.rng.usize(survivors.clone());
            world.exchange(source, target);
            let mut versions = survivors.clone().map(|index| position(&world.stores[index]).0);
            let first = versions.next();
            versions.all(|version| Some(version) == first)
        });
        assert!(agreed, "seed {seed}: the survivors never agree");
        let maps: Vec<_> = survivors.map(|index| live(&world.stores[index])).collect();
        assert!(maps.windows(2).all(|pair| pair[0] == pair[1]), "seed {seed}");
    }
}

#[test]
fn the_hash_is_that_of_the_records_however_they_came_about() {
    let mut left = copy(9);
    let mut right = copy(9);
    assert_eq!(left.hash(), right.hash());
    let entry = |version, value: &[u8]| Entry {
        key: format!("k{version}").into(),
        version: Version(version),
        value: Some(value.into()),
    };
    let delta = |base, through, entries| Delta {
        identity: OWNER,
        start: Start::After(Version(base)),
        through: Version(through),
        latest: Version(through),
        floor: Version(0),
        entries,
    };
    left.apply(&delta(0, 1, vec![entry(1, b"a")]));
    assert_ne!(left.hash(), right.hash());
    left.apply(&delta(1, 2, vec![entry(2, b"b")]));
    right.apply(&delta(0, 2, vec![entry(1, b"a"), entry(2, b"b")]));
    assert_eq!(left.hash(), right.hash());
    left.remove(OWNER.node);
    assert_ne!(left.hash(), right.hash());
    right.remove(OWNER.node);
    assert_eq!(left.hash(), right.hash());
}

#[test]
fn deltas_that_break_a_rule_change_nothing() {
    let entry = |key: &str, version, bytes: usize| Entry {
        key: key.into(),
        version: Version(version),
        value: Some(vec![0; bytes].into()),
    };
    let seven = || (1..=7).map(|version| entry(&version.to_string(), version, 1)).collect();
    let check = |entries: Vec<Entry>, through, expected| {
        let mut store = copy(2);
        let hash = store.hash();
        let start = Start::After(Version(0));
        let (through, floor) = (Version(through), Version(0));
        let delta = Delta { identity: OWNER, start, through, latest: through, floor, entries };
        assert_eq!(store.apply(&delta), expected);
        assert_eq!(store.hash() == hash, expected == Applied::Refused);
    };
    check(vec![entry("a", 1, 16)], 1, Applied::Extended(vec!["a".into()]));
    check(vec![entry("a", 1, 17)], 1, Applied::Refused);
    check(vec![entry("too long!", 1, 1)], 1, Applied::Refused);
    check(vec![entry("a", 2, 1)], 1, Applied::Refused);
    check(vec![entry("a", 0, 1)], 1, Applied::Refused);
    check(vec![entry("a", 2, 1), entry("b", 2, 1)], 3, Applied::Refused);
    check(seven(), 7, Applied::Refused);
}

#[test]
fn writes_keep_the_bounds_and_forget_deletions_only_when_they_must() {
    let mut store = store(1);
    assert!(matches!(store.set("too long!", b""), Err(WriteError::KeyTooLong { .. })));
    assert!(matches!(store.set("k", &[0; 17]), Err(WriteError::ValueTooLarge { .. })));
    for key in 1..=6 {
        assert_eq!(store.set(&key.to_string(), b"v"), Ok(Version(key)));
    }
    assert_eq!(store.set("3", b"v"), Ok(Version(3)), "the same value takes no version");
    assert_eq!(store.set("7", b"v"), Err(WriteError::KeysFull { count_max: 6 }));
    assert_eq!(store.delete(Millis(5), "2"), Some(Version(7)));
    assert_eq!(store.delete(Millis(6), "2"), None);
    assert_eq!(store.collect_at(), Some(Millis(25)));
    store.collect(Millis(24));
    assert_eq!(position(&store), (Version(7), Version(0)));
    assert_eq!(store.set("7", b"v"), Ok(Version(9)), "forgetting takes a version too");
    assert_eq!(position(&store), (Version(9), Version(7)));
    assert_eq!(store.collect_at(), None);
}

#[test]
fn a_page_says_truly_what_it_covers() {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut store = store(1);
    for node in 2..=100 {
        store.renew(Identity { node: NodeId(node * 7), generation: Generation(1) });
    }
    let mut listed_ever = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let page = store.page(&mut rng, 500);
        assert!(page.digests.len() * DIGEST_BYTES <= 500);
        let listed = |node| page.digests.iter().any(|digest| digest.identity.node == node);
        for node in store.records.keys() {
            assert!(!page.covers(*node) || listed(*node), "{node} is covered but not listed");
        }
        let freshest = store.recency.values().next_back().expect("records exist");
        assert!(listed(*freshest), "the freshest is always listed");
        listed_ever.extend(page.digests.iter().map(|digest| digest.identity.node));
    }
    assert_eq!(listed_ever.len(), 100, "nobody waits for ever");
    let whole = store.page(&mut rng, 10_000);
    assert_eq!((whole.digests.len(), whole.first, whole.last.0), (100, NodeId(0), u32::MAX));
}

#[test]
fn a_large_record_is_not_starved_by_fresh_ones() {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut store = store(1);
    for node in 2..=50 {
        let identity = Identity { node: NodeId(node), generation: Generation(1) };
        store.renew(identity);
        let value = Some(vec![0; 16].into());
        let entries = vec![Entry { key: "key".into(), version: Version(1), value }];
        let start = Start::After(Version(0));
        let (through, floor) = (Version(1), Version(0));
        store.apply(&Delta { identity, start, through, latest: through, floor, entries });
    }
    let nothing = Page { digests: Vec::new(), first: NodeId(0), last: NodeId(u32::MAX) };
    let stalest = NodeId(2);
    let served = (0..500).any(|_| {
        let (deltas, _) = store.answer(&nothing, &mut rng, 300);
        deltas.iter().any(|delta| delta.identity.node == stalest)
    });
    assert!(served);
}
