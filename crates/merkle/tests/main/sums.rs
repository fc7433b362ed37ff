//! Every sum of a tree is the sum over its range, whatever happened and in whatever order.

use merkle::{Ask, Depth, Digest, Leaf, LeavesError, NodeRef, Rebuild, Tell, Tree, answer};

use crate::budget::for_seeds;
use crate::conversation::limit;
use crate::reference::{Elements, depth};

/// Compares every node of the three upper levels, and a sample below, with the reference.
fn check(tree: &mut Tree, elements: &Elements, rng: &mut fastrand::Rng) {
    assert_eq!(tree.count(), elements.count());
    assert_eq!(tree.root(), elements.iter().map(|(_, digest)| Digest(digest)).sum());
    for level in 0..tree.depth().get() {
        let nodes = 1_u32 << (4 * level);
        let asked: Vec<u32> = if level < 2 {
            (0..nodes).collect()
        } else {
            (0..40).map(|_| rng.u32(..nodes)).collect()
        };
        let asked: Vec<NodeRef> =
            asked.iter().map(|i| NodeRef::from_bits(u32::from(level) << 24 | i).unwrap()).collect();
        let tell = answer(tree, &Ask::Nodes(asked.clone()), limit(256)).unwrap();
        let Tell::Children { depth, sums } = tell else { panic!("{tell:?}") };
        assert_eq!(depth, tree.depth());
        assert_eq!(sums.len(), asked.len());
        for (node, sums) in asked.iter().zip(sums) {
            for (slot, sum) in (0..).zip(sums) {
                let child = (u32::from(level) + 1) << 24 | (node.bits() & 0x00ff_ffff) << 4 | slot;
                let range = NodeRef::from_bits(child).unwrap().range();
                assert_eq!(sum, elements.sum(range).fingerprint(), "{child:#x}");
            }
        }
    }
}

/// Changes the tree and the reference alike.
fn step(tree: &mut Tree, elements: &mut Elements, rng: &mut fastrand::Rng) {
    match rng.u32(..1000) {
        0 => *tree = tree.clone(),
        1..=3 => tree.settle(),
        4..=6 => elements.rebuild(tree, depth(rng.u8(1..=4))),
        7..=9 => tree.shrink_to(depth(rng.u8(1..=4))),
        10..=12 => {
            let leaves: Vec<Leaf> = tree.leaves().collect();
            *tree = Tree::from_leaves(tree.depth(), tree.count(), leaves).unwrap();
        }
        13..=300 => {
            if let Some(element) = elements.pick(rng) {
                elements.remove(element);
                tree.subtract(element.0, Digest(element.1));
            }
        }
        _ => {
            // Now and then a hash that is taken already: a key with several elements.
            let hash = elements.pick(rng).filter(|_| rng.u32(..4) == 0).map(|(hash, _)| hash);
            let element = (hash.unwrap_or_else(|| rng.u64(..)), rng.u128(..));
            assert!(elements.insert(element));
            tree.add(element.0, Digest(element.1));
        }
    }
}

#[test]
fn sums_follow_any_mix_of_changes() {
    for_seeds(200, |rng| {
        let (mut tree, mut elements) = (Tree::new(), Elements::default());
        for _ in 0..rng.usize(..3000) {
            step(&mut tree, &mut elements, rng);
            if rng.u32(..500) == 0 {
                check(&mut tree, &elements, rng);
            }
        }
        check(&mut tree, &elements, rng);
    });
}

#[test]
fn order_does_not_matter_and_everything_can_be_taken_out_again() {
    for_seeds(200, |rng| {
        let count = rng.usize(..3000);
        let elements = Elements::random(rng, count);
        let mut one = elements.tree(depth(rng.u8(1..=4)), rng);
        let mut other = elements.tree(depth(rng.u8(1..=4)), rng);
        assert_eq!(one.root(), other.root());
        let shallow = one.depth().min(other.depth());
        one.shrink_to(shallow);
        other.shrink_to(shallow);
        assert!(one.leaves().eq(other.leaves()));
        elements.iter().for_each(|(hash, digest)| one.subtract(hash, Digest(digest)));
        assert_eq!((one.root(), one.count(), one.leaves().next()), (Digest::ZERO, 0, None));
        check(&mut one, &Elements::default(), rng);
    });
}

#[test]
fn a_tree_grows_and_shrinks_with_its_elements() {
    let mut rng = fastrand::Rng::with_seed(1);
    let (mut tree, mut elements) = (Tree::new(), Elements::default());
    let mut depths = vec![];
    for _ in 0..40_000 {
        let element = (rng.u64(..), rng.u128(..));
        elements.insert(element);
        tree.add(element.0, Digest(element.1));
        if let Some(wanted) = tree.wants_depth() {
            elements.rebuild(&mut tree, wanted);
            depths.push((tree.count(), tree.depth().get()));
            check(&mut tree, &elements, &mut rng);
        }
    }
    while let Some(element) = elements.pick(&mut rng) {
        elements.remove(element);
        tree.subtract(element.0, Digest(element.1));
        if let Some(wanted) = tree.wants_depth() {
            tree.shrink_to(wanted);
            depths.push((tree.count(), tree.depth().get()));
            check(&mut tree, &elements, &mut rng);
        }
    }
    assert_eq!(depths, [(2049, 2), (32_769, 3), (16_383, 2), (1023, 1)]);
}

