//! `TOUCH`, `OBJECT`, `MEMORY`: what is told about how keys are kept.
//!
//! Encodings are those that Redis would choose for a key of this type and size, since programs
//! look at them; how Starling keeps keys is its own affair. `OBJECT` tells neither age nor use:
//! nothing is evicted, so nothing counts them.

use std::rc::Rc;

use api::{Batch, ListOperation, Operation, Outcome, ZsetOperation};

use crate::Step;
use crate::assembly::{Assembly, write_failure};
use crate::command::{Command, Group, READ, READ_FAST, integer};
use crate::content::{Content, Held, Spot};
use crate::families::documents::help_row;
use crate::keyspec::{Keys, Span};
use crate::lobby::Lobby;
use crate::refusal::Refusal;
use crate::rounds::{Next, Then, misfit};
use crate::turn::{Turn, is_word, parse_integer};

/// Strings up to this size are kept beside their header in Redis.
const EMBEDDED_SIZE_MAX: usize = 44;
/// Numbers below are shared in Redis.
const SHARED_BELOW: i64 = 10_000;
/// How Redis counts the users of what is shared.
const SHARED_COUNT: i64 = i32::MAX as i64;

const fn object_row(name: &'static str, since: &'static str, summary: &'static str) -> Command {
    Command::new(Group::Generic, name, 3, since, summary)
        .within("object")
        .flags(READ)
        .keys(Keys::one(2, &["RO"]))
        .tips(&["nondeterministic_output"])
}

pub(crate) const COMMANDS: &[Command] = &[
    Command::new(
        Group::Generic,
        "touch",
        -2,
        "3.2.1",
        "Alters the last access time of a key(s). Returns the number of existing keys specified.",
    )
    .flags(READ_FAST)
    .keys(Keys { first: 1, span: Span::Rest { step: 1 }, access: &["RO"] })
    .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
    .run(touch),
    Command::new(Group::Generic, "object", -2, "2.2.3", "A container for object introspection")
        .subcommands(&[
            object_row("encoding", "2.2.3", "Inspect the internal encoding of a Redis object")
                .run(encoding),
            object_row("freq", "4.0.0", "Get the logarithmic access frequency counter").run(freq),
            object_row("idletime", "2.2.3", "Get the time since a Redis object was last accessed")
                .run(idle_time),
            object_row("refcount", "2.2.3", "Get the number of references to the value of the key")
                .run(reference_count),
            help_row(Group::Generic, "object"),
        ]),
    Command::new(Group::Server, "memory", -2, "4.0.0", "A container for memory diagnostics")
        .subcommands(&[
            Command::new(Group::Server, "usage", -3, "4.0.0", "Estimate the memory usage of a key")
                .within("memory")
                .flags(READ)
                .keys(Keys::one(2, &["RO"]))
                .run(usage),
            help_row(Group::Server, "memory"),
        ]),
];

/// Counts keys; nothing remembers when they were looked at.
fn touch(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let keys = turn.args.iter().skip(1);
    turn.calls(keys.map(|key| (*key, Operation::Exists)), Assembly::Sum)
}

/// What is known about a key without reading all of it.
struct Sketchy {
    kind: &'static str,
    /// The string, if it is one.
    string: Option<Vec<u8>>,
    count: i64,
}

impl Sketchy {
    fn read(outcome: &Outcome) -> Option<Self> {
        let Outcome::Batch(parts) = outcome else { return None };
        let [Outcome::Text(kind), string, counts @ ..] = parts.as_slice() else { return None };
        let string = match string {
            Outcome::Value(value) => Some(value.clone()),
            _ => None,
        };
        let count = counts.iter().find_map(|count| match count {
            Outcome::Integer(count) => Some(*count),
            _ => None,
        });
        Some(Self { kind, string, count: count.unwrap_or(0) })
    }
}

fn spot(turn: &Turn<'_, '_>, key: &[u8]) -> Spot {
    Spot { keyspace: turn.session.database.keyspace(), key: key.to_vec() }
}

