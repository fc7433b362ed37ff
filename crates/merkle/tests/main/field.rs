//! The table of the field: what finding the differences among a million keys costs.

use std::collections::BTreeSet;

use merkle::{Digest, Tree};

use crate::conversation::converse;
use crate::reference::{covered_leaves, depth};

const KEY_COUNT: usize = 1_000_000;

/// Nodes per ask: answers of 128 KiB at most.
const NODES_MAX: usize = 1024;

#[test]
fn table_of_the_field() {
    let mut rng = fastrand::Rng::with_seed(10);
    let elements: Vec<(u64, u128)> = (0..KEY_COUNT).map(|_| (rng.u64(..), rng.u128(..))).collect();
    let mut ours = Tree::for_count(KEY_COUNT as u64);
    elements.iter().for_each(|(hash, digest)| ours.add(*hash, Digest(*digest)));
    ours.settle();
    println!(
        "{:>11} {:>9} {:>9} {:>7} {:>10}",
        "differences", "leaves", "bytes", "rounds", "B each"
    );
    for differences in [0, 1, 10, 100, 1000, 10_000, 100_000, KEY_COUNT] {
        let mut theirs = ours.clone();
        for (hash, digest) in &elements[..differences] {
            theirs.subtract(*hash, Digest(*digest));
            theirs.add(*hash, Digest(rng.u128(..)));
        }
        let (ranges, bill) = converse(&mut ours, &mut theirs, NODES_MAX);
        let differing: BTreeSet<u64> =
            elements[..differences].iter().map(|(hash, _)| hash >> 48).collect();
        let leaves = covered_leaves(&ranges, depth(4));
        assert!(leaves.iter().eq(&differing), "exactly the leaves of the changed keys");
        let each = bill.bytes().checked_div(differences).unwrap_or(0);
        let (bytes, rounds) = (bill.bytes(), bill.rounds);
        println!("{differences:>11} {:>9} {bytes:>9} {rounds:>7} {each:>10}", leaves.len());
        match differences {
            0 => assert_eq!((rounds, bytes), (1, 56)),
            1 => assert!(rounds <= 6 && bytes <= 5000, "{rounds} rounds, {bytes} B"),
            // A path to each differing leaf, of at most one node per level.
            _ => assert!(bytes <= 200 * 4 * differences + 200, "{bytes} B"),
        }
        assert!(rounds <= 4 + 4369_usize.div_ceil(NODES_MAX), "{rounds} rounds");
    }
}
