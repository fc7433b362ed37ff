//! Hashes: fields with a value each, and counters in fields.

use api::Operation;

use crate::Step;
use crate::assembly::Assembly;
use crate::command::{Command, GROW_FAST, Group, READ, READ_FAST, WRITE_FAST};
use crate::refusal::Refusal;
use crate::turn::{Turn, distinct, pairs, parse_integer};

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
];

fn hset(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let fields = pairs(words)?.into_iter();
    let fields = fields.map(|(field, value)| (field.to_vec(), value.to_vec())).collect();
    turn.call(key, Operation::MapSet { fields }, Assembly::Integer)
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
