//! Elements taken from whichever list has some, or moved from one list to another.

use std::collections::VecDeque;

use api::{ListEnd, ListOperation, Operation, Outcome, PushRule};

use super::row;
use crate::Step;
use crate::assembly::{Assembly, write_failure};
use crate::command::{Command, GROW, WRITE};
use crate::families::zsets::pops::parse_positive;
use crate::keyspec::Keys;
use crate::refusal::Refusal;
use crate::rounds::{Asked, Next, Then, misfit};
use crate::turn::{Turn, counted_keys, is_word};

pub(crate) const COMMANDS: &[Command] = &[
    row("lmpop", -4, "7.0.0", "Pop elements from a list")
        .flags(WRITE)
        .keys(Keys::counted(1, &["RW", "access", "delete"]))
        .run(lmpop),
    row("lmove", 5, "6.2.0", "Pop an element from a list, push it to another list and return it")
        .flags(GROW)
        .key(&["RW", "access", "delete"])
        .keys(Keys::one(2, &["RW", "insert"]))
        .run(lmove),
    row(
        "rpoplpush",
        3,
        "1.2.0",
        "Remove the last element in a list, prepend it to another list and return it",
    )
    .flags(GROW)
    .key(&["RW", "access", "delete"])
    .keys(Keys::one(2, &["RW", "insert"]))
    .run(rpoplpush),
];

/// What `LMPOP` has still to try.
struct Attempts {
    keys: VecDeque<Vec<u8>>,
    end: ListEnd,
    limit: u64,
}

fn parse_end(word: &[u8]) -> Result<ListEnd, Refusal> {
    match () {
        () if is_word(word, "left") => Ok(ListEnd::Front),
        () if is_word(word, "right") => Ok(ListEnd::Back),
        () => Err(Refusal::Syntax),
    }
}

fn lmpop(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let least = Refusal::text("ERR numkeys should be greater than 0");
    let args = turn.args.get(1..).unwrap_or_default();
    let (keys, words) = counted_keys(args, [least.clone(), least, Refusal::Syntax])?;
    let [end, words @ ..] = words else { return Err(Refusal::Syntax) };
    let end = parse_end(end)?;
    let limit = match words {
        [] => 1,
        [word, count] if is_word(word, "count") => parse_positive(count)?,
        _ => return Err(Refusal::Syntax),
    };
    let keys = keys.iter().map(|key| key.to_vec()).collect();
    let (asked, then) = (Attempts { keys, end, limit }).next().ok_or(Refusal::Syntax)?;
    turn.ask(asked, then)
}

impl Attempts {
    /// Tries the next key; the first list that has elements answers.
    fn next(mut self) -> Option<(Asked, Then)> {
        let key = self.keys.pop_front()?;
        let (end, limit) = (self.end, self.limit);
        let asked = vec![(key.clone(), Operation::List(ListOperation::Pop { end, limit }))];
        let then = Then::go(move |outcomes, writer| match outcomes {
            [Outcome::Values(values)] => {
                writer.array(2);
                writer.bulk(&key);
                writer.array(values.len());
                values.iter().for_each(|value| writer.bulk(value));
                Ok(Next::Answered)
            }
            [Outcome::Nothing] => Ok(match self.next() {
                Some((asked, then)) => Next::Ask(asked, then),
                None => {
                    writer.null_array();
                    Next::Answered
                }
            }),
            _ => Err(misfit()),
        });
        Some((asked, then))
    }
}

fn lmove(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, source, target, from, to] = turn.args else {
        return Err(Refusal::Arity);
    };
    let (from, to) = (parse_end(from)?, parse_end(to)?);
    start(turn, (source, from), (target, to))
}

fn rpoplpush(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, source, target] = turn.args else {
        return Err(Refusal::Arity);
    };
    start(turn, (source, ListEnd::Back), (target, ListEnd::Front))
}

/// An end of the list of a key.
type Place<'a> = (&'a [u8], ListEnd);

/// From where an element is moved, and to where.
struct Move {
    source: Vec<u8>,
    from: ListEnd,
    target: Vec<u8>,
    to: ListEnd,
}

/// Within one list an element moves at once. Between two, both are looked at, the element is taken,
/// and pushed; if it cannot be pushed it is put back.
fn start(turn: &Turn<'_, '_>, source: Place<'_>, target: Place<'_>) -> Result<Step, Refusal> {
    let ((source, from), (target, to)) = (source, target);
    if source == target {
        let rotate = Operation::List(ListOperation::Rotate { from, to });
        return turn.call(source, rotate, Assembly::Value);
    }
    let count = Operation::List(ListOperation::Count);
    let plan = Move { source: source.to_vec(), from, target: target.to_vec(), to };
    let look = vec![(source.to_vec(), count.clone())];
    turn.ask(
        look,
        Then::go(move |outcomes, writer| match outcomes {
            [Outcome::Integer(0)] => {
                writer.null();
                Ok(Next::Answered)
            }
            _ => {
                let look = vec![(plan.target.clone(), count)];
                Ok(Next::Ask(look, Then::go(move |_, _| Ok(plan.take()))))
            }
        }),
    )
}

impl Move {
    fn take(self) -> Next {
        let pop = ListOperation::Pop { end: self.from, limit: 1 };
        let asked = vec![(self.source.clone(), Operation::List(pop))];
        let then = Then::go(move |outcomes, writer| match outcomes {
            [Outcome::Nothing] => {
                writer.null();
                Ok(Next::Answered)
            }
            [Outcome::Values(values)] => {
                let value = values.first().ok_or_else(misfit)?.clone();
                Ok(self.give(value))
            }
            _ => Err(misfit()),
        });
        Next::Ask(asked, then)
    }

    fn give(self, value: Vec<u8>) -> Next {
        let asked = vec![(self.target.clone(), push(self.to, value.clone()))];
        let then = Then::go_any(move |outcomes, writer| match outcomes {
            [Outcome::Integer(_)] => {
                writer.bulk(&value);
                Ok(Next::Answered)
            }
            [Outcome::Failed(error)] => {
                let (error, back) = (error.clone(), vec![(self.source, push(self.from, value))]);
                let then = Then::write_any(move |_, writer| {
                    write_failure(&error, writer);
                    Ok(())
                });
                Ok(Next::Ask(back, then))
            }
            _ => Err(misfit()),
        });
        Next::Ask(asked, then)
    }
}

fn push(end: ListEnd, value: Vec<u8>) -> Operation {
    let (values, rule) = (vec![value], PushRule::Always);
    Operation::List(ListOperation::Push { end, values, rule })
}
