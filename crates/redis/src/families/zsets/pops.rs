//! Members of sorted sets taken from an end, or at random.

use std::collections::VecDeque;

use api::{Amount, Operation, Order, Outcome, Pick, Score, ZsetOperation};
use resp::Writer;

use super::{Shown, ask, row, write_scored};
use crate::Step;
use crate::command::{Command, READ, WRITE, WRITE_FAST};
use crate::keyspec::Keys;
use crate::refusal::Refusal;
use crate::rounds::{Asked, Next, Then, misfit};
use crate::turn::{Turn, counted_keys, is_word, parse_amount, parse_count};

pub(crate) const COMMANDS: &[Command] = &[
    row("zpopmin", -2, "5.0.0", "Remove and return members with the lowest scores in a sorted set")
        .flags(WRITE_FAST)
        .key(&["RW", "access", "delete"])
        .run(zpopmin),
    row(
        "zpopmax",
        -2,
        "5.0.0",
        "Remove and return members with the highest scores in a sorted set",
    )
    .flags(WRITE_FAST)
    .key(&["RW", "access", "delete"])
    .run(zpopmax),
    row("zmpop", -4, "7.0.0", "Remove and return members with scores in a sorted set")
        .flags(WRITE)
        .keys(Keys::counted(1, &["RW", "access", "delete"]))
        .run(zmpop),
    row("zrandmember", -2, "6.2.0", "Get one or multiple random elements from a sorted set")
        .flags(READ)
        .key(&["RO", "access"])
        .tips(&["nondeterministic_output"])
        .run(zrandmember),
];

fn zpopmin(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    pop(turn, Order::Rising)
}

fn zpopmax(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    pop(turn, Order::Falling)
}

fn pop(turn: &Turn<'_, '_>, order: Order) -> Result<Step, Refusal> {
    match turn.args {
        [_, key] => {
            let operation = ZsetOperation::Pop { order, limit: 1 };
            ask(turn, key, operation, Then::write(write_one))
        }
        [_, key, limit] => {
            let operation = ZsetOperation::Pop { order, limit: parse_count(limit)? };
            ask(turn, key, operation, write_scored(Shown::WithScores))
        }
        _ => Err(Refusal::Syntax),
    }
}

/// One member and its score side by side, in either protocol.
fn write_one(outcomes: &[Outcome], writer: &mut Writer<'_>) -> Result<(), Refusal> {
    let [Outcome::Scored(members)] = outcomes else { return Err(misfit()) };
    writer.array(2 * members.len());
    for (member, score) in members {
        writer.bulk(member);
        writer.double(score.get());
    }
    Ok(())
}

/// What `ZMPOP` has still to try.
struct Attempts {
    keys: VecDeque<Vec<u8>>,
    order: Order,
    limit: u64,
}

fn zmpop(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let least = Refusal::text("ERR numkeys should be greater than 0");
    let args = turn.args.get(1..).unwrap_or_default();
    let (keys, words) = counted_keys(args, [least.clone(), least, Refusal::Syntax])?;
    let (order, words) = match words {
        [word, words @ ..] if is_word(word, "min") => (Order::Rising, words),
        [word, words @ ..] if is_word(word, "max") => (Order::Falling, words),
        _ => return Err(Refusal::Syntax),
    };
    let limit = match words {
        [] => 1,
        [word, count] if is_word(word, "count") => parse_positive(count)?,
        _ => return Err(Refusal::Syntax),
    };
    let keys = keys.iter().map(|key| key.to_vec()).collect();
    let (asked, then) = (Attempts { keys, order, limit }).next().ok_or(Refusal::Syntax)?;
    turn.ask(asked, then)
}

/// Reads the count of a pop.
pub(crate) fn parse_positive(text: &[u8]) -> Result<u64, Refusal> {
    let count = resp::parse_integer(text).and_then(|count| u64::try_from(count).ok());
    let count = count.filter(|count| *count > 0);
    count.ok_or(Refusal::text("ERR count should be greater than 0"))
}

impl Attempts {
    /// Tries the next key; the first one that has members answers.
    fn next(mut self) -> Option<(Asked, Then)> {
        let key = self.keys.pop_front()?;
        let (order, limit) = (self.order, self.limit);
        let operation = Operation::Zset(ZsetOperation::Pop { order, limit });
        let asked = vec![(key.clone(), operation)];
        let then = Then::go(move |outcomes, writer| {
            let [Outcome::Scored(members)] = outcomes else { return Err(misfit()) };
            if !members.is_empty() {
                write_key_and_members(&key, members, writer);
                return Ok(Next::Answered);
            }
            Ok(match self.next() {
                Some((asked, then)) => Next::Ask(asked, then),
                None => {
                    writer.null_array();
                    Next::Answered
                }
            })
        });
        Some((asked, then))
    }
}

pub(crate) fn write_key_and_members(
    key: &[u8],
    members: &[(Vec<u8>, Score)],
    writer: &mut Writer<'_>,
) {
    writer.array(2);
    writer.bulk(key);
    writer.array(members.len());
    for (member, score) in members {
        writer.array(2);
        writer.bulk(member);
        writer.double(score.get());
    }
}

fn zrandmember(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let seed = turn.session.seed();
    let (key, amount, shown) = match turn.args {
        [_, key] => {
            let pick = Pick { amount: Amount::Distinct(1), seed };
            return ask(turn, key, ZsetOperation::Pick { pick }, Then::write(write_member));
        }
        [_, key, amount] => (key, parse_amount(amount, i64::MIN + 1)?, Shown::Members),
        [_, key, amount, word] if is_word(word, "withscores") => {
            let amount = parse_amount(amount, i64::MIN + 1)?;
            check_doubled(amount)?;
            (key, amount, Shown::WithScores)
        }
        _ => return Err(Refusal::Syntax),
    };
    ask(turn, key, ZsetOperation::Pick { pick: Pick { amount, seed } }, write_scored(shown))
}

/// Refuses so many pairs that their items could not be counted.
pub(crate) fn check_doubled(amount: Amount) -> Result<(), Refusal> {
    let (Amount::Distinct(count) | Amount::Repeated(count)) = amount;
    let fits = count <= i64::MAX.unsigned_abs() / 2;
    fits.then_some(()).ok_or(Refusal::text("ERR value is out of range"))
}

fn write_member(outcomes: &[Outcome], writer: &mut Writer<'_>) -> Result<(), Refusal> {
    let [Outcome::Scored(members)] = outcomes else { return Err(misfit()) };
    match members.first() {
        Some((member, _)) => writer.bulk(member),
        None => writer.null(),
    }
    Ok(())
}
