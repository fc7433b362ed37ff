//! Sorted sets: members with a score each, in the order of their scores.

pub(crate) mod algebra;
pub(crate) mod pops;
pub(crate) mod ranges;

use api::{
    Comparison, Counted, Operation, Order, Outcome, Presence, Score, ScoreRule, ZsetOperation,
};
use resp::{Protocol, Writer};

use crate::Step;
use crate::assembly::Assembly;
use crate::command::{Command, GROW_FAST, Group, READ_FAST, WRITE_FAST};
use crate::refusal::Refusal;
use crate::rounds::{Then, misfit};
use crate::turn::{Turn, distinct, is_word, parse_float};

pub(crate) const fn row(
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(Group::SortedSet, name, arity, since, summary)
}

pub(crate) const COMMANDS: &[Command] = &[
    row(
        "zadd",
        -4,
        "1.2.0",
        "Add one or more members to a sorted set, or update its score if it already exists",
    )
    .flags(GROW_FAST)
    .key(&["RW", "update"])
    .run(zadd),
    row("zincrby", 4, "1.2.0", "Increment the score of a member in a sorted set")
        .flags(GROW_FAST)
        .key(&["RW", "access", "update"])
        .run(zincrby),
    row("zrem", -3, "1.2.0", "Remove one or more members from a sorted set")
        .flags(WRITE_FAST)
        .key(&["RW", "delete"])
        .run(zrem),
    row("zscore", 3, "1.2.0", "Get the score associated with the given member in a sorted set")
        .flags(READ_FAST)
        .key(&["RO", "access"])
        .run(zscore),
    row("zmscore", -3, "6.2.0", "Get the score associated with the given members in a sorted set")
        .flags(READ_FAST)
        .key(&["RO", "access"])
        .run(zmscore),
    row("zcard", 2, "1.2.0", "Get the number of members in a sorted set")
        .flags(READ_FAST)
        .key(&["RO"])
        .run(zcard),
    row("zrank", -3, "2.0.0", "Determine the index of a member in a sorted set")
        .flags(READ_FAST)
        .key(&["RO", "access"])
        .run(zrank),
    row(
        "zrevrank",
        -3,
        "2.0.0",
        "Determine the index of a member in a sorted set, with scores ordered from high to low",
    )
    .flags(READ_FAST)
    .key(&["RO", "access"])
    .run(zrevrank),
];

/// Asks one thing about a sorted set.
pub(crate) fn ask(
    turn: &Turn<'_, '_>,
    key: &[u8],
    operation: ZsetOperation,
    then: Then,
) -> Result<Step, Refusal> {
    turn.call_then(key, Operation::Zset(operation), then)
}

/// Reads a score.
pub(crate) fn parse_score(text: &[u8]) -> Result<Score, Refusal> {
    let score = parse_float(text).and_then(Score::new);
    score.ok_or(Refusal::text("ERR value is not a valid float"))
}

/// The options of `ZADD`.
struct AddOptions {
    rule: ScoreRule,
    counted: Counted,
    increments: bool,
}

impl AddOptions {
    /// Reads options as long as there are any; returns what is behind them.
    fn parse<'a>(mut words: &'a [&'a [u8]]) -> Result<(Self, &'a [&'a [u8]]), Refusal> {
        let (mut has_nx, mut has_xx, mut has_gt, mut has_lt) = (false, false, false, false);
        let mut options =
            Self { rule: ScoreRule::default(), counted: Counted::New, increments: false };
        while let [word, rest @ ..] = words {
            match () {
                () if is_word(word, "nx") => has_nx = true,
                () if is_word(word, "xx") => has_xx = true,
                () if is_word(word, "gt") => has_gt = true,
                () if is_word(word, "lt") => has_lt = true,
                () if is_word(word, "ch") => options.counted = Counted::Changed,
                () if is_word(word, "incr") => options.increments = true,
                () => break,
            }
            words = rest;
        }
        if words.is_empty() || !words.len().is_multiple_of(2) {
            return Err(Refusal::Syntax);
        }
        if has_nx && has_xx {
            let text = "ERR XX and NX options at the same time are not compatible";
            return Err(Refusal::text(text));
        }
        if (has_nx && (has_gt || has_lt)) || (has_gt && has_lt) {
            let text = "ERR GT, LT, and/or NX options at the same time are not compatible";
            return Err(Refusal::text(text));
        }
        if options.increments && words.len() > 2 {
            let text = "ERR INCR option supports a single increment-element pair";
            return Err(Refusal::text(text));
        }
        options.rule.presence = match (has_nx, has_xx) {
            (true, _) => Presence::Absent,
            (_, true) => Presence::Present,
            _ => Presence::Any,
        };
        options.rule.comparison = match (has_gt, has_lt) {
            (true, _) => Comparison::Greater,
            (_, true) => Comparison::Less,
            _ => Comparison::Any,
        };
        Ok((options, words))
    }
}

fn zadd(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let (options, words) = AddOptions::parse(words)?;
    let (pairs, _) = words.as_chunks::<2>();
    let member = |[score, member]: &[&[u8]; 2]| Ok((parse_score(score)?, member.to_vec()));
    let members = pairs.iter().map(member).collect::<Result<Vec<_>, Refusal>>()?;
    let rule = options.rule;
    if options.increments {
        let (by, member) = members.into_iter().next().ok_or(Refusal::Syntax)?;
        let operation = ZsetOperation::Increment { member, by, rule };
        return ask(turn, key, operation, Then::write(write_score));
    }
    let operation = ZsetOperation::Add { members, rule, counted: options.counted };
    ask(turn, key, operation, Then::Assemble(Assembly::Integer))
}

fn zincrby(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, by, member] = turn.args else {
        return Err(Refusal::Arity);
    };
    let (by, rule) = (parse_score(by)?, ScoreRule::default());
    let operation = ZsetOperation::Increment { member: member.to_vec(), by, rule };
    ask(turn, key, operation, Then::write(write_score))
}

