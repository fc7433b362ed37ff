//! Operations on sorted sets in bytes.
//!
//! ```text
//! operation 1 B | its fields
//! ```

use api::{
    Bound, Comparison, Counted, LexBound, Order, Presence, Score, ScoreRule, ZsetOperation,
    ZsetRange,
};
use codec::{DecodeError, Reader, put_slice, put_varint};

use super::{
    ITEMS_MAX, put_list, put_pick, put_score, read_bytes, read_integer, read_list, read_pick,
    read_score,
};

pub(super) fn put(out: &mut Vec<u8>, operation: &ZsetOperation) {
    match operation {
        ZsetOperation::Add { members, rule, counted } => {
            out.push(0);
            put_members(out, members);
            put_rule(out, *rule);
            out.push(u8::from(*counted == Counted::Changed));
        }
        ZsetOperation::Increment { member, by, rule } => {
            out.push(1);
            put_slice(out, member);
            put_score(out, *by);
            put_rule(out, *rule);
        }
        ZsetOperation::Remove { members } => put_list(out, 2, members),
        ZsetOperation::Replace { members } => {
            out.push(3);
            put_members(out, members);
        }
        ZsetOperation::Scores { members } => put_list(out, 4, members),
        ZsetOperation::Count => out.push(5),
        ZsetOperation::CountIn { range } => put_range(out, 6, range),
        ZsetOperation::Rank { member, order } => {
            out.push(7);
            put_slice(out, member);
            put_order(out, *order);
        }
        ZsetOperation::Range { range, order, skip, limit } => {
            put_range(out, 8, range);
            put_order(out, *order);
            put_varint(out, *skip);
            put_varint(out, *limit);
        }
        ZsetOperation::Ranges { ranges } => {
            out.push(9);
            put_varint(out, ranges.len() as u64);
            for (min, max) in ranges {
                put_score(out, *min);
                put_score(out, *max);
            }
        }
        ZsetOperation::RemoveIn { range } => put_range(out, 10, range),
        ZsetOperation::Pop { order, limit } => {
            out.push(11);
            put_order(out, *order);
            put_varint(out, *limit);
        }
        ZsetOperation::Pick { pick } => {
            out.push(12);
            put_pick(out, *pick);
        }
        ZsetOperation::All => out.push(13),
    }
}

pub(super) fn read(reader: &mut Reader<'_>) -> Result<ZsetOperation, DecodeError> {
    Ok(match reader.byte()? {
        0 => ZsetOperation::Add {
            members: read_members(reader)?,
            rule: read_rule(reader)?,
            counted: match reader.byte()? {
                0 => Counted::New,
                1 => Counted::Changed,
                _ => return Err(DecodeError::Unknown("counted")),
            },
        },
        1 => ZsetOperation::Increment {
            member: read_bytes(reader)?,
            by: read_score(reader)?,
            rule: read_rule(reader)?,
        },
        2 => ZsetOperation::Remove { members: read_list(reader)? },
        3 => ZsetOperation::Replace { members: read_members(reader)? },
        4 => ZsetOperation::Scores { members: read_list(reader)? },
        5 => ZsetOperation::Count,
        6 => ZsetOperation::CountIn { range: read_range(reader)? },
        7 => ZsetOperation::Rank { member: read_bytes(reader)?, order: read_order(reader)? },
        8 => ZsetOperation::Range {
            range: read_range(reader)?,
            order: read_order(reader)?,
            skip: reader.varint()?,
            limit: reader.varint()?,
        },
        9 => {
            let count = reader.count("ranges", ITEMS_MAX)?;
            let one = |_| Ok((read_score(reader)?, read_score(reader)?));
            ZsetOperation::Ranges { ranges: (0..count).map(one).collect::<Result<_, _>>()? }
        }
        10 => ZsetOperation::RemoveIn { range: read_range(reader)? },
        11 => ZsetOperation::Pop { order: read_order(reader)?, limit: reader.varint()? },
        12 => ZsetOperation::Pick { pick: read_pick(reader)? },
        13 => ZsetOperation::All,
        _ => return Err(DecodeError::Unknown("operation on a sorted set")),
    })
}

fn put_members(out: &mut Vec<u8>, members: &[(Score, Vec<u8>)]) {
    put_varint(out, members.len() as u64);
    for (score, member) in members {
        put_score(out, *score);
        put_slice(out, member);
    }
}

