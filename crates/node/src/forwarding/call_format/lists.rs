//! Operations on lists in bytes.
//!
//! ```text
//! operation 1 B | its fields
//! ```

use api::{ListEnd, ListOperation, ListSide, PushRule};
use codec::{DecodeError, Reader, put_slice, put_varint};

use super::{put_list, read_bytes, read_integer, read_list};

pub(super) fn put(out: &mut Vec<u8>, operation: &ListOperation) {
    match operation {
        ListOperation::Push { end, values, rule } => {
            put_list(out, 0, values);
            put_end(out, *end);
            out.push(u8::from(*rule == PushRule::IfPresent));
        }
        ListOperation::Pop { end, limit } => {
            out.push(1);
            put_end(out, *end);
            put_varint(out, *limit);
        }
        ListOperation::Rotate { from, to } => {
            out.push(2);
            put_end(out, *from);
            put_end(out, *to);
        }
        ListOperation::Count => out.push(3),
        ListOperation::Range { start, stop } => put_two(out, 4, *start, *stop),
        ListOperation::Get { index } => {
            out.push(5);
            out.extend_from_slice(&index.to_le_bytes());
        }
        ListOperation::Set { index, value } => {
            out.push(6);
            out.extend_from_slice(&index.to_le_bytes());
            put_slice(out, value);
        }
        ListOperation::Remove { end, limit, value } => {
            out.push(7);
            put_end(out, *end);
            put_varint(out, *limit);
            put_slice(out, value);
        }
        ListOperation::Insert { side, pivot, value } => {
            out.push(8);
            out.push(u8::from(*side == ListSide::Behind));
            put_slice(out, pivot);
            put_slice(out, value);
        }
        ListOperation::Trim { start, stop } => put_two(out, 9, *start, *stop),
        ListOperation::Find { value, end, skip, limit, looked_at_max } => {
            out.push(10);
            put_slice(out, value);
            put_end(out, *end);
            [skip, limit, looked_at_max].iter().for_each(|number| put_varint(out, **number));
        }
        ListOperation::Replace { values } => put_list(out, 11, values),
    }
}

pub(super) fn read(reader: &mut Reader<'_>) -> Result<ListOperation, DecodeError> {
    Ok(match reader.byte()? {
        0 => ListOperation::Push {
            values: read_list(reader)?,
            end: read_end(reader)?,
            rule: match reader.byte()? {
                0 => PushRule::Always,
                1 => PushRule::IfPresent,
                _ => return Err(DecodeError::Unknown("rule")),
            },
        },
        1 => ListOperation::Pop { end: read_end(reader)?, limit: reader.varint()? },
        2 => ListOperation::Rotate { from: read_end(reader)?, to: read_end(reader)? },
        3 => ListOperation::Count,
        4 => ListOperation::Range { start: read_integer(reader)?, stop: read_integer(reader)? },
        5 => ListOperation::Get { index: read_integer(reader)? },
        6 => ListOperation::Set { index: read_integer(reader)?, value: read_bytes(reader)? },
        7 => ListOperation::Remove {
            end: read_end(reader)?,
            limit: reader.varint()?,
            value: read_bytes(reader)?,
        },
        8 => ListOperation::Insert {
            side: match reader.byte()? {
                0 => ListSide::Before,
                1 => ListSide::Behind,
                _ => return Err(DecodeError::Unknown("side")),
            },
            pivot: read_bytes(reader)?,
            value: read_bytes(reader)?,
        },
        9 => ListOperation::Trim { start: read_integer(reader)?, stop: read_integer(reader)? },
        10 => ListOperation::Find {
            value: read_bytes(reader)?,
            end: read_end(reader)?,
            skip: reader.varint()?,
            limit: reader.varint()?,
            looked_at_max: reader.varint()?,
        },
        11 => ListOperation::Replace { values: read_list(reader)? },
        _ => return Err(DecodeError::Unknown("operation on a list")),
    })
}

fn put_two(out: &mut Vec<u8>, kind: u8, start: i64, stop: i64) {
    out.push(kind);
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&stop.to_le_bytes());
}

fn put_end(out: &mut Vec<u8>, end: ListEnd) {
    out.push(u8::from(end == ListEnd::Back));
}

fn read_end(reader: &mut Reader<'_>) -> Result<ListEnd, DecodeError> {
    match reader.byte()? {
        0 => Ok(ListEnd::Front),
        1 => Ok(ListEnd::Back),
        _ => Err(DecodeError::Unknown("end")),
    }
}
