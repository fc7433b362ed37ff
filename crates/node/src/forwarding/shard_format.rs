//! An operation on a shard in bytes.
//!
//! ```text
//! shard varint | kind 1 B | walks: from varint, count varint; clear: count varint, keyspaces
//! ```

use api::{Operation, Position, ShardOperation};
use cells::Keyspace;
use codec::{DecodeError, Reader, put_varint};

/// The most keyspaces that one operation names.
const KEYSPACES_MAX: usize = 1024;

pub(super) fn put_on_shard(out: &mut Vec<u8>, shard: u16, operation: &ShardOperation) {
    put_varint(out, u64::from(shard));
    match operation {
        ShardOperation::Keys { from, count_max } => put_walk(out, 0, *from, *count_max),
        ShardOperation::Count { from, count_max } => put_walk(out, 1, *from, *count_max),
        ShardOperation::Clear { keyspaces } => {
            out.push(2);
            put_varint(out, keyspaces.len() as u64);
            keyspaces.iter().for_each(|keyspace| put_varint(out, u64::from(keyspace.0)));
        }
    }
}

pub(super) fn read_on_shard(reader: &mut Reader<'_>) -> Result<Operation, DecodeError> {
    let shard = u16::try_from(reader.varint()?).map_err(|_| DecodeError::Number)?;
    let operation = match reader.byte()? {
        0 => {
            let (from, count_max) = read_walk(reader)?;
            ShardOperation::Keys { from, count_max }
        }
        1 => {
            let (from, count_max) = read_walk(reader)?;
            ShardOperation::Count { from, count_max }
        }
        2 => {
            let count = reader.count("keyspaces", KEYSPACES_MAX)?;
            let keyspaces = (0..count).map(|_| Ok(Keyspace(read_number(reader)?)));
            ShardOperation::Clear { keyspaces: keyspaces.collect::<Result<_, _>>()? }
        }
        _ => return Err(DecodeError::Unknown("shard operation")),
    };
    Ok(Operation::OnShard { shard, operation })
}

fn put_walk(out: &mut Vec<u8>, kind: u8, from: Position, count_max: u32) {
    out.push(kind);
    put_varint(out, from.number());
    put_varint(out, u64::from(count_max));
}

fn read_walk(reader: &mut Reader<'_>) -> Result<(Position, u32), DecodeError> {
    let from = Position::new(reader.varint()?).ok_or(DecodeError::Number)?;
    Ok((from, read_number(reader)?))
}

fn read_number(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    u32::try_from(reader.varint()?).map_err(|_| DecodeError::Number)
}
