//! Searches around a place.

use api::{Operation, Order, Outcome, Score, ZsetOperation};
use resp::Writer;

use super::hash::{Cell, Place};
use super::shape::Shape;
use super::{parse_place, parse_unit, row, score_of, write_distance, write_place};
use crate::Step;
use crate::command::{Command, GROW, READ};
use crate::families::zsets::ranges::replace;
use crate::keyspec::{Keys, Span};
use crate::refusal::Refusal;
use crate::rounds::{Next, Then, misfit};
use crate::turn::{Turn, is_word, parse_float, parse_integer};

pub(crate) const COMMANDS: &[Command] = &[
    row("geosearch", -7, "6.2.0", "Find the places inside a circle or box")
        .flags(READ)
        .key(&["RO", "access"])
        .run(geosearch),
    row("geosearchstore", -8, "6.2.0", "Keep the places inside a circle or box in another key")
        .flags(GROW)
        .key(&["OW", "update"])
        .keys(Keys::one(2, &["RO", "access"]))
        .run(geosearchstore),
    row("georadius", -6, "3.2.0", "Find the places around a point")
        .flags(GROW)
        .key(&["RO", "access"])
        .keys(Keys { first: 6, span: Span::Behind("store"), access: &["OW", "update"] })
        .keys(Keys { first: 6, span: Span::Behind("storedist"), access: &["OW", "update"] })
        .run(georadius),
    row("georadius_ro", -6, "3.2.10", "A read-only variant for GEORADIUS")
        .flags(READ)
        .key(&["RO", "access"])
        .run(georadius_ro),
    row("georadiusbymember", -5, "3.2.0", "Find the places around another one")
        .flags(GROW)
        .key(&["RO", "access"])
        .keys(Keys { first: 5, span: Span::Behind("store"), access: &["OW", "update"] })
        .keys(Keys { first: 5, span: Span::Behind("storedist"), access: &["OW", "update"] })
        .run(georadiusbymember),
    row("georadiusbymember_ro", -5, "3.2.10", "A read-only variant for GEORADIUSBYMEMBER")
        .flags(READ)
        .key(&["RO", "access"])
        .run(georadiusbymember_ro),
];

/// Where the middle is.
#[derive(Clone, Debug)]
enum Middle {
    At(Place),
    Member(Vec<u8>),
}

/// What the scores of stored members are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stored {
    Places,
    Distances,
}

/// Which words a command knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Search,
    SearchStore,
    Radius,
    RadiusReadOnly,
}

/// What is told of each member beside its name.
#[derive(Clone, Copy, Debug, Default)]
struct Details {
    distance: bool,
    hash: bool,
    place: bool,
}

/// A search as it was typed.
#[derive(Clone, Debug, Default)]
struct Search {
    middle: Option<Middle>,
    shape: Option<Shape>,
    /// Meters of the unit that distances are told in.
    unit: f64,
    order: Option<Order>,
    count: usize,
    is_any: bool,
    details: Details,
    target: Option<(Vec<u8>, Stored)>,
}

/// A member that was found.
struct Found {
    member: Vec<u8>,
    score: Score,
    place: Place,
    meters: f64,
}

fn geosearch(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    start(turn, key, Search::default().parse(words, Dialect::Search, &as_typed(turn))?)
}

fn geosearchstore(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, target, key, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let target = Some((target.to_vec(), Stored::Places));
    let search = Search { target, ..Search::default() };
    start(turn, key, search.parse(words, Dialect::SearchStore, &as_typed(turn))?)
}

fn georadius(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    around_place(turn, Dialect::Radius)
}

fn georadius_ro(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    around_place(turn, Dialect::RadiusReadOnly)
}

fn georadiusbymember(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    around_member(turn, Dialect::Radius)
}

fn georadiusbymember_ro(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    around_member(turn, Dialect::RadiusReadOnly)
}

