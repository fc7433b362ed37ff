//! One cached inner level of a tree, and which of its sums are out of date.
//!
//! Invariant: a sum whose bit is clear equals the sum of its 16 children, unless a child's bit is
//! set; refreshing the levels bottom-up clears both.

use crate::digest::Digest;
use crate::node::{FANOUT, node_count};

/// The nodes of one level between the root and the leaves.
#[derive(Clone, Debug)]
pub(crate) struct Level {
    sums: Box<[Digest]>,
    stale: Box<[u64]>,
}

impl Level {
    /// Creates a level over nothing, up to date.
    pub(crate) fn empty(level: u8) -> Self {
        let count = node_count(level);
        Self { sums: empty_sums(count), stale: vec![0; count.div_ceil(64)].into_boxed_slice() }
    }

    /// Creates a level whose every sum is out of date.
    pub(crate) fn stale(level: u8) -> Self {
        let mut fresh = Self::empty(level);
        (0..fresh.sums.len()).for_each(|index| fresh.mark(index));
        fresh
    }

    /// Remembers that a child of this node changed.
    #[inline]
    pub(crate) fn mark(&mut self, index: usize) {
        self.stale[index / 64] |= 1 << (index % 64);
    }

    /// Sums the children of every marked node again, and marks its parent.
    pub(crate) fn refresh(&mut self, children: &[Digest], mut parents: Option<&mut Self>) {
        for (word_index, word) in self.stale.iter_mut().enumerate() {
            while *word != 0 {
                let index = word_index * 64 + word.trailing_zeros() as usize;
                *word &= *word - 1;
                let first = index * FANOUT;
                self.sums[index] = children[first..first + FANOUT].iter().copied().sum();
                if let Some(parents) = parents.as_deref_mut() {
                    parents.mark(index / FANOUT);
                }
            }
        }
    }

    pub(crate) fn sums(&self) -> &[Digest] {
        &self.sums
    }

    pub(crate) fn into_sums(self) -> Box<[Digest]> {
        self.sums
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.sums) + size_of_val(&*self.stale)
    }
}

/// Allocates the sums of `count` empty ranges.
pub(crate) fn empty_sums(count: usize) -> Box<[Digest]> {
    vec![Digest::ZERO; count].into_boxed_slice()
}
