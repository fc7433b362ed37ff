//! `SORT`: elements of a list, a set or a sorted set, in an order of their own or of other keys.
//!
//! The elements are read at one moment, and what other keys say about them later: other clients
//! may write in between, and keys may be in any shard.

use std::cmp::Ordering;

use api::{Batch, CallError, ListOperation, Operation, Outcome, ZsetOperation};

use crate::Step;
use crate::command::{Category, Command, Flag, Group, integer};
use crate::content::Spot;
use crate::keyspec::{Keys, Span};
use crate::refusal::Refusal;
use crate::rounds::{Asked, Next, Then, misfit};
use crate::turn::{Turn, is_word, parse_float, parse_integer};

/// How many keys one round asks about.
const LOOKUPS_MAX: usize = 1024;

const CATEGORIES: &[Category] =
    &[Category::Set, Category::SortedSet, Category::List, Category::Dangerous];

const fn row(name: &'static str, since: &'static str, summary: &'static str) -> Command {
    Command::new(Group::Generic, name, -2, since, summary)
        .categories(CATEGORIES)
        .key(&["RO", "access"])
}

pub(crate) const COMMANDS: &[Command] = &[
    row("sort", "1.0.0", "Sort the elements in a list, set or sorted set")
        .flags(&[Flag::Write, Flag::DenyOom])
        .keys(Keys { first: 2, span: Span::Behind("store"), access: &["OW", "update"] })
        .run(sort),
    row("sort_ro", "7.0.0", "Sort the elements in a list, set or sorted set. Read-only.")
        .flags(&[Flag::Readonly])
        .run(sort_ro),
];

/// Where to find something about an element.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    /// The element itself.
    Element,
    /// A key made from the element, and a field of the hash there.
    Key { before: Vec<u8>, after: Vec<u8>, field: Option<Vec<u8>> },
    /// No key: nothing.
    Nothing,
}

/// What is wanted.
#[derive(Debug)]
struct Wish {
    by: Option<Pattern>,
    is_sorted: bool,
    gets: Vec<Pattern>,
    skip: i64,
    limit: i64,
    falls: bool,
    is_alpha: bool,
    store: Option<Vec<u8>>,
}

impl Pattern {
    fn parse(text: &[u8]) -> Self {
        if text == b"#" {
            return Self::Element;
        }
        let Some(at) = text.iter().position(|&byte| byte == b'*') else { return Self::Nothing };
        let (before, after) = (&text[..at], &text[at + 1..]);
        let arrow = after.windows(2).position(|pair| pair == b"->");
        // An arrow at the very end belongs to the name.
        let arrow = arrow.filter(|arrow| arrow + 2 < after.len());
        let (after, field) = match arrow {
            Some(arrow) => (&after[..arrow], Some(after[arrow + 2..].to_vec())),
            None => (after, None),
        };
        Self::Key { before: before.to_vec(), after: after.to_vec(), field }
    }

    /// Asks for what the pattern says about an element.
    fn ask(&self, element: &[u8]) -> Option<(Vec<u8>, Operation)> {
        let Self::Key { before, after, field } = self else { return None };
        let key = [before.as_slice(), element, after].concat();
        let operation = match field {
            Some(field) => Operation::MapGet { fields: vec![field.clone()] },
            None => Operation::Get,
        };
        // The empty key holds nothing.
        (!key.is_empty()).then_some((key, operation))
    }
}

impl Wish {
    fn parse(mut words: &[&[u8]], may_store: bool) -> Result<Self, Refusal> {
        let mut wish = Self {
            by: None,
            is_sorted: true,
            gets: Vec::new(),
            skip: 0,
            limit: -1,
            falls: false,
            is_alpha: false,
            store: None,
        };
        while let [word, rest @ ..] = words {
            words = match rest {
                rest if is_word(word, "asc") => {
                    wish.falls = false;
                    rest
                }
                rest if is_word(word, "desc") => {
                    wish.falls = true;
                    rest
                }
                rest if is_word(word, "alpha") => {
                    wish.is_alpha = true;
                    rest
                }
                [skip, limit, rest @ ..] if is_word(word, "limit") => {
                    (wish.skip, wish.limit) = (parse_integer(skip)?, parse_integer(limit)?);
                    rest
                }
                [key, rest @ ..] if may_store && is_word(word, "store") => {
                    wish.store = Some(key.to_vec());
                    rest
                }
                [pattern, rest @ ..] if is_word(word, "by") => {
                    wish.is_sorted = pattern.contains(&b'*');
                    wish.by = wish.is_sorted.then(|| Pattern::parse(pattern));
                    rest
                }
                [pattern, rest @ ..] if is_word(word, "get") => {
                    wish.gets.push(Pattern::parse(pattern));
                    rest
                }
                _ => return Err(Refusal::Syntax),
            };
        }
        Ok(wish)
    }
}

