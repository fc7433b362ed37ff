//! Pops that wait: from the first of several keys that has something, or gets it in time.
//!
//! A client that waits is woken when a command of any node has fed one of its keys, and looks
//! again by itself every second. What it looks at while it waits may change its type: that is no
//! error then. Nothing is taken for a client that has left before it was woken.

use std::rc::Rc;
use std::time::Duration;

use api::{CallError, ListEnd, ListOperation, Operation, Order, Outcome, ZsetOperation};
use causality::Millis;
use resp::Writer;

use crate::Step;
use crate::assembly::write_failure;
use crate::command::{Category, Command, Flag, Group};
use crate::families::lists::moves::{self, parse_end};
use crate::families::zsets::pops::{parse_positive, write_key_and_members};
use crate::keyspec::{Keys, Span};
use crate::lobby::{Awaited, Errand, Lobby};
use crate::refusal::Refusal;
use crate::rounds::{Next, Then, Wait, misfit};
use crate::turn::{Turn, counted_keys, is_word, parse_float};

const POP: &[Flag] = &[Flag::Write, Flag::NoScript, Flag::Blocking];
const POP_FAST: &[Flag] = &[Flag::Write, Flag::NoScript, Flag::Blocking, Flag::Fast];
const POP_SOME: &[Flag] = &[Flag::Write, Flag::Blocking];
const MOVE: &[Flag] = &[Flag::Write, Flag::DenyOom, Flag::NoScript, Flag::Blocking];
const TAKING: &[&str] = &["RW", "access", "delete"];

const fn row(
    group: Group,
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(group, name, arity, since, summary).categories(&[Category::Blocking])
}

/// A row of the commands whose last argument is the time to wait.
const fn of_keys(command: Command, flags: &'static [Flag]) -> Command {
    command.flags(flags).keys(Keys { first: 1, span: Span::AllButLast, access: TAKING })
}

pub(crate) const COMMANDS: &[Command] = &[
    of_keys(
        row(Group::List, "blpop", -3, "2.0.0", "Take the first element of a list, or wait for one"),
        POP,
    )
    .run(blpop),
    of_keys(
        row(Group::List, "brpop", -3, "2.0.0", "Take the last element of a list, or wait for one"),
        POP,
    )
    .run(brpop),
    of_keys(
        row(
            Group::SortedSet,
            "bzpopmin",
            -3,
            "5.0.0",
            "Take the member with the lowest score, or wait for one",
        ),
        POP_FAST,
    )
    .run(bzpopmin),
    of_keys(
        row(
            Group::SortedSet,
            "bzpopmax",
            -3,
            "5.0.0",
            "Take the member with the highest score, or wait for one",
        ),
        POP_FAST,
    )
    .run(bzpopmax),
    row(Group::List, "blmpop", -5, "7.0.0", "Take elements of a list, or wait for some")
        .flags(POP_SOME)
        .keys(Keys::counted(2, TAKING))
        .run(blmpop),
    row(Group::SortedSet, "bzmpop", -5, "7.0.0", "Take members of a sorted set, or wait for some")
        .flags(POP_SOME)
        .keys(Keys::counted(2, TAKING))
        .run(bzmpop),
    row(Group::List, "blmove", 6, "6.2.0", "Move an element between lists, or wait for one")
        .flags(MOVE)
        .key(TAKING)
        .keys(Keys::one(2, &["RW", "insert"]))
        .run(blmove),
    row(
        Group::List,
        "brpoplpush",
        4,
        "2.2.0",
        "Move the last element to another list, or wait for one",
    )
    .flags(MOVE)
    .key(TAKING)
    .keys(Keys::one(2, &["RW", "insert"]))
    .run(brpoplpush),
];

/// What is taken, and how the reply looks.
#[derive(Clone, Copy, Debug)]
enum Taking {
    /// One element: key and element.
    Element(ListEnd),
    /// Several: key and elements.
    Elements(ListEnd, u64),
    /// One member: key, member and score.
    Member(Order),
    /// Several: key and pairs.
    Members(Order, u64),
}

