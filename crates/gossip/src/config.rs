//! The settings of a gossiping node: intervals, counts and bounds, checked once at birth.
//!
//! Bounds on keys and values should be equal in a whole cluster: a record above the bounds of its
//! receiver is refused there.

use thiserror::Error;

use crate::ids::{ClusterHash, Millis};
use crate::message;

/// No message above this is ever looked at, whatever the sender's settings say.
pub const MESSAGE_BYTES_HARD_MAX: usize = 1 << 20;

/// How a node gossips. [`Config::new`] gives the defaults; all fields may be changed.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which cluster; messages of another one are dropped.
    pub cluster: ClusterHash,

    /// Time between two rounds.
    pub round_interval: Millis,
    /// How many random peers a round contacts.
    pub fanout: usize,
    /// How many never-heard peers a round greets besides, so that a joiner soon knows who lives.
    pub greet_count_max: usize,

    /// Time between two probes, each of one peer; also how long a probe may take in all.
    pub probe_interval: Millis,
    /// After how long without an answer other peers are asked to probe too.
    pub probe_timeout: Millis,
    /// How many other peers are asked.
    pub relay_count: usize,
    /// How many probes a node carries out for others at one time.
    pub relay_open_max: usize,
    /// How far bad local health may stretch the two times above: up to this many times more.
    pub health_max: u32,

    /// The shortest suspicion: base + per doubling * log2(nodes).
    pub suspicion_base: Millis,
    /// See [`Config::suspicion_base`].
    pub suspicion_per_doubling: Millis,
    /// An unconfirmed suspicion lasts this many times the shortest.
    pub suspicion_stretch: u32,
    /// How many further accusers shorten a suspicion to its shortest.
    pub confirmation_count: usize,

    /// The bound of every message sent.
    pub message_bytes_max: usize,
    /// How many rumours ride on one message.
    pub rumor_count_max: usize,

    /// How many peers are known at most.
    pub node_count_max: usize,
    /// How many removed nodes are remembered; 4 bytes each, for ever, because ids are not reused.
    pub removed_count_max: usize,
    /// How many keys a node may write, deleted ones included until they are collected.
    pub key_count_max: usize,
    /// The longest key.
    pub key_bytes_max: usize,
    /// The longest value.
    pub value_bytes_max: usize,
    /// How long a node keeps its deleted keys; a peer that lags longer gets the full state.
    pub deleted_keep: Millis,
}

impl Config {
    /// The defaults for a cluster.
    #[must_use]
    pub const fn new(cluster: ClusterHash) -> Self {
        Self {
            cluster,
            round_interval: Millis(1_000),
            fanout: 3,
            greet_count_max: 16,
            probe_interval: Millis(1_000),
            probe_timeout: Millis(500),
            relay_count: 3,
            relay_open_max: 256,
            health_max: 8,
            suspicion_base: Millis(4_200),
            suspicion_per_doubling: Millis(100),
            suspicion_stretch: 2,
            confirmation_count: 3,
            message_bytes_max: 16 << 10,
            rumor_count_max: 16,
            node_count_max: 4_096,
            removed_count_max: 1 << 16,
            key_count_max: 64,
            key_bytes_max: 64,
            value_bytes_max: 2 << 10,
            deleted_keep: Millis(600_000),
        }
    }

    /// Checks that the settings fit each other.
    ///
    /// # Errors
    /// Names the first setting that does not.
    pub const fn check(&self) -> Result<(), ConfigError> {
        if self.round_interval.0 == 0 || self.probe_interval.0 == 0 {
            return Err(ConfigError::IntervalZero);
        }
        if self.probe_timeout.0 == 0 || self.probe_timeout.0 >= self.probe_interval.0 {
            return Err(ConfigError::ProbeTimeout);
        }
        if self.fanout == 0 || self.node_count_max == 0 || self.key_count_max == 0 {
            return Err(ConfigError::CountZero);
        }
        if self.suspicion_stretch == 0 || self.confirmation_count >= message::ACCUSER_COUNT_MAX {
            return Err(ConfigError::Suspicion);
        }
        if self.message_bytes_max > MESSAGE_BYTES_HARD_MAX {
            return Err(ConfigError::MessageTooLarge);
        }
        if self.message_bytes_max < self.message_bytes_min() {
            return Err(ConfigError::MessageTooSmall { bytes_min: self.message_bytes_min() });
        }
        Ok(())
    }

    /// What deltas and digests may fill of a message, header and rumours taken off.
    pub(crate) const fn body_bytes_max(&self) -> usize {
        self.message_bytes_max - self.overhead_bytes_max()
    }

    const fn overhead_bytes_max(&self) -> usize {
        // One rumour more than configured: what the receiver must know about itself rides free.
        message::HEADER_BYTES
            + message::BODY_FIXED_BYTES_MAX
            + (self.rumor_count_max + 1) * message::RUMOR_BYTES_MAX
    }

    /// Half of a body must hold the largest entry, or a large record would never travel.
    const fn message_bytes_min(&self) -> usize {
        let entry = message::ENTRY_FIXED_BYTES + self.key_bytes_max + self.value_bytes_max;
        self.overhead_bytes_max() + 2 * (message::DELTA_FIXED_BYTES + entry)
    }
}

/// Why settings cannot be used; nothing was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A round or probe interval of zero would never let time pass.
    #[error("round and probe intervals must not be zero")]
    IntervalZero,
    /// Others must be asked before the probe ends.
    #[error("the probe timeout must be between zero and the probe interval")]
    ProbeTimeout,
    /// No peers, or no keys, is no gossip.
    #[error("fanout, node count and key count must not be zero")]
    CountZero,
    /// The stretch is a factor, and an accuser list must hold all who confirm.
    #[error("suspicion needs a stretch of at least 1 and fewer confirmations than accusers kept")]
    Suspicion,
    /// Receivers drop such messages unread.
    #[error("messages above {MESSAGE_BYTES_HARD_MAX} bytes are never read")]
    MessageTooLarge,
    /// The largest entry would never fit.
    #[error("the largest key and value need messages of {bytes_min} bytes")]
    MessageTooSmall {
        /// The least that works with the other settings.
        bytes_min: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::{Config, ConfigError, MESSAGE_BYTES_HARD_MAX};
    use crate::ids::{ClusterHash, Millis};

    fn check(change: impl FnOnce(&mut Config), expected: Result<(), ConfigError>) {
        let mut config = Config::new(ClusterHash(1));
        change(&mut config);
        assert_eq!(config.check(), expected);
    }

    #[test]
    fn defaults_fit_and_each_bound_is_checked() {
        check(|_| {}, Ok(()));
        check(|c| c.round_interval = Millis(0), Err(ConfigError::IntervalZero));
        check(|c| c.probe_timeout = Millis(1_000), Err(ConfigError::ProbeTimeout));
        check(|c| c.fanout = 0, Err(ConfigError::CountZero));
        check(|c| c.suspicion_stretch = 0, Err(ConfigError::Suspicion));
        check(|c| c.confirmation_count = 8, Err(ConfigError::Suspicion));
        check(
            |c| c.message_bytes_max = MESSAGE_BYTES_HARD_MAX + 1,
            Err(ConfigError::MessageTooLarge),
        );
    }

    #[test]
    fn the_largest_entry_must_fit_half_a_message() {
        let bytes_min = Config::new(ClusterHash(1)).message_bytes_min();
        check(|c| c.message_bytes_max = bytes_min, Ok(()));
        check(
            |c| c.message_bytes_max = bytes_min - 1,
            Err(ConfigError::MessageTooSmall { bytes_min }),
        );
    }
}
