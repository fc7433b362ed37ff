//! The names and units of messages: no bare number crosses a module boundary.

/// A run of slots: the unit of placement, replication and repair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

/// Matches an answer to its question; whoever asks chooses it, and 0 expects no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Names the cluster, so that two clusters whose addresses got mixed up stay two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId(pub u64);

/// Random bytes that the other side must hash with the cluster's secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Challenge(pub [u8; 16]);

/// The keyed hash that answers a challenge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proof(pub u64);

/// One hash over the clocks of all shards that two nodes share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RootHash(pub u64);

/// 48 bits of a hash of one shard's clock.
///
/// With its shard it costs 7 bytes. Two differing clocks look equal once in 2^48 comparisons: a
/// thousand shards that differ all the time, compared every second, meet that once in nine
/// thousand years, and the next write ends it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClockHash(u64);

impl ClockHash {
    /// How many bytes of it travel.
    pub(crate) const SIZE: usize = 6;

    /// Keeps the low 48 bits of a hash.
    #[must_use]
    pub const fn of(hash: u64) -> Self {
        Self(hash & ((1 << (8 * Self::SIZE)) - 1))
    }

    /// Returns the 48 bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::ClockHash;

    #[test]
    fn a_clock_hash_keeps_what_travels() {
        assert_eq!(ClockHash::of(u64::MAX).bits(), 0xffff_ffff_ffff);
        assert_eq!(ClockHash::of(0x1234_5678_9abc_def0).bits(), 0x5678_9abc_def0);
    }
}
