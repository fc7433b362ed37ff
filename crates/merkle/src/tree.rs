//! The tree: sums of element digests over ranges of key hashes, one leaf touched per change.
//!
//! Invariants: every node's value is the sum over its range, not a hash of its children, so trees
//! of different depth compare level by level; the root is the sum of all elements, always up to
//! date; the levels between are caches, brought up to date by `settle` before they are read.
//! The tree cannot tell an element from its absence: taking out what was never put in leaves a
//! wrong sum, as a wrong element does, and comparing trees is how both are found.
//!
//! Leaves to others: what an element is and how it is hashed; when to change depth; bytes.

use thiserror::Error;

use crate::digest::Digest;
use crate::level::{Level, empty_sums};
use crate::node::{Depth, FANOUT, NodeRef};

/// An incremental hash tree over the 64-bit space of key hashes.
#[derive(Clone, Debug)]
pub struct Tree {
    depth: Depth,
    count: u64,
    root: Digest,
    leaves: Box<[Digest]>,
    /// Levels 1 to depth - 1, the root's children first; none in the shallowest tree.
    inner: Vec<Level>,
}

/// The sum of one leaf, as a checkpoint keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The leaf's place among all leaves, in key-hash order.
    pub index: u32,
    /// The sum of the leaf's elements.
    pub digest: Digest,
}

/// A list of leaves that no tree would have exported; no tree was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LeavesError {
    /// The tree has fewer leaves.
    #[error("leaf {0} is outside the tree")]
    Outside(u32),
    /// The leaf is not above the one before it.
    #[error("leaf {0} is out of order")]
    Unordered(u32),
    /// A leaf holds something, but the tree is said to be empty.
    #[error("leaf {0} holds something in a tree without elements")]
    Uncounted(u32),
}

impl Tree {
    /// Creates an empty tree of the least depth.
    #[must_use]
    pub fn new() -> Self {
        Self::with_depth(Depth::MIN)
    }

    /// Creates an empty tree of the depth that will suit `count` elements.
    ///
    /// Filling a tree of the right depth saves rebuilding it afterwards.
    #[must_use]
    pub fn for_count(count: u64) -> Self {
        Self::with_depth(Depth::for_count(count))
    }

    /// Creates an empty tree.
    #[must_use]
    pub fn with_depth(depth: Depth) -> Self {
        let inner = (1..depth.get()).map(Level::empty).collect();
        Self { depth, count: 0, root: Digest::ZERO, leaves: empty_sums(depth.leaf_count()), inner }
    }

    /// Builds a tree from exported leaves; `count` is the exporting tree's.
    ///
    /// The sums cannot prove the count or each other: the caller compares root and count with the
    /// ones it stored beside the leaves.
    ///
    /// # Errors
    /// The leaves are not ascending, not within the tree, or not counted.
    pub fn from_leaves(
        depth: Depth,
        count: u64,
        exported: impl IntoIterator<Item = Leaf>,
    ) -> Result<Self, LeavesError> {
        let mut leaves = empty_sums(depth.leaf_count());
        let mut next = 0;
        for Leaf { index, digest } in exported {
            let slot = leaves.get_mut(index as usize).ok_or(LeavesError::Outside(index))?;
            if index < next {
                return Err(LeavesError::Unordered(index));
            }
            if count == 0 {
                return Err(LeavesError::Uncounted(index));
            }
            *slot = digest;
            next = index + 1;
        }
        Ok(Self::from_sums(depth, count, leaves))
    }

    /// Builds a tree over complete leaves.
    pub(crate) fn from_sums(depth: Depth, count: u64, leaves: Box<[Digest]>) -> Self {
        assert_eq!(leaves.len(), depth.leaf_count(), "one sum for each leaf");
        let root = leaves.iter().copied().sum();
        let inner = (1..depth.get()).map(Level::stale).collect();
        Self { depth, count, root, leaves, inner }
    }