fn read_members(reader: &mut Reader<'_>) -> Result<Vec<(Score, Vec<u8>)>, DecodeError> {
    let count = reader.count("members", ITEMS_MAX)?;
    (0..count).map(|_| Ok((read_score(reader)?, read_bytes(reader)?))).collect()
}

pub(super) fn put_rule(out: &mut Vec<u8>, rule: ScoreRule) {
    out.push(match rule.presence {
        Presence::Any => 0,
        Presence::Present => 1,
        Presence::Absent => 2,
    });
    out.push(match rule.comparison {
        Comparison::Any => 0,
        Comparison::Greater => 1,
        Comparison::Less => 2,
    });
}

pub(super) fn read_rule(reader: &mut Reader<'_>) -> Result<ScoreRule, DecodeError> {
    let presence = match reader.byte()? {
        0 => Presence::Any,
        1 => Presence::Present,
        2 => Presence::Absent,
        _ => return Err(DecodeError::Unknown("presence")),
    };
    let comparison = match reader.byte()? {
        0 => Comparison::Any,
        1 => Comparison::Greater,
        2 => Comparison::Less,
        _ => return Err(DecodeError::Unknown("comparison")),
    };
    Ok(ScoreRule { presence, comparison })
}

fn put_order(out: &mut Vec<u8>, order: Order) {
    out.push(match order {
        Order::Rising => 0,
        Order::Falling => 1,
    });
}

fn read_order(reader: &mut Reader<'_>) -> Result<Order, DecodeError> {
    match reader.byte()? {
        0 => Ok(Order::Rising),
        1 => Ok(Order::Falling),
        _ => Err(DecodeError::Unknown("order")),
    }
}

fn put_range(out: &mut Vec<u8>, kind: u8, range: &ZsetRange) {
    out.push(kind);
    match range {
        ZsetRange::Rank { start, stop } => {
            out.push(0);
            out.extend_from_slice(&start.to_le_bytes());
            out.extend_from_slice(&stop.to_le_bytes());
        }
        ZsetRange::Score { min, max } => {
            out.push(1);
            put_score_bound(out, *min);
            put_score_bound(out, *max);
        }
        ZsetRange::Lex { min, max } => {
            out.push(2);
            put_lex_bound(out, min);
            put_lex_bound(out, max);
        }
    }
}

fn read_range(reader: &mut Reader<'_>) -> Result<ZsetRange, DecodeError> {
    Ok(match reader.byte()? {
        0 => ZsetRange::Rank { start: read_integer(reader)?, stop: read_integer(reader)? },
        1 => ZsetRange::Score { min: read_score_bound(reader)?, max: read_score_bound(reader)? },
        2 => ZsetRange::Lex { min: read_lex_bound(reader)?, max: read_lex_bound(reader)? },
        _ => return Err(DecodeError::Unknown("range")),
    })
}

fn put_score_bound(out: &mut Vec<u8>, bound: Bound<Score>) {
    let (kind, score) = match bound {
        Bound::Included(score) => (0, score),
        Bound::Excluded(score) => (1, score),
    };
    out.push(kind);
    put_score(out, score);
}

fn read_score_bound(reader: &mut Reader<'_>) -> Result<Bound<Score>, DecodeError> {
    match reader.byte()? {
        0 => Ok(Bound::Included(read_score(reader)?)),
        1 => Ok(Bound::Excluded(read_score(reader)?)),
        _ => Err(DecodeError::Unknown("bound")),
    }
}

fn put_lex_bound(out: &mut Vec<u8>, bound: &LexBound) {
    match bound {
        LexBound::Lowest => out.push(0),
        LexBound::Highest => out.push(1),
        LexBound::At(Bound::Included(member)) => {
            out.push(2);
            put_slice(out, member);
        }
        LexBound::At(Bound::Excluded(member)) => {
            out.push(3);
            put_slice(out, member);
        }
    }
}

fn read_lex_bound(reader: &mut Reader<'_>) -> Result<LexBound, DecodeError> {
    Ok(match reader.byte()? {
        0 => LexBound::Lowest,
        1 => LexBound::Highest,
        2 => LexBound::At(Bound::Included(read_bytes(reader)?)),
        3 => LexBound::At(Bound::Excluded(read_bytes(reader)?)),
        _ => return Err(DecodeError::Unknown("bound")),
    })
}
