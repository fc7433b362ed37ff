//! Lists: elements in an order, pushed and taken at both ends.

pub(crate) mod moves;

use api::{ListEnd, ListOperation, ListSide, Operation, Outcome, PushRule};
use resp::Writer;

use crate::Step;
use crate::assembly::Assembly;
use crate::command::{Command, GROW, GROW_FAST, Group, READ, READ_FAST, WRITE, WRITE_FAST};
use crate::refusal::Refusal;
use crate::rounds::{Then, misfit};
use crate::turn::{Turn, is_word, parse_count, parse_integer};

pub(crate) const fn row(
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(Group::List, name, arity, since, summary)
}

pub(crate) const COMMANDS: &[Command] = &[
    row("lpush", -3, "1.0.0", "Prepend one or multiple elements to a list")
        .flags(GROW_FAST)
        .key(&["RW", "insert"])
        .run(lpush),
    row("rpush", -3, "1.0.0", "Append one or multiple elements to a list")
        .flags(GROW_FAST)
        .key(&["RW", "insert"])
        .run(rpush),
    row("lpushx", -3, "2.2.0", "Prepend an element to a list, only if the list exists")
        .flags(GROW_FAST)
        .key(&["RW", "insert"])
        .run(lpushx),
    row("rpushx", -3, "2.2.0", "Append an element to a list, only if the list exists")
        .flags(GROW_FAST)
        .key(&["RW", "insert"])
        .run(rpushx),
    row("lpop", -2, "1.0.0", "Remove and get the first elements in a list")
        .flags(WRITE_FAST)
        .key(&["RW", "access", "delete"])
        .run(lpop),
    row("rpop", -2, "1.0.0", "Remove and get the last elements in a list")
        .flags(WRITE_FAST)
        .key(&["RW", "access", "delete"])
        .run(rpop),
    row("llen", 2, "1.0.0", "Get the length of a list").flags(READ_FAST).key(&["RO"]).run(llen),
    row("lrange", 4, "1.0.0", "Get a range of elements from a list")
        .flags(READ)
        .key(&["RO", "access"])
        .run(lrange),
    row("lindex", 3, "1.0.0", "Get an element from a list by its index")
        .flags(READ)
        .key(&["RO", "access"])
        .run(lindex),
    row("lset", 4, "1.0.0", "Set the value of an element in a list by its index")
        .flags(GROW)
        .key(&["RW", "update"])
        .run(lset),
    row("lrem", 4, "1.0.0", "Remove elements from a list")
        .flags(WRITE)
        .key(&["RW", "delete"])
        .run(lrem),
    row("linsert", 5, "2.2.0", "Insert an element before or after another element in a list")
        .flags(GROW)
        .key(&["RW", "insert"])
        .run(linsert),
    row("ltrim", 4, "1.0.0", "Trim a list to the specified range")
        .flags(WRITE)
        .key(&["RW", "delete"])
        .run(ltrim),
    row("lpos", -3, "6.0.6", "Return the index of matching elements on a list")
        .flags(READ)
        .key(&["RO", "access"])
        .run(lpos),
];

fn ask(
    turn: &Turn<'_, '_>,
    key: &[u8],
    operation: ListOperation,
    assembly: Assembly,
) -> Result<Step, Refusal> {
    turn.call(key, Operation::List(operation), assembly)
}

fn lpush(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    push(turn, ListEnd::Front, PushRule::Always)
}

fn rpush(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    push(turn, ListEnd::Back, PushRule::Always)
}

fn lpushx(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    push(turn, ListEnd::Front, PushRule::IfPresent)
}

fn rpushx(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    push(turn, ListEnd::Back, PushRule::IfPresent)
}

