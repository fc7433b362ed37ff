//! Counters against a plain set: every operation, random holes, both orders.

use std::collections::BTreeSet;

use super::{Counters, Run};

fn from_set(set: &BTreeSet<u64>) -> Counters {
    let mut counters = Counters::default();
    for counter in set {
        counters.insert(*counter);
    }
    counters
}

fn to_set(counters: &Counters) -> BTreeSet<u64> {
    counters.spans().flat_map(|span| span.first..=span.last).collect()
}

fn assert_canonical(counters: &Counters) {
    let mut end = counters.base();
    for run in counters.runs() {
        assert!(run.first <= run.last, "{counters:?}");
        assert!(run.first > end + 1, "{counters:?}");
        end = run.last;
    }
}

fn random_set(rng: &mut fastrand::Rng) -> BTreeSet<u64> {
    let size = rng.usize(0..40);
    let reach = rng.u64(1..60);
    (0..size).map(|_| rng.u64(1..=reach)).collect()
}

#[test]
fn agrees_with_a_plain_set() {
    for seed in 0..4_000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (left, right) = (random_set(&mut rng), random_set(&mut rng));
        let (mine, theirs) = (from_set(&left), from_set(&right));
        assert_eq!(to_set(&mine), left, "seed {seed}");
        assert_canonical(&mine);

        let mut union = mine.clone();
        union.union(&theirs);
        assert_canonical(&union);
        assert_eq!(to_set(&union), &left | &right, "seed {seed}");

        let mut both = mine.clone();
        both.intersect(&theirs);
        assert_canonical(&both);
        assert_eq!(to_set(&both), &left & &right, "seed {seed}");

        let missing = mine.difference(&theirs);
        let missing: BTreeSet<u64> = missing.iter().flat_map(|r| r.first..=r.last).collect();
        assert_eq!(missing, &left - &right, "seed {seed}");
        assert_eq!(mine.covers(&theirs), right.is_subset(&left), "seed {seed}");
        assert_eq!(mine.count(), left.len() as u64, "seed {seed}");
        assert_eq!(mine.highest(), left.last().copied().unwrap_or(0), "seed {seed}");
        for counter in 0..70 {
            assert_eq!(mine.contains(counter), left.contains(&counter), "seed {seed}");
        }
    }
}

#[test]
fn insertion_order_does_not_matter_and_duplicates_are_told() {
    for seed in 0..1_000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let set = random_set(&mut rng);
        let mut order: Vec<u64> = set.iter().copied().collect();
        rng.shuffle(&mut order);
        let mut counters = Counters::default();
        for counter in &order {
            assert!(counters.insert(*counter), "seed {seed}");
            assert!(!counters.insert(*counter), "seed {seed}");
        }
        assert_eq!(counters, from_set(&set), "seed {seed}");
    }
}

#[test]
fn runs_insert_like_their_counters() {
    for seed in 0..2_000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let set = random_set(&mut rng);
        let first = rng.u64(1..60);
        let run = Run { first, last: first + rng.u64(0..20) };
        let mut counters = from_set(&set);
        counters.insert_run(run);
        assert_canonical(&counters);
        let expected: BTreeSet<u64> = set.into_iter().chain(run.first..=run.last).collect();
        assert_eq!(to_set(&counters), expected, "seed {seed}");
    }
}

#[test]
fn one_hole_under_a_million_dots_is_one_run() {
    let mut counters = Counters::default();
    for counter in (1..=1_000_000).filter(|counter| *counter != 500_000) {
        counters.insert(counter);
    }
    assert_eq!(counters.base(), 499_999);
    assert_eq!(counters.runs(), [Run { first: 500_001, last: 1_000_000 }]);
}
