//! Sets: members without order, each once.

use api::{Amount, Operation, Outcome, Pick};
use resp::Writer;

use crate::Step;
use crate::assembly::Assembly;
use crate::command::{Command, GROW_FAST, Group, READ, READ_FAST, WRITE_FAST};
use crate::keyspec::Keys;
use crate::refusal::Refusal;
use crate::rounds::{Next, Then, misfit};
use crate::turn::{Turn, distinct, parse_amount, parse_count};

pub(crate) const fn row(
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
    row("spop", -2, "1.0.0", "Remove and return one or multiple random members from a set")
        .flags(WRITE_FAST)
        .key(&["RW", "access", "delete"])
        .tips(&["nondeterministic_output"])
        .run(spop),
    row("srandmember", -2, "1.0.0", "Get one or multiple random members from a set")
        .flags(READ)
        .key(&["RO", "access"])
        .tips(&["nondeterministic_output"])
        .run(srandmember),
    row("smove", 4, "1.0.0", "Move a member from one set to another")
        .flags(WRITE_FAST)
        .key(&["RW", "access", "delete"])
        .keys(Keys::one(2, &["RW", "insert"]))
        .run(smove),
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

fn spop(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let seed = turn.session.seed();
    match turn.args {
        [_, key] => {
            turn.call_then(key, Operation::SetPop { limit: 1, seed }, Then::write(write_first))
        }
        [_, key, limit] => {
            let limit = parse_count(limit)?;
            turn.call(key, Operation::SetPop { limit, seed }, Assembly::Set)
        }
        _ => Err(Refusal::Syntax),
    }
}

fn srandmember(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let seed = turn.session.seed();
    match turn.args {
        [_, key] => {
            let pick = Pick { amount: Amount::Distinct(1), seed };
            turn.call_then(key, Operation::SetPick { pick }, Then::write(write_first))
        }
        [_, key, amount] => {
            let pick = Pick { amount: parse_amount(amount, i64::MIN + 1)?, seed };
            turn.call(key, Operation::SetPick { pick }, Assembly::List)
        }
        _ => Err(Refusal::Syntax),
    }
}

fn write_first(outcomes: &[Outcome], writer: &mut Writer<'_>) -> Result<(), Refusal> {
    match outcomes {
        [Outcome::Values(members)] => match members.as_slice() {
            [] => writer.null(),
            [member, ..] => writer.bulk(member),
        },
        _ => return Err(misfit()),
    }
    Ok(())
}

/// Adds first and removes then: another client may see the member in both sets, none in neither.
fn smove(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, source, target, member] = turn.args else {
        return Err(Refusal::Arity);
    };
    let (source, target, member) = (source.to_vec(), target.to_vec(), member.to_vec());
    let contains = Operation::SetContains { members: vec![member.clone()] };
    let asked = vec![(source.clone(), Operation::Exists), (source.clone(), contains.clone())];
    turn.ask(
        asked,
        Then::go(move |outcomes, writer| match outcomes {
            [Outcome::Integer(0), _] => Ok(say(0, writer)),
            [_, Outcome::Integers(found)] if source == target => {
                Ok(say(found.iter().sum(), writer))
            }
            [_, Outcome::Integers(found)] => {
                let is_member = found == &[1];
                let asked = target.clone();
                let then = Then::go(move |_, writer| match is_member {
                    false => Ok(say(0, writer)),
                    true => Ok(add_to(target, source, member)),
                });
                // The target's type counts even when there is nothing to move.
                Ok(Next::Ask(vec![(asked, contains)], then))
            }
            _ => Err(misfit()),
        }),
    )
}

fn add_to(target: Vec<u8>, source: Vec<u8>, member: Vec<u8>) -> Next {
    let members = vec![member];
    let add = Operation::SetAdd { members: members.clone() };
    let then = Then::go(move |_, _| {
        let remove = Operation::SetRemove { members };
        Ok(Next::Ask(vec![(source, remove)], Then::Assemble(Assembly::Integer)))
    });
    Next::Ask(vec![(target, add)], then)
}

fn say(number: i64, writer: &mut Writer<'_>) -> Next {
    writer.integer(number);
    Next::Answered
}
