//! Why a request was not carried out, in words a client can act on.

use thiserror::Error;

use crate::Level;

/// Why a call failed. Each variant says what state remains.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The key holds another type. Nothing was written.
    #[error("Operation against a key holding the wrong kind of value")]
    WrongType,
    /// The value is not an integer, or would leave the range of one. Nothing was written.
    #[error("value is not an integer or out of range")]
    NotAnInteger,
    /// An increment would leave the range of 64 bits. Nothing was written.
    #[error("increment or decrement would overflow")]
    Overflow,
    /// Too few owners answered in time. A write may still spread: the state is unknown, not
    /// unchanged.
    #[error(
        "level {level} needs {needed} of {owners}, {answered} answered; a write may still spread"
    )]
    NotEnoughReplicas {
        /// What was asked for.
        level: Level,
        /// How many owners that means.
        needed: usize,
        /// How many owners there are.
        owners: usize,
        /// How many answered.
        answered: usize,
    },
    /// The key is empty, which names a whole keyspace. Nothing was written.
    #[error("the key is empty")]
    EmptyKey,
    /// The node has as much to do as it may take on. Nothing was written.
    #[error("the node is busy; try again")]
    Busy,
    /// A size is over its limit. Nothing was written.
    #[error("{what} exceeds the maximum allowed size")]
    TooLarge {
        /// Key or value.
        what: &'static str,
    },
    /// No owner of the key can be reached, and this node is none. Nothing was written.
    #[error("no owner of the key can be reached")]
    NoOwner,
    /// The owner that the call was handed to did not answer. A write may have been done.
    #[error("the owner that was asked did not answer; a write may have been done")]
    Unanswered,
    /// The owner that the call was handed to refused it, in these words.
    #[error("{0}")]
    Elsewhere(String),
    /// The store failed; the node's log says more.
    #[error("storage failed: {0}")]
    Storage(String),
}
