//! An outcome in bytes, as the node that carried a call out hands it back.
//!
//! ```text
//! kind 1 B | its fields
//! ```

use api::{CallError, Outcome, Sibling};
use causality::{Actor, Dot, HybridTime, Millis};
use codec::{DecodeError, Reader, put_slice, put_varint};

/// The most items one outcome holds.
const ITEMS_MAX: usize = 1 << 24;

/// The words that an outcome may say.
const WORDS: [&str; 8] = ["none", "string", "set", "hash", "zset", "list", "flag", "sketch"];

pub(super) fn encode(outcome: &Outcome) -> Vec<u8> {
    let mut out = Vec::new();
    match outcome {
        Outcome::Done => out.push(0),
        Outcome::Nothing => out.push(1),
        Outcome::Value(value) => {
            out.push(2);
            put_slice(&mut out, value);
        }
        Outcome::Text(word) => {
            out.push(3);
            let at = WORDS.iter().position(|held| held == word).unwrap_or(0);
            put_varint(&mut out, at as u64);
        }
        Outcome::Integer(value) => {
            out.push(4);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Outcome::Integers(values) => {
            out.push(5);
            put_varint(&mut out, values.len() as u64);
            values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        }
        Outcome::Values(values) => {
            out.push(6);
            put_varint(&mut out, values.len() as u64);
            values.iter().for_each(|value| put_slice(&mut out, value));
        }
        Outcome::Optionals(values) => {
            out.push(7);
            put_varint(&mut out, values.len() as u64);
            values.iter().for_each(|value| put_optional(&mut out, value.as_deref()));
        }
        Outcome::Pairs(pairs) => {
            out.push(8);
            put_varint(&mut out, pairs.len() as u64);
            for (field, value) in pairs {
                put_slice(&mut out, field);
                put_slice(&mut out, value);
            }
        }
        Outcome::Expiry(expiry) => {
            out.push(9);
            // A moment of 0 is long past, so it can stand for "never".
            put_varint(&mut out, expiry.map_or(0, |Millis(at)| at));
        }
        Outcome::Siblings(siblings) => {
            out.push(10);
            put_varint(&mut out, siblings.len() as u64);
            siblings.iter().for_each(|sibling| put_sibling(&mut out, sibling));
        }
        Outcome::Failed(error) => {
            out.push(11);
            put_error(&mut out, error);
        }
    }
    out
}

pub(super) fn decode(bytes: &[u8]) -> Result<Outcome, DecodeError> {
    let mut reader = Reader::new(bytes);
    let outcome = match reader.byte()? {
        0 => Outcome::Done,
        1 => Outcome::Nothing,
        2 => Outcome::Value(read_bytes(&mut reader)?),
        3 => {
            let at = reader.count("word", WORDS.len() - 1)?;
            Outcome::Text(WORDS[at])
        }
        4 => Outcome::Integer(read_integer(&mut reader)?),
        5 => Outcome::Integers(read_items(&mut reader, read_integer)?),
        6 => Outcome::Values(read_items(&mut reader, read_bytes)?),
        7 => Outcome::Optionals(read_items(&mut reader, read_optional)?),
        8 => Outcome::Pairs(read_items(&mut reader, |r| Ok((read_bytes(r)?, read_bytes(r)?)))?),
        9 => {
            let at = reader.varint()?;
            Outcome::Expiry((at > 0).then_some(Millis(at)))
        }
        10 => Outcome::Siblings(read_items(&mut reader, read_sibling)?),
        11 => Outcome::Failed(read_error(&mut reader)?),
        _ => return Err(DecodeError::Unknown("outcome")),
    };
    reader.finish()?;
    Ok(outcome)
}

fn read_items<'a, T>(
    reader: &mut Reader<'a>,
    read: impl Fn(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count = reader.count("items", ITEMS_MAX)?;
    (0..count).map(|_| read(reader)).collect()
}

fn put_optional(out: &mut Vec<u8>, value: Option<&[u8]>) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put_slice(out, value);
    }
}