fn sort(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    start(turn, true)
}

fn sort_ro(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    start(turn, false)
}

fn start(turn: &Turn<'_, '_>, may_store: bool) -> Result<Step, Refusal> {
    let [_, key, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let wish = Wish::parse(words, may_store)?;
    let spot = Spot { keyspace: turn.session.database.keyspace(), key: key.to_vec() };
    let all = ListOperation::Range { start: 0, stop: -1 };
    let parts = [
        Operation::Type,
        Operation::List(all),
        Operation::SetMembers,
        Operation::Zset(ZsetOperation::All),
    ];
    let parts = parts.into_iter().map(|operation| spot.part(operation)).collect();
    let batch = Operation::Batch(Batch { checks: Vec::new(), parts });
    let then = Then::go(move |outcomes, writer| {
        let elements = elements(outcomes)?;
        match wish.by.clone() {
            Some(by) => {
                look_up(vec![by], elements, Vec::new(), move |elements, weights, writer| {
                    finish(wish, elements, Some(weights), writer)
                })
                .go(writer)
            }
            None => finish(wish, elements, None, writer),
        }
    });
    turn.ask(vec![(spot.key.clone(), batch)], then)
}

/// Reads what the key holds, in the order in which it holds it.
fn elements(outcomes: &[Outcome]) -> Result<Vec<Vec<u8>>, Refusal> {
    let [Outcome::Batch(parts)] = outcomes else { return Err(misfit()) };
    let [Outcome::Text(kind), list, set, zset] = parts.as_slice() else { return Err(misfit()) };
    match (*kind, list, set, zset) {
        ("none", ..) => Ok(Vec::new()),
        ("list", Outcome::Values(values), ..) | ("set", _, Outcome::Values(values), _) => {
            Ok(values.clone())
        }
        ("zset", _, _, Outcome::Scored(scored)) => {
            Ok(scored.iter().map(|(member, _)| member.clone()).collect())
        }
        _ => {
            let text = format!("WRONGTYPE {}", CallError::WrongType);
            Err(Refusal::owned(text))
        }
    }
}

/// What other keys say about elements: one entry for each pattern of each element.
type Found = Vec<Option<Vec<u8>>>;

/// What goes on once everything is looked up.
type Go = Box<dyn FnOnce(Vec<Vec<u8>>, Found, &mut resp::Writer<'_>) -> Result<Next, Refusal>>;

/// A look at other keys, in rounds of bounded size.
struct LookUp {
    patterns: Vec<Pattern>,
    elements: Vec<Vec<u8>>,
    found: Found,
    go: Go,
}

fn look_up(
    patterns: Vec<Pattern>,
    elements: Vec<Vec<u8>>,
    found: Found,
    go: impl FnOnce(Vec<Vec<u8>>, Found, &mut resp::Writer<'_>) -> Result<Next, Refusal> + 'static,
) -> LookUp {
    LookUp { patterns, elements, found, go: Box::new(go) }
}

impl LookUp {
    fn go(mut self, writer: &mut resp::Writer<'_>) -> Result<Next, Refusal> {
        let total = self.elements.len() * self.patterns.len();
        let (mut asked, mut places): (Asked, Vec<usize>) = (Vec::new(), Vec::new());
        while self.found.len() < total && asked.len() < LOOKUPS_MAX {
            let at = self.found.len();
            let element = &self.elements[at / self.patterns.len()];
            let pattern = &self.patterns[at % self.patterns.len()];
            self.found.push(match pattern {
                Pattern::Element => Some(element.clone()),
                _ => None,
            });
            if let Some(one) = pattern.ask(element) {
                asked.push(one);
                places.push(at);
            }
        }
        if asked.is_empty() {
            return (self.go)(self.elements, self.found, writer);
        }
        let then = Then::go_any(move |outcomes, writer| {
            for (place, outcome) in places.into_iter().zip(outcomes) {
                self.found[place] = match outcome {
                    Outcome::Value(value) => Some(value.clone()),
                    Outcome::Optionals(values) => values.first().cloned().flatten(),
                    Outcome::Nothing | Outcome::Failed(CallError::WrongType) => None,
                    Outcome::Failed(error) => {
                        crate::assembly::write_failure(error, writer);
                        return Ok(Next::Answered);
                    }
                    _ => return Err(misfit()),
                };
            }
            self.go(writer)
        });
        Ok(Next::Ask(asked, then))
    }
}

/// Orders and cuts the elements, and answers or stores what is wanted of them.
fn finish(
    wish: Wish,
    elements: Vec<Vec<u8>>,
    weights: Option<Found>,
    writer: &mut resp::Writer<'_>,
) -> Result<Next, Refusal> {
    let mut elements = elements;
    if wish.is_sorted {
        elements = order(&wish, elements, weights)?;
    } else if wish.falls {
        elements.reverse();
    }
    let size = integer(elements.len());
    let start = wish.skip.max(0).min(size);
    let end = if wish.limit < 0 { size } else { start.saturating_add(wish.limit).min(size) };
    let at = |index: i64| usize::try_from(index).unwrap_or(0);
    let elements = elements.drain(at(start)..at(end)).collect();
    if wish.gets.is_empty() {
        let found = |elements: Vec<Vec<u8>>| elements.into_iter().map(Some).collect();
        return answer(wish.store, found(elements), writer);
    }
    let store = wish.store;
    look_up(wish.gets, elements, Vec::new(), |_, found, writer| answer(store, found, writer))
        .go(writer)
}

fn order(
    wish: &Wish,
    elements: Vec<Vec<u8>>,
    weights: Option<Found>,
) -> Result<Vec<Vec<u8>>, Refusal> {
    let weights: Found = match weights {
        Some(weights) => weights,
        None => elements.iter().cloned().map(Some).collect(),
    };
    let direct = |ordering: Ordering| if wish.falls { ordering.reverse() } else { ordering };
    if wish.is_alpha {
        let mut both: Vec<_> = weights.into_iter().zip(elements).collect();
        // What is alike stays in its order.
        both.sort_by(|(one, _), (other, _)| direct(one.cmp(other)));
        return Ok(both.into_iter().map(|(_, element)| element).collect());
    }
    let number = |weight: Option<Vec<u8>>| match weight {
        None => Ok(0.0),
        Some(text) => parse_float(&text)
            .ok_or(Refusal::text("ERR One or more scores can't be converted into double")),
    };
    let weights: Result<Vec<f64>, Refusal> = weights.into_iter().map(number).collect();
    let mut both: Vec<_> = weights?.into_iter().zip(elements).collect();
    both.sort_by(|(one, a), (other, b)| direct(one.total_cmp(other).then_with(|| a.cmp(b))));
    Ok(both.into_iter().map(|(_, element)| element).collect())
}

fn answer(
    store: Option<Vec<u8>>,
    found: Found,
    writer: &mut resp::Writer<'_>,
) -> Result<Next, Refusal> {
    let Some(key) = store else {
        writer.array(found.len());
        for value in &found {
            match value {
                Some(value) => writer.bulk(value),
                None => writer.null(),
            }
        }
        return Ok(Next::Answered);
    };
    let values = found.into_iter().map(Option::unwrap_or_default).collect();
    let asked = vec![(key, Operation::List(ListOperation::Replace { values }))];
    let then = Then::write(|outcomes, writer| match outcomes {
        [Outcome::Integer(count)] => {
            writer.integer(*count);
            Ok(())
        }
        _ => Err(misfit()),
    });
    Ok(Next::Ask(asked, then))
}
