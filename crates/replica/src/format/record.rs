//! The record of one operation in the log; its dot is the entry's name and is not repeated.
//!
//! ```text
//! kind 1 B (0 remove, 1 insert, 2 dead, 3 clear; + 16 has expiry) | time 8 B
//!   | keyspace varint | key (length, bytes) | column (length, bytes)
//!   | removed count varint, count x dot | [expiry varint]
//!   | insert: payload to the end; clear: clock
//! ```

use std::borrow::Cow;

use causality::{Dot, Dots, HybridTime, Millis};
use cells::{Body, CellAddress, Insert, Keyspace, Op};
use codec::{DecodeError, Reader, put_slice, put_varint};

use super::{COUNTER_MAX, ITEMS_MAX, put_clock, put_dot, read_clock, read_dot};

const REMOVE: u8 = 0;
const INSERT: u8 = 1;
const DEAD: u8 = 2;
const CLEAR: u8 = 3;
const HAS_EXPIRY: u8 = 16;

/// Writes an operation's record into `out`, which is cleared first.
pub(crate) fn encode_record(op: &Op<'_>, out: &mut Vec<u8>) {
    out.clear();
    let kind = match op.body {
        Body::Remove => REMOVE,
        Body::Insert(_) => INSERT,
        Body::Dead { .. } => DEAD,
        Body::Clear(_) => CLEAR,
    };
    let expiry = op.body.expiry();
    out.push(kind | if expiry.is_some() { HAS_EXPIRY } else { 0 });
    out.extend_from_slice(&op.time.bits().to_le_bytes());
    put_varint(out, u64::from(op.cell.key.keyspace.0));
    put_slice(out, op.cell.key.key);
    put_slice(out, op.cell.column);
    put_varint(out, op.removed.len() as u64);
    for dot in op.removed {
        put_dot(out, *dot);
    }
    if let Some(Millis(expiry)) = expiry {
        put_varint(out, expiry);
    }
    match &op.body {
        Body::Insert(insert) => out.extend_from_slice(insert.payload),
        Body::Clear(covered) => put_clock(out, covered),
        Body::Remove | Body::Dead { .. } => {}
    }
}

/// Reads the operation of an entry; its superseded dots go into `removed`.
pub(crate) fn decode_record<'a>(
    dot: Dot,
    bytes: &'a [u8],
    removed: &'a mut Dots,
) -> Result<Op<'a>, DecodeError> {
    let mut reader = Reader::new(bytes);
    let kind = reader.byte()?;
    let time = HybridTime::from_bits(reader.u64()?);
    let cell = read_cell(&mut reader)?;
    removed.clear();
    for _ in 0..reader.count("removed dots", ITEMS_MAX)? {
        removed.push(read_dot(&mut reader)?);
    }
    if dot.counter == 0 || dot.counter > COUNTER_MAX || removed.contains(&dot) {
        return Err(DecodeError::Inconsistent("dot of a record"));
    }
    let expiry = (kind & HAS_EXPIRY != 0).then(|| reader.varint()).transpose()?.map(Millis);
    let body = match kind & !HAS_EXPIRY {
        REMOVE => Body::Remove,
        INSERT => Body::Insert(Insert { payload: reader.take(reader.rest().len())?, expiry }),
        DEAD => Body::Dead { expiry },
        CLEAR => Body::Clear(Cow::Owned(read_clock(&mut reader)?)),
        _ => return Err(DecodeError::Unknown("kind of record")),
    };
    reader.finish()?;
    Ok(Op { dot, time, cell, removed, body })
}

/// Reads only the cell that a record touches.
pub(crate) fn record_cell(bytes: &[u8]) -> Result<CellAddress<'_>, DecodeError> {
    let mut reader = Reader::new(bytes);
    reader.take(9)?;
    read_cell(&mut reader)
}

fn read_cell<'a>(reader: &mut Reader<'a>) -> Result<CellAddress<'a>, DecodeError> {
    let keyspace = u32::try_from(reader.varint()?).map_err(|_| DecodeError::Number)?;
    let key = reader.slice("key", usize::MAX)?;
    let column = reader.slice("column", usize::MAX)?;
    Ok(CellAddress::new(Keyspace(keyspace), key, column))
}
