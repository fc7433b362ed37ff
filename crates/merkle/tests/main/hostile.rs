//! Messages no honest side sends: refused with a reason, never a panic, never a growing heap.

use merkle::{
    Ask, AskError, Depth, Digest, FANOUT, Fingerprint, NodeRef, Tell, TellError, Tree, Walk, answer,
};

use crate::budget::for_seeds;
use crate::conversation::limit;
use crate::reference::{Elements, depth};

/// Any node a decoder could make of a peer's bytes, half of them at levels that trees have.
fn any_node(rng: &mut fastrand::Rng) -> NodeRef {
    loop {
        let level = u32::from(rng.u8(0..9));
        let index = rng.u32(..) & ((1 << rng.u32(0..26)) - 1);
        if let Ok(node) = NodeRef::from_bits(level << 24 | index) {
            return node;
        }
    }
}

fn any_ask(rng: &mut fastrand::Rng) -> Ask {
    match rng.u32(..3) {
        0 => Ask::Open { root: Digest(rng.u128(..)), count: rng.u64(..) },
        _ => Ask::Nodes((0..rng.usize(..40)).map(|_| any_node(rng)).collect()),
    }
}

fn any_tell(rng: &mut fastrand::Rng, asked: usize) -> Tell {
    let depth = depth(rng.u8(1..=6));
    match rng.u32(..8) {
        0 => Tell::Same,
        1 => Tell::Shallow { depth },
        kind => {
            let told = if kind == 2 { rng.usize(..40) } else { asked };
            let sums = (0..told).map(|_| [(); FANOUT].map(|()| Fingerprint(rng.u64(..))));
            Tell::Children { depth, sums: sums.collect() }
        }
    }
}

fn any_tree(rng: &mut fastrand::Rng) -> Tree {
    let count = rng.usize(..100);
    let elements = Elements::random(rng, count);
    elements.tree(depth(rng.u8(1..=4)), rng)
}

#[test]
fn any_ask_gets_a_bounded_answer_or_a_reason() {
    for_seeds(1500, |rng| {
        let mut tree = any_tree(rng);
        for _ in 0..20 {
            let ask = any_ask(rng);
            let asked = if let Ask::Nodes(nodes) = &ask { nodes.len() } else { 1 };
            match answer(&mut tree, &ask, limit(30)) {
                Ok(Tell::Children { depth, sums }) => {
                    assert!((1..=30).contains(&asked));
                    assert_eq!((depth, sums.len()), (tree.depth(), asked));
                }
                Ok(Tell::Shallow { depth }) => {
                    let Ask::Nodes(nodes) = ask else { panic!("the root has children") };
                    assert!((1..=30).contains(&asked));
                    assert!(nodes.iter().any(|node| node.level() >= depth.get()));
                }
                Ok(Tell::Same) => panic!("random roots do not match"),
                Err(AskError::Empty) => assert_eq!(asked, 0),
                Err(AskError::TooMany { .. }) => assert!(asked > 30),
                Err(error) => panic!("{error}"),
            }
        }
    });
}

#[test]
fn any_answers_end_a_walk_within_the_size_of_the_tree() {
    for_seeds(1500, |rng| {
        let mut tree = any_tree(rng);
        let nodes_max = rng.usize(1..50);
        let mut walk = Walk::new(limit(nodes_max));
        let mut taken = 0;
        while let Some(ask) = walk.ask(&tree) {
            let asked = if let Ask::Nodes(nodes) = &ask { nodes.len() } else { 1 };
            assert!(1 <= asked && asked <= nodes_max);
            let before = (walk.clone().take_ranges(), walk.pending_count());
            match walk.take(&mut tree, &any_tell(rng, asked)) {
                Ok(()) => taken += 1,
                Err(_) => {
                    let after = (walk.clone().take_ranges(), walk.pending_count());
                    assert_eq!(after, before, "a refused answer changes nothing");
                    assert_eq!(walk.ask(&tree), Some(ask));
                }
            }
            assert!(walk.pending_count() <= FANOUT * nodes_max * usize::from(Depth::MAX.get()));
            if rng.u32(..20) == 0 {
                tree.shrink_to(depth(rng.u8(1..=4)));
            }
        }
        let ranges = walk.take_ranges();
        assert!(ranges.windows(2).all(|pair| pair[0].last < pair[1].first));
        assert!(taken <= 1 + 16 + 256 + 4096 + 65_536, "one answer for each node at most");
    });
}

#[test]
fn everything_said_to_differ_fills_no_memory() {
    let nodes_max = 8;
    let mut tree = Tree::with_depth(depth(4));
    let mut walk = Walk::new(limit(nodes_max));
    let mut covered = 0_u128;
    while let Some(ask) = walk.ask(&tree) {
        let asked = if let Ask::Nodes(nodes) = &ask { nodes.len() } else { 1 };
        let sums = vec![[Fingerprint(1); FANOUT]; asked];
        walk.take(&mut tree, &Tell::Children { depth: Depth::MAX, sums }).unwrap();
        assert!(walk.pending_count() <= FANOUT * nodes_max * 4, "{}", walk.pending_count());
        for range in walk.take_ranges() {
            covered += u128::from(range.last - range.first) + 1;
        }
    }
    assert_eq!(covered, 1 << 64, "all of it was found all the same");
}

#[test]
fn every_unfitting_answer_has_its_error() {
    let mut rng = fastrand::Rng::with_seed(6);
    let mut tree = Elements::random(&mut rng, 50).tree(depth(3), &mut rng);
    let other = [Fingerprint(1); FANOUT];
    let children =
        |levels, sums: &[_]| Tell::Children { depth: depth(levels), sums: sums.to_vec() };
    let shallow = |levels| Tell::Shallow { depth: depth(levels) };
    let mut walk = Walk::new(limit(20));
    let mut check = |walk: &mut Walk, tell: Tell, expected| {
        assert_eq!(walk.take(&mut tree, &tell), expected);
    };

    // Given a walk that has just opened.
    check(&mut walk, shallow(1), Err(TellError::Unfitting));
    check(&mut walk, children(3, &[]), Err(TellError::Incomplete { asked: 1, told: 0 }));
    check(&mut walk, children(3, &[other; 2]), Err(TellError::Incomplete { asked: 1, told: 2 }));
    check(&mut walk, children(3, &[other]), Ok(()));

    // When it asks for the children of level 1.
    check(&mut walk, Tell::Same, Err(TellError::Unfitting));
    check(&mut walk, children(1, &[other; 16]), Err(TellError::Contradictory(depth(1))));
    check(&mut walk, shallow(2), Err(TellError::Contradictory(depth(2))));
    check(&mut walk, children(3, &[other]), Err(TellError::Incomplete { asked: 16, told: 1 }));
    check(&mut walk, shallow(1), Ok(()));

    // Then it has ended, and nothing is asked any more.
    assert!(walk.is_done());
    assert!(!walk.is_same());
    check(&mut walk, Tell::Same, Err(TellError::Unasked));
    assert_eq!(walk.take_ranges().len(), 1, "sixteen leaves, merged");
}

#[test]
fn an_answer_of_sameness_ends_the_walk_at_once() {
    let mut tree = Tree::new();
    let mut walk = Walk::new(limit(20));
    walk.take(&mut tree, &Tell::Same).unwrap();
    assert!(walk.is_done());
    assert!(walk.is_same());
    assert_eq!((walk.ask(&tree), walk.take_ranges()), (None, vec![]));
}
