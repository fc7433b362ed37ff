//! `BITFIELD`: numbers of any width among the bits of a string.

use api::{BitOverflow, Field, FieldStep, Operation, Outcome, Sign, StringOperation};
use resp::Writer;

use super::bits::BITS_COUNT_MAX;
use super::bits::row;
use crate::Step;
use crate::command::{Command, GROW, READ_FAST};
use crate::refusal::Refusal;
use crate::rounds::{Then, misfit};
use crate::turn::{Turn, is_word, parse_integer};

pub(crate) const COMMANDS: &[Command] = &[
    row("bitfield", -2, "3.2.0", "Perform arbitrary bitfield integer operations on strings")
        .flags(GROW)
        .key(&["RW", "access", "update"])
        .run(bitfield),
    row(
        "bitfield_ro",
        -2,
        "6.0.0",
        "Perform arbitrary bitfield integer operations on strings. Read-only variant of BITFIELD",
    )
    .flags(READ_FAST)
    .key(&["RO", "access"])
    .run(bitfield_ro),
];

fn bitfield(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    ask(turn, parse_steps(turn.args.get(2..).unwrap_or_default())?)
}

fn bitfield_ro(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let steps = parse_steps(turn.args.get(2..).unwrap_or_default())?;
    if !steps.iter().all(|step| matches!(step, FieldStep::Get(_))) {
        return Err(Refusal::text("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    ask(turn, steps)
}

fn ask(turn: &mut Turn<'_, '_>, steps: Vec<FieldStep>) -> Result<Step, Refusal> {
    let [_, key, ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let operation = Operation::String(StringOperation::BitFields { steps });
    turn.call_then(key, operation, Then::write(write_fields))
}

fn write_fields(outcomes: &[Outcome], writer: &mut Writer<'_>) -> Result<(), Refusal> {
    let [Outcome::Fields(values)] = outcomes else { return Err(misfit()) };
    writer.array(values.len());
    for value in values {
        match value {
            Some(value) => writer.integer(*value),
            None => writer.null(),
        }
    }
    Ok(())
}

fn parse_steps(mut words: &[&[u8]]) -> Result<Vec<FieldStep>, Refusal> {
    let mut steps = Vec::new();
    let mut overflow = BitOverflow::Wrap;
    loop {
        match words {
            [] => return Ok(steps),
            [word, kind, rest @ ..] if is_word(word, "overflow") => {
                overflow = parse_overflow(kind)?;
                words = rest;
            }
            [word, kind, offset, rest @ ..] if is_word(word, "get") => {
                steps.push(FieldStep::Get(parse_field(kind, offset)?));
                words = rest;
            }
            [word, kind, offset, value, rest @ ..] if is_word(word, "set") => {
                let field = parse_field(kind, offset)?;
                steps.push(FieldStep::Set(field, parse_integer(value)?, overflow));
                words = rest;
            }
            [word, kind, offset, value, rest @ ..] if is_word(word, "incrby") => {
                let field = parse_field(kind, offset)?;
                steps.push(FieldStep::Add(field, parse_integer(value)?, overflow));
                words = rest;
            }
            _ => return Err(Refusal::Syntax),
        }
    }
}

fn parse_overflow(word: &[u8]) -> Result<BitOverflow, Refusal> {
    match () {
        () if is_word(word, "wrap") => Ok(BitOverflow::Wrap),
        () if is_word(word, "sat") => Ok(BitOverflow::Saturate),
        () if is_word(word, "fail") => Ok(BitOverflow::Fail),
        () => Err(Refusal::text("ERR Invalid OVERFLOW type specified")),
    }
}

fn parse_field(kind: &[u8], offset: &[u8]) -> Result<Field, Refusal> {
    let (sign, widest, digits) = match kind {
        [b'i', digits @ ..] => (Sign::Signed, 64, digits),
        [b'u', digits @ ..] => (Sign::Unsigned, 63, digits),
        _ => return Err(odd_type()),
    };
    let width = resp::parse_integer(digits).and_then(|width| u8::try_from(width).ok());
    let width = width.filter(|width| (1..=widest).contains(width)).ok_or_else(odd_type)?;
    // An offset with # counts fields of this width.
    let (digits, unit) = match offset {
        [b'#', digits @ ..] => (digits, u64::from(width)),
        digits => (digits, 1),
    };
    let offset = resp::parse_integer(digits).and_then(|offset| u64::try_from(offset).ok());
    let offset = offset.and_then(|offset| offset.checked_mul(unit));
    let offset = offset.filter(|offset| *offset < BITS_COUNT_MAX);
    let refusal = Refusal::text("ERR bit offset is not an integer or out of range");
    Ok(Field { sign, width, offset: offset.ok_or(refusal)? })
}

const fn odd_type() -> Refusal {
    Refusal::text(
        "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but \
         i64 is.",
    )
}
