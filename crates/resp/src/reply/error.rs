//! Why a server's bytes are not a reply.

use thiserror::Error;

/// The server broke the protocol or a limit of ours; the connection cannot be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// A reply begins with an unknown byte.
    #[error("unknown kind of reply '{}'", .0.escape_ascii())]
    Kind(u8),
    /// A line or a string is not followed by its line end.
    #[error("missing line end")]
    LineEnd,
    /// A length, an integer, a double or a truth value is malformed.
    #[error("malformed value after '{}'", .0.escape_ascii())]
    Value(u8),
    /// A line does not end within its limit.
    #[error("line over its limit")]
    LineSize,
    /// A string is above its limit.
    #[error("string over its limit")]
    BulkSize,
    /// The whole reply is above its limit.
    #[error("reply over its limit")]
    ReplySize,
    /// All aggregates together have too many elements.
    #[error("too many elements")]
    ElementsCount,
    /// Aggregates are nested too deeply.
    #[error("too many levels")]
    Depth,
}
