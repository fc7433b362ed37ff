//! `STARLING`: what Redis has no word for.

use api::{Level, Lifetime, Operation, SealedContext, Staleness, StringOperation, Token};

use crate::assembly::Assembly;
use crate::command::{ANYTIME_FAST, Command, Group, READ, WRITE};
use crate::families::documents::help_row;
use crate::keyspec::{Keys, Span};
use crate::refusal::Refusal;
use crate::session::Levels;
use crate::turn::{Turn, is_word, parse_integer};
use crate::{Question, Step};

const fn row(name: &'static str, arity: i32, summary: &'static str) -> Command {
    Command::new(Group::Starling, name, arity, "0.1.0", summary).within("starling")
}

pub(crate) const COMMANDS: &[Command] = &[Command::new(
    Group::Starling,
    "starling",
    -2,
    "0.1.0",
    "A container for what is Starling's own",
)
.subcommands(&[
    row("last", 2, "Get in how many answers stand-ins took part since this was asked last")
        .flags(ANYTIME_FAST)
        .run(last),
    row("level", -2, "Get or set how many owners take part in this connection's reads and writes")
        .flags(ANYTIME_FAST)
        .run(level),
    row("node", -3, "Ask about the members of the cluster, or change them")
        .flags(ANYTIME_FAST)
        .run(node),
    row("resolve", -4, "Write over the versions of a string that a context names, or remove them")
        .flags(WRITE)
        .keys(Keys { first: 2, span: Span::One, access: &["RW", "access", "update"] })
        .run(resolve),
    row("siblings", 3, "Get a string with every live version, and the context that names them")
        .flags(READ)
        .keys(Keys { first: 2, span: Span::One, access: &["RO", "access"] })
        .run(siblings),
    row("staleness", -2, "Get or set how stale reads of this connection may be: ms, or `off`")
        .flags(ANYTIME_FAST)
        .run(staleness),
    row("status", 2, "Get what the node says about itself, as JSON")
        .flags(ANYTIME_FAST)
        .run(status),
    row("token", -2, "Get what this session has seen, or make it see what another one has")
        .flags(ANYTIME_FAST)
        .run(token),
    help_row(Group::Starling, "starling"),
])];

fn level(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let mut words = turn.args.get(2..).unwrap_or_default();
    if words.is_empty() {
        write_levels(turn);
        return Ok(Step::Reply);
    }
    let mut levels = turn.session.levels;
    while let [kind, value, rest @ ..] = words {
        set_level(&mut levels, kind, value)?;
        words = rest;
    }
    if !words.is_empty() {
        return Err(Refusal::Syntax);
    }
    turn.session.levels = levels;
    turn.ok()
}

fn set_level(levels: &mut Levels, kind: &[u8], value: &[u8]) -> Result<(), Refusal> {
    let text = String::from_utf8_lossy(value);
    let level: Result<Level, _> = text.parse();
    let level = level.map_err(|error| Refusal::owned(format!("ERR {error}")));
    if is_word(kind, "write") {
        levels.write = level?;
        return Ok(());
    }
    if !is_word(kind, "read") {
        return Err(Refusal::Syntax);
    }
    levels.read = level?;
    if levels.read == Level::Any {
        return Err(Refusal::text("ERR level any is for writes only"));
    }
    Ok(())
}

fn write_levels(turn: &mut Turn<'_, '_>) {
    let Levels { read, write } = turn.session.levels;
    turn.writer.map(2);
    for (kind, level) in [("read", read), ("write", write)] {
        turn.writer.bulk(kind.as_bytes());
        turn.writer.bulk(level.name().as_bytes());
    }
}

fn staleness(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    match turn.args.get(2..).unwrap_or_default() {
        [] => {
            let bound = turn.session.staleness.map(|Staleness(ms)| ms.to_string());
            turn.writer.bulk(bound.as_deref().unwrap_or("off").as_bytes());
            Ok(Step::Reply)
        }
        [word] if is_word(word, "off") => {
            turn.session.staleness = None;
            turn.ok()
        }
        [ms] => {
            let ms = u64::try_from(parse_integer(ms)?).map_err(|_| Refusal::NotAnInteger)?;
            turn.session.staleness = Some(Staleness(ms));
            turn.ok()
        }
        _ => Err(Refusal::Syntax),
    }
}

fn node(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let words = turn.args.get(2..).unwrap_or_default();
    let words = words.iter().map(|word| String::from_utf8_lossy(word).into_owned());
    Ok(Step::Ask(Question::Members(words.collect())))
}

fn last(_: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    Ok(Step::Ask(Question::Last))
}

fn status(_: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    Ok(Step::Ask(Question::Status))
}

fn token(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    match turn.args.get(2..).unwrap_or_default() {
        [] => Ok(Step::Ask(Question::Token)),
        [word] if is_word(word, "get") => Ok(Step::Ask(Question::Token)),
        [word, token] if is_word(word, "set") => {
            let token: Result<Token, _> = String::from_utf8_lossy(token).parse();
            let token = token.map_err(|error| Refusal::owned(format!("ERR {error}")))?;
            Ok(Step::Ask(Question::AdoptToken(token)))
        }
        _ => Err(Refusal::Syntax),
    }
}

fn siblings(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.call(turn.only()?, Operation::Siblings, Assembly::Siblings)
}

fn resolve(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let (key, context, value) = match turn.args.get(2..).unwrap_or_default() {
        [key, context] => (*key, context, None),
        [key, context, value] => (*key, context, Some(value.to_vec())),
        _ => return Err(Refusal::Syntax),
    };
    let context: Result<SealedContext, _> = String::from_utf8_lossy(context).parse();
    let context = context.map_err(|error| Refusal::owned(format!("ERR {error}")))?;
    let lifetime = Lifetime::Forever;
    let resolve = StringOperation::Resolve { value, lifetime, context };
    turn.call(key, Operation::String(resolve), Assembly::Ok)
}