fn zrem(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, members @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let operation = ZsetOperation::Remove { members: distinct(members) };
    ask(turn, key, operation, Then::Assemble(Assembly::Integer))
}

fn zscore(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    scores(turn, Then::write(write_score))
}

fn zmscore(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    scores(
        turn,
        Then::write(|outcomes, writer| {
            let [Outcome::Scores(scores)] = outcomes else { return Err(misfit()) };
            writer.array(scores.len());
            scores.iter().for_each(|score| write_optional(*score, writer));
            Ok(())
        }),
    )
}

fn scores(turn: &Turn<'_, '_>, then: Then) -> Result<Step, Refusal> {
    let [_, key, members @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let members = members.iter().map(|member| member.to_vec()).collect();
    ask(turn, key, ZsetOperation::Scores { members }, then)
}

fn write_score(outcomes: &[Outcome], writer: &mut Writer<'_>) -> Result<(), Refusal> {
    match outcomes {
        [Outcome::Scores(scores)] if scores.len() == 1 => write_optional(scores[0], writer),
        _ => return Err(misfit()),
    }
    Ok(())
}

fn write_optional(score: Option<Score>, writer: &mut Writer<'_>) {
    match score {
        Some(score) => writer.double(score.get()),
        None => writer.null(),
    }
}

fn zcard(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    ask(turn, turn.only()?, ZsetOperation::Count, Then::Assemble(Assembly::Integer))
}

fn zrank(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    rank(turn, Order::Rising)
}

fn zrevrank(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    rank(turn, Order::Falling)
}

fn rank(turn: &Turn<'_, '_>, order: Order) -> Result<Step, Refusal> {
    let (key, member, shown) = match turn.args {
        [_, key, member] => (key, member, Shown::Members),
        [_, key, member, word] if is_word(word, "withscore") => (key, member, Shown::WithScores),
        [_, _, _, _] => return Err(Refusal::Syntax),
        _ => return Err(Refusal::Arity),
    };
    let operation = ZsetOperation::Rank { member: member.to_vec(), order };
    ask(
        turn,
        key,
        operation,
        Then::write(move |outcomes, writer| {
            match (outcomes, shown) {
                ([Outcome::Nothing], Shown::Members) => writer.null(),
                ([Outcome::Nothing], Shown::WithScores) => writer.null_array(),
                ([Outcome::Rank(before, score)], _) => {
                    let before = i64::try_from(*before).unwrap_or(i64::MAX);
                    if shown == Shown::WithScores {
                        writer.array(2);
                    }
                    writer.integer(before);
                    if shown == Shown::WithScores {
                        writer.double(score.get());
                    }
                }
                _ => return Err(misfit()),
            }
            Ok(())
        }),
    )
}

/// Whether members are answered alone or with their scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Members,
    WithScores,
}

/// Writes members; with scores they are pairs in the newer protocol and alternate in the older.
pub(crate) fn write_members<'m>(
    members: impl ExactSizeIterator<Item = (&'m [u8], Score)>,
    shown: Shown,
    writer: &mut Writer<'_>,
) {
    let is_flat = writer.protocol() == Protocol::Resp2;
    let per_member = if shown == Shown::WithScores && is_flat { 2 } else { 1 };
    writer.array(members.len() * per_member);
    for (member, score) in members {
        if shown == Shown::WithScores && !is_flat {
            writer.array(2);
        }
        writer.bulk(member);
        if shown == Shown::WithScores {
            writer.double(score.get());
        }
    }
}

/// Writes the members of one outcome.
pub(crate) fn write_scored(shown: Shown) -> Then {
    Then::write(move |outcomes, writer| {
        let [Outcome::Scored(members)] = outcomes else { return Err(misfit()) };
        let members = members.iter().map(|(member, score)| (member.as_slice(), *score));
        write_members(members, shown, writer);
        Ok(())
    })
}
