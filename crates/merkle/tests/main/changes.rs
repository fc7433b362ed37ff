//! Walks over trees that change under way: stopped, resumed, grown, shrunk, written to.

use merkle::{Ask, Digest, HashRange, Tell, Tree, Walk, answer};

use crate::budget::for_seeds;
use crate::conversation::{Bill, converse, limit, round};
use crate::reference::{Elements, depth};

struct Side {
    elements: Elements,
    tree: Tree,
}

impl Side {
    /// Does something an owner may do between two rounds.
    fn change(&mut self, touched: &mut Vec<u64>, rng: &mut fastrand::Rng) {
        match rng.u32(..4) {
            0 => self.elements.rebuild(&mut self.tree, depth(rng.u8(1..=4))),
            1 => self.tree.shrink_to(depth(rng.u8(1..=4))),
            _ => {
                let element = (rng.u64(..), rng.u128(..));
                touched.push(element.0);
                self.elements.insert(element);
                self.tree.add(element.0, Digest(element.1));
            }
        }
    }
}

fn sides(rng: &mut fastrand::Rng, differing: &[u64]) -> [Side; 2] {
    let elements = Elements::random(rng, 2000);
    [(); 2].map(|()| {
        let mut elements = elements.clone();
        differing.iter().for_each(|hash| assert!(elements.insert((*hash, rng.u128(..)))));
        let tree = elements.tree(depth(rng.u8(1..=4)), rng);
        Side { elements, tree }
    })
}

fn is_covered(ranges: &[HashRange], hash: u64) -> bool {
    ranges.iter().any(|range| range.contains(hash))
}

#[test]
fn trees_may_change_between_rounds() {
    for_seeds(1500, |rng| {
        let differing: Vec<u64> = (0..rng.usize(1..50)).map(|_| rng.u64(..)).collect();
        let [mut ours, mut theirs] = sides(rng, &differing);
        let mut walk = Walk::new(limit(rng.usize(1..20)));
        let (mut bill, mut touched, mut found) = (Bill::default(), vec![], vec![]);
        while round(&mut walk, &mut ours.tree, &mut theirs.tree, &mut bill) {
            if rng.bool() {
                ours.change(&mut touched, rng);
            }
            if rng.bool() {
                theirs.change(&mut touched, rng);
            }
            found.extend(walk.take_ranges());
            assert!(bill.rounds < 10_000, "ends however much changes");
        }
        found.extend(walk.take_ranges());
        assert!(found.windows(2).all(|pair| pair[0].last < pair[1].first), "in order");
        // What differed all along is found; the trees' other changes may be found or not.
        assert!(differing.iter().all(|hash| is_covered(&found, *hash)));
    });
}

#[test]
fn a_walk_can_be_stopped_repeated_and_resumed_from_a_copy() {
    for_seeds(300, |rng| {
        let differing: Vec<u64> = (0..rng.usize(1..300)).map(|_| rng.u64(..)).collect();
        let [mut ours, mut theirs] = sides(rng, &differing);
        let nodes_max = rng.usize(1..30);
        let (expected, _) = converse(&mut ours.tree, &mut theirs.tree, nodes_max);
        let mut walk = Walk::new(limit(nodes_max));
        let mut bill = Bill::default();
        loop {
            let ask = walk.ask(&ours.tree);
            assert_eq!(ask, walk.ask(&ours.tree), "a lost ask can be repeated");
            walk = walk.clone();
            if !round(&mut walk, &mut ours.tree.clone(), &mut theirs.tree.clone(), &mut bill) {
                break;
            }
        }
        assert_eq!(walk.take_ranges(), expected);
    });
}

#[test]
fn a_tree_shrunk_under_the_walk_answers_that_it_is_shallow() {
    let mut rng = fastrand::Rng::with_seed(5);
    let hash = 0x1234_5678_9abc_def0;
    let [mut ours, mut theirs] = sides(&mut rng, &[hash]);
    ours.elements.rebuild(&mut ours.tree, depth(4));
    theirs.elements.rebuild(&mut theirs.tree, depth(4));
    let mut walk = Walk::new(limit(8));
    let mut bill = Bill::default();
    for _ in 0..3 {
        assert!(round(&mut walk, &mut ours.tree, &mut theirs.tree, &mut bill));
    }
    theirs.tree.shrink_to(depth(2));
    let ask = walk.ask(&ours.tree).unwrap();
    assert!(matches!(&ask, Ask::Nodes(nodes) if nodes[0].level() == 3));
    let tell = answer(&mut theirs.tree, &ask, limit(8)).unwrap();
    assert_eq!(tell, Tell::Shallow { depth: depth(2) });
    walk.take(&mut ours.tree, &tell).unwrap();
    assert!(walk.is_done());
    let expected = HashRange { first: 0x1230_0000_0000_0000, last: 0x123f_ffff_ffff_ffff };
    assert_eq!(walk.take_ranges(), [expected], "the finest that was compared");
}
