//! Strings changed in part, read with a change, or several at once.

use api::{Lifetime, Operation, Outcome, SetCondition, StringOperation};

use super::strings::row;
use crate::Step;
use crate::assembly::Assembly;
use crate::command::{Command, GROW, GROW_FAST, READ, WRITE_FAST};
use crate::expiry::TimeForm;
use crate::keyspec::{Keys, Span};
use crate::refusal::Refusal;
use crate::rounds::{Next, Then, misfit};
use crate::turn::{Turn, is_word, pairs, parse_float, parse_integer};

/// The longest string that Redis takes.
const STRING_SIZE_MAX: i64 = 512 * 1024 * 1024;

pub(crate) const COMMANDS: &[Command] = &[
    row("getset", 3, "1.0.0", "Set the string value of a key and return its old value")
        .flags(GROW_FAST)
        .key(&["RW", "access", "update"])
        .run(getset),
    row("getdel", 2, "6.2.0", "Get the value of a key and delete the key")
        .flags(WRITE_FAST)
        .key(&["RW", "access", "delete"])
        .run(getdel),
    row("getex", -2, "6.2.0", "Get the value of a key and optionally set its expiration")
        .flags(WRITE_FAST)
        .key(&["RW", "access", "update"])
        .run(getex),
    row("append", 3, "2.0.0", "Append a value to a key")
        .flags(GROW_FAST)
        .key(&["RW", "insert"])
        .run(append),
    row("getrange", 4, "2.4.0", "Get a substring of the string stored at a key")
        .flags(READ)
        .key(&["RO", "access"])
        .run(getrange),
    row("substr", 4, "1.0.0", "Get a substring of the string stored at a key")
        .flags(READ)
        .key(&["RO", "access"])
        .run(getrange),
    row(
        "setrange",
        4,
        "2.2.0",
        "Overwrite part of a string at key starting at the specified offset",
    )
    .flags(GROW)
    .key(&["RW", "update"])
    .run(setrange),
    row("incrbyfloat", 3, "2.6.0", "Increment the float value of a key by the given amount")
        .flags(GROW_FAST)
        .key(&["RW", "access", "update"])
        .run(incrbyfloat),
    row(
        "msetnx",
        -3,
        "1.0.1",
        "Set multiple keys to multiple values, only if none of the keys exist",
    )
    .flags(GROW)
    .keys(Keys { first: 1, span: Span::Rest { step: 2 }, access: &["OW", "insert"] })
    .tips(&["request_policy:multi_shard", "response_policy:agg_min"])
    .run(msetnx),
];

/// Asks one thing about a string.
pub(crate) fn ask(
    turn: &Turn<'_, '_>,
    key: &[u8],
    operation: StringOperation,
    assembly: Assembly,
) -> Result<Step, Refusal> {
    turn.call(key, Operation::String(operation), assembly)
}

fn getset(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, value] = turn.args else {
        return Err(Refusal::Arity);
    };
    let operation = StringOperation::Exchange {
        value: value.to_vec(),
        lifetime: Lifetime::Forever,
        condition: SetCondition::Always,
    };
    ask(turn, key, operation, Assembly::FirstOptional)
}

fn getdel(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    ask(turn, turn.only()?, StringOperation::Take, Assembly::Value)
}

fn getex(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let lifetime = match words {
        [] => return turn.call(key, Operation::Get, Assembly::Value),
        [word] if is_word(word, "persist") => Lifetime::Forever,
        [word, amount] => {
            let form = TimeForm::named(word).ok_or(Refusal::Syntax)?;
            Lifetime::Until(form.moment_ahead(parse_integer(amount)?, turn.now)?)
        }
        _ => return Err(Refusal::Syntax),
    };
    ask(turn, key, StringOperation::Touch { lifetime }, Assembly::Value)
}

fn append(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, bytes] = turn.args else {
        return Err(Refusal::Arity);
    };
    ask(turn, key, StringOperation::Append { bytes: bytes.to_vec() }, Assembly::Integer)
}

fn getrange(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, start, end] = turn.args else {
        return Err(Refusal::Arity);
    };
    let (start, end) = (parse_integer(start)?, parse_integer(end)?);
    ask(turn, key, StringOperation::Range { start, end }, Assembly::Value)
}

fn setrange(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, offset, bytes] = turn.args else {
        return Err(Refusal::Arity);
    };
    let offset = parse_integer(offset)?;
    let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let Ok(start) = u64::try_from(offset) else {
        return Err(Refusal::text("ERR offset is out of range"));
    };
    if size > 0 && offset.saturating_add(size) > STRING_SIZE_MAX {
        let text = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
        return Err(Refusal::text(text));
    }
    let operation = StringOperation::Overwrite { offset: start, bytes: bytes.to_vec() };
    ask(turn, key, operation, Assembly::Integer)
}

fn incrbyfloat(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, by] = turn.args else {
        return Err(Refusal::Arity);
    };
    let value = parse_float(by).ok_or(Refusal::text("ERR value is not a valid float"))?;
    if value.is_infinite() {
        return Err(Refusal::text("ERR increment would produce NaN or Infinity"));
    }
    ask(turn, key, StringOperation::IncrementDecimal { by: by.to_vec() }, Assembly::Value)
}

/// Looks for all keys first, and writes when none is there.
fn msetnx(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let pairs = pairs(turn.args.get(1..).unwrap_or_default())?;
    let look = pairs.iter().map(|(key, _)| (key.to_vec(), Operation::Exists)).collect();
    let write = |(key, value): (&[u8], &[u8])| {
        let operation = Operation::Set {
            value: value.to_vec(),
            lifetime: Lifetime::Forever,
            condition: SetCondition::Always,
        };
        (key.to_vec(), operation)
    };
    let writes: Vec<_> = pairs.into_iter().map(write).collect();
    turn.ask(
        look,
        Then::go(|found, writer| {
            let is_there = |outcome: &Outcome| match outcome {
                Outcome::Integer(count) => Ok(*count > 0),
                _ => Err(misfit()),
            };
            for outcome in found {
                if is_there(outcome)? {
                    writer.integer(0);
                    return Ok(Next::Answered);
                }
            }
            let then = Then::write(|_, writer| {
                writer.integer(1);
                Ok(())
            });
            Ok(Next::Ask(writes, then))
        }),
    )
}
