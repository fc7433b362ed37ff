//! `DUMP` and `RESTORE`: a key as bytes.
//!
//! ```text
//! type 1 B | content | format 2 B LE | CRC-64 of all before 8 B LE
//! ```
//!
//! The layout, and each type's content, are those of Redis where it has plain ones, so a Redis
//! server restores what is dumped here. Its packed layouts are not read: they are refused as bad
//! data. A `HyperLogLog` has a type of its own.

use api::{Batch, Outcome};
use causality::Millis;

use super::keys::row;
use crate::Step;
use crate::assembly::write_failure;
use crate::command::{Category, Command, GROW, READ};
use crate::content::{Content, Held, Spot};
use crate::dump;
use crate::families::copies::first_failure;
use crate::refusal::Refusal;
use crate::rounds::{Then, misfit};
use crate::turn::{Turn, is_word, parse_integer};

pub(crate) const COMMANDS: &[Command] = &[
    row(
        "dump",
        2,
        "2.6.0",
        "Return a serialized version of the value stored at the specified key.",
    )
    .flags(READ)
    .key(&["RO", "access"])
    .tips(&["nondeterministic_output"])
    .run(dump_key),
    row(
        "restore",
        -4,
        "2.6.0",
        "Create a key using the provided serialized value, previously obtained using DUMP.",
    )
    .flags(GROW)
    .categories(&[Category::Dangerous])
    .key(&["OW", "update"])
    .run(restore),
];

fn dump_key(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let spot = spot(turn, turn.only()?);
    let then = Then::write(|outcomes, writer| {
        let [outcome] = outcomes else { return Err(misfit()) };
        match Held::read(outcome) {
            Ok(None) => writer.null(),
            Ok(Some(held)) => writer.bulk(&dump::encode(&held.content)),
            Err(error) => write_failure(&error, writer),
        }
        Ok(())
    });
    turn.ask(vec![(spot.key.clone(), spot.look())], then)
}

/// The options of `RESTORE`.
#[derive(Default)]
struct Wish {
    replaces: bool,
    is_moment: bool,
}

impl Wish {
    fn parse(mut words: &[&[u8]]) -> Result<Self, Refusal> {
        let mut wish = Self::default();
        while let [word, rest @ ..] = words {
            words = match rest {
                rest if is_word(word, "replace") => {
                    wish.replaces = true;
                    rest
                }
                rest if is_word(word, "absttl") => {
                    wish.is_moment = true;
                    rest
                }
                [seconds, rest @ ..] if is_word(word, "idletime") => {
                    if parse_integer(seconds)? < 0 {
                        return Err(Refusal::text("ERR Invalid IDLETIME value, must be >= 0"));
                    }
                    rest
                }
                [uses, rest @ ..] if is_word(word, "freq") => {
                    if !(0..=255).contains(&parse_integer(uses)?) {
                        let text = "ERR Invalid FREQ value, must be >= 0 and <= 255";
                        return Err(Refusal::text(text));
                    }
                    rest
                }
                _ => return Err(Refusal::Syntax),
            };
        }
        Ok(wish)
    }
}

fn restore(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, ttl, payload, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let wish = Wish::parse(words)?;
    let ttl = parse_integer(ttl)?;
    let Ok(ttl) = u64::try_from(ttl) else {
        return Err(Refusal::text("ERR Invalid TTL value, must be >= 0"));
    };
    let base = if wish.is_moment { 0 } else { turn.now.0 };
    let expiry = (ttl > 0).then(|| Millis(base.saturating_add(ttl)));
    let content = dump::decode(payload).map_err(|error| match error {
        dump::Damage::Frame => Refusal::text("ERR DUMP payload version or checksum are wrong"),
        dump::Damage::Content => Refusal::text("ERR Bad data format"),
    })?;
    write(turn, &spot(turn, key), (content, expiry), wish.replaces)
}

fn write(
    turn: &Turn<'_, '_>,
    spot: &Spot,
    (content, expiry): (Content, Option<Millis>),
    replaces: bool,
) -> Result<Step, Refusal> {
    let checks = if replaces { Vec::new() } else { vec![spot.check(0)] };
    let batch = Batch { checks, parts: spot.write(content, expiry) };
    let then = Then::go(|outcomes, writer| {
        match outcomes {
            [Outcome::Nothing] => writer.error("BUSYKEY Target key name already exists."),
            [Outcome::Batch(done)] => match first_failure(done) {
                Some(error) => write_failure(error, writer),
                None => writer.ok(),
            },
            _ => return Err(misfit()),
        }
        Ok(crate::rounds::Next::Answered)
    });
    turn.ask(vec![(spot.key.clone(), api::Operation::Batch(batch))], then)
}

fn spot(turn: &Turn<'_, '_>, key: &[u8]) -> Spot {
    Spot { keyspace: turn.session.database.keyspace(), key: key.to_vec() }
}
