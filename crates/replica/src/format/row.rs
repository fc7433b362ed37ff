//! The row of one cell: its live versions, then the dots known to be superseded.
//!
//! ```text
//! live count * 2 + (any gone) varint
//!   | count x (dot, time 8 B, payload length * 2 + (has expiry) varint, [expiry varint], payload)
//!   | [gone count varint, count x dot]
//! dot = actor 8 B, counter varint
//! ```

use causality::{HybridTime, Millis};
use cells::{Cell, Version};
use codec::{DecodeError, Reader, put_varint};

use super::{ITEMS_MAX, put_dot, read_dot};

/// Writes a cell's row into `out`, which is cleared first.
pub(crate) fn encode_cell(cell: &Cell<'_>, out: &mut Vec<u8>) {
    out.clear();
    put_varint(out, (cell.live.len() as u64) << 1 | u64::from(!cell.gone.is_empty()));
    for version in &cell.live {
        put_dot(out, version.dot);
        out.extend_from_slice(&version.time.bits().to_le_bytes());
        put_varint(out, (version.payload.len() as u64) << 1 | u64::from(version.expiry.is_some()));
        if let Some(Millis(expiry)) = version.expiry {
            put_varint(out, expiry);
        }
        out.extend_from_slice(version.payload);
    }
    if !cell.gone.is_empty() {
        put_varint(out, cell.gone.len() as u64);
        for dot in &cell.gone {
            put_dot(out, *dot);
        }
    }
}

/// Reads a cell from its row; payloads stay where they are.
pub(crate) fn decode_cell(bytes: &[u8]) -> Result<Cell<'_>, DecodeError> {
    let mut reader = Reader::new(bytes);
    let mut cell = Cell::default();
    let header = reader.count("versions", ITEMS_MAX)?;
    for _ in 0..header >> 1 {
        let version = read_version(&mut reader)?;
        if cell.live.last().is_some_and(|last| last.dot >= version.dot) {
            return Err(DecodeError::Inconsistent("order of versions"));
        }
        cell.live.push(version);
    }
    if header & 1 == 1 {
        for _ in 0..reader.count("gone dots", ITEMS_MAX)? {
            let dot = read_dot(&mut reader)?;
            if cell.gone.last().is_some_and(|last| *last >= dot) {
                return Err(DecodeError::Inconsistent("order of gone dots"));
            }
            cell.gone.push(dot);
        }
    }
    reader.finish()?;
    Ok(cell)
}

fn read_version<'a>(reader: &mut Reader<'a>) -> Result<Version<'a>, DecodeError> {
    let dot = read_dot(reader)?;
    let time = HybridTime::from_bits(reader.u64()?);
    let header = reader.varint()?;
    let expiry = (header & 1 == 1).then(|| reader.varint()).transpose()?.map(Millis);
    let length = usize::try_from(header >> 1).map_err(|_| DecodeError::Limit("payload"))?;
    let payload = reader.take(length)?;
    Ok(Version { dot, time, expiry, payload })
}
