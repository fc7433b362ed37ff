//! A call in bytes, as one node hands it to another.
//!
//! ```text
//! keyspace varint | key | read level 1 B | write level 1 B | operation 1 B | its fields
//! ```

mod lists;
mod strings;
mod zset;

use api::{Amount, Call, Level, Lifetime, Operation, Paged, Pick, Score, ScoreRule, SetCondition};
use causality::Millis;
use cells::Keyspace;
use cells::types::zset::{score_key, score_of_key};
use codec::{DecodeError, Reader, put_slice, put_varint};

use super::batch_format::{put_batch, read_batch};
use super::shard_format::{put_on_shard, read_on_shard};

/// The most members or fields one call names.
const ITEMS_MAX: usize = 1 << 20;

/// The operation that holds others.
pub(super) const BATCH: u8 = 201;

const LEVELS: [Level; 9] = [
    Level::Any,
    Level::One,
    Level::Two,
    Level::Three,
    Level::Quorum,
    Level::LocalOne,
    Level::LocalQuorum,
    Level::EachQuorum,
    Level::All,
];

pub(super) fn encode(call: &Call) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, u64::from(call.keyspace.0));
    put_slice(&mut out, &call.key);
    put_level(&mut out, call.read);
    put_level(&mut out, call.write);
    put_operation(&mut out, &call.operation);
    out
}

pub(super) fn decode(bytes: &[u8]) -> Result<Call, DecodeError> {
    let mut reader = Reader::new(bytes);
    let keyspace = u32::try_from(reader.varint()?).map_err(|_| DecodeError::Number)?;
    let call = Call {
        keyspace: Keyspace(keyspace),
        key: read_bytes(&mut reader)?,
        read: read_level(&mut reader)?,
        write: read_level(&mut reader)?,
        session: None,
        staleness: None,
        operation: read_operation(&mut reader)?,
    };
    reader.finish()?;
    Ok(call)
}

fn put_level(out: &mut Vec<u8>, level: Level) {
    let at = LEVELS.iter().position(|held| *held == level);
    put_varint(out, at.expect("every level is listed") as u64);
}

fn read_level(reader: &mut Reader<'_>) -> Result<Level, DecodeError> {
    let at = usize::from(reader.byte()?);
    LEVELS.get(at).copied().ok_or(DecodeError::Unknown("level"))
}

pub(super) fn put_operation(out: &mut Vec<u8>, operation: &Operation) {
    match operation {
        Operation::Get => out.push(0),
        Operation::Set { value, lifetime, condition } => {
            out.push(1);
            put_slice(out, value);
            put_lifetime(out, *lifetime);
            put_condition(out, *condition);
        }
        Operation::Increment { by } => {
            out.push(2);
            out.extend_from_slice(&by.to_le_bytes());
        }
        Operation::Delete => out.push(3),
        Operation::Exists => out.push(4),
        Operation::Type => out.push(5),
        Operation::ExpireAt { at } => {
            out.push(6);
            put_varint(out, at.0);
        }
        Operation::Persist => out.push(7),
        Operation::ExpiryOf => out.push(8),
        Operation::Siblings => out.push(20),
        Operation::ExpireIf { at, presence, comparison } => {
            out.push(25);
            put_varint(out, at.0);
            zset::put_rule(out, ScoreRule { presence: *presence, comparison: *comparison });
        }
        Operation::OnShard { .. } | Operation::Batch(_) | Operation::Version => {
            put_wide(out, operation);
        }
        Operation::String(operation) => {
            out.push(29);
            strings::put(out, operation);
        }
        Operation::List(operation) => {
            out.push(30);
            lists::put(out, operation);
        }
        Operation::SketchAdd { elements } => put_list(out, 31, elements),
        Operation::SketchGet => out.push(32),
        Operation::SketchMerge { sketches } => put_list(out, 33, sketches),
        Operation::Page { of, after, limit } => put_page(out, *of, (after.as_deref(), *limit)),
        Operation::Zset(operation) => {
            out.push(24);
            zset::put(out, operation);
        }
        Operation::SetAdd { .. }
        | Operation::SetRemove { .. }
        | Operation::SetMembers
        | Operation::SetContains { .. }
        | Operation::SetCount
        | Operation::SetReplace { .. }
        | Operation::SetPick { .. }
        | Operation::SetPop { .. }
        | Operation::MapSet { .. }
        | Operation::MapGet { .. }
        | Operation::MapAll
        | Operation::MapRemove { .. }
        | Operation::MapCount
        | Operation::MapIncrement { .. }
        | Operation::MapSetAbsent { .. }
        | Operation::MapIncrementDecimal { .. }
        | Operation::MapPick { .. } => put_members(out, operation),
    }
}

