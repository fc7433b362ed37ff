//! Growing a tree: its elements summed again into finer leaves, in as many steps as it takes.
//!
//! Invariant: a rebuild is installed only when its root and count equal the old tree's, so an
//! element forgotten or fed twice costs a retry, never a wrong tree.
//!
//! Leaves to others: scanning the elements, and pausing between steps.

use thiserror::Error;

use crate::digest::Digest;
use crate::level::empty_sums;
use crate::node::Depth;
use crate::tree::Tree;

/// Finer leaves in the making.
///
/// Sums may be taken in any order, so the owner can do either of these:
/// - in one go: add every element, then `finish`;
/// - in steps: start together with a snapshot, add every element of the snapshot bit by bit, and
///   repeat here every change made to the tree in the meantime; the changes may well come before
///   the elements they concern.
#[derive(Clone, Debug)]
pub struct Rebuild {
    depth: Depth,
    /// Wraps below zero while a change is ahead of the element it takes out.
    count: u64,
    leaves: Box<[Digest]>,
}

/// The rebuild does not hold the elements that the tree holds; the tree was left as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the rebuilt tree holds {rebuilt} elements, not the same as the {held} of the old one")]
pub struct RebuildError {
    /// The count of the rebuild.
    pub rebuilt: u64,
    /// The count of the tree.
    pub held: u64,
}

impl Rebuild {
    /// Starts with empty leaves at the depth that the tree is to have.
    #[must_use]
    pub fn new(depth: Depth) -> Self {
        Self { depth, count: 0, leaves: empty_sums(depth.leaf_count()) }
    }

    /// Adds an element of the snapshot, or one that the tree has gained since.
    pub fn add(&mut self, key_hash: u64, digest: Digest) {
        self.count = self.count.wrapping_add(1);
        self.leaves[self.depth.leaf_of(key_hash)] += digest;
    }

    /// Takes out an element that the tree has lost since the snapshot.
    pub fn subtract(&mut self, key_hash: u64, digest: Digest) {
        self.count = self.count.wrapping_sub(1);
        self.leaves[self.depth.leaf_of(key_hash)] -= digest;
    }

    /// Puts the rebuilt tree in the place of the old one.
    ///
    /// # Errors
    /// The two do not hold the same elements: the scan or the repeated changes were incomplete, or
    /// what is stored is no longer what was summed.
    pub fn finish(self, tree: &mut Tree) -> Result<(), RebuildError> {
        let rebuilt = Tree::from_sums(self.depth, self.count, self.leaves);
        if rebuilt.root() != tree.root() || rebuilt.count() != tree.count() {
            return Err(RebuildError { rebuilt: rebuilt.count(), held: tree.count() });
        }
        *tree = rebuilt;
        Ok(())
    }
}
