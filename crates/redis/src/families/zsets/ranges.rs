//! Ranges of sorted sets: by rank, by score, by member.

use api::{Bound, LexBound, Operation, Order, Outcome, Score, ZsetOperation, ZsetRange};

use super::{Shown, ask, row, write_scored};
use crate::Step;
use crate::assembly::Assembly;
use crate::command::{Command, GROW, READ, READ_FAST, WRITE};
use crate::keyspec::Keys;
use crate::refusal::Refusal;
use crate::rounds::{Next, Then, misfit};
use crate::turn::{Turn, is_word, parse_float, parse_integer};

/// A row of the commands that answer a range.
const fn answering(command: Command) -> Command {
    command.flags(READ).key(&["RO", "access"])
}

/// A row of the commands that count a range.
const fn counting(command: Command) -> Command {
    command.flags(READ_FAST).key(&["RO", "access"])
}

/// A row of the commands that remove a range.
const fn removing(command: Command) -> Command {
    command.flags(WRITE).key(&["RW", "delete"])
}

pub(crate) const COMMANDS: &[Command] = &[
    answering(row("zrange", -4, "1.2.0", "Return a range of members in a sorted set")).run(zrange),
    answering(row(
        "zrevrange",
        -4,
        "1.2.0",
        "Return a range of members in a sorted set, by index, with scores ordered from high to low",
    ))
    .run(zrevrange),
    answering(row(
        "zrangebyscore",
        -4,
        "1.0.5",
        "Return a range of members in a sorted set, by score",
    ))
    .run(zrangebyscore),
    answering(row(
        "zrevrangebyscore",
        -4,
        "2.2.0",
        "Return a range of members in a sorted set, by score, with scores ordered from high to low",
    ))
    .run(zrevrangebyscore),
    answering(row(
        "zrangebylex",
        -4,
        "2.8.9",
        "Return a range of members in a sorted set, by lexicographical range",
    ))
    .run(zrangebylex),
    answering(row(
        "zrevrangebylex",
        -4,
        "2.8.9",
        "Return a range of members in a sorted set, by lexicographical range, from higher to lower",
    ))
    .run(zrevrangebylex),
    counting(row(
        "zcount",
        4,
        "2.0.0",
        "Count the members in a sorted set with scores within the given values",
    ))
    .run(zcount),
    counting(row(
        "zlexcount",
        4,
        "2.8.9",
        "Count the members in a sorted set between a given lexicographical range",
    ))
    .run(zlexcount),
    removing(row(
        "zremrangebyrank",
        4,
        "2.0.0",
        "Remove all members in a sorted set within the given indexes",
    ))
    .run(zremrangebyrank),
    removing(row(
        "zremrangebyscore",
        4,
        "1.2.0",
        "Remove all members in a sorted set within the given scores",
    ))
    .run(zremrangebyscore),
    removing(row(
        "zremrangebylex",
        4,
        "2.8.9",
        "Remove all members in a sorted set between the given lexicographical range",
    ))
    .run(zremrangebylex),
    row("zrangestore", -5, "6.2.0", "Store a range of members from sorted set into another key")
        .flags(GROW)
        .key(&["OW", "update"])
        .keys(Keys::one(2, &["RO", "access"]))
        .run(zrangestore),
];

/// What the two ends of a range are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// What a command says about its range beyond the two ends.
#[derive(Clone, Copy, Debug)]
struct Options {
    by: Option<By>,
    order: Option<Order>,
    shown: Shown,
    offset: i64,
    limit: i64,
}

/// What a command leaves open to its arguments.
const OPEN: Options =
    Options { by: None, order: None, shown: Shown::Members, offset: 0, limit: -1 };

impl Options {
    /// Reads options; what is stored has no scores to be answered.
    fn parse(mut self, mut words: &[&[u8]], to_be: Use) -> Result<Self, Refusal> {
        while let [word, rest @ ..] = words {
            words = rest;
            if is_word(word, "withscores") && to_be == Use::Answered {
                self.shown = Shown::WithScores;
            } else if is_word(word, "limit")
                && let [offset, limit, rest @ ..] = rest
            {
                (self.offset, self.limit) = (parse_integer(offset)?, parse_integer(limit)?);
                words = rest;
            } else if is_word(word, "rev") && self.order.is_none() {
                self.order = Some(Order::Falling);
            } else if is_word(word, "bylex") && self.by.is_none() {
                self.by = Some(By::Lex);
            } else if is_word(word, "byscore") && self.by.is_none() {
                self.by = Some(By::Score);
            } else {
                return Err(Refusal::Syntax);
            }
        }
        self.check()
    }

