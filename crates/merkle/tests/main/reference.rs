//! The naive tree: a set of elements, every sum taken from scratch.

use std::collections::{BTreeMap, BTreeSet};

use merkle::{Depth, Digest, HashRange, Rebuild, Tree};

/// A set of (key hash, digest) pairs that answers what a tree should answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Elements(BTreeSet<(u64, u128)>);

impl Elements {
    pub(crate) fn random(rng: &mut fastrand::Rng, count: usize) -> Self {
        Self((0..count).map(|_| (rng.u64(..), rng.u128(..))).collect())
    }

    pub(crate) fn insert(&mut self, element: (u64, u128)) -> bool {
        self.0.insert(element)
    }

    pub(crate) fn remove(&mut self, element: (u64, u128)) -> bool {
        self.0.remove(&element)
    }

    pub(crate) fn pick(&self, rng: &mut fastrand::Rng) -> Option<(u64, u128)> {
        let from = (rng.u64(..), 0);
        self.0.range(from..).next().or_else(|| self.0.first()).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u128)> {
        self.0.iter().copied()
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len() as u64
    }

    pub(crate) fn sum(&self, range: HashRange) -> Digest {
        let within = self.0.range((range.first, 0)..=(range.last, u128::MAX));
        within.map(|(_, digest)| Digest(*digest)).sum()
    }

    /// Builds the tree of these elements, one by one in random order.
    pub(crate) fn tree(&self, depth: Depth, rng: &mut fastrand::Rng) -> Tree {
        let mut elements: Vec<_> = self.iter().collect();
        rng.shuffle(&mut elements);
        let mut tree = Tree::with_depth(depth);
        elements.iter().for_each(|(hash, digest)| tree.add(*hash, Digest(*digest)));
        tree
    }

    /// Builds the tree of another depth in the way an owner does.
    pub(crate) fn rebuild(&self, tree: &mut Tree, depth: Depth) {
        let mut rebuild = Rebuild::new(depth);
        self.iter().for_each(|(hash, digest)| rebuild.add(hash, Digest(digest)));
        rebuild.finish(tree).unwrap();
    }

    fn leaf_sums(&self, depth: Depth) -> BTreeMap<u64, u128> {
        let mut sums = BTreeMap::new();
        for (hash, digest) in self.iter() {
            let sum: &mut u128 = sums.entry(hash >> shift(depth)).or_default();
            *sum = sum.wrapping_add(digest);
        }
        sums
    }
}

/// Lists the leaves of a depth whose sums differ.
pub(crate) fn differing_leaves(ours: &Elements, theirs: &Elements, depth: Depth) -> Vec<u64> {
    let (ours, theirs) = (ours.leaf_sums(depth), theirs.leaf_sums(depth));
    let sum = |sums: &BTreeMap<u64, u128>, leaf: &u64| sums.get(leaf).copied().unwrap_or(0);
    let leaves: BTreeSet<&u64> = ours.keys().chain(theirs.keys()).collect();
    leaves.into_iter().filter(|leaf| sum(&ours, leaf) != sum(&theirs, leaf)).copied().collect()
}

/// Lists the leaves that a list of ranges covers; the ranges must be ascending, merged where they
/// touch, and made of whole leaves.
pub(crate) fn covered_leaves(ranges: &[HashRange], depth: Depth) -> Vec<u64> {
    assert!(ranges.windows(2).all(|pair| pair[0].last + 1 < pair[1].first), "ordered and merged");
    for range in ranges {
        assert_eq!(range.first % (1 << shift(depth)), 0, "starts with a leaf");
        assert_eq!(range.last % (1 << shift(depth)), (1 << shift(depth)) - 1, "ends with a leaf");
    }
    let leaves = |range: &HashRange| range.first >> shift(depth)..=range.last >> shift(depth);
    ranges.iter().flat_map(leaves).collect()
}

pub(crate) fn depth(levels: u8) -> Depth {
    Depth::new(levels).unwrap()
}

fn shift(depth: Depth) -> u32 {
    64 - 4 * u32::from(depth.get())
}
