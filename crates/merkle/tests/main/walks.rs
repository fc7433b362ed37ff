//! A walk finds exactly the leaves whose sums differ, at the finest level both trees have.

use merkle::{Depth, Digest, FANOUT, Tree};

use crate::budget::for_seeds;
use crate::conversation::{Bill, converse};
use crate::reference::{Elements, covered_leaves, depth, differing_leaves};

/// Makes one side differ from the other in one element: lost, gained or replaced.
fn differ(ours: &mut Elements, theirs: &mut Elements, rng: &mut fastrand::Rng) {
    let side = if rng.bool() { ours } else { theirs };
    let picked = side.pick(rng);
    match (rng.u32(..3), picked) {
        (0, Some(element)) => assert!(side.remove(element)),
        (1, Some(element)) => {
            assert!(side.remove(element));
            assert!(side.insert((element.0, rng.u128(..))));
        }
        _ => assert!(side.insert((rng.u64(..), rng.u128(..)))),
    }
}

/// Builds two trees with so many differences, walks them both ways and compares with the reference.
fn check(rng: &mut fastrand::Rng, count: usize, differences: usize, depths: [Depth; 2]) {
    let mut ours = Elements::random(rng, count);
    let mut theirs = ours.clone();
    (0..differences).for_each(|_| differ(&mut ours, &mut theirs, rng));
    let shared = depths[0].min(depths[1]);
    let expected = differing_leaves(&ours, &theirs, shared);
    let mut our_tree = ours.tree(depths[0], rng);
    let mut their_tree = theirs.tree(depths[1], rng);
    let nodes_max = *rng.choice(&[1, 2, 7, 64, 4096]).unwrap();
    let (ranges, bill) = converse(&mut our_tree, &mut their_tree, nodes_max);
    assert_eq!(covered_leaves(&ranges, shared), expected, "{differences} of {count}");
    check_bill(&bill, differences, expected.len(), shared, nodes_max);
    let (back, _) = converse(&mut their_tree, &mut our_tree, nodes_max);
    assert_eq!(back, ranges, "both sides find the same");
}

/// Checks that rounds and memory stay within what the batch size and the shape allow.
fn check_bill(bill: &Bill, differences: usize, leaves: usize, shared: Depth, nodes_max: usize) {
    let levels = usize::from(shared.get());
    assert!(bill.pending_max <= FANOUT * nodes_max * levels, "{bill:?}");
    if differences == 0 {
        assert_eq!((bill.rounds, bill.bytes()), (1, 56));
    } else if leaves <= nodes_max {
        assert!(bill.rounds <= levels, "{bill:?}");
    } else {
        // Full batches, but for one partial batch per level.
        assert!(bill.rounds <= levels + levels * leaves / nodes_max, "{bill:?}");
    }
}

#[test]
fn walks_find_exactly_the_differing_leaves() {
    for differences in [0, 1, 10, 100, 1000] {
        for_seeds(60, |rng| {
            let count = rng.usize(..8000);
            let depths = [(); 2].map(|()| depth(rng.u8(1..=4)));
            check(rng, count, differences, depths);
        });
    }
}

#[test]
fn walks_of_every_pair_of_depths() {
    let mut rng = fastrand::Rng::with_seed(3);
    for ours in 1..=5 {
        for theirs in 1..=5 {
            check(&mut rng, 2000, 30, [depth(ours), depth(theirs)]);
        }
    }
}

#[test]
fn an_empty_tree_finds_all_of_a_full_one() {
    for_seeds(20, |rng| {
        let count = rng.usize(1..5000);
        let full = Elements::random(rng, count);
        let levels = depth(rng.u8(1..=3));
        let expected = differing_leaves(&full, &Elements::default(), levels);
        let mut full = full.tree(levels, rng);
        let mut empty = Tree::with_depth(levels);
        let (ranges, _) = converse(&mut empty, &mut full, 64);
        assert_eq!(covered_leaves(&ranges, levels), expected);
    });
}

#[test]
fn identical_trees_cost_one_message_whatever_their_depths() {
    let mut rng = fastrand::Rng::with_seed(4);
    let elements = Elements::random(&mut rng, 5000);
    for [ours, theirs] in [[1, 1], [2, 4], [4, 2], [3, 3]] {
        let mut ours = elements.tree(depth(ours), &mut rng);
        let mut theirs = elements.tree(depth(theirs), &mut rng);
        let (ranges, bill) = converse(&mut ours, &mut theirs, 64);
        assert_eq!((ranges.len(), bill.rounds), (0, 1));
        assert_eq!((bill.asked_bytes, bill.told_bytes), (40, 16), "the answer is its header alone");
    }
}

#[test]
fn a_wrong_count_is_noticed_though_no_range_differs() {
    let mut ours = Tree::new();
    ours.add(1, Digest(5));
    let mut theirs = ours.clone();
    theirs.add(2, Digest::ZERO);
    let (ranges, bill) = converse(&mut ours, &mut theirs, 64);
    assert_eq!((ranges.len(), bill.rounds), (0, 1));
    assert!(bill.told_bytes > 16, "not told to be the same");
}
