//! What can be asked of one shard of a keyspace instead of one key.
//!
//! Keys are walked in the order of their hashes, which is the same on every owner: a walk that goes
//! on elsewhere, or while others write, meets every key that is there all the time, and none twice.

use cells::Keyspace;

/// A place in the walk over a shard: the upper 48 bits of a key's hash. Keys that share them are
/// given together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    const BITS: u32 = 48;

    /// The first place.
    pub const START: Self = Self(0);

    /// Returns the place of a number; nothing when it is too large for one.
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        (number >> Self::BITS == 0).then_some(Self(number))
    }

    /// Returns the place of a hash.
    #[must_use]
    pub const fn of_hash(hash: u64) -> Self {
        Self(hash >> (u64::BITS - Self::BITS))
    }

    /// Returns the smallest hash there.
    #[must_use]
    pub const fn first_hash(self) -> u64 {
        self.0 << (u64::BITS - Self::BITS)
    }

    /// Returns the next place, if there is one.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        Self::new(self.0 + 1)
    }

    /// Returns the number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// What can be done with one shard of a keyspace; its call has the empty key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShardOperation {
    /// Keys with the names of their types: `Keys`.
    Keys {
        /// Where to begin.
        from: Position,
        /// Looks at this many keys, and at those that share the last one's place.
        count_max: u32,
    },
    /// How many keys there are: `Counted`.
    Count {
        /// Where to begin.
        from: Position,
        /// Looks at this many keys, and at those that share the last one's place.
        count_max: u32,
    },
    /// Removes every key that the coordinator holds: `Done`.
    Clear {
        /// Of which keyspaces; that of the call does not count.
        keyspaces: Vec<Keyspace>,
    },
}

impl ShardOperation {
    /// Says whether the operation may change the shard.
    #[must_use]
    pub const fn is_write(&self) -> bool {
        matches!(self, Self::Clear { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_keep_the_order_of_hashes_and_end() {
        let hashes = [0, 1, 0xffff, 0x1_0000, u64::MAX >> 1, u64::MAX];
        for pair in hashes.windows(2) {
            assert!(Position::of_hash(pair[0]) <= Position::of_hash(pair[1]));
        }
        for hash in hashes {
            let at = Position::of_hash(hash);
            assert!(at.first_hash() <= hash);
            assert_eq!(Position::of_hash(at.first_hash()), at);
            assert!(at.next().is_none_or(|next| next.first_hash() > hash));
            assert_eq!(Position::new(at.number()), Some(at));
        }
        assert_eq!(Position::of_hash(u64::MAX).next(), None);
        assert_eq!(Position::new(1 << 48), None);
    }
}
