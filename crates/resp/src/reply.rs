//! Replies as a client sees them: an owned tree of every kind of value in RESP2 and RESP3.
//!
//! Streamed strings and aggregates of RESP3 (`$?`, `*?`) are refused: no server sends them.

mod error;
mod parser;
mod replies;

pub use error::ReplyError;
pub use parser::{ParsedReply, ReplyParser};
pub use replies::Replies;

/// One reply, or one element of a reply.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// A short text without line breaks.
    Simple(Vec<u8>),
    /// An error, which begins with its code.
    Error(Vec<u8>),
    /// A 64-bit integer.
    Integer(i64),
    /// Bytes.
    Bulk(Vec<u8>),
    /// No value.
    Null,
    /// No array (RESP2 only).
    NullArray,
    /// Elements in order.
    Array(Vec<Reply>),
    /// Pairs in the order sent.
    Map(Vec<(Reply, Reply)>),
    /// Elements of a set in the order sent.
    Set(Vec<Reply>),
    /// A message that answers no command.
    Push(Vec<Reply>),
    /// A double.
    Double(f64),
    /// A truth value.
    Boolean(bool),
    /// The decimal digits of an integer of any size.
    BigNumber(Vec<u8>),
    /// Text to be shown as it is.
    Verbatim {
        /// `txt` or `mkd`.
        format: [u8; 3],
        /// The text.
        text: Vec<u8>,
    },
    /// A reply with facts about it.
    Attributed {
        /// The facts, in the order sent.
        attributes: Vec<(Reply, Reply)>,
        /// What they are about.
        reply: Box<Reply>,
    },
}

impl Reply {
    /// Returns the text of a string, an error, a verbatim text or a big number.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Simple(text) | Self::Error(text) | Self::Bulk(text) => Some(text),
            Self::BigNumber(text) | Self::Verbatim { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Returns the value of an integer.
    #[must_use]
    pub const fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// Returns the elements of an array, a set or a push message.
    #[must_use]
    pub fn as_elements(&self) -> Option<&[Self]> {
        match self {
            Self::Array(elements) | Self::Set(elements) | Self::Push(elements) => Some(elements),
            _ => None,
        }
    }

    /// Whether the server refused the command.
    #[must_use]
    pub const fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }
}