fn read_optional(reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>, DecodeError> {
    match reader.byte()? {
        0 => Ok(None),
        1 => Ok(Some(read_bytes(reader)?)),
        _ => Err(DecodeError::Unknown("option")),
    }
}

fn put_sibling(out: &mut Vec<u8>, sibling: &Sibling) {
    out.extend_from_slice(&sibling.dot.actor.bits().to_le_bytes());
    put_varint(out, sibling.dot.counter);
    out.extend_from_slice(&sibling.time.bits().to_le_bytes());
    put_slice(out, &sibling.value);
}

fn read_sibling(reader: &mut Reader<'_>) -> Result<Sibling, DecodeError> {
    let actor = Actor::from_bits(reader.u64()?);
    let dot = Dot::new(actor, reader.varint()?);
    let time = HybridTime::from_bits(reader.u64()?);
    Ok(Sibling { dot, time, value: read_bytes(reader)? })
}

/// Errors keep their kind; what only people read travels as text.
fn put_error(out: &mut Vec<u8>, error: &CallError) {
    let kind = match error {
        CallError::WrongType => 0,
        CallError::NotAnInteger => 1,
        CallError::Overflow => 2,
        CallError::Busy => 3,
        CallError::NoOwner => 4,
        CallError::Unanswered => 5,
        CallError::NotEnoughReplicas { .. } => 6,
        _ => 7,
    };
    out.push(kind);
    if let CallError::NotEnoughReplicas { level, needed, owners, answered } = error {
        put_slice(out, level.name().as_bytes());
        [needed, owners, answered].iter().for_each(|count| put_varint(out, **count as u64));
    } else if kind == 7 {
        put_slice(out, error.to_string().as_bytes());
    }
}

fn read_error(reader: &mut Reader<'_>) -> Result<CallError, DecodeError> {
    Ok(match reader.byte()? {
        0 => CallError::WrongType,
        1 => CallError::NotAnInteger,
        2 => CallError::Overflow,
        3 => CallError::Busy,
        4 => CallError::NoOwner,
        5 => CallError::Unanswered,
        6 => {
            let name = String::from_utf8_lossy(reader.slice("level", 32)?).into_owned();
            let level = name.parse().map_err(|_| DecodeError::Unknown("level"))?;
            let mut count = || reader.count("owners", ITEMS_MAX);
            let (needed, owners, answered) = (count()?, count()?, count()?);
            CallError::NotEnoughReplicas { level, needed, owners, answered }
        }
        7 => CallError::Elsewhere(String::from_utf8_lossy(&read_bytes(reader)?).into_owned()),
        _ => return Err(DecodeError::Unknown("error")),
    })
}

fn read_integer(reader: &mut Reader<'_>) -> Result<i64, DecodeError> {
    Ok(i64::from_le_bytes(reader.array()?))
}

fn read_bytes(reader: &mut Reader<'_>) -> Result<Vec<u8>, DecodeError> {
    Ok(reader.slice("bytes", usize::MAX)?.to_vec())
}

#[cfg(test)]
mod tests {
    use api::Level;

    use super::*;

    #[test]
    fn every_outcome_round_trips_and_no_prefix_is_one() {
        let dot = Dot::new(Actor::from_bits(77), 3);
        let sibling = Sibling { dot, time: HybridTime::from_bits(9), value: b"v".to_vec() };
        let missed = CallError::NotEnoughReplicas {
            level: Level::EachQuorum,
            needed: 2,
            owners: 3,
            answered: 1,
        };
        let outcomes = [
            Outcome::Done,
            Outcome::Nothing,
            Outcome::Value(b"v".to_vec()),
            Outcome::Text("hash"),
            Outcome::Integer(-4),
            Outcome::Integers(vec![1, i64::MAX]),
            Outcome::Values(vec![Vec::new(), vec![1; 200]]),
            Outcome::Optionals(vec![None, Some(b"x".to_vec())]),
            Outcome::Pairs(vec![(b"f".to_vec(), b"v".to_vec())]),
            Outcome::Expiry(None),
            Outcome::Expiry(Some(Millis(12))),
            Outcome::Siblings(vec![sibling]),
            Outcome::Failed(CallError::WrongType),
            Outcome::Failed(CallError::Unanswered),
            Outcome::Failed(missed),
            Outcome::Failed(CallError::Elsewhere("why".into())),
        ];
        for outcome in outcomes {
            let bytes = encode(&outcome);
            assert_eq!(decode(&bytes), Ok(outcome));
            for length in 0..bytes.len() {
                assert!(decode(&bytes[..length]).is_err());
            }
        }
    }
}