/// Operations on sets and maps.
fn put_members(out: &mut Vec<u8>, operation: &Operation) {
    match operation {
        Operation::SetAdd { members } => put_list(out, 9, members),
        Operation::SetRemove { members } => put_list(out, 10, members),
        Operation::SetMembers => out.push(11),
        Operation::SetContains { members } => put_list(out, 12, members),
        Operation::SetCount => out.push(13),
        Operation::SetReplace { members } => put_list(out, 21, members),
        Operation::SetPick { pick } => {
            out.push(22);
            put_pick(out, *pick);
        }
        Operation::SetPop { limit, seed } => {
            out.push(23);
            put_varint(out, *limit);
            put_varint(out, *seed);
        }
        Operation::MapSet { fields } => {
            out.push(14);
            put_varint(out, fields.len() as u64);
            for (field, value) in fields {
                put_slice(out, field);
                put_slice(out, value);
            }
        }
        Operation::MapGet { fields } => put_list(out, 15, fields),
        Operation::MapAll => out.push(16),
        Operation::MapRemove { fields } => put_list(out, 17, fields),
        Operation::MapCount => out.push(18),
        Operation::MapIncrement { field, by } => {
            out.push(19);
            put_slice(out, field);
            out.extend_from_slice(&by.to_le_bytes());
        }
        Operation::MapSetAbsent { field, value } => {
            out.push(26);
            put_slice(out, field);
            put_slice(out, value);
        }
        Operation::MapIncrementDecimal { field, by } => {
            out.push(27);
            put_slice(out, field);
            put_slice(out, by);
        }
        Operation::MapPick { pick } => {
            out.push(28);
            put_pick(out, *pick);
        }
        _ => unreachable!("every other operation is put elsewhere"),
    }
}

/// Writes what is about more than the data of one key.
fn put_wide(out: &mut Vec<u8>, operation: &Operation) {
    match operation {
        Operation::OnShard { shard, operation } => {
            out.push(200);
            put_on_shard(out, *shard, operation);
        }
        Operation::Batch(batch) => {
            out.push(BATCH);
            put_batch(out, batch);
        }
        _ => out.push(202),
    }
}

pub(super) fn read_operation(reader: &mut Reader<'_>) -> Result<Operation, DecodeError> {
    Ok(match reader.byte()? {
        0 => Operation::Get,
        1 => Operation::Set {
            value: read_bytes(reader)?,
            lifetime: read_lifetime(reader)?,
            condition: read_condition(reader)?,
        },
        2 => Operation::Increment { by: read_integer(reader)? },
        3 => Operation::Delete,
        4 => Operation::Exists,
        5 => Operation::Type,
        6 => Operation::ExpireAt { at: Millis(reader.varint()?) },
        7 => Operation::Persist,
        8 => Operation::ExpiryOf,
        9 => Operation::SetAdd { members: read_list(reader)? },
        10 => Operation::SetRemove { members: read_list(reader)? },
        11 => Operation::SetMembers,
        12 => Operation::SetContains { members: read_list(reader)? },
        13 => Operation::SetCount,
        14 => Operation::MapSet { fields: read_pairs(reader)? },
        15 => Operation::MapGet { fields: read_list(reader)? },
        16 => Operation::MapAll,
        17 => Operation::MapRemove { fields: read_list(reader)? },
        18 => Operation::MapCount,
        19 => Operation::MapIncrement { field: read_bytes(reader)?, by: read_integer(reader)? },
        20 => Operation::Siblings,
        200 => read_on_shard(reader)?,
        BATCH => Operation::Batch(read_batch(reader)?),
        202 => Operation::Version,
        21 => Operation::SetReplace { members: read_list(reader)? },
        22 => Operation::SetPick { pick: read_pick(reader)? },
        23 => Operation::SetPop { limit: reader.varint()?, seed: reader.varint()? },
        24 => Operation::Zset(zset::read(reader)?),
        25 => {
            let at = Millis(reader.varint()?);
            let ScoreRule { presence, comparison } = zset::read_rule(reader)?;
            Operation::ExpireIf { at, presence, comparison }
        }
        26 => Operation::MapSetAbsent { field: read_bytes(reader)?, value: read_bytes(reader)? },
        27 => {
            Operation::MapIncrementDecimal { field: read_bytes(reader)?, by: read_bytes(reader)? }
        }
        28 => Operation::MapPick { pick: read_pick(reader)? },
        29 => Operation::String(strings::read(reader)?),
        30 => Operation::List(lists::read(reader)?),
        31 => Operation::SketchAdd { elements: read_list(reader)? },
        32 => Operation::SketchGet,
        33 => Operation::SketchMerge { sketches: read_list(reader)? },
        34 => read_page(reader)?,
        _ => return Err(DecodeError::Unknown("operation")),
    })
}

