//! The body of each kind of message: its fields, in the order of the table.
//!
//! Opaque bytes, where there are any, come last: they end with the body.

use causality::Dots;
use cells::Op;
use codec::DecodeError;

use super::{BodyReader, BodyWriter, Layout};
use crate::ids::{RequestId, ShardId};
use crate::link::Batch;
use crate::message::{Kind, Message};

macro_rules! bodies {
    (
        $($whole:ident($value:ident)),+;
        $($kind:ident { $($field:ident),+ })+
    ) => {
        /// Writes a message's body.
        pub(crate) fn write_message(message: &Message, writer: &mut BodyWriter<'_>) {
            match message {
                $(Message::$whole($value) => $value.write(writer),)+
                $(Message::$kind { $($field),+ } => { $($field.write(writer);)+ })+
            }
        }

        /// Reads the body of a message of a kind.
        pub(crate) fn read_message(
            kind: Kind,
            reader: &mut BodyReader<'_, '_>,
        ) -> Result<Message, DecodeError> {
            match kind {
                $(Kind::$whole => Layout::read(reader).map(Message::$whole),)+
                $(Kind::$kind => {
                    $(let $field = Layout::read(reader)?;)+
                    Ok(Message::$kind { $($field),+ })
                })+
            }
        }
    };
}

bodies! {
    Hello(hello), Gossip(bytes);
    Refused { request, reason, text }
    Forward { request, bytes }
    Forwarded { request, bytes }
    Replicate { shard, request, ops }
    Acknowledged { shard, request, outcome, clock }
    Beat { now, horizon, root }
    BeatShards { now, shards }
    Wanted { shard, request, wanted }
    Given { shard, request, given }
    StateWanted { shard, request, horizon }
    StateOpened { shard, request, opened }
    CellsWanted { shard, request, wanted }
    CellsGiven { shard, request, cells }
    StateClosed { shard, session }
    Ask { shard, request, session, ask }
    Tell { shard, request, session, tell }
    Summary { shard, request, summary }
    Reinstate { shard, request, reinstate }
    Sealing { shard, request, sealing }
    Keep { shard, request, target, ops }
    Describe { request, bytes }
    Described { request, bytes }
    Compared { shard, request, comparison }
    Names { shard, request, names }
    Lost { shard, request, versions }
    KeysWanted { shard, request, repair, patience_ms, keys, wanted }
    Relay { shard, request, targets, ops }
    Relayed { shard, request, origin, ops }
}

/// Writes the body of a [`Message::Replicate`] from borrowed operations.
pub(crate) fn write_ops<'a>(
    batch: Batch,
    ops: impl ExactSizeIterator<Item = Op<'a>>,
    writer: &mut BodyWriter<'_>,
) {
    let Batch { shard, request } = batch;
    shard.write(writer);
    request.write(writer);
    let mut left = ops.len();
    writer.varint(left as u64);
    for op in ops {
        left = left.checked_sub(1).expect("an iterator knows its size");
        writer.op(&op);
    }
    assert_eq!(left, 0, "an iterator knows its size");
}

/// Reads the body of a [`Message::Replicate`], one operation after the other.
pub(crate) fn read_ops(
    reader: &mut BodyReader<'_, '_>,
    removed: &mut Dots,
    mut visit: impl FnMut(Batch, Op<'_>),
) -> Result<Batch, DecodeError> {
    let batch = Batch { shard: ShardId::read(reader)?, request: RequestId::read(reader)? };
    for _ in 0..reader.bytes.count("operations", usize::MAX)? {
        visit(batch, reader.op(removed)?);
    }
    Ok(batch)
}
