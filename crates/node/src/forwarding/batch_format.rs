//! A batch in bytes.
//!
//! ```text
//! count varint, checks (keyspace varint, key, version 8 B) | count varint, parts (keyspace varint,
//! key, operation)
//! ```

use api::{Batch, Check, Part};
use cells::Keyspace;
use codec::{DecodeError, Reader, put_slice, put_varint};

use super::call_format::{BATCH, put_operation, read_operation};

/// The most checks and the most parts of one batch.
const ITEMS_MAX: usize = 1 << 20;

pub(super) fn put_batch(out: &mut Vec<u8>, batch: &Batch) {
    put_varint(out, batch.checks.len() as u64);
    for check in &batch.checks {
        put_varint(out, u64::from(check.keyspace.0));
        put_slice(out, &check.key);
        out.extend_from_slice(&check.version.to_le_bytes());
    }
    put_varint(out, batch.parts.len() as u64);
    for part in &batch.parts {
        put_varint(out, u64::from(part.keyspace.0));
        put_slice(out, &part.key);
        put_operation(out, &part.operation);
    }
}

pub(super) fn read_batch(reader: &mut Reader<'_>) -> Result<Batch, DecodeError> {
    let count = reader.count("checks", ITEMS_MAX)?;
    let checks = (0..count).map(|_| read_check(reader)).collect::<Result<_, _>>()?;
    let count = reader.count("parts", ITEMS_MAX)?;
    let parts = (0..count).map(|_| read_part(reader)).collect::<Result<_, _>>()?;
    Ok(Batch { checks, parts })
}

fn read_check(reader: &mut Reader<'_>) -> Result<Check, DecodeError> {
    let keyspace = read_keyspace(reader)?;
    let key = reader.slice("key", usize::MAX)?.to_vec();
    Ok(Check { keyspace, key, version: i64::from_le_bytes(reader.array()?) })
}

fn read_part(reader: &mut Reader<'_>) -> Result<Part, DecodeError> {
    let keyspace = read_keyspace(reader)?;
    let key = reader.slice("key", usize::MAX)?.to_vec();
    if reader.rest().first() == Some(&BATCH) {
        // Batches do not nest, so that reading one never recurses further.
        return Err(DecodeError::Inconsistent("batch"));
    }
    Ok(Part { keyspace, key, operation: read_operation(reader)? })
}

fn read_keyspace(reader: &mut Reader<'_>) -> Result<Keyspace, DecodeError> {
    u32::try_from(reader.varint()?).map(Keyspace).map_err(|_| DecodeError::Number)
}
