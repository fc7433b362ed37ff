//! The shape every tree shares: depths, nodes, and the key-hash ranges they stand for.
//!
//! Invariants: a `Depth` is within its bounds and a `NodeRef` names a node that exists at its
//! level, so code that holds one never checks again. Both are built from bytes by a peer, hence
//! fallible constructors.
//!
//! ```text
//!   level 0   the root: every key hash
//!   level 1   16 nodes, by the top 4 bits
//!   level 2   256 nodes, by the top 8 bits
//!   ...       a tree of depth d has its leaves at level d
//! ```

use thiserror::Error;

/// Children per inner node.
pub const FANOUT: usize = 16;

/// Key-hash bits that one level consumes.
const LEVEL_BITS: u32 = 4;

/// Bits of a node reference that hold the index; the level is above them.
const INDEX_BITS: u32 = 24;

/// A leaf above this mean is too coarse: a difference would drag too many keys along.
const LEAF_ELEMENTS_MAX: u64 = 128;

/// A leaf below this mean is too fine: half of the 8 that growth leaves behind, so that a count
/// moving about one bound does not make the tree grow and shrink in turns.
const LEAF_ELEMENTS_MIN: u64 = 4;

/// A depth or node reference that no tree has; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NodeError {
    /// No tree has this depth.
    #[error("a tree has 1 to 6 levels below its root, not {0}")]
    Depth(u8),
    /// The level is too deep, or has fewer nodes than the index.
    #[error("no node has the reference {0:#010x}")]
    Reference(u32),
}

/// How many levels a tree has below its root; 1 to 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Depth(u8);

impl Depth {
    /// 16 leaves: where every tree starts.
    pub const MIN: Self = Self(1);

    /// 2^24 leaves, enough for two thousand million elements; beyond that leaves fill up.
    pub const MAX: Self = Self(6);

    /// Checks a depth.
    ///
    /// # Errors
    /// The depth is not within 1 to 6.
    pub const fn new(depth: u8) -> Result<Self, NodeError> {
        if Self::MIN.0 <= depth && depth <= Self::MAX.0 {
            Ok(Self(depth))
        } else {
            Err(NodeError::Depth(depth))
        }
    }

    /// Chooses the shallowest depth whose leaves hold 128 elements or fewer in the mean.
    #[must_use]
    pub fn for_count(count: u64) -> Self {
        (Self::MIN.0..Self::MAX.0)
            .map(Self)
            .find(|depth| count <= LEAF_ELEMENTS_MAX * depth.leaf_count() as u64)
            .unwrap_or(Self::MAX)
    }

    /// Returns the depth that a tree of this one should change to when it holds `count` elements.
    pub(crate) fn wanted(self, count: u64) -> Option<Self> {
        let leaves = self.leaf_count() as u64;
        let too_coarse = count > LEAF_ELEMENTS_MAX * leaves && self < Self::MAX;
        let too_fine = count < LEAF_ELEMENTS_MIN * leaves && Self::MIN < self;
        (too_coarse || too_fine).then(|| Self::for_count(count))
    }

    /// Returns the depth as a number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Counts the leaves of a tree of this depth.
    #[must_use]
    pub const fn leaf_count(self) -> usize {
        node_count(self.0)
    }

    /// Finds the leaf that a key hash falls into.
    #[inline]
    pub(crate) fn leaf_of(self, key_hash: u64) -> usize {
        let shift = u64::BITS - LEVEL_BITS * u32::from(self.0);
        usize::try_from(key_hash >> shift).expect("24 bits are left at most")
    }
}

/// The name of one node: its level and its place within the level; 4 bytes in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeRef(u32);

impl NodeRef {
    /// The node over every key hash.
    pub const ROOT: Self = Self(0);

    /// Reads a reference out of its message form.
    ///
    /// # Errors
    /// No tree has such a node.
    pub fn from_bits(bits: u32) -> Result<Self, NodeError> {
        let node = Self(bits);
        if node.level() <= Depth::MAX.0 && node.index() < node_count(node.level()) {
            Ok(node)
        } else {
            Err(NodeError::Reference(bits))
        }
    }

    /// Returns the message form: the level in the top 8 bits, the index in the low 24.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Returns how far below the root the node is.
    #[must_use]
    pub const fn level(self) -> u8 {
        self.0.to_be_bytes()[0]
    }

    /// Returns the key hashes that the node stands for.
    #[must_use]
    pub fn range(self) -> HashRange {
        let bits = LEVEL_BITS * u32::from(self.level());
        let first = (self.index() as u64).checked_shl(u64::BITS - bits).unwrap_or(0);
        HashRange { first, last: first | (u64::MAX >> bits) }
    }

    /// Returns the node's place within its level, in key-hash order.
    pub(crate) const fn index(self) -> usize {
        (self.0 & ((1 << INDEX_BITS) - 1)) as usize
    }

