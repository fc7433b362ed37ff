//! What checkers are told while a run goes on.

use wire::Message;

use crate::history::RecordId;

/// Something that happened in the world.
#[derive(Debug)]
pub(crate) enum Observed<'a> {
    /// A node has handled an event.
    Turned,
    /// A node sends a message.
    Sent { message: &'a Message },
    /// A client got its answer.
    Answered { record: RecordId },
    /// A node's disk lost what it may have promised.
    Wounded { at: usize },
}
