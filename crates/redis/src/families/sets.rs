//! Sets: members without order, each once.

use api::Operation;

use crate::Step;
use crate::assembly::Assembly;
use crate::command::{Command, GROW_FAST, Group, READ, READ_FAST, WRITE_FAST};
use crate::refusal::Refusal;
use crate::turn::{Turn, distinct};

const fn row(
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(Group::Set, name, arity, since, summary)
}

pub(crate) const COMMANDS: &[Command] = &[
    row("sadd", -3, "1.0.0", "Add one or more members to a set")
        .flags(GROW_FAST)
        .key(&["RW", "insert"])
        .run(sadd),
    row("srem", -3, "1.0.0", "Remove one or more members from a set")
        .flags(WRITE_FAST)
        .key(&["RW", "delete"])
        .run(srem),
    row("smembers", 2, "1.0.0", "Get all the members in a set")
        .flags(READ)
        .key(&["RO", "access"])
        .tips(&["nondeterministic_output_order"])
        .run(smembers),
    row("sismember", 3, "1.0.0", "Determine if a given value is a member of a set")
        .flags(READ_FAST)
        .key(&["RO"])
        .run(sismember),
    row(
        "smismember",
        -3,
        "6.2.0",
        "Returns the membership associated with the given elements for a set",
    )
    .flags(READ_FAST)
    .key(&["RO", "access"])
    .run(smismember),
    row("scard", 2, "1.0.0", "Get the number of members in a set")
        .flags(READ_FAST)
        .key(&["RO"])
        .run(scard),
];

fn sadd(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, members @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    turn.call(key, Operation::SetAdd { members: distinct(members) }, Assembly::Integer)
}

fn srem(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, members @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    turn.call(key, Operation::SetRemove { members: distinct(members) }, Assembly::Integer)
}

fn smembers(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.call(turn.only()?, Operation::SetMembers, Assembly::Set)
}

fn sismember(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    contains(turn, Assembly::FirstInteger)
}

fn smismember(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    contains(turn, Assembly::Integers)
}

fn contains(turn: &Turn<'_, '_>, assembly: Assembly) -> Result<Step, Refusal> {
    let [_, key, members @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let members = members.iter().map(|member| member.to_vec()).collect();
    turn.call(key, Operation::SetContains { members }, assembly)
}

fn scard(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.call(turn.only()?, Operation::SetCount, Assembly::Integer)
}
