//! An outcome in bytes, as the node that carried a call out hands it back.
//!
//! ```text
//! kind 1 B | its fields
//! ```

use api::{CallError, Outcome, Position, Score, SealedContext, Sibling, Siblings};
use causality::{Actor, Dot, HybridTime, Millis};
use cells::types::zset::{score_key, score_of_key};
use codec::{DecodeError, Reader, put_slice, put_varint};

/// The most items one outcome holds.
const ITEMS_MAX: usize = 1 << 24;

/// The outcome that holds others.
const BATCH: u8 = 42;

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
            put_word(&mut out, word);
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
        Outcome::Expiry(expiry) => {
            out.push(9);
            put_expiry(&mut out, *expiry);
        }
        Outcome::Failed(error) => {
            out.push(11);
            put_error(&mut out, error);
        }
        Outcome::Optionals(..)
        | Outcome::Pairs(..)
        | Outcome::Siblings(..)
        | Outcome::Keys { .. }
        | Outcome::Batch(..)
        | Outcome::Counted { .. }
        | Outcome::Fields(..)
        | Outcome::Scores(..)
        | Outcome::Scored(..)
        | Outcome::Rank(..) => put_collection(&mut out, outcome),
    }
    out
}

/// Outcomes of many parts.
fn put_collection(out: &mut Vec<u8>, outcome: &Outcome) {
    match outcome {
        Outcome::Optionals(values) => {
            out.push(7);
            put_varint(out, values.len() as u64);
            values.iter().for_each(|value| put_optional(out, value.as_deref()));
        }
        Outcome::Pairs(pairs) => {
            out.push(8);
            put_varint(out, pairs.len() as u64);
            for (field, value) in pairs {
                put_slice(out, field);
                put_slice(out, value);
            }
        }
        Outcome::Siblings(siblings) => {
            out.push(10);
            put_siblings(out, siblings);
        }
        Outcome::Keys { keys, next } => put_keys(out, keys, *next),
        Outcome::Batch(outcomes) => {
            out.push(BATCH);
            put_varint(out, outcomes.len() as u64);
            outcomes.iter().for_each(|outcome| put_slice(out, &encode(outcome)));
        }
        Outcome::Counted { count, next } => {
            out.push(41);
            put_next(out, *next);
            put_varint(out, *count);
        }
        Outcome::Fields(values) => {
            out.push(15);
            put_varint(out, values.len() as u64);
            for value in values {
                out.push(u8::from(value.is_some()));
                out.extend(value.iter().flat_map(|value| value.to_le_bytes()));
            }
        }
        Outcome::Scores(scores) => {
            out.push(12);
            put_varint(out, scores.len() as u64);
            for score in scores {
                put_optional(
                    out,
                    score.map(|score| score_key(score.get())).as_ref().map(<[u8; 8]>::as_slice),
                );
            }
        }
        Outcome::Scored(members) => {
            out.push(13);
            put_varint(out, members.len() as u64);
            for (member, score) in members {
                put_slice(out, member);
                out.extend_from_slice(&score_key(score.get()));
            }
        }
        Outcome::Rank(before, score) => {
            out.push(14);
            put_varint(out, *before);
            out.extend_from_slice(&score_key(score.get()));
        }
        _ => unreachable!("every other outcome is put elsewhere"),
    }
}

