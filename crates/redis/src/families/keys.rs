//! Keys of any type: whether they are there, what they are, and until when.

use api::{Comparison, Operation, Presence};

use crate::Step;
use crate::assembly::Assembly;
use crate::command::{Command, Flag, Group, READ_FAST, WRITE, WRITE_FAST};
use crate::expiry::TimeForm;
use crate::keyspec::{Keys, Span};
use crate::refusal::Refusal;
use crate::turn::{Turn, distinct_slices, is_word, parse_integer};

pub(crate) const fn row(
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(Group::Generic, name, arity, since, summary)
}

/// A row of the commands that take any number of keys and answer a sum.
const fn sum(command: Command, flags: &'static [Flag], access: &'static [&'static str]) -> Command {
    command
        .flags(flags)
        .keys(Keys { first: 1, span: Span::Rest { step: 1 }, access })
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
}

/// A row of the commands that set an expiry.
const fn expiring(command: Command) -> Command {
    command.flags(WRITE_FAST).key(&["RW", "update"])
}

/// A row of the commands that tell an expiry.
const fn telling(command: Command) -> Command {
    command.flags(READ_FAST).key(&["RO", "access"])
}

pub(crate) const COMMANDS: &[Command] = &[
    sum(row("del", -2, "1.0.0", "Delete a key"), WRITE, &["RM", "delete"]).run(del),
    sum(row("unlink", -2, "4.0.0", "Delete a key; the same as DEL"), WRITE_FAST, &["RM", "delete"])
        .run(del),
    sum(row("exists", -2, "1.0.0", "Determine if a key exists"), READ_FAST, &["RO"]).run(exists),
    row("type", 2, "1.0.0", "Determine the type stored at key")
        .flags(READ_FAST)
        .key(&["RO"])
        .run(type_of),
    expiring(row("expire", -3, "1.0.0", "Set a key's time to live in seconds")).run(expire),
    expiring(row("pexpire", -3, "2.6.0", "Set a key's time to live in milliseconds")).run(pexpire),
    expiring(row("expireat", -3, "1.2.0", "Set the expiration for a key as a UNIX timestamp"))
        .run(expireat),
    expiring(row(
        "pexpireat",
        -3,
        "2.6.0",
        "Set the expiration for a key as a UNIX timestamp specified in milliseconds",
    ))
    .run(pexpireat),
    telling(row("ttl", 2, "1.0.0", "Get the time to live for a key in seconds"))
        .tips(&["nondeterministic_output"])
        .run(ttl),
    telling(row("pttl", 2, "2.6.0", "Get the time to live for a key in milliseconds"))
        .tips(&["nondeterministic_output"])
        .run(pttl),
    telling(row("expiretime", 2, "7.0.0", "Get the expiration Unix timestamp for a key"))
        .run(expiretime),
    telling(row(
        "pexpiretime",
        2,
        "7.0.0",
        "Get the expiration Unix timestamp for a key in milliseconds",
    ))
    .run(pexpiretime),
    expiring(row("persist", 2, "2.2.0", "Remove the expiration from a key")).run(persist),
];

fn del(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let keys = distinct_slices(turn.args.get(1..).unwrap_or_default());
    turn.calls(keys.map(|key| (key, Operation::Delete)), Assembly::Sum)
}

/// Counts a key as often as it is named, as Redis does.
fn exists(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let keys = turn.args.iter().skip(1);
    turn.calls(keys.map(|key| (*key, Operation::Exists)), Assembly::Sum)
}

fn type_of(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.call(turn.only()?, Operation::Type, Assembly::Word)
}

fn expire(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    expire_at(turn, TimeForm::SECONDS)
}

fn pexpire(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    expire_at(turn, TimeForm::MILLIS)
}

fn expireat(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    expire_at(turn, TimeForm::UNIX_SECONDS)
}

fn pexpireat(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    expire_at(turn, TimeForm::UNIX_MILLIS)
}

fn expire_at(turn: &Turn<'_, '_>, form: TimeForm) -> Result<Step, Refusal> {
    let [_, key, amount, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let (presence, comparison) = parse_conditions(words)?;
    let at = form.moment(parse_integer(amount)?, turn.now)?;
    if words.is_empty() {
        return turn.call(key, Operation::ExpireAt { at }, Assembly::Integer);
    }
    turn.call(key, Operation::ExpireIf { at, presence, comparison }, Assembly::Integer)
}

/// Reads which end a key must have before.
fn parse_conditions(words: &[&[u8]]) -> Result<(Presence, Comparison), Refusal> {
    let known = ["nx", "xx", "gt", "lt"];
    if let Some(odd) = words.iter().find(|word| !known.iter().any(|one| is_word(word, one))) {
        return Err(Refusal::quoting("ERR Unsupported option ", odd, ""));
    }
    let [nx, xx, gt, lt] = known.map(|one| words.iter().any(|word| is_word(word, one)));
    if nx && (xx || gt || lt) {
        return Err(Refusal::text(
            "ERR NX and XX, GT or LT options at the same time are not compatible",
        ));
    }
    if gt && lt {
        return Err(Refusal::text("ERR GT and LT options at the same time are not compatible"));
    }
    let presence = match (nx, xx) {
        (true, _) => Presence::Absent,
        (_, true) => Presence::Present,
        _ => Presence::Any,
    };
    let comparison = match (gt, lt) {
        (true, _) => Comparison::Greater,
        (_, true) => Comparison::Less,
        _ => Comparison::Any,
    };
    Ok((presence, comparison))
}

fn ttl(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    tell_expiry(turn, TimeForm::SECONDS)
}

fn pttl(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    tell_expiry(turn, TimeForm::MILLIS)
}

fn expiretime(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    tell_expiry(turn, TimeForm::UNIX_SECONDS)
}

fn pexpiretime(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    tell_expiry(turn, TimeForm::UNIX_MILLIS)
}

fn tell_expiry(turn: &Turn<'_, '_>, form: TimeForm) -> Result<Step, Refusal> {
    let assembly = Assembly::Expiry { form, now: turn.now };
    turn.call(turn.only()?, Operation::ExpiryOf, assembly)
}

fn persist(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.call(turn.only()?, Operation::Persist, Assembly::Integer)
}
