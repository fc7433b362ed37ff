//! The replies in what a server sends, however the bytes are split.

use super::{ParsedReply, Reply, ReplyError, ReplyParser};
use crate::limits::ReplyLimits;

/// Bytes of one connection that were received and not yet taken as replies.
///
/// ```
/// use resp::{Replies, Reply, ReplyLimits};
///
/// let mut replies = Replies::new(ReplyLimits::default());
/// replies.receive(b"+PONG\r\n:");
/// assert_eq!(replies.take(), Ok(Some(Reply::Simple(b"PONG".to_vec()))));
/// assert_eq!(replies.take(), Ok(None));
/// replies.receive(b"7\r\n");
/// assert_eq!(replies.take(), Ok(Some(Reply::Integer(7))));
/// ```
#[derive(Debug)]
pub struct Replies {
    parser: ReplyParser,
    input: Vec<u8>,
    /// How many of those bytes are done with; they go when more come.
    done: usize,
}

impl Replies {
    /// Starts at the first byte of a connection.
    #[must_use]
    pub const fn new(limits: ReplyLimits) -> Self {
        Self { parser: ReplyParser::new(limits), input: Vec::new(), done: 0 }
    }

    /// Adds what was received.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.input.drain(..self.done);
        self.done = 0;
        self.input.extend_from_slice(bytes);
    }

    /// Takes the next reply; nothing when more bytes are needed.
    ///
    /// # Errors
    /// The bytes are no reply, or one over the limits. Every later call says so again.
    pub fn take(&mut self) -> Result<Option<Reply>, ReplyError> {
        match self.parser.parse(&self.input[self.done..])? {
            ParsedReply::Complete { reply, consumed } => {
                self.done += consumed;
                Ok(Some(reply))
            }
            ParsedReply::Incomplete { consumed, .. } => {
                self.done += consumed;
                Ok(None)
            }
        }
    }

    /// Returns the bytes that were received and belong to no reply that was taken.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.input[self.done..]
    }
}
