//! Keys copied and renamed as a whole.
//!
//! A key is read at one moment and written at another. Keys of one shard are renamed in one batch;
//! of two shards, the source is removed only if it is still what was written, and otherwise the
//! whole is done again.

use api::{Batch, Operation, Outcome};

use super::keys::row;
use crate::Step;
use crate::assembly::write_failure;
use crate::command::{Command, GROW, WRITE, WRITE_FAST};
use crate::content::{Held, Spot};
use crate::keyspec::Keys;
use crate::refusal::Refusal;
use crate::rounds::{Next, Then, misfit};
use crate::session::{DATABASE_COUNT, Database};
use crate::slot::shard_of;
use crate::turn::{Turn, is_word, parse_integer};

/// How often a renaming begins anew because others write to the key.
const TRIES_MAX: u32 = 8;

pub(crate) const COMMANDS: &[Command] = &[
    row("copy", -3, "6.2.0", "Copy a key")
        .flags(GROW)
        .key(&["RO", "access"])
        .keys(Keys::one(2, &["OW", "update"]))
        .run(copy),
    row("rename", 3, "1.0.0", "Rename a key")
        .flags(WRITE)
        .key(&["RW", "access", "delete"])
        .keys(Keys::one(2, &["OW", "update"]))
        .run(rename),
    row("renamenx", 3, "1.0.0", "Rename a key, only if the new key does not exist")
        .flags(WRITE_FAST)
        .key(&["RW", "access", "delete"])
        .keys(Keys::one(2, &["OW", "insert"]))
        .run(renamenx),
    row("move", 3, "1.0.0", "Move a key to another database")
        .flags(WRITE_FAST)
        .key(&["RW", "access", "update"])
        .run(move_key),
];

/// How the reply tells what was done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// `OK`, or that there is no such key.
    Ok,
    /// 1 or 0.
    Count,
    /// 1 or 0, or that there is no such key.
    CountOfKey,
}

/// What becomes of the source.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Stays,
    Goes,
}

/// What becomes of a target that is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Replaced,
    Kept,
}

/// A key on its way to another place.
struct Way {
    from: Spot,
    to: Spot,
    source: Source,
    target: Target,
    told: Told,
    shard_count: u16,
    tries: u32,
}

fn copy(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, from, to, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let mut words = words;
    let (mut database, mut target) = (turn.session.database, Target::Kept);
    while let [word, rest @ ..] = words {
        words = match rest {
            [number, rest @ ..] if is_word(word, "db") => {
                database = parse_database(number)?;
                rest
            }
            rest if is_word(word, "replace") => {
                target = Target::Replaced;
                rest
            }
            _ => return Err(Refusal::Syntax),
        };
    }
    if from == to && database == turn.session.database {
        return Err(Refusal::text("ERR source and destination objects are the same"));
    }
    start(turn, from, (database, to), (Source::Stays, target, Told::Count))
}

fn rename(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, from, to] = turn.args else {
        return Err(Refusal::Arity);
    };
    let to = (turn.session.database, *to);
    start(turn, from, to, (Source::Goes, Target::Replaced, Told::Ok))
}

fn renamenx(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, from, to] = turn.args else {
        return Err(Refusal::Arity);
    };
    let to = (turn.session.database, *to);
    start(turn, from, to, (Source::Goes, Target::Kept, Told::CountOfKey))
}

fn move_key(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, number] = turn.args else {
        return Err(Refusal::Arity);
    };
    let database = parse_database(number)?;
    if database == turn.session.database {
        return Err(Refusal::text("ERR source and destination objects are the same"));
    }
    start(turn, key, (database, key), (Source::Goes, Target::Kept, Told::Count))
}

fn parse_database(number: &[u8]) -> Result<Database, Refusal> {
    let number = u32::try_from(parse_integer(number)?).ok();
    let number = number.filter(|number| *number < DATABASE_COUNT);
    number.map(Database).ok_or(Refusal::text("ERR DB index is out of range"))
}

fn start(
    turn: &Turn<'_, '_>,
    from: &[u8],
    (database, to): (Database, &[u8]),
    (source, target, told): (Source, Target, Told),
) -> Result<Step, Refusal> {
    let from = Spot { keyspace: turn.session.database.keyspace(), key: from.to_vec() };
    let to = Spot { keyspace: database.keyspace(), key: to.to_vec() };
    let shard_count = turn.view.shard_count;
    turn.go_on(Way { from, to, source, target, told, shard_count, tries: 0 }.look()?)
}