#[test]
fn a_rebuild_in_steps_takes_every_change_made_meanwhile() {
    for_seeds(600, |rng| {
        let count = rng.usize(1..500);
        let mut elements = Elements::random(rng, count);
        let mut tree = elements.tree(Depth::MIN, rng);
        let mut snapshot: Vec<_> = elements.iter().collect();
        rng.shuffle(&mut snapshot);
        let mut rebuild = Rebuild::new(depth(rng.u8(1..=3)));
        for (hash, digest) in snapshot {
            while rng.bool() {
                let born = (rng.u64(..), rng.u128(..));
                elements.insert(born);
                tree.add(born.0, Digest(born.1));
                rebuild.add(born.0, Digest(born.1));
            }
            if let Some(dead) = elements.pick(rng).filter(|_| rng.bool()) {
                elements.remove(dead);
                tree.subtract(dead.0, Digest(dead.1));
                rebuild.subtract(dead.0, Digest(dead.1));
            }
            rebuild.add(hash, Digest(digest));
        }
        rebuild.finish(&mut tree).unwrap();
        check(&mut tree, &elements, rng);
    });
}

#[test]
fn an_incomplete_rebuild_is_not_installed() {
    let mut rng = fastrand::Rng::with_seed(2);
    let elements = Elements::random(&mut rng, 100);
    let mut tree = elements.tree(Depth::MIN, &mut rng);
    let fed = |skipped: usize, extra: &[(u64, u128)]| {
        let mut rebuild = Rebuild::new(depth(2));
        let all = elements.iter().skip(skipped).chain(extra.iter().copied());
        all.for_each(|(hash, digest)| rebuild.add(hash, Digest(digest)));
        rebuild
    };
    let first = elements.iter().next().unwrap();
    let wrong = [
        (fed(1, &[]), 99),
        (fed(0, &[first]), 101),
        (fed(0, &[(1, 0)]), 101),
        (fed(1, &[(first.0, first.1 ^ 1)]), 100),
    ];
    for (rebuild, rebuilt) in wrong {
        let error = rebuild.finish(&mut tree).unwrap_err();
        assert_eq!((error.rebuilt, error.held), (rebuilt, 100));
        check(&mut tree, &elements, &mut rng);
        assert_eq!(tree.depth(), Depth::MIN);
    }
    fed(0, &[]).finish(&mut tree).unwrap();
    assert_eq!(tree.depth(), depth(2));
}

#[test]
fn leaves_no_tree_exports_are_refused() {
    let leaf = |index| Leaf { index, digest: Digest(7) };
    let check = |levels: u8, count: u64, leaves: &[u32], expected: LeavesError| {
        let leaves = leaves.iter().map(|index| leaf(*index));
        assert_eq!(Tree::from_leaves(depth(levels), count, leaves).unwrap_err(), expected);
    };
    check(1, 3, &[0, 16], LeavesError::Outside(16));
    check(2, 3, &[u32::MAX], LeavesError::Outside(u32::MAX));
    check(1, 3, &[4, 4], LeavesError::Unordered(4));
    check(1, 3, &[4, 5, 3], LeavesError::Unordered(3));
    check(1, 0, &[4], LeavesError::Uncounted(4));
    assert!(Tree::from_leaves(depth(1), 2, [leaf(0), leaf(15)]).is_ok());
}

#[test]
fn a_wrong_count_from_a_checkpoint_panics_nothing() {
    let mut tree = Tree::from_leaves(depth(1), 1, [Leaf { index: 0, digest: Digest(7) }]).unwrap();
    tree.subtract(0, Digest(3));
    tree.subtract(0, Digest(4));
    assert_eq!((tree.root(), tree.count()), (Digest::ZERO, 0));
    let mut tree = Tree::from_leaves(depth(1), u64::MAX, []).unwrap();
    tree.add(0, Digest(3));
    assert_eq!((tree.count(), tree.wants_depth()), (u64::MAX, Some(Depth::MAX)));
}

#[test]
fn an_empty_tree_is_small() {
    let bytes = size_of::<Tree>() + Tree::new().heap_bytes();
    println!("empty tree: {} B inline, {} B heap", size_of::<Tree>(), Tree::new().heap_bytes());
    assert!(bytes < 400, "{bytes}");
    let large = Tree::for_count(1_000_000);
    println!("tree for 10^6 elements: {} B heap", large.heap_bytes());
    assert_eq!(large.depth(), depth(4));
    assert!((1 << 20..9 << 17).contains(&large.heap_bytes()));
}