/// Looks at type and size of a key, and goes on.
fn look(
    turn: &Turn<'_, '_>,
    go: impl FnOnce(Sketchy, &mut resp::Writer<'_>) -> Result<Next, Refusal> + 'static,
) -> Result<Step, Refusal> {
    let spot = spot(turn, turn.only()?);
    let parts = [
        Operation::Type,
        Operation::Get,
        Operation::List(ListOperation::Count),
        Operation::SetCount,
        Operation::MapCount,
        Operation::Zset(ZsetOperation::Count),
    ];
    let parts = parts.into_iter().map(|operation| spot.part(operation)).collect();
    let batch = Batch { checks: Vec::new(), parts };
    let then = Then::go(move |outcomes, writer| {
        let [outcome] = outcomes else { return Err(misfit()) };
        let found = Sketchy::read(outcome).ok_or_else(misfit)?;
        if found.kind == "none" {
            writer.null();
            return Ok(Next::Answered);
        }
        go(found, writer)
    });
    turn.ask(vec![(spot.key.clone(), Operation::Batch(batch))], then)
}

fn encoding(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let spot = spot(turn, turn.only()?);
    let lobby = Rc::clone(&turn.session.lobby);
    look(turn, move |found, writer| {
        let name = match (found.kind, &found.string) {
            ("string", value) => encoding_of_string(value.as_deref()),
            ("list", _) => "quicklist",
            _ => match encoding_of_size(found.kind, found.count, &lobby) {
                Some(name) => name,
                None => return Ok(look_whole(&spot, lobby)),
            },
        };
        writer.bulk(name.as_bytes());
        Ok(Next::Answered)
    })
}

/// Reads a small collection, whose elements decide.
fn look_whole(spot: &Spot, lobby: Rc<Lobby>) -> Next {
    let asked = vec![(spot.key.clone(), spot.look())];
    let then = Then::write(move |outcomes, writer| {
        let [outcome] = outcomes else { return Err(misfit()) };
        match Held::read(outcome) {
            Ok(Some(held)) => writer.bulk(encoding_of(&held.content, &lobby).as_bytes()),
            Ok(None) => writer.null(),
            Err(error) => write_failure(&error, writer),
        }
        Ok(())
    });
    Next::Ask(asked, then)
}

fn encoding_of_string(value: Option<&[u8]>) -> &'static str {
    match value {
        // A HyperLogLog.
        None => "raw",
        Some(value) if resp::parse_integer(value).is_some() => "int",
        Some(value) if value.len() <= EMBEDDED_SIZE_MAX => "embstr",
        Some(_) => "raw",
    }
}

/// Returns the encoding if the size alone decides.
fn encoding_of_size(kind: &str, count: i64, lobby: &Lobby) -> Option<&'static str> {
    let settings = lobby.settings.borrow();
    match kind {
        "set" => (count > settings.number("set-max-intset-entries")).then_some("hashtable"),
        "hash" => (count > settings.number("hash-max-listpack-entries")).then_some("hashtable"),
        "zset" => (count > settings.number("zset-max-listpack-entries")).then_some("skiplist"),
        _ => None,
    }
}

/// Names the encoding that Redis would choose.
pub(crate) fn encoding_of(content: &Content, lobby: &Lobby) -> &'static str {
    let settings = lobby.settings.borrow();
    let number = |name| usize::try_from(settings.number(name)).unwrap_or(usize::MAX);
    let fits = |kind: &str, count: usize, mut sizes: &mut dyn Iterator<Item = usize>| {
        let (entries, value) = match kind {
            "hash" => ("hash-max-listpack-entries", "hash-max-listpack-value"),
            _ => ("zset-max-listpack-entries", "zset-max-listpack-value"),
        };
        count <= number(entries) && (&mut sizes).all(|size| size <= number(value))
    };
    match content {
        Content::String(value) => encoding_of_string(Some(value)),
        Content::Sketch(_) => "raw",
        Content::List(_) => "quicklist",
        Content::Set(members) => {
            let is_small = members.len() <= number("set-max-intset-entries");
            let all = members.iter().all(|member| resp::parse_integer(member).is_some());
            if is_small && all { "intset" } else { "hashtable" }
        }
        Content::Map(pairs) => {
            let mut sizes = pairs.iter().flat_map(|(field, value)| [field.len(), value.len()]);
            if fits("hash", pairs.len(), &mut sizes) { "listpack" } else { "hashtable" }
        }
        Content::Zset(scored) => {
            let mut sizes = scored.iter().map(|(member, _)| member.len());
            if fits("zset", scored.len(), &mut sizes) { "listpack" } else { "skiplist" }
        }
    }
}

fn freq(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    look(turn, |_, _| {
        Err(Refusal::text(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please \
             note that when switching between policies at runtime LRU and LFU data will take some \
             time to adjust.",
        ))
    })
}

fn idle_time(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    look(turn, |_, writer| {
        writer.integer(0);
        Ok(Next::Answered)
    })
}

fn reference_count(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    look(turn, |found, writer| {
        let number = found.string.as_deref().and_then(resp::parse_integer);
        let is_shared = number.is_some_and(|number| (0..SHARED_BELOW).contains(&number));
        writer.integer(if is_shared { SHARED_COUNT } else { 1 });
        Ok(Next::Answered)
    })
}

/// Tells the bytes of names and values: what a key takes in rows of the store.
fn usage(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, _, key, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    match words {
        [] => {}
        [word, count] if is_word(word, "samples") => {
            if parse_integer(count)? < 0 {
                return Err(Refusal::Syntax);
            }
        }
        _ => return Err(Refusal::Syntax),
    }
    let spot = spot(turn, key);
    let size = key.len();
    let then = Then::write(move |outcomes, writer| {
        let [outcome] = outcomes else { return Err(misfit()) };
        match Held::read(outcome) {
            Ok(None) => writer.null(),
            Ok(Some(held)) => writer.integer(integer(size_of(&held.content) + size)),
            Err(error) => write_failure(&error, writer),
        }
        Ok(())
    });
    turn.ask(vec![(spot.key.clone(), spot.look())], then)
}

fn size_of(content: &Content) -> usize {
    match content {
        Content::String(value) | Content::Sketch(value) => value.len(),
        Content::List(values) | Content::Set(values) => values.iter().map(Vec::len).sum(),
        Content::Map(pairs) => pairs.iter().map(|(field, value)| field.len() + value.len()).sum(),
        Content::Zset(scored) => scored.iter().map(|(member, _)| member.len() + 8).sum(),
    }
}