impl Taking {
    const fn operation(self) -> Operation {
        match self {
            Self::Element(end) => Operation::List(ListOperation::Pop { end, limit: 1 }),
            Self::Elements(end, limit) => Operation::List(ListOperation::Pop { end, limit }),
            Self::Member(order) => Operation::Zset(ZsetOperation::Pop { order, limit: 1 }),
            Self::Members(order, limit) => Operation::Zset(ZsetOperation::Pop { order, limit }),
        }
    }

    /// Writes what was taken; false when it was nothing.
    fn write(self, key: &[u8], outcome: &Outcome, writer: &mut Writer<'_>) -> bool {
        match (self, outcome) {
            (Self::Element(_), Outcome::Values(values)) if !values.is_empty() => {
                writer.array(1 + values.len());
                writer.bulk(key);
                values.iter().for_each(|value| writer.bulk(value));
            }
            (Self::Elements(..), Outcome::Values(values)) if !values.is_empty() => {
                writer.array(2);
                writer.bulk(key);
                writer.array(values.len());
                values.iter().for_each(|value| writer.bulk(value));
            }
            (Self::Member(_), Outcome::Scored(members)) if !members.is_empty() => {
                writer.array(1 + 2 * members.len());
                writer.bulk(key);
                for (member, score) in members {
                    writer.bulk(member);
                    writer.double(score.get());
                }
            }
            (Self::Members(..), Outcome::Scored(members)) if !members.is_empty() => {
                write_key_and_members(key, members, writer);
            }
            _ => return false,
        }
        true
    }
}

/// Until when a command waits, and where it says that it does.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    pub(crate) since: Millis,
    pub(crate) until: Option<Millis>,
    pub(crate) lobby: Rc<Lobby>,
}

impl Patience {
    fn parse(turn: &Turn<'_, '_>, text: &[u8]) -> Result<Self, Refusal> {
        let seconds =
            parse_float(text).ok_or(Refusal::text("ERR timeout is not a float or out of range"))?;
        let since = turn.now;
        let length = millis_of(seconds).ok_or(Refusal::text("ERR timeout is negative"))?;
        let until = (length > 0).then(|| Millis(since.0.saturating_add(length)));
        Ok(Self { since, until, lobby: Rc::clone(&turn.session.lobby) })
    }

    /// Waits for keys, and looks again like this.
    pub(crate) fn wait(&self, keys: Vec<Awaited>, again: impl FnOnce() -> Next + 'static) -> Next {
        let over = Box::new(|writer: &mut Writer<'_>| writer.null_array());
        let (since, until) = (self.since, self.until);
        Next::Wait(Wait { keys, since, until, again: Box::new(again), over })
    }

    /// Lets the next one look at a key of which something was taken: there may be more.
    pub(crate) fn pass_on(&self, key: Awaited) {
        self.lobby.add_errand(Errand::Feed(key));
    }
}

/// Returns whole milliseconds, rounded up; nothing for what is negative or no time at all.
pub(crate) fn millis_of(seconds: f64) -> Option<u64> {
    let nanos = Duration::try_from_secs_f64(seconds).ok()?.as_nanos();
    let millis = i64::try_from(nanos.div_ceil(1_000_000)).ok()?;
    u64::try_from(millis).ok()
}

/// A pop from the first of several keys that has something.
struct Pop {
    keys: Vec<Awaited>,
    taking: Taking,
    patience: Patience,
}

/// Whether a command looks for the first time or was woken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    First,
    Again,
}

impl Pop {
    fn start(
        turn: &Turn<'_, '_>,
        keys: &[&[u8]],
        taking: Taking,
        patience: Patience,
    ) -> Result<Step, Refusal> {
        let keyspace = turn.session.database.keyspace();
        let keys = keys.iter().map(|key| (keyspace, key.to_vec())).collect();
        let pop = Rc::new(Self { keys, taking, patience });
        turn.go_on(pop.attempt(0, Look::First))
    }

