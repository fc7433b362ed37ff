//! Places: members of sorted sets whose scores say where on Earth they are.

mod hash;
pub(crate) mod search;
mod shape;

use api::{Comparison, Counted, Operation, Outcome, Presence, Score, ScoreRule, ZsetOperation};
use resp::Writer;

use crate::Step;
use crate::assembly::Assembly;
use crate::command::{Command, GROW, Group, READ};
use crate::refusal::Refusal;
use crate::rounds::{Then, misfit};
use crate::turn::{Turn, is_word, parse_float};
use hash::{Cell, LATITUDE_MAX, LONGITUDE_MAX, Place, STEP_MAX};

pub(crate) const fn row(
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(Group::Geo, name, arity, since, summary)
}

pub(crate) const COMMANDS: &[Command] = &[
    row(
        "geoadd",
        -5,
        "3.2.0",
        "Add one or more geospatial items in the geospatial index represented using a sorted set",
    )
    .flags(GROW)
    .key(&["RW", "update"])
    .run(geoadd),
    row("geopos", -2, "3.2.0", "Returns longitude and latitude of members of a geospatial index")
        .flags(READ)
        .key(&["RO", "access"])
        .run(geopos),
    row("geodist", -4, "3.2.0", "Returns the distance between two members of a geospatial index")
        .flags(READ)
        .key(&["RO", "access"])
        .run(geodist),
    row(
        "geohash",
        -2,
        "3.2.0",
        "Returns members of a geospatial index as standard geohash strings",
    )
    .flags(READ)
    .key(&["RO", "access"])
    .run(geohash),
];

/// Reads a place, and checks that it is one.
fn parse_place(longitude: &[u8], latitude: &[u8]) -> Result<Place, Refusal> {
    let number =
        |text: &[u8]| parse_float(text).ok_or(Refusal::text("ERR value is not a valid float"));
    let (longitude, latitude) = (number(longitude)?, number(latitude)?);
    if longitude.abs() > LONGITUDE_MAX || latitude.abs() > LATITUDE_MAX {
        let text = format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}");
        return Err(Refusal::owned(text));
    }
    Ok(Place { longitude, latitude })
}

/// Reads a unit; returns how many meters it has.
fn parse_unit(text: &[u8]) -> Result<f64, Refusal> {
    match () {
        () if is_word(text, "m") => Ok(1.0),
        () if is_word(text, "km") => Ok(1000.0),
        () if is_word(text, "ft") => Ok(0.3048),
        () if is_word(text, "mi") => Ok(1609.34),
        () => Err(Refusal::text("ERR unsupported unit provided. please use M, KM, FT, MI")),
    }
}

/// The score of a number of 52 bits, which a double holds exactly.
fn score_of(bits: u64) -> Result<Score, Refusal> {
    #[expect(clippy::cast_precision_loss, reason = "52 bits fit")]
    Score::new(bits as f64).ok_or_else(misfit)
}

fn geoadd(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let (mut words, mut counted) = (words, Counted::New);
    let (mut has_nx, mut has_xx) = (false, false);
    while let [word, rest @ ..] = words {
        match () {
            () if is_word(word, "nx") => has_nx = true,
            () if is_word(word, "xx") => has_xx = true,
            () if is_word(word, "ch") => counted = Counted::Changed,
            () => break,
        }
        words = rest;
    }
    let (places, []) = words.as_chunks::<3>() else {
        return Err(Refusal::Syntax);
    };
    if has_nx && has_xx {
        return Err(Refusal::Syntax);
    }
    let presence = match (has_nx, has_xx) {
        (true, _) => Presence::Absent,
        (_, true) => Presence::Present,
        _ => Presence::Any,
    };
    let member = |[longitude, latitude, member]: &[&[u8]; 3]| {
        let cell = Cell::of(parse_place(longitude, latitude)?, STEP_MAX);
        Ok((score_of(cell.bits())?, member.to_vec()))
    };
    let members = places.iter().map(member).collect::<Result<Vec<_>, Refusal>>()?;
    let rule = ScoreRule { presence, comparison: Comparison::Any };
    let operation = Operation::Zset(ZsetOperation::Add { members, rule, counted });
    turn.call(key, operation, Assembly::Integer)
}

/// Asks where members are.
fn ask(turn: &Turn<'_, '_>, key: &[u8], members: &[&[u8]], then: Then) -> Result<Step, Refusal> {
    let members = members.iter().map(|member| member.to_vec()).collect();
    turn.call_then(key, Operation::Zset(ZsetOperation::Scores { members }), then)
}

fn places(outcomes: &[Outcome]) -> Result<Vec<Option<Place>>, Refusal> {
    let [Outcome::Scores(scores)] = outcomes else { return Err(misfit()) };
    let place = |score: &Option<Score>| score.map(|score| Cell::of_score(score.get()).place());
    Ok(scores.iter().map(place).collect())
}

fn geopos(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, members @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let write = |outcomes: &[Outcome], writer: &mut Writer<'_>| {
        let places = places(outcomes)?;
        writer.array(places.len());
        for place in places {
            match place {
                Some(place) => write_place(place, writer),
                None => writer.null_array(),
            }
        }
        Ok(())
    };
    if members.is_empty() {
        turn.writer.array(0);
        return Ok(Step::Reply);
    }
    ask(turn, key, members, Then::write(write))
}

/// Writes coordinates with seventeen places, as Redis does.
fn write_place(place: Place, writer: &mut Writer<'_>) {
    writer.array(2);
    for value in [place.longitude, place.latitude] {
        let text = format!("{value:.17}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        match writer.protocol() {
            resp::Protocol::Resp2 => writer.bulk(text.as_bytes()),
            resp::Protocol::Resp3 => writer.raw(format!(",{text}\r\n").as_bytes()),
        }
    }
}

fn write_distance(meters: f64, unit: f64, writer: &mut Writer<'_>) {
    writer.bulk(format!("{:.4}", meters / unit).as_bytes());
}

fn geodist(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let (key, members, unit) = match turn.args {
        [_, key, left, right] => (key, [*left, *right], 1.0),
        [_, key, left, right, unit] => (key, [*left, *right], parse_unit(unit)?),
        _ => return Err(Refusal::Syntax),
    };
    let write = move |outcomes: &[Outcome], writer: &mut Writer<'_>| {
        match places(outcomes)?[..] {
            [Some(left), Some(right)] => {
                write_distance(hash::distance(left, right), unit, writer);
            }
            _ => writer.null(),
        }
        Ok(())
    };
    ask(turn, key, &members, Then::write(write))
}

fn geohash(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, members @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let write = |outcomes: &[Outcome], writer: &mut Writer<'_>| {
        let places = places(outcomes)?;
        writer.array(places.len());
        for place in places {
            match place {
                Some(place) => writer.bulk(&hash::text(place)),
                None => writer.null(),
            }
        }
        Ok(())
    };
    if members.is_empty() {
        turn.writer.array(0);
        return Ok(Step::Reply);
    }
    ask(turn, key, members, Then::write(write))
}
