//! Strings: one value per key, and counters in decimal.

use api::{Lifetime, Operation, SetCondition, StringOperation};

use crate::Step;
use crate::assembly::Assembly;
use crate::command::{Command, GROW, GROW_FAST, Group, READ_FAST};
use crate::expiry::TimeForm;
use crate::keyspec::{Keys, Span};
use crate::refusal::Refusal;
use crate::turn::{Turn, is_word, pairs, parse_integer};

pub(crate) const fn row(
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(Group::String, name, arity, since, summary)
}

pub(crate) const COMMANDS: &[Command] = &[
    row("get", 2, "1.0.0", "Get the value of a key")
        .flags(READ_FAST)
        .key(&["RO", "access"])
        .run(get),
    row("set", -3, "1.0.0", "Set the string value of a key")
        .flags(GROW)
        .key(&["RW", "access", "update", "variable_flags"])
        .run(set),
    row("setnx", 3, "1.0.0", "Set the value of a key, only if the key does not exist")
        .flags(GROW_FAST)
        .key(&["OW", "insert"])
        .run(setnx),
    row("setex", 4, "2.0.0", "Set the value and expiration of a key")
        .flags(GROW)
        .key(&["OW", "update"])
        .run(setex),
    row("psetex", 4, "2.6.0", "Set the value and expiration in milliseconds of a key")
        .flags(GROW)
        .key(&["OW", "update"])
        .run(psetex),
    row("incr", 2, "1.0.0", "Increment the integer value of a key by one")
        .flags(GROW_FAST)
        .key(&["RW", "access", "update"])
        .run(incr),
    row("decr", 2, "1.0.0", "Decrement the integer value of a key by one")
        .flags(GROW_FAST)
        .key(&["RW", "access", "update"])
        .run(decr),
    row("incrby", 3, "1.0.0", "Increment the integer value of a key by the given amount")
        .flags(GROW_FAST)
        .key(&["RW", "access", "update"])
        .run(incrby),
    row("decrby", 3, "1.0.0", "Decrement the integer value of a key by the given number")
        .flags(GROW_FAST)
        .key(&["RW", "access", "update"])
        .run(decrby),
    row("mget", -2, "1.0.0", "Get the values of all the given keys")
        .flags(READ_FAST)
        .keys(Keys { first: 1, span: Span::Rest { step: 1 }, access: &["RO", "access"] })
        .tips(&["request_policy:multi_shard"])
        .run(mget),
    row("mset", -3, "1.0.1", "Set multiple keys to multiple values")
        .flags(GROW)
        .keys(Keys { first: 1, span: Span::Rest { step: 2 }, access: &["OW", "update"] })
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
        .run(mset),
    row("strlen", 2, "2.2.0", "Get the length of the value stored in a key")
        .flags(READ_FAST)
        .key(&["RO"])
        .run(strlen),
];

fn get(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.call(turn.only()?, Operation::Get, Assembly::Value)
}

fn set(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, value, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let options = SetOptions::parse(words)?;
    let lifetime = match options.expiry {
        Expiry::None => Lifetime::Forever,
        Expiry::Keep => Lifetime::Keep,
        Expiry::At(form, amount) => {
            Lifetime::Until(form.moment_ahead(parse_integer(amount)?, turn.now)?)
        }
    };
    let (value, condition) = (value.to_vec(), options.condition);
    if options.old_value == OldValue::Wanted {
        let exchange = StringOperation::Exchange { value, lifetime, condition };
        return turn.call(key, Operation::String(exchange), Assembly::FirstOptional);
    }
    let operation = Operation::Set { value, lifetime, condition };
    turn.call(key, operation, Assembly::OkOrNull)
}

/// The options of `SET`, as typed.
struct SetOptions<'a> {
    condition: SetCondition,
    expiry: Expiry<'a>,
    old_value: OldValue,
}

/// What `SET` says about expiry.
enum Expiry<'a> {
    None,
    Keep,
    At(TimeForm, &'a [u8]),
}

/// Whether `SET` is to answer the value that was there.
#[derive(PartialEq, Eq)]
enum OldValue {
    Wanted,
    Unwanted,
}

