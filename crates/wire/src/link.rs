//! The two ends of one link: messages to bytes, and bytes to messages.
//!
//! Invariants: an encoder and the decoder at the other end see the same frames in the same order,
//! from the first frame of a connection on; both are made anew with it. So a frame that was
//! encoded must be sent, a frame that was received must be decoded, and after an error nothing
//! more is decoded.

use causality::Dots;
use cells::Op;
use codec::DecodeError;

use crate::frame::{self, Frame, FrameLimit, TooLong, WireError};
use crate::ids::{RequestId, ShardId};
use crate::layout::{
    Actors, ActorsByName, BodyReader, BodyWriter, read_message, read_ops, write_message, write_ops,
};
use crate::message::{Kind, Message};
use crate::version::ProtocolVersion;

/// What the operations of one [`Message::Replicate`] have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Their shard.
    pub shard: ShardId,
    /// Names the batch.
    pub request: RequestId,
}

/// The sending end of a link.
#[derive(Clone, Debug)]
pub struct Encoder {
    version: ProtocolVersion,
    limit: FrameLimit,
    actors: ActorsByName,
}

/// The receiving end of a link.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    actors: Actors,
    removed: Dots,
    is_broken: bool,
}

impl Encoder {
    /// Starts a link in a version that both ends speak; before that is known, in the current one.
    #[must_use]
    pub fn new(version: ProtocolVersion, limit: FrameLimit) -> Self {
        Self { version, limit, actors: ActorsByName::default() }
    }

    /// Speaks another version from the next frame on, once the two ends have agreed.
    pub const fn speak(&mut self, version: ProtocolVersion) {
        self.version = version;
    }

    /// Appends a message to `out` as one frame.
    ///
    /// # Errors
    /// The frame would be too long; `out` and the link are as before.
    pub fn message(&mut self, message: &Message, out: &mut Vec<u8>) -> Result<(), TooLong> {
        self.frame(message.kind(), out, |writer| write_message(message, writer))
    }

    /// Appends operations to `out` as one [`Message::Replicate`], without owning their bytes.
    ///
    /// # Errors
    /// The frame would be too long; `out` and the link are as before.
    pub fn replicate<'a>(
        &mut self,
        batch: Batch,
        ops: impl IntoIterator<Item = Op<'a>, IntoIter: ExactSizeIterator>,
        out: &mut Vec<u8>,
    ) -> Result<(), TooLong> {
        let ops = ops.into_iter();
        self.frame(Kind::Replicate, out, |writer| write_ops(batch, ops, writer))
    }

    fn frame(
        &mut self,
        kind: Kind,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut BodyWriter<'_>),
    ) -> Result<(), TooLong> {
        let opened = frame::open(out, self.version, kind);
        let first_new = self.actors.list().next_index();
        write(&mut BodyWriter::new(out, &mut self.actors));
        opened.seal(out, self.limit).inspect_err(|_| self.actors.forget_from(first_new))
    }
}

impl Decoder {
    /// Starts a link.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the message of a frame.
    ///
    /// # Errors
    /// The body is malformed, or that of an earlier frame was: the link must be closed.
    pub fn message(&mut self, frame: &Frame<'_>) -> Result<Message, WireError> {
        self.frame(frame, |reader, _| read_message(frame.kind, reader))
    }

    /// Reads the operations of a [`Kind::Replicate`] frame without owning their bytes, and hands
    /// each out as soon as it is read. Those handed out before an error are whole and well-formed.
    ///
    /// # Errors
    /// The body is malformed, or that of an earlier frame was: the link must be closed.
    ///
    /// # Panics
    /// The frame is of another kind.
    pub fn replicate(
        &mut self,
        frame: &Frame<'_>,
        visit: impl FnMut(Batch, Op<'_>),
    ) -> Result<Batch, WireError> {
        assert_eq!(frame.kind, Kind::Replicate, "only these frames carry operations");
        self.frame(frame, |reader, removed| read_ops(reader, removed, visit))
    }

    fn frame<T>(
        &mut self,
        frame: &Frame<'_>,
        read: impl FnOnce(&mut BodyReader<'_, '_>, &mut Dots) -> Result<T, DecodeError>,
    ) -> Result<T, WireError> {
        if self.is_broken {
            return Err(WireError::Broken);
        }
        let mut reader = BodyReader::new(frame.body, &mut self.actors);
        let value = read(&mut reader, &mut self.removed);
        let value = value.and_then(|value| reader.finish().map(|()| value));
        self.is_broken = value.is_err();
        value.map_err(|source| WireError::Body { kind: frame.kind, source })
    }
}