fn around_place(turn: &Turn<'_, '_>, dialect: Dialect) -> Result<Step, Refusal> {
    let [_, key, longitude, latitude, radius, unit, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let middle = Some(Middle::At(parse_place(longitude, latitude)?));
    let search = Search { middle, ..Search::default() }.circle(radius, unit)?;
    start(turn, key, search.parse(words, dialect, &as_typed(turn))?)
}

fn around_member(turn: &Turn<'_, '_>, dialect: Dialect) -> Result<Step, Refusal> {
    let [_, key, member, radius, unit, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let middle = Some(Middle::Member(member.to_vec()));
    let search = Search { middle, ..Search::default() }.circle(radius, unit)?;
    start(turn, key, search.parse(words, dialect, &as_typed(turn))?)
}

fn parse_size(text: &[u8], odd: &'static str, negative: &'static str) -> Result<f64, Refusal> {
    let size = parse_float(text).ok_or(Refusal::text(odd))?;
    if size < 0.0 { Err(Refusal::text(negative)) } else { Ok(size) }
}

impl Search {
    fn circle(mut self, radius: &[u8], unit: &[u8]) -> Result<Self, Refusal> {
        let radius =
            parse_size(radius, "ERR need numeric radius", "ERR radius cannot be negative")?;
        self.unit = parse_unit(unit)?;
        self.shape = Some(Shape::Circle { radius: radius * self.unit });
        Ok(self)
    }

    fn rectangle(mut self, width: &[u8], height: &[u8], unit: &[u8]) -> Result<Self, Refusal> {
        let negative = "ERR height or width cannot be negative";
        let width = parse_size(width, "ERR need numeric width", negative)?;
        let height = parse_size(height, "ERR need numeric height", negative)?;
        self.unit = parse_unit(unit)?;
        self.shape = Some(Shape::Box { width: width * self.unit, height: height * self.unit });
        Ok(self)
    }

    /// Reads the options.
    fn parse(mut self, mut words: &[&[u8]], dialect: Dialect, name: &str) -> Result<Self, Refusal> {
        while let [word, rest @ ..] = words {
            words = match () {
                () if is_word(word, "withdist") => {
                    self.details.distance = true;
                    rest
                }
                () if is_word(word, "withhash") => {
                    self.details.hash = true;
                    rest
                }
                () if is_word(word, "withcoord") => {
                    self.details.place = true;
                    rest
                }
                () if is_word(word, "any") => {
                    self.is_any = true;
                    rest
                }
                () if is_word(word, "asc") => {
                    self.order = Some(Order::Rising);
                    rest
                }
                () if is_word(word, "desc") => {
                    self.order = Some(Order::Falling);
                    rest
                }
                () => return self.parse_more(words, dialect, name),
            };
        }
        self.check(dialect, name)
    }

    /// Reads an option with arguments, then the others.
    fn parse_more(
        mut self,
        words: &[&[u8]],
        dialect: Dialect,
        name: &str,
    ) -> Result<Self, Refusal> {
        let searches = matches!(dialect, Dialect::Search | Dialect::SearchStore);
        let rest = match words {
            [word, count, rest @ ..] if is_word(word, "count") => {
                let count = usize::try_from(parse_integer(count)?).ok().filter(|count| *count > 0);
                self.count = count.ok_or(Refusal::text("ERR COUNT must be > 0"))?;
                rest
            }
            [word, key, rest @ ..] if dialect == Dialect::Radius && is_word(word, "store") => {
                self.target = Some((key.to_vec(), Stored::Places));
                rest
            }
            [word, key, rest @ ..] if dialect == Dialect::Radius && is_word(word, "storedist") => {
                self.target = Some((key.to_vec(), Stored::Distances));
                rest
            }
            [word, rest @ ..] if dialect == Dialect::SearchStore && is_word(word, "storedist") => {
                self.target = self.target.map(|(key, _)| (key, Stored::Distances));
                rest
            }
            [word, member, rest @ ..]
                if searches && self.middle.is_none() && is_word(word, "frommember") =>
            {
                self.middle = Some(Middle::Member(member.to_vec()));
                rest
            }
            [word, longitude, latitude, rest @ ..]
                if searches && self.middle.is_none() && is_word(word, "fromlonlat") =>
            {
                self.middle = Some(Middle::At(parse_place(longitude, latitude)?));
                rest
            }
            [word, radius, unit, rest @ ..]
                if searches && self.shape.is_none() && is_word(word, "byradius") =>
            {
                self = self.circle(radius, unit)?;
                rest
            }
            [word, width, height, unit, rest @ ..]
                if searches && self.shape.is_none() && is_word(word, "bybox") =>
            {
                self = self.rectangle(width, height, unit)?;
                rest
            }
            _ => return Err(Refusal::Syntax),
        };
        self.parse(rest, dialect, name)
    }

    fn check(mut self, dialect: Dialect, name: &str) -> Result<Self, Refusal> {
        let Details { distance, hash, place } = self.details;
        if self.target.is_some() && (distance || hash || place) {
            let what = match dialect {
                Dialect::SearchStore => "GEOSEARCHSTORE",
                _ => "STORE option in GEORADIUS",
            };
            return Err(Refusal::owned(format!(
                "ERR {what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            )));
        }
        if self.middle.is_none() {
            return Err(Refusal::owned(format!(
                "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {name}"
            )));
        }
        if self.shape.is_none() {
            return Err(Refusal::owned(format!(
                "ERR exactly one of BYRADIUS and BYBOX can be specified for {name}"
            )));
        }
        if self.is_any && self.count == 0 {
            return Err(Refusal::text("ERR the ANY argument requires COUNT argument"));
        }
        if self.count > 0 && self.order.is_none() && !self.is_any {
            // The nearest ones are meant.
            self.order = Some(Order::Rising);
        }
        Ok(self)
    }

    /// Asks for what lies around the middle, and answers or stores what lies within the shape.
    fn around(self, key: Vec<u8>, middle: Place) -> Result<Next, Refusal> {
        let shape = self.shape.ok_or_else(misfit)?;
        let ranges = shape.ranges(middle).into_iter();
        let ranges = ranges.map(|(first, last)| Ok((score_of(first)?, score_of(last)?)));
        let ranges = ranges.collect::<Result<Vec<_>, Refusal>>()?;
        let asked = vec![(key, Operation::Zset(ZsetOperation::Ranges { ranges }))];
        let then = Then::go(move |outcomes, writer| {
            let [Outcome::Scored(members)] = outcomes else { return Err(misfit()) };
            let found = self.select(members, shape, middle);
            match &self.target {
                Some((target, stored)) => self.store(target.clone(), *stored, found),
                None => {
                    self.write(&found, writer);
                    Ok(Next::Answered)
                }
            }
        });
        Ok(Next::Ask(asked, then))
    }

    fn select(&self, members: &[(Vec<u8>, Score)], shape: Shape, middle: Place) -> Vec<Found> {
        let within = members.iter().filter_map(|(member, score)| {
            let place = Cell::of_score(score.get()).place();
            let meters = shape.distance(middle, place)?;
            Some(Found { member: member.clone(), score: *score, place, meters })
        });
        let limit = if self.count == 0 { usize::MAX } else { self.count };
        let mut found: Vec<Found> =
            within.take(if self.is_any { limit } else { usize::MAX }).collect();
        match self.order {
            Some(Order::Rising) => found.sort_by(|a, b| a.meters.total_cmp(&b.meters)),
            Some(Order::Falling) => found.sort_by(|a, b| b.meters.total_cmp(&a.meters)),
            None => {}
        }
        found.truncate(limit);
        found
    }

    fn store(&self, target: Vec<u8>, stored: Stored, found: Vec<Found>) -> Result<Next, Refusal> {
        let member = |found: Found| {
            let score = match stored {
                Stored::Places => Some(found.score),
                Stored::Distances => Score::new(found.meters / self.unit),
            };
            Ok((score.ok_or_else(misfit)?, found.member))
        };
        let members = found.into_iter().map(member).collect::<Result<Vec<_>, Refusal>>()?;
        Ok(replace(target, members))
    }

    fn write(&self, found: &[Found], writer: &mut Writer<'_>) {
        let Details { distance, hash, place } = self.details;
        let items = 1 + usize::from(distance) + usize::from(hash) + usize::from(place);
        writer.array(found.len());
        for one in found {
            if items > 1 {
                writer.array(items);
            }
            writer.bulk(&one.member);
            if distance {
                write_distance(one.meters, self.unit, writer);
            }
            if hash {
                let bits = Cell::of_score(one.score.get()).bits();
                writer.integer(i64::try_from(bits).unwrap_or(i64::MAX));
            }
            if place {
                write_place(one.place, writer);
            }
        }
    }
}

/// The command's name as the client wrote it, which is how errors repeat it.
fn as_typed(turn: &Turn<'_, '_>) -> String {
    String::from_utf8_lossy(turn.args[0]).into_owned()
}

fn start(turn: &Turn<'_, '_>, key: &[u8], search: Search) -> Result<Step, Refusal> {
    let key = key.to_vec();
    let (asked, then) = match search.middle.clone() {
        None => return Err(Refusal::Syntax),
        Some(Middle::At(middle)) => match search.around(key, middle)? {
            Next::Ask(asked, then) => (asked, then),
            Next::Answered => return Ok(Step::Reply),
            Next::Call(..) | Next::Wait(_) => return Err(misfit()),
        },
        Some(Middle::Member(member)) => {
            let scores = Operation::Zset(ZsetOperation::Scores { members: vec![member] });
            let asked = vec![(key.clone(), Operation::Exists), (key.clone(), scores)];
            let then = Then::go(move |outcomes, writer| match outcomes {
                [Outcome::Integer(0), _] => search.nothing(writer),
                [_, Outcome::Scores(scores)] => {
                    let text = "ERR could not decode requested zset member";
                    let score = scores.first().copied().flatten().ok_or(Refusal::text(text))?;
                    search.around(key, Cell::of_score(score.get()).place())
                }
                _ => Err(misfit()),
            });
            (asked, then)
        }
    };
    turn.ask(asked, then)
}

impl Search {
    /// There is no such key.
    fn nothing(self, writer: &mut Writer<'_>) -> Result<Next, Refusal> {
        match self.target {
            Some((target, _)) => Ok(replace(target, [])),
            None => {
                writer.array(0);
                Ok(Next::Answered)
            }
        }
    }
}