    /// Adds one element's digest at its key's hash.
    #[inline]
    pub fn add(&mut self, key_hash: u64, digest: Digest) {
        self.count = self.count.saturating_add(1);
        self.root += digest;
        *self.touch(key_hash) += digest;
    }

    /// Takes out an element that was added before.
    #[inline]
    pub fn subtract(&mut self, key_hash: u64, digest: Digest) {
        // The count may come from a damaged checkpoint: saturate, a verification will see it.
        self.count = self.count.saturating_sub(1);
        self.root -= digest;
        *self.touch(key_hash) -= digest;
    }

    /// Makes the tree shallower, exactly and at once: the cached sums become its leaves.
    ///
    /// Does nothing when the tree is no deeper than `depth`. Growing needs the elements again and
    /// is the work of a `Rebuild`.
    pub fn shrink_to(&mut self, depth: Depth) {
        if depth >= self.depth {
            return;
        }
        self.settle();
        self.inner.truncate(usize::from(depth.get()));
        self.leaves = self.inner.pop().expect("a level below the old leaves").into_sums();
        self.depth = depth;
    }

    /// Brings the cached inner sums up to date, along the changed paths only.
    ///
    /// Walks and answers do this themselves. A tree about to be cloned is better settled first, or
    /// the clone does the same work again.
    pub fn settle(&mut self) {
        let mut children = &self.leaves[..];
        let mut levels = &mut self.inner[..];
        while let Some((level, above)) = levels.split_last_mut() {
            level.refresh(children, above.last_mut());
            children = level.sums();
            levels = above;
        }
    }

    /// Returns the sum of all elements.
    #[must_use]
    pub const fn root(&self) -> Digest {
        self.root
    }

    /// Counts the elements.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Returns how many levels the tree has below its root.
    #[must_use]
    pub const fn depth(&self) -> Depth {
        self.depth
    }

    /// Returns the depth that the tree should change to, once its leaves are too full or too empty.
    ///
    /// When it is shallower, `shrink_to` does it; when it is deeper, a `Rebuild`.
    #[must_use]
    pub fn wants_depth(&self) -> Option<Depth> {
        self.depth.wanted(self.count)
    }

    /// Iterates over the leaves that hold anything, in key-hash order.
    pub fn leaves(&self) -> impl Iterator<Item = Leaf> {
        (0..)
            .zip(&self.leaves)
            .filter(|(_, digest)| **digest != Digest::ZERO)
            .map(|(index, digest)| Leaf { index, digest: *digest })
    }

    /// Counts the bytes the tree holds on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let inner: usize = self.inner.iter().map(Level::heap_bytes).sum();
        size_of_val(&*self.leaves) + self.inner.capacity() * size_of::<Level>() + inner
    }

    /// Returns the sum over the range of a key hash at a depth; nothing in a shallower tree.
    #[must_use]
    pub fn sum_near(&self, key_hash: u64, depth: Depth) -> Option<Digest> {
        let below = self.depth.get().checked_sub(depth.get())?;
        let width = FANOUT.pow(u32::from(below));
        let first = depth.leaf_of(key_hash) * width;
        let leaves = &self.leaves[first..first + width];
        Some(leaves.iter().fold(Digest::ZERO, |sum, leaf| sum + *leaf))
    }

    /// Returns the sum over a node's range; the tree must be settled and have the node's level.
    pub(crate) fn sum(&self, node: NodeRef) -> Digest {
        assert!(node.level() <= self.depth.get(), "the tree ends above this node");
        match usize::from(node.level()) {
            0 => self.root,
            level => self.inner.get(level - 1).map_or(&*self.leaves, Level::sums)[node.index()],
        }
    }

    #[inline]
    fn touch(&mut self, key_hash: u64) -> &mut Digest {
        let index = self.depth.leaf_of(key_hash);
        if let Some(parents) = self.inner.last_mut() {
            parents.mark(index / FANOUT);
        }
        &mut self.leaves[index]
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}
