//! `DEBUG`: what test suites ask of a server, as far as it means something here.
//!
//! What reloads answers `OK`, because what is stored is what a reload would bring. What would
//! change how Redis keeps or replicates data is refused.

use causality::Millis;
use resp::{Aggregate, Writer};

use crate::Step;
use crate::assembly::write_failure;
use crate::command::{Command, Flag, Group};
use crate::content::{Content, Held, Spot};
use crate::dump;
use crate::families::blocking::millis_of;
use crate::families::objects::encoding_of;
use crate::refusal::Refusal;
use crate::rounds::{Next, Then, Wait, misfit};
use crate::turn::{Turn, is_word, parse_float};

/// The longest sleep.
const SLEEP_SECONDS_MAX: f64 = 3600.0;

pub(crate) const COMMANDS: &[Command] =
    &[Command::new(Group::Server, "debug", -2, "1.0.0", "A container for debugging commands")
        .flags(&[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale])
        .run(debug)];

/// What changes nothing that a client could see.
const WITHOUT_EFFECT: [&str; 5] =
    ["set-active-expire", "quicklist-packed-threshold", "jmap", "reload", "loadaof"];

fn debug(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, word, rest @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    match rest {
        _ if WITHOUT_EFFECT.iter().any(|one| is_word(word, one)) => turn.ok(),
        [key] if is_word(word, "object") => object(turn, key),
        [seconds] if is_word(word, "sleep") => sleep(turn, seconds),
        keys @ [_, ..] if is_word(word, "digest-value") => digests(turn, keys),
        [kind] if is_word(word, "protocol") => protocol(turn, kind),
        _ => {
            let after = "'. Try DEBUG HELP.";
            let before = "ERR unknown subcommand or wrong number of arguments for '";
            Err(Refusal::quoting(before, word, after))
        }
    }
}

/// Keeps this connection waiting; Redis would keep all.
fn sleep(turn: &Turn<'_, '_>, seconds: &[u8]) -> Result<Step, Refusal> {
    let seconds = parse_float(seconds).unwrap_or(0.0).clamp(0.0, SLEEP_SECONDS_MAX);
    let until = Millis(turn.now.0.saturating_add(millis_of(seconds).unwrap_or(0)));
    turn.go_on(rest(turn.now, until))
}

fn rest(since: Millis, until: Millis) -> Next {
    let over = Box::new(|writer: &mut Writer<'_>| writer.ok());
    let again = Box::new(move || rest(since, until));
    Next::Wait(Wait { keys: Vec::new(), since, until: Some(until), again, over })
}

fn object(turn: &Turn<'_, '_>, key: &[u8]) -> Result<Step, Refusal> {
    let spot = Spot { keyspace: turn.session.database.keyspace(), key: key.to_vec() };
    let lobby = std::rc::Rc::clone(&turn.session.lobby);
    let then = Then::write(move |outcomes, writer| {
        let [outcome] = outcomes else { return Err(misfit()) };
        match Held::read(outcome) {
            Ok(None) => return Err(Refusal::text("ERR no such key")),
            Ok(Some(held)) => {
                let (size, encoding) =
                    (dump::encode(&held.content).len(), encoding_of(&held.content, &lobby));
                // Nothing has an address that stays; the word is there for those who look for it.
                writer.simple(format!(
                    "Value at:0x0 refcount:1 encoding:{encoding} serializedlength:{size} lru:0 \
                     lru_seconds_idle:0"
                ));
            }
            Err(error) => write_failure(&error, writer),
        }
        Ok(())
    });
    turn.ask(vec![(spot.key.clone(), spot.look())], then)
}

/// Answers a digest of each key's content, the same for the same content; zeros for no key.
fn digests(turn: &Turn<'_, '_>, keys: &[&[u8]]) -> Result<Step, Refusal> {
    let keyspace = turn.session.database.keyspace();
    let spots = keys.iter().map(|key| Spot { keyspace, key: key.to_vec() });
    let asked = spots.map(|spot| (spot.key.clone(), spot.look())).collect();
    let then = Then::write(|outcomes, writer| {
        let held: Result<Vec<_>, _> = outcomes.iter().map(Held::read).collect();
        match held {
            Ok(all) => {
                writer.array(all.len());
                for held in all {
                    writer.simple(held.map_or("0".repeat(40), |held| digest(held.content)));
                }
            }
            Err(error) => write_failure(&error, writer),
        }
        Ok(())
    });
    turn.ask(asked, then)
}

fn digest(mut content: Content) -> String {
    match &mut content {
        Content::Set(members) => members.sort_unstable(),
        Content::Map(pairs) => pairs.sort_unstable(),
        Content::String(_) | Content::List(_) | Content::Zset(_) | Content::Sketch(_) => {}
    }
    let bytes = dump::encode(&content);
    let sum = bytes.iter().rev().take(8).map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("{sum}{:024x}", bytes.len())
}

/// Writes a reply.
type Write = fn(&mut Writer<'_>);

/// One reply of each kind that the protocol has.
#[expect(clippy::approx_constant, reason = "test suites compare with just this number")]
fn protocol(turn: &mut Turn<'_, '_>, kind: &[u8]) -> Result<Step, Refusal> {
    let writer = &mut *turn.writer;
    let kinds: [(&str, Write); 13] = [
        ("string", |writer| writer.bulk(b"Hello World")),
        ("integer", |writer| writer.integer(12345)),
        ("double", |writer| writer.double(3.141)),
        ("null", |writer| writer.null()),
        ("array", |writer| write_numbers(writer, Aggregate::Array)),
        ("set", |writer| write_numbers(writer, Aggregate::Set)),
        ("map", |writer| {
            writer.map(3);
            for number in 0..3 {
                writer.integer(number);
                writer.boolean(number == 1);
            }
        }),
        ("attrib", |writer| {
            writer.attribute(1, |writer| {
                writer.bulk(b"key-popularity");
                writer.array(2);
                writer.bulk(b"key:123");
                writer.integer(90);
            });
            writer.bulk(b"Some real reply following the attribute");
        }),
        ("push", |writer| {
            writer.push(2);
            writer.bulk(b"server-cpu-usage");
            writer.integer(42);
        }),
        ("verbatim", |writer| writer.verbatim(*b"txt", b"This is a verbatim\nstring")),
        ("true", |writer| writer.boolean(true)),
        ("false", |writer| writer.boolean(false)),
        ("bignum", |writer| writer.big_number("1234567999999999999999999999999999999")),
    ];
    let Some((_, write)) = kinds.iter().find(|(name, _)| is_word(kind, name)) else {
        return Err(Refusal::text(
            "ERR Wrong protocol type name. Please use one of the following: \
             string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
        ));
    };
    write(writer);
    Ok(Step::Reply)
}

fn write_numbers(writer: &mut Writer<'_>, aggregate: Aggregate) {
    writer.aggregate(aggregate, 3);
    (0..3).for_each(|number| writer.integer(number));
}