pub(super) fn decode(bytes: &[u8]) -> Result<Outcome, DecodeError> {
    let mut reader = Reader::new(bytes);
    let outcome = match reader.byte()? {
        0 => Outcome::Done,
        1 => Outcome::Nothing,
        2 => Outcome::Value(read_bytes(&mut reader)?),
        3 => Outcome::Text(read_word(&mut reader)?),
        4 => Outcome::Integer(read_integer(&mut reader)?),
        5 => Outcome::Integers(read_items(&mut reader, read_integer)?),
        6 => Outcome::Values(read_items(&mut reader, read_bytes)?),
        7 => Outcome::Optionals(read_items(&mut reader, read_optional)?),
        8 => Outcome::Pairs(read_items(&mut reader, |r| Ok((read_bytes(r)?, read_bytes(r)?)))?),
        9 => Outcome::Expiry(read_expiry(&mut reader)?),
        10 => Outcome::Siblings(read_siblings(&mut reader)?),
        11 => Outcome::Failed(read_error(&mut reader)?),
        BATCH => Outcome::Batch(read_items(&mut reader, |reader| {
            let bytes = reader.slice("outcome", usize::MAX)?;
            if bytes.first() == Some(&BATCH) {
                // They do not nest, so that reading one never recurses further.
                return Err(DecodeError::Inconsistent("batch"));
            }
            decode(bytes)
        })?),
        40 => {
            let next = read_next(&mut reader)?;
            let keys = read_items(&mut reader, |r| Ok((read_bytes(r)?, read_word(r)?)))?;
            Outcome::Keys { keys, next }
        }
        41 => Outcome::Counted { next: read_next(&mut reader)?, count: reader.varint()? },
        12 => Outcome::Scores(read_items(&mut reader, |r| {
            read_optional(r)?.map(|bytes| read_score(&mut Reader::new(&bytes))).transpose()
        })?),
        15 => Outcome::Fields(read_items(&mut reader, |r| match r.byte()? {
            0 => Ok(None),
            1 => Ok(Some(read_integer(r)?)),
            _ => Err(DecodeError::Unknown("option")),
        })?),
        13 => Outcome::Scored(read_items(&mut reader, |r| Ok((read_bytes(r)?, read_score(r)?)))?),
        14 => Outcome::Rank(reader.varint()?, read_score(&mut reader)?),
        _ => return Err(DecodeError::Unknown("outcome")),
    };
    reader.finish()?;
    Ok(outcome)
}