fn push(turn: &Turn<'_, '_>, end: ListEnd, rule: PushRule) -> Result<Step, Refusal> {
    let [_, key, values @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let values = values.iter().map(|value| value.to_vec()).collect();
    ask(turn, key, ListOperation::Push { end, values, rule }, Assembly::Integer)
}

fn lpop(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    pop(turn, ListEnd::Front)
}

fn rpop(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    pop(turn, ListEnd::Back)
}

fn pop(turn: &Turn<'_, '_>, end: ListEnd) -> Result<Step, Refusal> {
    let (key, limit, write): (_, _, fn(&[Outcome], &mut Writer<'_>) -> _) = match turn.args {
        [_, key] => (key, 1, write_first),
        [_, key, limit] => (key, parse_count(limit)?, write_popped),
        _ => return Err(Refusal::Arity),
    };
    let operation = Operation::List(ListOperation::Pop { end, limit });
    turn.call_then(key, operation, Then::write(write))
}

fn write_first(outcomes: &[Outcome], writer: &mut Writer<'_>) -> Result<(), Refusal> {
    match outcomes {
        [Outcome::Nothing] => writer.null(),
        [Outcome::Values(values)] => writer.bulk(values.first().ok_or_else(misfit)?),
        _ => return Err(misfit()),
    }
    Ok(())
}

fn write_popped(outcomes: &[Outcome], writer: &mut Writer<'_>) -> Result<(), Refusal> {
    match outcomes {
        [Outcome::Nothing] => writer.null_array(),
        [Outcome::Values(values)] => {
            writer.array(values.len());
            values.iter().for_each(|value| writer.bulk(value));
        }
        _ => return Err(misfit()),
    }
    Ok(())
}

fn llen(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    ask(turn, turn.only()?, ListOperation::Count, Assembly::Integer)
}

fn lrange(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, start, stop] = turn.args else {
        return Err(Refusal::Arity);
    };
    let (start, stop) = (parse_integer(start)?, parse_integer(stop)?);
    ask(turn, key, ListOperation::Range { start, stop }, Assembly::List)
}

fn lindex(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, index] = turn.args else {
        return Err(Refusal::Arity);
    };
    let index = parse_integer(index)?;
    ask(turn, key, ListOperation::Get { index }, Assembly::Value)
}

fn lset(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, index, value] = turn.args else {
        return Err(Refusal::Arity);
    };
    let index = parse_integer(index)?;
    ask(turn, key, ListOperation::Set { index, value: value.to_vec() }, Assembly::Ok)
}

fn lrem(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, count, value] = turn.args else {
        return Err(Refusal::Arity);
    };
    let count = parse_integer(count)?;
    let end = if count < 0 { ListEnd::Back } else { ListEnd::Front };
    let limit = if count == 0 { u64::MAX } else { count.unsigned_abs() };
    ask(turn, key, ListOperation::Remove { end, limit, value: value.to_vec() }, Assembly::Integer)
}

fn linsert(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, word, pivot, value] = turn.args else {
        return Err(Refusal::Arity);
    };
    let side = match () {
        () if is_word(word, "before") => ListSide::Before,
        () if is_word(word, "after") => ListSide::Behind,
        () => return Err(Refusal::Syntax),
    };
    let (pivot, value) = (pivot.to_vec(), value.to_vec());
    ask(turn, key, ListOperation::Insert { side, pivot, value }, Assembly::Integer)
}

fn ltrim(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, start, stop] = turn.args else {
        return Err(Refusal::Arity);
    };
    let (start, stop) = (parse_integer(start)?, parse_integer(stop)?);
    ask(turn, key, ListOperation::Trim { start, stop }, Assembly::Ok)
}

fn lpos(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, value, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let (options, []) = words.as_chunks::<2>() else {
        return Err(Refusal::Syntax);
    };
    let (mut rank, mut count, mut looked_at_max) = (1, None, u64::MAX);
    for [word, number] in options {
        if is_word(word, "rank") {
            rank = parse_rank(number)?;
        } else if is_word(word, "count") {
            let wanted = parse_natural(number, "ERR COUNT can't be negative")?;
            count = Some(if wanted == 0 { u64::MAX } else { wanted });
        } else if is_word(word, "maxlen") {
            let most = parse_natural(number, "ERR MAXLEN can't be negative")?;
            looked_at_max = if most == 0 { u64::MAX } else { most };
        } else {
            return Err(Refusal::Syntax);
        }
    }
    let end = if rank < 0 { ListEnd::Back } else { ListEnd::Front };
    let (skip, limit) = (rank.unsigned_abs() - 1, count.unwrap_or(1));
    let operation = ListOperation::Find { value: value.to_vec(), end, skip, limit, looked_at_max };
    if count.is_some() {
        return ask(turn, key, operation, Assembly::Integers);
    }
    turn.call_then(
        key,
        Operation::List(operation),
        Then::write(|outcomes, writer| {
            let [Outcome::Integers(found)] = outcomes else { return Err(misfit()) };
            match found.first() {
                Some(index) => writer.integer(*index),
                None => writer.null(),
            }
            Ok(())
        }),
    )
}

fn parse_rank(text: &[u8]) -> Result<i64, Refusal> {
    match parse_integer(text)? {
        0 => Err(Refusal::text(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... \
             or use negative to start from the end of the list",
        )),
        i64::MIN => Err(Refusal::text(
            "ERR value is out of range, value must between -9223372036854775807 and \
             9223372036854775807",
        )),
        rank => Ok(rank),
    }
}

fn parse_natural(text: &[u8], refusal: &'static str) -> Result<u64, Refusal> {
    let number = resp::parse_integer(text).and_then(|number| u64::try_from(number).ok());
    number.ok_or(Refusal::text(refusal))
}
