//! Unions, intersections and differences of sorted sets, gathered from wherever their owners are.
//! A set takes part as a sorted set with a score of one for each member.

use std::collections::BTreeMap;

use api::{Operation, Outcome, Score, ZsetOperation};

use super::ranges::replace;
use super::{Shown, row, write_members};
use crate::Step;
use crate::command::{Command, GROW, READ, integer};
use crate::families::set_algebra::parse_limit;
use crate::keyspec::Keys;
use crate::refusal::Refusal;
use crate::rounds::{Asked, Then, misfit};
use crate::turn::{KeysAndRest, Turn, counted_keys, is_word, parse_float};

/// A row of the commands that answer what they find.
const fn answering(command: Command) -> Command {
    command.flags(READ).keys(Keys::counted(1, &["RO", "access"]))
}

/// A row of the commands that store what they find.
const fn storing(command: Command) -> Command {
    command.flags(GROW).key(&["OW", "update"]).keys(Keys::counted(2, &["RO", "access"]))
}

pub(crate) const COMMANDS: &[Command] = &[
    answering(row("zunion", -3, "6.2.0", "Add multiple sorted sets")).run(zunion),
    answering(row("zinter", -3, "6.2.0", "Intersect multiple sorted sets")).run(zinter),
    answering(row("zdiff", -3, "6.2.0", "Subtract multiple sorted sets")).run(zdiff),
    answering(row(
        "zintercard",
        -3,
        "7.0.0",
        "Intersect multiple sorted sets and return the cardinality of the result",
    ))
    .run(zintercard),
    storing(row(
        "zunionstore",
        -4,
        "2.0.0",
        "Add multiple sorted sets and store the resulting sorted set in a new key",
    ))
    .run(zunionstore),
    storing(row(
        "zinterstore",
        -4,
        "2.0.0",
        "Intersect multiple sorted sets and store the resulting sorted set in a new key",
    ))
    .run(zinterstore),
    storing(row(
        "zdiffstore",
        -4,
        "6.2.0",
        "Subtract multiple sorted sets and store the resulting sorted set in a new key",
    ))
    .run(zdiffstore),
];

/// What is made of several sorted sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algebra {
    Union,
    Intersection,
    Difference,
}

/// What becomes of the scores of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

/// A command as it was typed.
struct Plan {
    algebra: Algebra,
    weights: Vec<f64>,
    aggregate: Aggregate,
    shown: Shown,
}

/// Members and scores.
type Members = Vec<(Vec<u8>, Score)>;

impl Aggregate {
    fn join(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Sum => number(left + right),
            Self::Min => left.min(right),
            Self::Max => left.max(right),
        }
    }
}

/// Opposite infinities, and zero times infinity, come to zero.
const fn number(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value }
}

impl Plan {
    /// Reads the options behind the keys.
    fn parse(
        algebra: Algebra,
        keys_count: usize,
        mut words: &[&[u8]],
        stores: Stores,
    ) -> Result<Self, Refusal> {
        let mut plan = Self {
            algebra,
            weights: vec![1.0; keys_count],
            aggregate: Aggregate::Sum,
            shown: Shown::Members,
        };
        while let [word, rest @ ..] = words {
            let weighs = algebra != Algebra::Difference;
            if weighs && is_word(word, "weights") && rest.len() >= keys_count {
                let (weights, rest) = rest.split_at(keys_count);
                let weight = |text: &&[u8]| {
                    parse_float(text).ok_or(Refusal::text("ERR weight value is not a float"))
                };
                plan.weights = weights.iter().map(weight).collect::<Result<_, _>>()?;
                words = rest;
            } else if weighs
                && is_word(word, "aggregate")
                && let [aggregate, rest @ ..] = rest
            {
                plan.aggregate = parse_aggregate(aggregate)?;
                words = rest;
            } else if stores == Stores::No && is_word(word, "withscores") {
                plan.shown = Shown::WithScores;
                words = rest;
            } else {
                return Err(Refusal::Syntax);
            }
        }
        Ok(plan)
    }