impl Way {
    /// Looks at the source.
    fn look(mut self) -> Result<Next, Refusal> {
        self.tries += 1;
        if self.tries > TRIES_MAX {
            return Err(Refusal::text("BUSY others keep writing to the key; try again"));
        }
        let asked = vec![(self.from.key.clone(), self.from.look())];
        let then = Then::go(move |outcomes, writer| {
            let [outcome] = outcomes else { return Err(misfit()) };
            match Held::read(outcome) {
                Ok(None) => {
                    if self.told != Told::Count {
                        return Err(Refusal::text("ERR no such key"));
                    }
                    writer.integer(0);
                    Ok(Next::Answered)
                }
                Ok(Some(_)) if self.from == self.to => {
                    self.tell(false, writer);
                    Ok(Next::Answered)
                }
                Ok(Some(held)) => Ok(self.write(held)),
                Err(error) => {
                    write_failure(&error, writer);
                    Ok(Next::Answered)
                }
            }
        });
        Ok(Next::Ask(asked, then))
    }

    /// Writes the target, and removes the source with it where one batch can do both.
    fn write(self, held: Held) -> Next {
        let is_kept = self.target == Target::Kept;
        let mut checks: Vec<_> = is_kept.then(|| self.to.check(0)).into_iter().collect();
        let mut parts = self.to.write(held.content, held.expiry);
        let goes = self.source == Source::Goes;
        let is_together = goes && self.shard(&self.from) == self.shard(&self.to);
        if is_together {
            checks.push(self.from.check(held.version));
            parts.push(self.from.part(Operation::Delete));
        }
        let asked = (self.to.key.clone(), Operation::Batch(Batch { checks, parts }));
        let then = Then::go(move |outcomes, writer| match outcomes {
            [Outcome::Nothing] if is_kept && is_together => self.look_at_target(),
            [Outcome::Nothing] if is_kept => {
                self.tell(false, writer);
                Ok(Next::Answered)
            }
            [Outcome::Nothing] => self.look(),
            [Outcome::Batch(done)] => {
                if let Some(error) = first_failure(done) {
                    write_failure(error, writer);
                } else if goes && !is_together {
                    return Ok(self.remove(held.version));
                } else {
                    self.tell(true, writer);
                }
                Ok(Next::Answered)
            }
            _ => Err(misfit()),
        });
        Next::Ask(vec![asked], then)
    }

    /// Finds out which of two keys was not as expected.
    fn look_at_target(self) -> Result<Next, Refusal> {
        let asked = Batch { checks: Vec::new(), parts: vec![self.to.part(Operation::Exists)] };
        let asked = vec![(self.to.key.clone(), Operation::Batch(asked))];
        let then = Then::go(move |outcomes, writer| match outcomes {
            [Outcome::Batch(found)] if found.as_slice() == [Outcome::Integer(0)] => self.look(),
            _ => {
                self.tell(false, writer);
                Ok(Next::Answered)
            }
        });
        Ok(Next::Ask(asked, then))
    }

    /// Removes a source that is in another shard, if it is still what was written.
    fn remove(self, version: i64) -> Next {
        let (checks, parts) =
            (vec![self.from.check(version)], vec![self.from.part(Operation::Delete)]);
        let asked = (self.from.key.clone(), Operation::Batch(Batch { checks, parts }));
        let then = Then::go(move |outcomes, writer| match outcomes {
            // The target is this command's own by now.
            [Outcome::Nothing] => Self { target: Target::Replaced, ..self }.look(),
            _ => {
                self.tell(true, writer);
                Ok(Next::Answered)
            }
        });
        Next::Ask(vec![asked], then)
    }

    fn shard(&self, spot: &Spot) -> u16 {
        shard_of(&spot.key, self.shard_count)
    }

    fn tell(&self, is_done: bool, writer: &mut resp::Writer<'_>) {
        match self.told {
            Told::Ok => writer.ok(),
            Told::Count | Told::CountOfKey => writer.integer(i64::from(is_done)),
        }
    }
}

/// Finds what kept a part of a batch from being done.
pub(crate) fn first_failure(outcomes: &[Outcome]) -> Option<&api::CallError> {
    outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Failed(error) => Some(error),
        _ => None,
    })
}