fn put_page(out: &mut Vec<u8>, of: Paged, (after, limit): (Option<&[u8]>, u64)) {
    out.push(34);
    out.push(match of {
        Paged::Set => 0,
        Paged::Map => 1,
        Paged::Zset => 2,
    });
    put_varint(out, limit);
    out.push(u8::from(after.is_some()));
    put_slice(out, after.unwrap_or_default());
}

fn read_page(reader: &mut Reader<'_>) -> Result<Operation, DecodeError> {
    let of = match reader.byte()? {
        0 => Paged::Set,
        1 => Paged::Map,
        2 => Paged::Zset,
        _ => return Err(DecodeError::Unknown("collection")),
    };
    let limit = reader.varint()?;
    let after = match reader.byte()? {
        0 => None,
        1 => Some(()),
        _ => return Err(DecodeError::Unknown("place")),
    };
    let name = read_bytes(reader)?;
    Ok(Operation::Page { of, after: after.map(|()| name), limit })
}

fn put_condition(out: &mut Vec<u8>, condition: SetCondition) {
    out.push(match condition {
        SetCondition::Always => 0,
        SetCondition::IfPresent => 1,
        SetCondition::IfAbsent => 2,
    });
}

fn read_condition(reader: &mut Reader<'_>) -> Result<SetCondition, DecodeError> {
    Ok(match reader.byte()? {
        0 => SetCondition::Always,
        1 => SetCondition::IfPresent,
        2 => SetCondition::IfAbsent,
        _ => return Err(DecodeError::Unknown("condition")),
    })
}

fn put_lifetime(out: &mut Vec<u8>, lifetime: Lifetime) {
    match lifetime {
        Lifetime::Forever => out.push(0),
        Lifetime::Keep => out.push(1),
        Lifetime::Until(at) => {
            out.push(2);
            put_varint(out, at.0);
        }
    }
}

fn read_lifetime(reader: &mut Reader<'_>) -> Result<Lifetime, DecodeError> {
    Ok(match reader.byte()? {
        0 => Lifetime::Forever,
        1 => Lifetime::Keep,
        2 => Lifetime::Until(Millis(reader.varint()?)),
        _ => return Err(DecodeError::Unknown("lifetime")),
    })
}

fn put_pick(out: &mut Vec<u8>, pick: Pick) {
    let (kind, count) = match pick.amount {
        Amount::Distinct(count) => (0, count),
        Amount::Repeated(count) => (1, count),
    };
    out.push(kind);
    put_varint(out, count);
    put_varint(out, pick.seed);
}

fn read_pick(reader: &mut Reader<'_>) -> Result<Pick, DecodeError> {
    let kind = reader.byte()?;
    let count = reader.varint()?;
    let amount = match kind {
        0 => Amount::Distinct(count),
        1 => Amount::Repeated(count),
        _ => return Err(DecodeError::Unknown("amount")),
    };
    Ok(Pick { amount, seed: reader.varint()? })
}

/// A score as it sorts.
fn put_score(out: &mut Vec<u8>, score: Score) {
    out.extend_from_slice(&score_key(score.get()));
}

fn read_score(reader: &mut Reader<'_>) -> Result<Score, DecodeError> {
    let score = score_of_key(reader.array()?).and_then(Score::new);
    score.ok_or(DecodeError::Unknown("score"))
}

fn put_list(out: &mut Vec<u8>, kind: u8, items: &[Vec<u8>]) {
    out.push(kind);
    put_varint(out, items.len() as u64);
    items.iter().for_each(|item| put_slice(out, item));
}

fn read_list(reader: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, DecodeError> {
    let count = reader.count("items", ITEMS_MAX)?;
    (0..count).map(|_| read_bytes(reader)).collect()
}

/// A field and its value.
type Pair = (Vec<u8>, Vec<u8>);

fn read_pairs(reader: &mut Reader<'_>) -> Result<Vec<Pair>, DecodeError> {
    let count = reader.count("fields", ITEMS_MAX)?;
    (0..count).map(|_| Ok((read_bytes(reader)?, read_bytes(reader)?))).collect()
}

fn read_integer(reader: &mut Reader<'_>) -> Result<i64, DecodeError> {
    Ok(i64::from_le_bytes(reader.array()?))
}

fn read_bytes(reader: &mut Reader<'_>) -> Result<Vec<u8>, DecodeError> {
    Ok(reader.slice("bytes", usize::MAX)?.to_vec())
}

#[cfg(test)]
mod tests;
