//! Elements taken from whichever list has some, or moved from one list to another.

use std::collections::VecDeque;

use api::{ListEnd, ListOperation, Operation, Outcome, PushRule};
use cells::Keyspace;
use resp::Writer;

use super::row;
use crate::Step;
use crate::assembly::write_failure;
use crate::command::{Command, GROW, WRITE};
use crate::families::blocking::Patience;
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

pub(crate) fn parse_end(word: &[u8]) -> Result<ListEnd, Refusal> {
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
    start(turn, (source, from), (target, to), None)
}

fn rpoplpush(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, source, target] = turn.args else {
        return Err(Refusal::Arity);
    };
    start(turn, (source, ListEnd::Back), (target, ListEnd::Front), None)
}

/// An end of the list of a key.
pub(crate) type Place<'a> = (&'a [u8], ListEnd);

/// From where an element is moved, and to where.
#[derive(Clone)]
struct Move {
    keyspace: Keyspace,
    source: Vec<u8>,
    from: ListEnd,
    target: Vec<u8>,
    to: ListEnd,
    /// Waits for an element if there is none.
    patience: Option<Patience>,
}

/// Within one list an element moves at once. Between two, both are looked at, the element is taken,
/// and pushed; if it cannot be pushed it is put back.
pub(crate) fn start(
    turn: &Turn<'_, '_>,
    (source, from): Place<'_>,
    (target, to): Place<'_>,
    patience: Option<Patience>,
) -> Result<Step, Refusal> {
    let keyspace = turn.session.database.keyspace();
    let (source, target) = (source.to_vec(), target.to_vec());
    turn.go_on(Move { keyspace, source, from, target, to, patience }.look())
}

impl Move {
    fn look(self) -> Next {
        if self.source == self.target {
            return self.rotate();
        }
        let asked = vec![(self.source.clone(), Operation::List(ListOperation::Count))];
        let then = Then::go(move |outcomes, writer| match outcomes {
            [Outcome::Integer(0)] => Ok(self.find_nothing(writer)),
            _ => {
                let count = Operation::List(ListOperation::Count);
                let look = vec![(self.target.clone(), count)];
                Ok(Next::Ask(look, Then::go(move |_, _| Ok(self.take()))))
            }
        });
        Next::Ask(asked, then)
    }

    fn rotate(self) -> Next {
        let rotate = Operation::List(ListOperation::Rotate { from: self.from, to: self.to });
        let asked = vec![(self.source.clone(), rotate)];
        let then = Then::go(move |outcomes, writer| match outcomes {
            [Outcome::Nothing] => Ok(self.find_nothing(writer)),
            [Outcome::Value(value)] => {
                writer.bulk(value);
                Ok(Next::Answered)
            }
            _ => Err(misfit()),
        });
        Next::Ask(asked, then)
    }

    /// There is no element: the command waits for one, or says so.
    fn find_nothing(self, writer: &mut Writer<'_>) -> Next {
        let Some(patience) = self.patience.clone() else {
            writer.null();
            return Next::Answered;
        };
        let keys = vec![(self.keyspace, self.source.clone())];
        patience.wait(keys, move || self.look())
    }

    fn take(self) -> Next {
        let pop = ListOperation::Pop { end: self.from, limit: 1 };
        let asked = vec![(self.source.clone(), Operation::List(pop))];
        let then = Then::go(move |outcomes, writer| match outcomes {
            [Outcome::Nothing] => Ok(self.find_nothing(writer)),
            [Outcome::Values(values)] => {
                let value = values.first().ok_or_else(misfit)?.clone();
                if let Some(patience) = &self.patience {
                    patience.pass_on((self.keyspace, self.source.clone()));
                }
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
