//! Hashes: fields with a value each, and counters in fields.

use api::{Amount, Operation, Outcome, Pick};
use resp::{Protocol, Writer};

use crate::Step;
use crate::assembly::Assembly;
use crate::command::{Command, GROW_FAST, Group, READ, READ_FAST, WRITE_FAST};
use crate::families::zsets::pops::check_doubled;
use crate::refusal::Refusal;
use crate::rounds::{Then, misfit};
use crate::turn::{Turn, distinct, is_word, pairs, parse_amount, parse_float, parse_integer};

const fn row(
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(Group::Hash, name, arity, since, summary)
}

/// A row of the commands that answer a whole hash.
const fn whole(command: Command) -> Command {
    command.flags(READ).key(&["RO", "access"]).tips(&["nondeterministic_output_order"])
}

pub(crate) const COMMANDS: &[Command] = &[
    row("hset", -4, "2.0.0", "Set the string value of a hash field")
        .flags(GROW_FAST)
        .key(&["RW", "update"])
        .run(hset),
    row("hget", 3, "2.0.0", "Get the value of a hash field")
        .flags(READ_FAST)
        .key(&["RO", "access"])
        .run(hget),
    row("hmget", -3, "2.0.0", "Get the values of all the given hash fields")
        .flags(READ_FAST)
        .key(&["RO", "access"])
        .run(hmget),
    whole(row("hgetall", 2, "2.0.0", "Get all the fields and values in a hash")).run(hgetall),
    row("hdel", -3, "2.0.0", "Delete one or more hash fields")
        .flags(WRITE_FAST)
        .key(&["RW", "delete"])
        .run(hdel),
    row("hlen", 2, "2.0.0", "Get the number of fields in a hash")
        .flags(READ_FAST)
        .key(&["RO"])
        .run(hlen),
    row("hexists", 3, "2.0.0", "Determine if a hash field exists")
        .flags(READ_FAST)
        .key(&["RO"])
        .run(hexists),
    whole(row("hkeys", 2, "2.0.0", "Get all the fields in a hash")).run(hkeys),
    whole(row("hvals", 2, "2.0.0", "Get all the values in a hash")).run(hvals),
    row("hincrby", 4, "2.0.0", "Increment the integer value of a hash field by the given number")
        .flags(GROW_FAST)
        .key(&["RW", "access", "update"])
        .run(hincrby),
    row("hsetnx", 4, "2.0.0", "Set the value of a hash field, only if the field does not exist")
        .flags(GROW_FAST)
        .key(&["RW", "insert"])
        .run(hsetnx),
    row("hmset", -4, "2.0.0", "Set multiple hash fields to multiple values")
        .flags(GROW_FAST)
        .key(&["RW", "update"])
        .run(hmset),
    row("hstrlen", 3, "3.2.0", "Get the length of the value of a hash field")
        .flags(READ_FAST)
        .key(&["RO"])
        .run(hstrlen),
    row(
        "hincrbyfloat",
        4,
        "2.6.0",
        "Increment the float value of a hash field by the given amount",
    )
    .flags(GROW_FAST)
    .key(&["RW", "access", "update"])
    .run(hincrbyfloat),
    row("hrandfield", -2, "6.2.0", "Get one or multiple random fields from a hash")
        .flags(READ)
        .key(&["RO", "access"])
        .tips(&["nondeterministic_output"])
        .run(hrandfield),
];

fn hset(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    write_fields(turn, Assembly::Integer)
}

fn hmset(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    write_fields(turn, Assembly::OkCounted)
}