fn put_keys(out: &mut Vec<u8>, keys: &[(Vec<u8>, &'static str)], next: Option<Position>) {
    out.push(40);
    put_next(out, next);
    put_varint(out, keys.len() as u64);
    for (key, word) in keys {
        put_slice(out, key);
        put_word(out, word);
    }
}

fn put_word(out: &mut Vec<u8>, word: &str) {
    let at = WORDS.iter().position(|held| *held == word).unwrap_or(0);
    put_varint(out, at as u64);
}

fn read_word(reader: &mut Reader<'_>) -> Result<&'static str, DecodeError> {
    Ok(WORDS[reader.count("word", WORDS.len() - 1)?])
}

/// A place is written as the one behind it, so that 0 can stand for none.
fn put_next(out: &mut Vec<u8>, next: Option<Position>) {
    put_varint(out, next.map_or(0, |next| next.number() + 1));
}

fn read_next(reader: &mut Reader<'_>) -> Result<Option<Position>, DecodeError> {
    let Some(number) = reader.varint()?.checked_sub(1) else { return Ok(None) };
    Position::new(number).map(Some).ok_or(DecodeError::Number)
}

fn read_items<'a, T>(
    reader: &mut Reader<'a>,
    read: impl Fn(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count = reader.count("items", ITEMS_MAX)?;
    (0..count).map(|_| read(reader)).collect()
}

fn read_score(reader: &mut Reader<'_>) -> Result<Score, DecodeError> {
    let score = score_of_key(reader.array()?).and_then(Score::new);
    score.ok_or(DecodeError::Unknown("score"))
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

fn put_siblings(out: &mut Vec<u8>, siblings: &Siblings) {
    put_optional(out, siblings.value.as_deref());
    put_expiry(out, siblings.expiry);
    put_slice(out, &siblings.context.0);
    put_varint(out, siblings.versions.len() as u64);
    siblings.versions.iter().for_each(|sibling| put_sibling(out, sibling));
}

fn read_siblings(reader: &mut Reader<'_>) -> Result<Siblings, DecodeError> {
    Ok(Siblings {
        value: read_optional(reader)?,
        expiry: read_expiry(reader)?,
        context: SealedContext(read_bytes(reader)?),
        versions: read_items(reader, read_sibling)?,
    })
}

/// A moment of 0 is long past, so it can stand for "never".
fn put_expiry(out: &mut Vec<u8>, expiry: Option<Millis>) {
    put_varint(out, expiry.map_or(0, |Millis(at)| at));
}

fn read_expiry(reader: &mut Reader<'_>) -> Result<Option<Millis>, DecodeError> {
    let at = reader.varint()?;
    Ok((at > 0).then_some(Millis(at)))
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
        CallError::NotASketch => 30,
        CallError::SessionAhead => 8,
        CallError::TooStale { .. } => 20,
        CallError::Full { .. } => 21,
        CallError::NotANumber => 9,
        CallError::NotFinite => 10,
        CallError::NoSuchIndex => 11,
        CallError::PositionTooLong => 12,
        CallError::TooManySiblings { .. } => 13,
        CallError::BadContext => 31,
        _ => 7,
    };
    out.push(kind);
    if let CallError::NotEnoughReplicas { level, needed, owners, answered } = error {
        put_slice(out, level.name().as_bytes());
        [needed, owners, answered].iter().for_each(|count| put_varint(out, **count as u64));
    } else if let CallError::Full { what } = error {
        put_slice(out, what.as_bytes());
    } else if let CallError::TooStale { bound_ms } = error {
        put_varint(out, *bound_ms);
    } else if let CallError::TooManySiblings { count, limit } = error {
        [count, limit].iter().for_each(|count| put_varint(out, **count as u64));
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
        30 => CallError::NotASketch,
        31 => CallError::BadContext,
        7 => CallError::Elsewhere(String::from_utf8_lossy(&read_bytes(reader)?).into_owned()),
        8 => CallError::SessionAhead,
        21 => {
            let what = reader.slice("what is short", 32)?;
            CallError::Full { what: String::from_utf8_lossy(what).into_owned() }
        }
        20 => CallError::TooStale { bound_ms: reader.varint()? },
        9 => CallError::NotANumber,
        10 => CallError::NotFinite,
        11 => CallError::NoSuchIndex,
        12 => CallError::PositionTooLong,
        13 => {
            let mut count = || reader.count("values", ITEMS_MAX);
            let (count, limit) = (count()?, count()?);
            CallError::TooManySiblings { count, limit }
        }
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
            Outcome::Failed(CallError::Full { what: "disk".into() }),
            Outcome::Integers(vec![1, i64::MAX]),
            Outcome::Values(vec![Vec::new(), vec![1; 200]]),
            Outcome::Optionals(vec![None, Some(b"x".to_vec())]),
            Outcome::Pairs(vec![(b"f".to_vec(), b"v".to_vec())]),
            Outcome::Expiry(None),
            Outcome::Expiry(Some(Millis(12))),
            Outcome::Siblings(Siblings {
                value: Some(b"7".to_vec()),
                expiry: Some(Millis(5)),
                versions: vec![sibling],
                context: SealedContext(vec![1, 2]),
            }),
            Outcome::Keys { keys: vec![(b"k".to_vec(), "hash")], next: Position::new(0) },
            Outcome::Keys { keys: Vec::new(), next: None },
            Outcome::Batch(vec![Outcome::Done, Outcome::Integer(1), Outcome::Values(Vec::new())]),
            Outcome::Counted { count: 1 << 40, next: Position::new(77) },
            Outcome::Fields(vec![None, Some(i64::MIN)]),
            Outcome::Scores(vec![None, Score::new(1.5)]),
            Outcome::Scored(vec![(b"m".to_vec(), Score::new(f64::NEG_INFINITY).unwrap())]),
            Outcome::Rank(7, Score::new(0.0).unwrap()),
            Outcome::Failed(CallError::WrongType),
            Outcome::Failed(CallError::Unanswered),
            Outcome::Failed(CallError::SessionAhead),
            Outcome::Failed(CallError::NotANumber),
            Outcome::Failed(CallError::NotFinite),
            Outcome::Failed(CallError::NoSuchIndex),
            Outcome::Failed(CallError::PositionTooLong),
            Outcome::Failed(CallError::BadContext),
            Outcome::Failed(CallError::TooManySiblings { count: 65, limit: 64 }),
            Outcome::Failed(CallError::NotASketch),
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
