//! Unions, intersections and differences of sets, gathered from wherever their owners are.

use std::collections::BTreeSet;

use api::{Operation, Outcome};

use super::sets::row;
use crate::Step;
use crate::assembly::Assembly;
use crate::command::{Command, GROW, READ, integer};
use crate::keyspec::Keys;
use crate::refusal::Refusal;
use crate::rounds::{Asked, Next, Then, misfit};
use crate::turn::{Turn, counted_keys, is_word};

/// What is made of several sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algebra {
    Union,
    Intersection,
    Difference,
}

/// A row of the commands that answer a set.
const fn answering(command: Command) -> Command {
    command
        .flags(READ)
        .keys(Keys::rest(1, &["RO", "access"]))
        .tips(&["nondeterministic_output_order"])
}

/// A row of the commands that store a set.
const fn storing(command: Command) -> Command {
    command.flags(GROW).key(&["OW", "update"]).keys(Keys::rest(2, &["RO", "access"]))
}

pub(crate) const COMMANDS: &[Command] = &[
    answering(row("sinter", -2, "1.0.0", "Intersect multiple sets")).run(sinter),
    answering(row("sunion", -2, "1.0.0", "Add multiple sets")).run(sunion),
    answering(row("sdiff", -2, "1.0.0", "Subtract multiple sets")).run(sdiff),
    row(
        "sintercard",
        -3,
        "7.0.0",
        "Intersect multiple sets and return the cardinality of the result",
    )
    .flags(READ)
    .keys(Keys::counted(1, &["RO", "access"]))
    .run(sintercard),
    storing(row(
        "sinterstore",
        -3,
        "1.0.0",
        "Intersect multiple sets and store the resulting set in a key",
    ))
    .run(sinterstore),
    storing(row(
        "sunionstore",
        -3,
        "1.0.0",
        "Add multiple sets and store the resulting set in a key",
    ))
    .run(sunionstore),
    storing(row(
        "sdiffstore",
        -3,
        "1.0.0",
        "Subtract multiple sets and store the resulting set in a key",
    ))
    .run(sdiffstore),
];

impl Algebra {
    fn combine(self, outcomes: &[Outcome]) -> Result<BTreeSet<&[u8]>, Refusal> {
        let mut sets = outcomes.iter().map(|outcome| match outcome {
            Outcome::Values(members) => Ok(members),
            _ => Err(misfit()),
        });
        let first = sets.next().ok_or_else(misfit)??;
        let mut result: BTreeSet<&[u8]> = first.iter().map(Vec::as_slice).collect();
        for set in sets {
            let set = set?.iter().map(Vec::as_slice);
            match self {
                Self::Union => result.extend(set),
                Self::Difference => set.for_each(|member| _ = result.remove(member)),
                Self::Intersection => {
                    let other: BTreeSet<&[u8]> = set.collect();
                    result.retain(|member| other.contains(member));
                }
            }
        }
        Ok(result)
    }
}

fn sinter(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    answer(turn, Algebra::Intersection)
}

fn sunion(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    answer(turn, Algebra::Union)
}

fn sdiff(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    answer(turn, Algebra::Difference)
}

fn sinterstore(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    store(turn, Algebra::Intersection)
}

fn sunionstore(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    store(turn, Algebra::Union)
}

fn sdiffstore(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    store(turn, Algebra::Difference)
}

fn gather(keys: &[&[u8]]) -> Asked {
    keys.iter().map(|key| (key.to_vec(), Operation::SetMembers)).collect()
}

fn answer(turn: &Turn<'_, '_>, algebra: Algebra) -> Result<Step, Refusal> {
    let keys = turn.args.get(1..).unwrap_or_default();
    turn.ask(
        gather(keys),
        Then::write(move |outcomes, writer| {
            let result = algebra.combine(outcomes)?;
            writer.set(result.len());
            result.iter().for_each(|member| writer.bulk(member));
            Ok(())
        }),
    )
}

fn store(turn: &Turn<'_, '_>, algebra: Algebra) -> Result<Step, Refusal> {
    let [_, target, keys @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let target = target.to_vec();
    turn.ask(
        gather(keys),
        Then::go(move |outcomes, _| {
            let result = algebra.combine(outcomes)?;
            let members = result.into_iter().map(<[u8]>::to_vec).collect();
            let replace = Operation::SetReplace { members };
            Ok(Next::Ask(vec![(target, replace)], Then::Assemble(Assembly::Integer)))
        }),
    )
}

fn sintercard(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let least = Refusal::text("ERR numkeys should be greater than 0");
    let most = Refusal::text("ERR Number of keys can't be greater than number of args");
    let args = turn.args.get(1..).unwrap_or_default();
    let (keys, words) = counted_keys(args, [least.clone(), least, most])?;
    let limit = parse_limit(words)?;
    turn.ask(
        gather(keys),
        Then::write(move |outcomes, writer| {
            let count = Algebra::Intersection.combine(outcomes)?.len();
            writer.integer(integer(count.min(limit)));
            Ok(())
        }),
    )
}

/// Reads `LIMIT n`, where 0 is no limit; of several the last counts.
pub(crate) fn parse_limit(words: &[&[u8]]) -> Result<usize, Refusal> {
    let (pairs, []) = words.as_chunks::<2>() else {
        return Err(Refusal::Syntax);
    };
    let mut limit = 0;
    for [word, value] in pairs {
        if !is_word(word, "limit") {
            return Err(Refusal::Syntax);
        }
        let value = resp::parse_integer(value).and_then(|value| usize::try_from(value).ok());
        limit = value.ok_or(Refusal::text("ERR LIMIT can't be negative"))?;
    }
    Ok(if limit == 0 { usize::MAX } else { limit })
}