fn write_fields(turn: &Turn<'_, '_>, assembly: Assembly) -> Result<Step, Refusal> {
    let [_, key, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let fields = pairs(words)?.into_iter();
    let fields = fields.map(|(field, value)| (field.to_vec(), value.to_vec())).collect();
    turn.call(key, Operation::MapSet { fields }, assembly)
}

fn hget(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    get_fields(turn, Assembly::FirstOptional)
}

fn hmget(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    get_fields(turn, Assembly::Optionals)
}

fn hexists(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    get_fields(turn, Assembly::Presence)
}

fn get_fields(turn: &Turn<'_, '_>, assembly: Assembly) -> Result<Step, Refusal> {
    let [_, key, fields @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let fields = fields.iter().map(|field| field.to_vec()).collect();
    turn.call(key, Operation::MapGet { fields }, assembly)
}

fn hgetall(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.call(turn.only()?, Operation::MapAll, Assembly::Pairs)
}

fn hkeys(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.call(turn.only()?, Operation::MapAll, Assembly::Names)
}

fn hvals(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.call(turn.only()?, Operation::MapAll, Assembly::Values)
}

fn hdel(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, fields @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    turn.call(key, Operation::MapRemove { fields: distinct(fields) }, Assembly::Integer)
}

fn hlen(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.call(turn.only()?, Operation::MapCount, Assembly::Integer)
}

fn hincrby(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, field, by] = turn.args else {
        return Err(Refusal::Arity);
    };
    let operation = Operation::MapIncrement { field: field.to_vec(), by: parse_integer(by)? };
    turn.call(key, operation, Assembly::FieldInteger)
}

fn hsetnx(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, field, value] = turn.args else {
        return Err(Refusal::Arity);
    };
    let operation = Operation::MapSetAbsent { field: field.to_vec(), value: value.to_vec() };
    turn.call(key, operation, Assembly::Integer)
}

fn hstrlen(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    get_fields(turn, Assembly::FieldSize)
}

fn hincrbyfloat(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, field, by] = turn.args else {
        return Err(Refusal::Arity);
    };
    let value = parse_float(by).ok_or(Refusal::text("ERR value is not a valid float"))?;
    if value.is_infinite() {
        return Err(Refusal::text("ERR value is NaN or Infinity"));
    }
    let operation = Operation::MapIncrementDecimal { field: field.to_vec(), by: by.to_vec() };
    turn.call(key, operation, Assembly::FieldValue)
}

fn hrandfield(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let seed = turn.session.seed();
    let (key, amount, then) = match turn.args {
        [_, key] => {
            let pick = Pick { amount: Amount::Distinct(1), seed };
            return turn.call_then(key, Operation::MapPick { pick }, Then::write(write_field));
        }
        [_, key, amount] => {
            (key, parse_amount(amount, i64::MIN + 1)?, Then::Assemble(Assembly::Names))
        }
        [_, key, amount, word] if is_word(word, "withvalues") => {
            let amount = parse_amount(amount, i64::MIN + 1)?;
            check_doubled(amount)?;
            (key, amount, Then::write(write_pairs))
        }
        _ => return Err(Refusal::Syntax),
    };
    let pick = Pick { amount, seed };
    turn.call_then(key, Operation::MapPick { pick }, then)
}

fn write_field(outcomes: &[Outcome], writer: &mut Writer<'_>) -> Result<(), Refusal> {
    let [Outcome::Pairs(pairs)] = outcomes else { return Err(misfit()) };
    match pairs.first() {
        Some((field, _)) => writer.bulk(field),
        None => writer.null(),
    }
    Ok(())
}

/// Fields may come more than once, so they make no map: pairs, which the older protocol has not.
fn write_pairs(outcomes: &[Outcome], writer: &mut Writer<'_>) -> Result<(), Refusal> {
    let [Outcome::Pairs(pairs)] = outcomes else { return Err(misfit()) };
    let is_flat = writer.protocol() == Protocol::Resp2;
    writer.array(if is_flat { 2 * pairs.len() } else { pairs.len() });
    for (field, value) in pairs {
        if !is_flat {
            writer.array(2);
        }
        writer.bulk(field);
        writer.bulk(value);
    }
    Ok(())
}
