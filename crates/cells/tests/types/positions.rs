//! Positions: between any two, never mixed, and short.

use causality::{Actor, Dot, Incarnation, NodeId};
use cells::types::{TypeError, between};

use crate::seed_count;

/// Somebody who writes into a list: mints dots and remembers where.
struct Writer {
    actor: Actor,
    counter: u64,
}

impl Writer {
    fn new(node: u32) -> Self {
        Self { actor: Actor::new(NodeId(node), Incarnation(1_700_000)), counter: 0 }
    }

    fn dot(&mut self) -> Dot {
        self.counter += 1;
        Dot::new(self.actor, self.counter)
    }

    /// Puts a new position at an index.
    fn insert(&mut self, list: &mut Vec<Vec<u8>>, index: usize) {
        let left = index.checked_sub(1).map(|left| list[left].as_slice());
        let right = list.get(index).map(Vec::as_slice);
        let position = between(left, right, self.dot()).unwrap();
        assert!(left.is_none_or(|left| left < position.as_slice()));
        assert!(right.is_none_or(|right| position.as_slice() < right));
        list.insert(index, position);
    }
}

/// How a run goes on: behind the last element, before it, or either.
#[derive(Clone, Copy, Debug)]
enum Gait {
    Forward,
    Backward,
    Mixed,
}

fn write_run(
    rng: &mut fastrand::Rng,
    writer: &mut Writer,
    base: &[Vec<u8>],
    index: usize,
    gait: Gait,
) -> Vec<Vec<u8>> {
    let (mut list, mut cursor) = (base.to_vec(), index);
    let mut run = Vec::new();
    for _ in 0..rng.usize(1..12) {
        writer.insert(&mut list, cursor);
        run.push(list[cursor].clone());
        cursor += match gait {
            Gait::Forward => 1,
            Gait::Backward => 0,
            Gait::Mixed => rng.usize(0..2),
        };
    }
    run
}

/// Two replicas with the same list write runs at the same place; afterwards, one run lies wholly
/// before the other.
#[test]
fn concurrent_runs_at_one_place_never_mix() {
    for gait in [Gait::Forward, Gait::Backward, Gait::Mixed] {
        for seed in 0..seed_count(1_500) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut writers = [Writer::new(1), Writer::new(2), Writer::new(3)];
            let mut base = Vec::new();
            for _ in 0..rng.usize(0..12) {
                let index = rng.usize(0..=base.len());
                writers[rng.usize(0..3)].insert(&mut base, index);
            }
            // Some elements are gone again: neighbours need not have been neighbours before.
            base.retain(|_| rng.u8(0..4) > 0);
            let index = rng.usize(0..=base.len());
            let one = write_run(&mut rng, &mut writers[0], &base, index, gait);
            let other = write_run(&mut rng, &mut writers[1], &base, index, gait);
            let is_before = |a: &[Vec<u8>], b: &[Vec<u8>]| a.iter().max() < b.iter().min();
            assert!(
                is_before(&one, &other) || is_before(&other, &one),
                "{gait:?}, seed {seed}: {one:?} and {other:?}"
            );
        }
    }
}

#[test]
fn every_position_is_new_even_where_elements_were_removed() {
    for seed in 0..seed_count(300) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut writers = [Writer::new(1), Writer::new(2)];
        let (mut list, mut ever) = (Vec::new(), std::collections::BTreeSet::new());
        for _ in 0..120 {
            if rng.u8(0..3) == 0 && !list.is_empty() {
                list.remove(rng.usize(0..list.len()));
                continue;
            }
            let index = rng.usize(0..=list.len());
            writers[rng.usize(0..2)].insert(&mut list, index);
            assert!(ever.insert(list[index].clone()), "seed {seed}");
        }
        assert!(list.is_sorted());
    }
}