    fn check(self) -> Result<Self, Refusal> {
        if self.limit != -1 && self.by.unwrap_or(By::Rank) == By::Rank {
            return Err(Refusal::text(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE \
                 or BYLEX",
            ));
        }
        if self.shown == Shown::WithScores && self.by == Some(By::Lex) {
            return Err(Refusal::text(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        Ok(self)
    }

    /// Reads the two ends, which come in the order of the answer.
    fn range(self, first: &[u8], last: &[u8]) -> Result<ZsetOperation, Refusal> {
        let order = self.order.unwrap_or(Order::Rising);
        let by = self.by.unwrap_or(By::Rank);
        let (least, greatest) = match order {
            Order::Falling if by != By::Rank => (last, first),
            _ => (first, last),
        };
        let range = parse_range(by, least, greatest)?;
        let limit = match u64::try_from(self.offset) {
            Ok(_) => u64::try_from(self.limit).unwrap_or(u64::MAX),
            // Redis passes over members until there are none.
            Err(_) => 0,
        };
        let skip = u64::try_from(self.offset).unwrap_or(0);
        Ok(ZsetOperation::Range { range, order, skip, limit })
    }
}

/// Whether a range is answered or stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Answered,
    Stored,
}

fn parse_range(by: By, least: &[u8], greatest: &[u8]) -> Result<ZsetRange, Refusal> {
    Ok(match by {
        By::Rank => {
            ZsetRange::Rank { start: parse_integer(least)?, stop: parse_integer(greatest)? }
        }
        By::Score => {
            ZsetRange::Score { min: parse_score_bound(least)?, max: parse_score_bound(greatest)? }
        }
        By::Lex => ZsetRange::Lex { min: parse_lex_bound(least)?, max: parse_lex_bound(greatest)? },
    })
}

fn parse_score_bound(text: &[u8]) -> Result<Bound<Score>, Refusal> {
    // Redis reads no text at all as zero here.
    let read = |text: &[u8]| if text.is_empty() { Some(0.0) } else { parse_float(text) };
    let score = |text| {
        let score = read(text).and_then(Score::new);
        score.ok_or(Refusal::text("ERR min or max is not a float"))
    };
    Ok(match text.strip_prefix(b"(") {
        Some(text) => Bound::Excluded(score(text)?),
        None => Bound::Included(score(text)?),
    })
}

fn parse_lex_bound(text: &[u8]) -> Result<LexBound, Refusal> {
    match text {
        b"-" => Ok(LexBound::Lowest),
        b"+" => Ok(LexBound::Highest),
        [b'[', member @ ..] => Ok(LexBound::At(Bound::Included(member.to_vec()))),
        [b'(', member @ ..] => Ok(LexBound::At(Bound::Excluded(member.to_vec()))),
        _ => Err(Refusal::text("ERR min or max not valid string range item")),
    }
}

fn zrange(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    answer(turn, OPEN)
}

fn zrevrange(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    answer(turn, fixed(By::Rank, Order::Falling))
}

fn zrangebyscore(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    answer(turn, fixed(By::Score, Order::Rising))
}

fn zrevrangebyscore(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    answer(turn, fixed(By::Score, Order::Falling))
}

fn zrangebylex(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    answer(turn, fixed(By::Lex, Order::Rising))
}

fn zrevrangebylex(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    answer(turn, fixed(By::Lex, Order::Falling))
}

const fn fixed(by: By, order: Order) -> Options {
    Options { by: Some(by), order: Some(order), ..OPEN }
}

fn answer(turn: &Turn<'_, '_>, open: Options) -> Result<Step, Refusal> {
    let [_, key, first, last, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let options = open.parse(words, Use::Answered)?;
    ask(turn, key, options.range(first, last)?, write_scored(options.shown))
}

fn zrangestore(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, target, source, first, last, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let options = OPEN.parse(words, Use::Stored)?;
    let target = target.to_vec();
    let then = Then::go(move |outcomes, _| {
        let [Outcome::Scored(members)] = outcomes else { return Err(misfit()) };
        Ok(replace(target, members.iter().map(|(member, score)| (*score, member.clone()))))
    });
    ask(turn, source, options.range(first, last)?, then)
}

/// Asks for the sorted set to be written, and answers its size.
pub(crate) fn replace(
    target: Vec<u8>,
    members: impl IntoIterator<Item = (Score, Vec<u8>)>,
) -> Next {
    let replace = ZsetOperation::Replace { members: members.into_iter().collect() };
    Next::Ask(vec![(target, Operation::Zset(replace))], Then::Assemble(Assembly::Integer))
}

fn zcount(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    count(turn, By::Score)
}

fn zlexcount(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    count(turn, By::Lex)
}

fn count(turn: &Turn<'_, '_>, by: By) -> Result<Step, Refusal> {
    let [_, key, least, greatest] = turn.args else {
        return Err(Refusal::Arity);
    };
    let range = parse_range(by, least, greatest)?;
    ask(turn, key, ZsetOperation::CountIn { range }, Then::Assemble(Assembly::Integer))
}

fn zremrangebyrank(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    remove(turn, By::Rank)
}

fn zremrangebyscore(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    remove(turn, By::Score)
}

fn zremrangebylex(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    remove(turn, By::Lex)
}

fn remove(turn: &Turn<'_, '_>, by: By) -> Result<Step, Refusal> {
    let [_, key, least, greatest] = turn.args else {
        return Err(Refusal::Arity);
    };
    let range = parse_range(by, least, greatest)?;
    ask(turn, key, ZsetOperation::RemoveIn { range }, Then::Assemble(Assembly::Integer))
}