    /// Returns the children in key-hash order; the node must not be at the deepest level.
    pub(crate) fn children(self) -> impl Iterator<Item = Self> {
        assert!(self.level() < Depth::MAX.0, "nothing is below the deepest level");
        let level = u32::from(self.level()) + 1;
        let first = (self.0 & ((1 << INDEX_BITS) - 1)) << LEVEL_BITS;
        (first..).take(FANOUT).map(move |index| Self(level << INDEX_BITS | index))
    }
}

/// An inclusive range of key hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HashRange {
    /// The lowest key hash of the range.
    pub first: u64,
    /// The highest key hash of the range, not below the first.
    pub last: u64,
}

impl HashRange {
    /// Says whether a key hash is in the range.
    #[must_use]
    pub const fn contains(self, key_hash: u64) -> bool {
        self.first <= key_hash && key_hash <= self.last
    }
}

/// Counts the nodes of one level.
pub(crate) const fn node_count(level: u8) -> usize {
    1 << (LEVEL_BITS * level as u32)
}

#[cfg(test)]
mod tests {
    use super::{Depth, FANOUT, HashRange, NodeError, NodeRef};

    fn depth(levels: u8) -> Depth {
        Depth::new(levels).unwrap()
    }

    #[test]
    fn depths_outside_the_bounds_are_refused() {
        for levels in [0, 7, 8, 16, 255] {
            assert_eq!(Depth::new(levels), Err(NodeError::Depth(levels)));
        }
    }

    #[test]
    fn depth_follows_the_count() {
        let check = |count: u64, expected: u8| {
            assert_eq!(Depth::for_count(count), depth(expected), "{count} elements");
        };
        check(0, 1);
        check(2048, 1);
        check(2049, 2);
        check(32_768, 2);
        check(32_769, 3);
        check(1_000_000, 4);
        check(u64::MAX, 6);
    }

    #[test]
    fn growing_and_shrinking_leave_room_for_a_count_that_moves() {
        for levels in 1..=6 {
            let depth = depth(levels);
            let leaves = depth.leaf_count() as u64;
            assert_eq!(depth.wanted(128 * leaves), None, "full, not over");
            let floor = if levels == 1 { 0 } else { 4 * leaves };
            assert_eq!(depth.wanted(floor), None, "sparse, not under");
            for count in [0, floor.saturating_sub(1), 128 * leaves + 1, u64::MAX] {
                let Some(wanted) = depth.wanted(count) else { continue };
                assert_eq!(wanted.wanted(count), None, "content after one change");
                let back = if wanted > depth { count / 2 + 1 } else { count * 2 };
                assert_eq!(wanted.wanted(back), None, "{count} has to halve or double to undo it");
            }
        }
        assert_eq!(Depth::MIN.wanted(2049), Some(depth(2)));
        assert_eq!(depth(2).wanted(1024), None);
        assert_eq!(depth(2).wanted(1023), Some(Depth::MIN));
    }

    #[test]
    fn references_round_trip_and_foreign_ones_are_refused() {
        for bits in [0, 0x0100_000f, 0x0200_00ff, 0x06ff_ffff] {
            assert_eq!(NodeRef::from_bits(bits).unwrap().bits(), bits);
        }
        for bits in [1, 0x0100_0010, 0x0200_0100, 0x0700_0000, u32::MAX] {
            assert_eq!(NodeRef::from_bits(bits), Err(NodeError::Reference(bits)));
        }
    }

    #[test]
    fn children_tile_the_range_of_their_parent() {
        for bits in [0, 0x0100_000f, 0x0300_0123, 0x050f_ffff] {
            let parent = NodeRef::from_bits(bits).unwrap();
            let ranges: Vec<HashRange> = parent.children().map(NodeRef::range).collect();
            assert_eq!(ranges.len(), FANOUT);
            assert_eq!(ranges[0].first, parent.range().first);
            assert_eq!(ranges[FANOUT - 1].last, parent.range().last);
            assert!(ranges.windows(2).all(|pair| pair[0].last + 1 == pair[1].first));
        }
        assert_eq!(NodeRef::ROOT.range(), HashRange { first: 0, last: u64::MAX });
    }

    #[test]
    fn a_key_hash_falls_into_the_leaf_whose_range_holds_it() {
        for key_hash in [0, 1, u64::MAX, 0x8000_0000_0000_0000, 0x0123_4567_89ab_cdef] {
            for levels in 1..=6 {
                let leaf = depth(levels).leaf_of(key_hash);
                let bits = u32::from(levels) << 24 | u32::try_from(leaf).unwrap();
                assert!(NodeRef::from_bits(bits).unwrap().range().contains(key_hash));
            }
        }
    }
}
