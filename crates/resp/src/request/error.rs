//! Why a client's bytes are not commands, in the words of Redis.

use thiserror::Error;

/// A client broke the protocol. Its earlier commands stand; the connection has to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The number of arguments is not a number or above its limit.
    #[error("Protocol error: invalid multibulk length")]
    MultibulkLength,
    /// The number of arguments is above the limit for strangers.
    #[error("Protocol error: unauthenticated multibulk length")]
    UnauthenticatedMultibulkLength,
    /// The line with the number of arguments does not end.
    #[error("Protocol error: too big mbulk count string")]
    MultibulkLineSize,
    /// The size of an argument is not a number, negative or above its limit.
    #[error("Protocol error: invalid bulk length")]
    BulkLength,
    /// The size of an argument is above the limit for strangers.
    #[error("Protocol error: unauthenticated bulk length")]
    UnauthenticatedBulkLength,
    /// The line with the size of an argument does not end.
    #[error("Protocol error: too big bulk count string")]
    BulkLineSize,
    /// Something else stands where an argument has to begin. Bytes that do not print are escaped
    /// here; the client is sent the byte itself.
    #[error("Protocol error: expected '$', got '{}'", .0.escape_ascii())]
    ExpectedBulk(u8),
    /// An inline command does not end.
    #[error("Protocol error: too big inline request")]
    InlineSize,
    /// The quotes of an inline command do not close, or text follows a closing quote.
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// All arguments together are above the limit. Redis closes the connection without a word.
    #[error("Protocol error: too big command")]
    CommandSize,
}
