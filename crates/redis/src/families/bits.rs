//! Strings as rows of bits.

use api::{Bit, BitRange, BitUnit, Lifetime, Operation, Outcome, SetCondition, StringOperation};
use resp::Writer;

use super::edits::ask;
use crate::Step;
use crate::assembly::Assembly;
use crate::command::{Command, GROW, Group, READ, READ_FAST, integer};
use crate::keyspec::Keys;
use crate::refusal::Refusal;
use crate::rounds::{Next, Then, misfit};
use crate::turn::{Turn, is_word, parse_integer};

/// Bits are counted from 0 up to, and without, this: a string has 512 MiB at most.
pub(crate) const BITS_COUNT_MAX: u64 = 1 << 32;

pub(crate) const fn row(
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(Group::Bitmap, name, arity, since, summary)
}

pub(crate) const COMMANDS: &[Command] = &[
    row("setbit", 4, "2.2.0", "Sets or clears the bit at offset in the string value stored at key")
        .flags(GROW)
        .key(&["RW", "access", "update"])
        .run(setbit),
    row("getbit", 3, "2.2.0", "Returns the bit value at offset in the string value stored at key")
        .flags(READ_FAST)
        .key(&["RO", "access"])
        .run(getbit),
    row("bitcount", -2, "2.6.0", "Count set bits in a string")
        .flags(READ)
        .key(&["RO", "access"])
        .run(bitcount),
    row("bitpos", -3, "2.8.7", "Find first bit set or clear in a string")
        .flags(READ)
        .key(&["RO", "access"])
        .run(bitpos),
    row("bitop", -4, "2.6.0", "Perform bitwise operations between strings")
        .flags(GROW)
        .keys(Keys::one(2, &["OW", "update"]))
        .keys(Keys::rest(3, &["RO", "access"]))
        .run(bitop),
];

fn parse_offset(text: &[u8]) -> Result<u64, Refusal> {
    let offset = resp::parse_integer(text).and_then(|offset| u64::try_from(offset).ok());
    let offset = offset.filter(|offset| *offset < BITS_COUNT_MAX);
    offset.ok_or(Refusal::text("ERR bit offset is not an integer or out of range"))
}

fn parse_bit(text: &[u8], refusal: Refusal) -> Result<Bit, Refusal> {
    match resp::parse_integer(text) {
        Some(0) => Ok(Bit::Clear),
        Some(1) => Ok(Bit::Set),
        _ => Err(refusal),
    }
}

fn parse_unit(word: &[u8]) -> Result<BitUnit, Refusal> {
    match () {
        () if is_word(word, "byte") => Ok(BitUnit::Byte),
        () if is_word(word, "bit") => Ok(BitUnit::Bit),
        () => Err(Refusal::Syntax),
    }
}

fn setbit(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, offset, bit] = turn.args else {
        return Err(Refusal::Arity);
    };
    let offset = parse_offset(offset)?;
    let bit = parse_bit(bit, Refusal::text("ERR bit is not an integer or out of range"))?;
    ask(turn, key, StringOperation::SetBit { offset, bit }, Assembly::Integer)
}

fn getbit(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, offset] = turn.args else {
        return Err(Refusal::Arity);
    };
    let offset = parse_offset(offset)?;
    ask(turn, key, StringOperation::GetBit { offset }, Assembly::Integer)
}

fn bitcount(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let (key, range) = match turn.args {
        [_, key] => (key, None),
        [_, key, start, end] => (key, Some((start, end, BitUnit::Byte))),
        [_, key, start, end, unit] => (key, Some((start, end, parse_unit(unit)?))),
        _ => return Err(Refusal::Syntax),
    };
    let range = match range {
        None => None,
        Some((start, end, unit)) => {
            Some(BitRange { start: parse_integer(start)?, end: parse_integer(end)?, unit })
        }
    };
    ask(turn, key, StringOperation::CountBits { range }, Assembly::Integer)
}

fn bitpos(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, bit, places @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    if resp::parse_integer(bit).is_none() {
        return Err(Refusal::NotAnInteger);
    }
    let bit = parse_bit(bit, Refusal::text("ERR The bit argument must be 1 or 0."))?;
    let (start, end, unit) = match places {
        [] => (None, None, BitUnit::Byte),
        [start] => (Some(start), None, BitUnit::Byte),
        [start, end] => (Some(start), Some(end), BitUnit::Byte),
        [start, end, unit] => (Some(start), Some(end), parse_unit(unit)?),
        _ => return Err(Refusal::Syntax),
    };
    let start = start.map(|start| parse_integer(start)).transpose()?;
    let end = end.map(|end| parse_integer(end)).transpose()?;
    ask(turn, key, StringOperation::FindBit { bit, start, end, unit }, Assembly::Integer)
}

/// What `BITOP` makes of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Join {
    And,
    Or,
    Xor,
    Not,
}

fn bitop(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, word, target, sources @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let join = match () {
        () if is_word(word, "and") => Join::And,
        () if is_word(word, "or") => Join::Or,
        () if is_word(word, "xor") => Join::Xor,
        () if is_word(word, "not") => Join::Not,
        () => return Err(Refusal::Syntax),
    };
    if join == Join::Not && sources.len() != 1 {
        return Err(Refusal::text("ERR BITOP NOT must be called with a single source key."));
    }
    let asked = sources.iter().map(|key| (key.to_vec(), Operation::Get)).collect();
    let target = target.to_vec();
    turn.ask(asked, Then::go(move |outcomes, _| store(target, &combine(join, outcomes)?)))
}

fn combine(join: Join, outcomes: &[Outcome]) -> Result<Vec<u8>, Refusal> {
    let mut strings: Vec<&[u8]> = Vec::new();
    for outcome in outcomes {
        strings.push(match outcome {
            Outcome::Value(value) => value,
            Outcome::Nothing => &[],
            _ => return Err(misfit()),
        });
    }
    let size = strings.iter().map(|string| string.len()).max().unwrap_or(0);
    let (first, rest) = strings.split_first().ok_or_else(misfit)?;
    let mut result = first.to_vec();
    result.resize(size, 0);
    if join == Join::Not {
        result.iter_mut().for_each(|byte| *byte = !*byte);
    }
    for string in rest {
        let padded = string.iter().copied().chain(std::iter::repeat(0));
        for (byte, other) in result.iter_mut().zip(padded) {
            match join {
                Join::And => *byte &= other,
                Join::Or => *byte |= other,
                Join::Xor => *byte ^= other,
                Join::Not => {}
            }
        }
    }
    Ok(result)
}

/// Writes the result, or deletes the target when there is none; answers the size.
fn store(target: Vec<u8>, result: &[u8]) -> Result<Next, Refusal> {
    let size = integer(result.len());
    let operation = if result.is_empty() {
        Operation::Delete
    } else {
        let (lifetime, condition) = (Lifetime::Forever, SetCondition::Always);
        Operation::Set { value: result.to_vec(), lifetime, condition }
    };
    let answer = move |_: &[Outcome], writer: &mut Writer<'_>| {
        writer.integer(size);
        Ok(())
    };
    Ok(Next::Ask(vec![(target, operation)], Then::write(answer)))
}
