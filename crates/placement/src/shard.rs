//! Shards: runs of slots of equal length, the unit of placement, replication and repair.
//!
//! Shard `i` of `P` holds the slots from `i * 16384 / P` on. How many shards there are is chosen
//! when a cluster is made and never changes.

use std::{fmt, ops::RangeInclusive};

use thiserror::Error;

use crate::{SLOT_COUNT, Slot};

/// The number of a shard, from zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How many shards a cluster has: a power of two, 1 to 16,384.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardCount(u16);

/// Why a number of shards was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ShardCountError {
    /// The slots cannot be dealt evenly to so many shards.
    #[error("{0} shards: not a power of two from 1 to 16384")]
    NotAPowerOfTwo(u32),
}

impl ShardCount {
    /// Makes a count.
    ///
    /// # Errors
    ///
    /// The number is not a power of two from 1 to 16,384.
    pub fn new(count: u32) -> Result<Self, ShardCountError> {
        let narrow = u16::try_from(count).ok();
        narrow
            .filter(|count| count.is_power_of_two() && *count <= SLOT_COUNT)
            .map(Self)
            .ok_or(ShardCountError::NotAPowerOfTwo(count))
    }

    /// Returns the number of shards.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Returns the shard of a slot.
    #[must_use]
    pub const fn shard_of(self, slot: Slot) -> ShardId {
        ShardId(slot.number() / self.slots_per_shard())
    }

    /// Returns the shard of a key.
    #[must_use]
    pub fn shard_of_key(self, key: &[u8]) -> ShardId {
        self.shard_of(Slot::of(key))
    }

    /// Returns the numbers of the first and the last slot of a shard, if there is such a shard.
    #[must_use]
    pub fn slots_of(self, shard: ShardId) -> Option<RangeInclusive<u16>> {
        let first = self.contains(shard).then(|| shard.0 * self.slots_per_shard())?;
        Some(first..=first + (self.slots_per_shard() - 1))
    }

    /// Whether there is a shard of this number.
    #[must_use]
    pub const fn contains(self, shard: ShardId) -> bool {
        shard.0 < self.0
    }

    /// Returns every shard, ascending.
    pub fn shards(self) -> impl ExactSizeIterator<Item = ShardId> + use<> {
        (0..self.0).map(ShardId)
    }

    const fn slots_per_shard(self) -> u16 {
        SLOT_COUNT / self.0
    }
}

impl Default for ShardCount {
    /// 1,024: enough for hundreds of nodes, few enough that idle shards cost nothing.
    fn default() -> Self {
        Self(1_024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_powers_of_two_up_to_the_slots() {
        let good: Vec<u32> = (0..70_000).filter(|&count| ShardCount::new(count).is_ok()).collect();
        assert_eq!(good, (0..=14).map(|bits| 1 << bits).collect::<Vec<_>>());
        assert_eq!(ShardCount::new(65_536 + 1), Err(ShardCountError::NotAPowerOfTwo(65_537)));
        assert_eq!(ShardCount::default().get(), 1_024);
    }

    #[test]
    fn every_slot_is_in_the_range_of_its_shard_and_in_no_other() {
        for bits in 0..=14 {
            let count = ShardCount::new(1 << bits).unwrap();
            let mut next = 0;
            for shard in count.shards() {
                let slots = count.slots_of(shard).unwrap();
                assert_eq!(*slots.start(), next);
                for number in slots {
                    assert_eq!(count.shard_of(Slot::new(number).unwrap()), shard);
                    next = number + 1;
                }
            }
            assert_eq!(next, SLOT_COUNT);
            assert_eq!(count.slots_of(ShardId(count.get())), None);
            assert_eq!(count.slots_of(ShardId(u16::MAX)), None);
        }
    }

    #[test]
    fn keys_of_one_tag_share_a_shard() {
        let count = ShardCount::default();
        assert_eq!(count.shard_of_key(b"{user}:a"), count.shard_of_key(b"b:{user}"));
        assert_eq!(count.shard_of_key(b"foo"), ShardId(12_182 / 16));
    }
}