    /// Combines what was gathered, in the order of (score, member).
    fn combine(&self, outcomes: &[Outcome]) -> Result<Members, Refusal> {
        let mut result: Option<BTreeMap<&[u8], f64>> = None;
        for (outcome, weight) in outcomes.iter().zip(&self.weights) {
            let Outcome::Scored(members) = outcome else { return Err(misfit()) };
            let weighed = |(_, score): &(Vec<u8>, Score)| number(score.get() * weight);
            let set: BTreeMap<&[u8], f64> =
                members.iter().map(|one| (one.0.as_slice(), weighed(one))).collect();
            result = Some(match result {
                None => set,
                Some(before) => self.join(before, set),
            });
        }
        let scored = result.unwrap_or_default().into_iter();
        let mut members: Members = scored
            .filter_map(|(member, score)| Some((member.to_vec(), Score::new(score)?)))
            .collect();
        members.sort_by(|left, right| (left.1, &left.0).cmp(&(right.1, &right.0)));
        Ok(members)
    }

    fn join<'m>(
        &self,
        mut before: BTreeMap<&'m [u8], f64>,
        set: BTreeMap<&'m [u8], f64>,
    ) -> BTreeMap<&'m [u8], f64> {
        match self.algebra {
            Algebra::Difference => before.retain(|member, _| !set.contains_key(member)),
            Algebra::Intersection => before.retain(|member, score| match set.get(member) {
                Some(other) => {
                    *score = self.aggregate.join(*score, *other);
                    true
                }
                None => false,
            }),
            Algebra::Union => {
                for (member, other) in set {
                    let join = |score: &mut f64| *score = self.aggregate.join(*score, other);
                    before.entry(member).and_modify(join).or_insert(other);
                }
            }
        }
        before
    }
}

/// Whether the result is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stores {
    Yes,
    No,
}

fn parse_aggregate(word: &[u8]) -> Result<Aggregate, Refusal> {
    match () {
        () if is_word(word, "sum") => Ok(Aggregate::Sum),
        () if is_word(word, "min") => Ok(Aggregate::Min),
        () if is_word(word, "max") => Ok(Aggregate::Max),
        () => Err(Refusal::Syntax),
    }
}

/// Reads the keys, and returns what is behind them.
fn keys_of<'a>(turn: &Turn<'_, '_>, args: &'a [&'a [u8]]) -> Result<KeysAndRest<'a>, Refusal> {
    let name = turn.command.name;
    let least = format!("ERR at least 1 input key is needed for '{name}' command");
    counted_keys(args, [Refusal::NotAnInteger, Refusal::owned(least), Refusal::Syntax])
}

fn gather(keys: &[&[u8]]) -> Asked {
    keys.iter().map(|key| (key.to_vec(), Operation::Zset(ZsetOperation::All))).collect()
}

fn zunion(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    answer(turn, Algebra::Union)
}

fn zinter(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    answer(turn, Algebra::Intersection)
}

fn zdiff(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    answer(turn, Algebra::Difference)
}

fn zunionstore(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    store(turn, Algebra::Union)
}

fn zinterstore(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    store(turn, Algebra::Intersection)
}

fn zdiffstore(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    store(turn, Algebra::Difference)
}

fn answer(turn: &Turn<'_, '_>, algebra: Algebra) -> Result<Step, Refusal> {
    let (keys, words) = keys_of(turn, turn.args.get(1..).unwrap_or_default())?;
    let plan = Plan::parse(algebra, keys.len(), words, Stores::No)?;
    turn.ask(
        gather(keys),
        Then::write(move |outcomes, writer| {
            let members = plan.combine(outcomes)?;
            let members = members.iter().map(|(member, score)| (member.as_slice(), *score));
            write_members(members, plan.shown, writer);
            Ok(())
        }),
    )
}

fn store(turn: &Turn<'_, '_>, algebra: Algebra) -> Result<Step, Refusal> {
    let [_, target, args @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let (keys, words) = keys_of(turn, args)?;
    let plan = Plan::parse(algebra, keys.len(), words, Stores::Yes)?;
    let target = target.to_vec();
    turn.ask(
        gather(keys),
        Then::go(move |outcomes, _| {
            let members = plan.combine(outcomes)?;
            Ok(replace(target, members.into_iter().map(|(member, score)| (score, member))))
        }),
    )
}

fn zintercard(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let (keys, words) = keys_of(turn, turn.args.get(1..).unwrap_or_default())?;
    let limit = parse_limit(words)?;
    let plan = Plan::parse(Algebra::Intersection, keys.len(), &[], Stores::No)?;
    turn.ask(
        gather(keys),
        Then::write(move |outcomes, writer| {
            writer.integer(integer(plan.combine(outcomes)?.len().min(limit)));
            Ok(())
        }),
    )
}
