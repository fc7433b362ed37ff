//! The derived order of a sorted set is always the order of the scores that the cells show.

#![expect(clippy::unwrap_used, reason = "a test reports and stops")]

use causality::{Actor, Incarnation, Millis, NodeId};
use cells::types::zset::{self, Toward};
use cells::types::{Draft, key};
use cells::{KeyAddress, Keyspace, ReadCells as _, ReadControl};
use replica::{Reader, Replica, SealedDetail, Settings};
use storage::MemoryStore;
use wire::shard::GroupsGiven;

const KEY: KeyAddress<'_> = KeyAddress { keyspace: Keyspace(1), key: b"board" };

struct Side {
    replica: Replica,
    store: MemoryStore,
}

impl Side {
    fn new(node: u32) -> Self {
        let me = Actor::new(NodeId(node), Incarnation(1));
        let mut store = MemoryStore::new();
        let replica = Replica::open(0, me, Settings::default(), &mut store).unwrap();
        Self { replica, store }
    }

    /// One random command on the sorted set.
    fn act(&mut self, now: Millis, rng: &mut fastrand::Rng) {
        let mut draft = Draft::new(self.replica.next_dot());
        let mut reader = self.replica.reader(&mut self.store, now);
        let member = [b'a' + rng.u8(0..6)];
        let score = f64::from(rng.i32(-4..4)) / 2.0;
        match rng.u8(0..10) {
            0..=4 => _ = zset::add(&mut reader, KEY, &member, score, &mut draft).unwrap(),
            5 | 6 => _ = zset::increment(&mut reader, KEY, &member, score, &mut draft).unwrap(),
            7 | 8 => _ = zset::remove(&mut reader, KEY, &member, &mut draft).unwrap(),
            _ => _ = key::delete(&mut reader, KEY, &mut draft).unwrap(),
        }
        if draft.clears_key() {
            self.replica.mint_clear(&mut self.store, now, KEY).unwrap();
        }
        for change in draft.changes() {
            self.replica.mint(&mut self.store, now, KEY, change.clone()).unwrap();
        }
    }

    fn pull(&mut self, now: Millis, from: &mut Self) {
        let wanted = self.replica.want_groups(u32::MAX, SealedDetail::Hash);
        let given = from.replica.give_groups(&mut from.store, &wanted).unwrap();
        let GroupsGiven::Groups { groups, horizon, .. } = given else { panic!("{given:?}") };
        self.replica.take_groups(&mut self.store, now, horizon, &groups).unwrap();
    }

    fn check(&mut self, seed: u64) {
        let mut reader = self.replica.reader(&mut self.store, Millis(0));
        let mut expected: Vec<(f64, Vec<u8>)> = zset::members(&mut reader, KEY)
            .unwrap()
            .into_iter()
            .map(|(member, score)| (score, member))
            .collect();
        expected.sort_by(|left, right| left.partial_cmp(right).unwrap());
        assert_eq!(reader.count_scores(KEY).unwrap(), expected.len() as u64, "seed {seed}");
        assert_eq!(walk(&mut reader, None, Toward::Up), expected, "seed {seed}");
        let middle = zset::index_key(0.5, b"c");
        let is_behind =
            |(score, member): &(f64, Vec<u8>)| zset::index_key(*score, member) >= middle;
        let behind: Vec<_> = expected.iter().filter(|one| is_behind(one)).cloned().collect();
        assert_eq!(walk(&mut reader, Some(&middle), Toward::Up), behind, "seed {seed}");
        expected.reverse();
        assert_eq!(walk(&mut reader, None, Toward::Down), expected, "seed {seed}, downwards");
        expected.retain(|one| !is_behind(one) || zset::index_key(one.0, &one.1) == middle);
        assert_eq!(walk(&mut reader, Some(&middle), Toward::Down), expected, "seed {seed}");
    }
}

fn walk(
    reader: &mut Reader<'_, MemoryStore>,
    from: Option<&[u8]>,
    toward: Toward,
) -> Vec<(f64, Vec<u8>)> {
    let mut found = Vec::new();
    let mut note = |key: &[u8]| {
        let (score, member) = zset::split_index_key(key).unwrap();
        found.push((score, member.to_vec()));
        ReadControl::Continue
    };
    reader.scan_scores(KEY, from, toward, &mut note).unwrap();
    found
}

#[test]
fn the_index_follows_every_change_however_it_comes() {
    for seed in 0..400 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut left, mut right) = (Side::new(1), Side::new(2));
        let mut now = Millis(1_000_000);
        for _ in 0..40 {
            now = now.plus(rng.u64(0..5));
            match rng.u8(0..6) {
                0..=1 => left.act(now, &mut rng),
                2..=3 => right.act(now, &mut rng),
                4 => left.pull(now, &mut right),
                _ => right.pull(now, &mut left),
            }
            left.check(seed);
            right.check(seed);
        }
        left.pull(now, &mut right);
        right.pull(now, &mut left);
        assert_eq!(left.replica.summary().digest, right.replica.summary().digest);
    }
}