    fn attempt(self: Rc<Self>, at: usize, look: Look) -> Next {
        let Some((_, key)) = self.keys.get(at) else {
            let (keys, pop) = (self.keys.clone(), Rc::clone(&self));
            return self.patience.wait(keys, move || pop.attempt(0, Look::Again));
        };
        let asked = vec![(key.clone(), self.taking.operation())];
        let then = Then::go_any(move |outcomes, writer| {
            let ([outcome], Some(key)) = (outcomes, self.keys.get(at)) else {
                return Err(misfit());
            };
            match outcome {
                Outcome::Failed(CallError::WrongType) if look == Look::Again => {}
                Outcome::Failed(error) => {
                    write_failure(error, writer);
                    return Ok(Next::Answered);
                }
                taken if self.taking.write(&key.1, taken, writer) => {
                    self.patience.pass_on(key.clone());
                    return Ok(Next::Answered);
                }
                _ => {}
            }
            Ok(Rc::clone(&self).attempt(at + 1, look))
        });
        Next::Ask(asked, then)
    }
}

fn pop_of_keys(turn: &Turn<'_, '_>, taking: Taking) -> Result<Step, Refusal> {
    let [_, keys @ .., seconds] = turn.args else {
        return Err(Refusal::Arity);
    };
    Pop::start(turn, keys, taking, Patience::parse(turn, seconds)?)
}

fn blpop(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    pop_of_keys(turn, Taking::Element(ListEnd::Front))
}

fn brpop(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    pop_of_keys(turn, Taking::Element(ListEnd::Back))
}

fn bzpopmin(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    pop_of_keys(turn, Taking::Member(Order::Rising))
}

fn bzpopmax(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    pop_of_keys(turn, Taking::Member(Order::Falling))
}

fn blmpop(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    pop_counted(turn, |word, limit| Ok(Taking::Elements(parse_end(word)?, limit)))
}

fn bzmpop(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    pop_counted(turn, |word, limit| match () {
        () if is_word(word, "min") => Ok(Taking::Members(Order::Rising, limit)),
        () if is_word(word, "max") => Ok(Taking::Members(Order::Falling, limit)),
        () => Err(Refusal::Syntax),
    })
}

fn pop_counted(
    turn: &Turn<'_, '_>,
    parse: impl FnOnce(&[u8], u64) -> Result<Taking, Refusal>,
) -> Result<Step, Refusal> {
    let [_, seconds, args @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let patience = Patience::parse(turn, seconds)?;
    let least = Refusal::text("ERR numkeys should be greater than 0");
    let (keys, words) = counted_keys(args, [least.clone(), least, Refusal::Syntax])?;
    let [word, words @ ..] = words else { return Err(Refusal::Syntax) };
    // The word is looked at before the count.
    let one = parse(word, 1)?;
    let taking = match words {
        [] => one,
        [option, count] if is_word(option, "count") => match one {
            Taking::Elements(end, _) => Taking::Elements(end, parse_positive(count)?),
            Taking::Members(order, _) => Taking::Members(order, parse_positive(count)?),
            other => other,
        },
        _ => return Err(Refusal::Syntax),
    };
    Pop::start(turn, keys, taking, patience)
}

fn blmove(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, source, target, from, to, seconds] = turn.args else {
        return Err(Refusal::Arity);
    };
    let (from, to) = (parse_end(from)?, parse_end(to)?);
    let patience = Patience::parse(turn, seconds)?;
    moves::start(turn, (source, from), (target, to), Some(patience))
}

fn brpoplpush(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, source, target, seconds] = turn.args else {
        return Err(Refusal::Arity);
    };
    let patience = Patience::parse(turn, seconds)?;
    moves::start(turn, (source, ListEnd::Back), (target, ListEnd::Front), Some(patience))
}