#[test]
fn an_adversary_is_refused_and_not_followed_without_end() {
    let mut writer = Writer::new(1);
    let (mut left, mut right) = (None::<Vec<u8>>, None::<Vec<u8>>);
    let refused = (0..100_000).find_map(|turn| {
        // Always between the last two elements, from both sides in turn.
        let made = between(left.as_deref(), right.as_deref(), writer.dot());
        match made {
            Ok(position) if turn % 2 == 0 => left = Some(position),
            Ok(position) => right = Some(position),
            Err(error) => return Some((turn, error)),
        }
        None
    });
    let (turn, error) = refused.unwrap();
    assert_eq!(error, TypeError::PositionTooLong);
    println!("an adversary nests {turn} elements before it is refused");
    assert!(turn > 100);
}

/// Mean, 99th percentile and maximum of the sizes, in bytes.
fn sizes(list: &[Vec<u8>]) -> (f64, usize, usize) {
    let mut sizes: Vec<usize> = list.iter().map(Vec::len).collect();
    sizes.sort_unstable();
    let mean = sizes.iter().sum::<usize>() as f64 / sizes.len() as f64;
    (mean, sizes[sizes.len() * 99 / 100], sizes[sizes.len() - 1])
}

fn check_sizes(name: &str, list: &[Vec<u8>], mean_max: f64) {
    let (mean, p99, max) = sizes(list);
    println!("{name:42} mean {mean:6.1} B, p99 {p99:4} B, max {max:4} B");
    assert!(mean < mean_max, "{name}: {mean}");
}

fn grow(
    writer_count: u32,
    size: usize,
    place: impl Fn(&mut fastrand::Rng, usize) -> usize,
) -> Vec<Vec<u8>> {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut writers: Vec<Writer> = (1..=writer_count).map(Writer::new).collect();
    let mut list = Vec::new();
    for _ in 0..size {
        let index = place(&mut rng, list.len());
        writers[rng.usize(0..writer_count as usize)].insert(&mut list, index);
    }
    list
}

#[test]
fn sizes_of_positions() {
    check_sizes("push at the back, one writer", &grow(1, 5_000, |_, len| len), 16.0);
    check_sizes("push at the front, one writer", &grow(1, 5_000, |_, _| 0), 21.0);
    check_sizes("push at the back, 3 writers in turn", &grow(3, 5_000, |_, len| len), 20.0);
    check_sizes("push at the front, 3 writers in turn", &grow(3, 5_000, |_, _| 0), 20.0);
    check_sizes("both ends, 3 writers", &grow(3, 5_000, |r, len| r.usize(0..2) * len), 20.0);
    check_sizes("anywhere, one writer", &grow(1, 5_000, |r, len| r.usize(0..=len)), 120.0);
    check_sizes("anywhere, 3 writers", &grow(3, 5_000, |r, len| r.usize(0..=len)), 160.0);
    check_sizes("typing, sessions of 1,000, 10 writers", &typing(1_000), 60.0);
    check_sizes("typing, sessions of 50, 10 writers", &typing(50), 90.0);
    check_sizes("before a pivot, 3 writers in turn", &before_pivot(), 40.0);
}

/// Text-like editing: runs at a cursor that jumps now and then, by another writer each session.
fn typing(session: usize) -> Vec<Vec<u8>> {
    let mut rng = fastrand::Rng::with_seed(2);
    let mut writers: Vec<Writer> = (1..=10).map(Writer::new).collect();
    let (mut list, mut cursor) = (Vec::new(), 0);
    for count in 0..10_000 {
        if rng.usize(0..40) == 0 {
            cursor = rng.usize(0..=list.len());
        }
        writers[count / session % 10].insert(&mut list, cursor);
        cursor += 1;
    }
    list
}

/// Writers that see each other put elements at one inner place.
fn before_pivot() -> Vec<Vec<u8>> {
    let mut writers: Vec<Writer> = (1..=3).map(Writer::new).collect();
    let mut list = Vec::new();
    for index in 0..2 {
        writers[0].insert(&mut list, index);
    }
    for count in 0..2_000 {
        let index = list.len() - 1;
        writers[count % 3].insert(&mut list, index);
    }
    list
}
