//! What checkers are told while a run goes on.

use wire::Message;

use crate::history::{Record, RecordId};
use crate::world::World;

/// Something that happened in the world.
#[derive(Debug)]
pub(crate) enum Observed<'a> {
    /// A node has handled an event.
    Turned { at: usize },
    /// A node sends a message.
    Sent { message: &'a Message },
    /// A client got its answer.
    Answered { record: RecordId },
    /// All owners have what is promised on their disks.
    Settled,
    /// A node's disk lost what it may have promised.
    Wounded { at: usize },
}

impl Observed<'_> {
    /// The read that was answered, if that is what happened.
    pub(crate) fn read<'a>(&self, world: &'a World<'_>) -> Option<&'a Record> {
        let Observed::Answered { record } = self else { return None };
        let record = world.history.record(*record);
        (record.deed.is_read() && record.answered_well().is_some()).then_some(record)
    }
}
