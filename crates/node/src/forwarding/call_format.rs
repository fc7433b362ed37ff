//! A call in bytes, as one node hands it to another.
//!
//! ```text
//! keyspace varint | key | read level 1 B | write level 1 B | operation 1 B | its fields
//! ```

use api::{Call, Level, Lifetime, Operation, SetCondition};
use causality::Millis;
use cells::Keyspace;
use codec::{DecodeError, Reader, put_slice, put_varint};

/// The most members or fields one call names.
const ITEMS_MAX: usize = 1 << 20;

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

fn put_operation(out: &mut Vec<u8>, operation: &Operation) {
    match operation {
        Operation::Get => out.push(0),
        Operation::Set { value, lifetime, condition } => {
            out.push(1);
            put_slice(out, value);
            put_lifetime(out, *lifetime);
            out.push(match condition {
                SetCondition::Always => 0,
                SetCondition::IfPresent => 1,
                SetCondition::IfAbsent => 2,
            });
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
        Operation::SetAdd { members } => put_list(out, 9, members),
        Operation::SetRemove { members } => put_list(out, 10, members),
        Operation::SetMembers => out.push(11),
        Operation::SetContains { members } => put_list(out, 12, members),
        Operation::SetCount => out.push(13),
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
        Operation::Siblings => out.push(20),
    }
}

fn read_operation(reader: &mut Reader<'_>) -> Result<Operation, DecodeError> {
    Ok(match reader.byte()? {
        0 => Operation::Get,
        1 => Operation::Set {
            value: read_bytes(reader)?,
            lifetime: read_lifetime(reader)?,
            condition: match reader.byte()? {
                0 => SetCondition::Always,
                1 => SetCondition::IfPresent,
                2 => SetCondition::IfAbsent,
                _ => return Err(DecodeError::Unknown("condition")),
            },
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
        _ => return Err(DecodeError::Unknown("operation")),
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
mod tests {
    use super::*;

    fn operations() -> Vec<Operation> {
        let bytes = |text: &str| text.as_bytes().to_vec();
        let members = vec![bytes("a"), Vec::new(), vec![0; 300]];
        let set = |lifetime, condition| Operation::Set { value: bytes("v"), lifetime, condition };
        vec![
            Operation::Get,
            set(Lifetime::Forever, SetCondition::Always),
            set(Lifetime::Keep, SetCondition::IfPresent),
            set(Lifetime::Until(Millis(1 << 40)), SetCondition::IfAbsent),
            Operation::Increment { by: i64::MIN },
            Operation::Delete,
            Operation::Exists,
            Operation::Type,
            Operation::ExpireAt { at: Millis(7) },
            Operation::Persist,
            Operation::ExpiryOf,
            Operation::SetAdd { members: members.clone() },
            Operation::SetRemove { members: members.clone() },
            Operation::SetMembers,
            Operation::SetContains { members: members.clone() },
            Operation::SetCount,
            Operation::MapSet { fields: vec![(bytes("f"), bytes("v")), (bytes(""), bytes(""))] },
            Operation::MapGet { fields: members.clone() },
            Operation::MapAll,
            Operation::MapRemove { fields: members },
            Operation::MapCount,
            Operation::MapIncrement { field: bytes("f"), by: -3 },
            Operation::Siblings,
        ]
    }

    #[test]
    fn every_call_round_trips_and_no_prefix_is_one() {
        for (at, operation) in operations().into_iter().enumerate() {
            let (read, write) = (LEVELS[at % 9], LEVELS[(at + 4) % 9]);
            let key = b"key".to_vec();
            let call = Call { keyspace: Keyspace(9), key, read, write, operation };
            let bytes = encode(&call);
            assert_eq!(decode(&bytes), Ok(call));
            for length in 0..bytes.len() {
                assert!(decode(&bytes[..length]).is_err());
            }
        }
    }

    #[test]
    fn garbage_is_an_error_and_never_a_panic() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..rng.usize(0..40)).map(|_| rng.u8(..)).collect();
            let _ = decode(&bytes);
        }
    }
}