impl<'a> SetOptions<'a> {
    /// Reads the options in any order. As in Redis an option may come twice, but not with another
    /// that contradicts it.
    fn parse(words: &[&'a [u8]]) -> Result<Self, Refusal> {
        let mut options = Self {
            condition: SetCondition::Always,
            expiry: Expiry::None,
            old_value: OldValue::Unwanted,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if is_word(word, "nx") {
                options.restrict(SetCondition::IfAbsent)?;
            } else if is_word(word, "xx") {
                options.restrict(SetCondition::IfPresent)?;
            } else if is_word(word, "get") {
                options.old_value = OldValue::Wanted;
            } else if is_word(word, "keepttl") {
                options.keep_expiry()?;
            } else {
                let form = TimeForm::named(word).ok_or(Refusal::Syntax)?;
                let amount = words.next().ok_or(Refusal::Syntax)?;
                options.expire_at(form, amount)?;
            }
        }
        Ok(options)
    }

    fn restrict(&mut self, condition: SetCondition) -> Result<(), Refusal> {
        let fits = self.condition == SetCondition::Always || self.condition == condition;
        self.condition = condition;
        fits.then_some(()).ok_or(Refusal::Syntax)
    }

    fn keep_expiry(&mut self) -> Result<(), Refusal> {
        let fits = matches!(self.expiry, Expiry::None | Expiry::Keep);
        self.expiry = Expiry::Keep;
        fits.then_some(()).ok_or(Refusal::Syntax)
    }

    fn expire_at(&mut self, form: TimeForm, amount: &'a [u8]) -> Result<(), Refusal> {
        let fits = match self.expiry {
            Expiry::None => true,
            Expiry::Keep => false,
            Expiry::At(before, _) => before == form,
        };
        self.expiry = Expiry::At(form, amount);
        fits.then_some(()).ok_or(Refusal::Syntax)
    }
}

fn setnx(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, value] = turn.args else {
        return Err(Refusal::Arity);
    };
    let operation = Operation::Set {
        value: value.to_vec(),
        lifetime: Lifetime::Forever,
        condition: SetCondition::IfAbsent,
    };
    turn.call(key, operation, Assembly::DoneOrNot)
}

fn setex(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    set_expiring(turn, TimeForm::SECONDS)
}

fn psetex(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    set_expiring(turn, TimeForm::MILLIS)
}

fn set_expiring(turn: &Turn<'_, '_>, form: TimeForm) -> Result<Step, Refusal> {
    let [_, key, amount, value] = turn.args else {
        return Err(Refusal::Arity);
    };
    let until = form.moment_ahead(parse_integer(amount)?, turn.now)?;
    let operation = Operation::Set {
        value: value.to_vec(),
        lifetime: Lifetime::Until(until),
        condition: SetCondition::Always,
    };
    turn.call(key, operation, Assembly::Ok)
}

fn incr(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.call(turn.only()?, Operation::Increment { by: 1 }, Assembly::Integer)
}

fn decr(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.call(turn.only()?, Operation::Increment { by: -1 }, Assembly::Integer)
}

fn incrby(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, by] = turn.args else {
        return Err(Refusal::Arity);
    };
    turn.call(key, Operation::Increment { by: parse_integer(by)? }, Assembly::Integer)
}

fn decrby(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, by] = turn.args else {
        return Err(Refusal::Arity);
    };
    let by =
        parse_integer(by)?.checked_neg().ok_or(Refusal::text("ERR decrement would overflow"))?;
    turn.call(key, Operation::Increment { by }, Assembly::Integer)
}

fn mget(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let keys = turn.args.iter().skip(1);
    turn.calls(keys.map(|key| (*key, Operation::Get)), Assembly::EachValue)
}

fn mset(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let pairs = pairs(turn.args.get(1..).unwrap_or_default())?;
    let calls = pairs.into_iter().map(|(key, value)| {
        let operation = Operation::Set {
            value: value.to_vec(),
            lifetime: Lifetime::Forever,
            condition: SetCondition::Always,
        };
        (key, operation)
    });
    turn.calls(calls, Assembly::Ok)
}

fn strlen(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.call(turn.only()?, Operation::Get, Assembly::Size)
}
