//! Why a replica refuses, and what it raises.

use causality::{Actor, Dot, Millis};
use codec::DecodeError;
use storage::StoreError;
use thiserror::Error;

/// Why something was not done. Unless a variant says otherwise, nothing was changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReplicaError {
    /// The store failed. If the operation at hand is in the log without its effect, the replica
    /// is broken from now on, and opening it again repairs that.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row, record or blob read back makes no sense.
    #[error("damaged {what} of shard {shard}")]
    Damaged {
        /// The shard.
        shard: u16,
        /// Row, record or state.
        what: &'static str,
        /// How.
        source: DecodeError,
    },
    /// Two different operations bear one dot. Neither is merged; a person must look.
    #[error("two different operations are named {dot}")]
    Equivocation {
        /// The name.
        dot: Dot,
    },
    /// The dot's actor is retired and never minted it as far as anyone knows; it must be given a
    /// new name.
    #[error("{dot} is an unknown operation of a retired actor")]
    Sealed {
        /// The name.
        dot: Dot,
    },
    /// The dot's actor is being retired; try again when that is over.
    #[error("{dot} is a new operation of an actor that is being retired")]
    Frozen {
        /// The name.
        dot: Dot,
    },
    /// A version was declared dead without anything that could have removed it: the sender lost
    /// it. The rest of its group was applied; the dot is still missing.
    #[error("no evidence for the removal of {}", .dots[0])]
    NoEvidence {
        /// The dots left missing.
        dots: Vec<Dot>,
    },
    /// The replica takes over another's state and changes nothing until that is done.
    #[error("the replica is taking over state")]
    Fetching,
    /// The rows do not match their digest; the replica neither answers nor counts.
    #[error("the replica is quarantined")]
    Quarantined,
    /// The store failed between an operation's log entry and its effect: open the replica again.
    #[error("the replica must be opened again")]
    Broken,
    /// A size is over its limit.
    #[error("{what} is over its limit of {limit} bytes")]
    TooLarge {
        /// Key, subkey or value.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The sender has dropped versions as expired that are not expired by this node's clock.
    #[error("the sender's expiry horizon {0:?} lies in this node's future")]
    HorizonAhead(Millis),
    /// A version cannot be given back: the giver knows less, or the receiver did not lose it.
    #[error("{dot} cannot be reinstated: {why}")]
    NotReinstated {
        /// The version.
        dot: Dot,
        /// Which condition failed.
        why: &'static str,
    },
    /// The image of a state exchange is no longer held.
    #[error("the state image is gone")]
    ImageGone,
    /// The cells of an image do not add up to what its source said: rows were lost there. Nothing
    /// was taken over.
    #[error("the state image is damaged")]
    ImageDamaged,
    /// A message contradicts the protocol or the session.
    #[error("unexpected {0}")]
    Unexpected(&'static str),
    /// An actor that may not be retired: this replica mints with it.
    #[error("{0} is this replica's own actor")]
    OwnActor(Actor),
}

impl ReplicaError {
    /// Says whether something that was read back makes no sense: the shard is not what was written.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Store(StoreError::Damaged { .. }))
    }
}
