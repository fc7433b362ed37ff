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
    /// The value is not a number. Nothing was written.
    #[error("value is not a valid float")]
    NotANumber,
    /// A sum of infinities is no score. Nothing was written.
    #[error("resulting score is not a number (NaN)")]
    NotAScore,
    /// The key holds a string where a `HyperLogLog` is wanted. Nothing was written.
    #[error("Key is not a valid HyperLogLog string value.")]
    NotASketch,
    /// There is no such key. Nothing was written.
    #[error("no such key")]
    NoSuchKey,
    /// The string would grow beyond its limit. Nothing was written.
    #[error("string exceeds maximum allowed size (proto-max-bulk-len)")]
    StringTooLong,
    /// The result would be no finite number. Nothing was written.
    #[error("increment would produce NaN or Infinity")]
    NotFinite,
    /// The index is outside the list. Nothing was written.
    #[error("index out of range")]
    NoSuchIndex,
    /// The place in the list has been split too often. Nothing was written.
    #[error("this place of the list has been split too often: write the list anew")]
    PositionTooLong,
    /// So many concurrent values that one more would drown the register. Nothing was written.
    #[error("{count} concurrent values, at most {limit}: resolve them with their context")]
    TooManySiblings {
        /// How many it would have.
        count: usize,
        /// How many it may have.
        limit: usize,
    },
    /// The context was issued for another key or by another cluster, or was changed. Nothing was
    /// written.
    #[error("this context was not issued for this key by this cluster: read the key again")]
    BadContext,
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
    /// The session has seen or written what no owner that answers holds. Nothing was written.
    #[error("this session has seen operations that no owner in reach holds yet; try again")]
    SessionAhead,
    /// An owner is out of reach, and what it wrote until lately may be missing here.
    #[error(
        "the answer could be staler than {bound_ms} ms: some owner has not been heard of for longer"
    )]
    TooStale {
        /// What was allowed.
        bound_ms: u64,
    },
    /// The node is short of memory or disk. Nothing was written; removals are still taken.
    #[error(
        "the node is short of {what}: writes are refused until there is room; remove something"
    )]
    Full {
        /// Memory or disk.
        what: String,
    },
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
