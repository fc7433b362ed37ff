//! Publish and subscribe: what is said on a channel reaches everyone who listens at that moment,
//! at whatever node, once at most.
//!
//! Messages are not stored. One that is said while nodes cannot reach each other is heard on this
//! side only. In the old protocol a client that listens takes no other commands.

use std::rc::Rc;

use resp::{Protocol, Writer};

use crate::Step;
use crate::command::{Category, Command, Flag, Group, integer};
use crate::families::documents::help_row;
use crate::glob;
use crate::lobby::{Errand, Kind, Said};
use crate::refusal::Refusal;
use crate::rounds::Then;
use crate::session::Session;
use crate::turn::Turn;

const LISTENING: &[Flag] = &[Flag::PubSub, Flag::NoScript, Flag::Loading, Flag::Stale];
const SPEAKING: &[Flag] = &[Flag::PubSub, Flag::Loading, Flag::Stale, Flag::Fast];
const ASKING: &[Flag] = &[Flag::PubSub, Flag::Loading, Flag::Stale];

/// Channels and patterns that one connection listens to at most.
const COUNT_MAX: usize = 65_536;

const fn row(
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(Group::PubSub, name, arity, since, summary)
}

const fn asking(
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
) -> Command {
    row(name, arity, since, summary).within("pubsub").flags(ASKING).categories(&[Category::PubSub])
}

pub(crate) const COMMANDS: &[Command] = &[
    row("subscribe", -2, "2.0.0", "Listen for messages published to the given channels")
        .flags(LISTENING)
        .run(subscribe),
    row("unsubscribe", -1, "2.0.0", "Stop listening for messages posted to the given channels")
        .flags(LISTENING)
        .run(unsubscribe),
    row("psubscribe", -2, "2.0.0", "Listen for messages of channels that match the patterns")
        .flags(LISTENING)
        .run(psubscribe),
    row("punsubscribe", -1, "2.0.0", "Stop listening for channels that match the patterns")
        .flags(LISTENING)
        .run(punsubscribe),
    row("ssubscribe", -2, "7.0.0", "Listen for messages published to the given shard channels")
        .flags(LISTENING)
        .run(ssubscribe),
    row("sunsubscribe", -1, "7.0.0", "Stop listening for messages of the given shard channels")
        .flags(LISTENING)
        .run(sunsubscribe),
    row("publish", 3, "2.0.0", "Post a message to a channel").flags(SPEAKING).run(publish),
    row("spublish", 3, "7.0.0", "Post a message to a shard channel").flags(SPEAKING).run(spublish),
    row("pubsub", -2, "2.8.0", "A container for Pub/Sub commands").subcommands(&[
        asking("channels", -2, "2.8.0", "List active channels").run(channels),
        asking("numpat", 2, "2.8.0", "Get the count of unique pattern subscriptions")
            .run(pattern_count),
        asking("numsub", -2, "2.8.0", "Get the count of subscribers for channels").run(counts),
        asking("shardchannels", -2, "7.0.0", "List active shard channels").run(shard_channels),
        asking("shardnumsub", -2, "7.0.0", "Get the count of subscribers for shard channels")
            .run(shard_counts),
        help_row(Group::PubSub, "pubsub"),
    ]),
];

/// Refuses what a client that listens may not do in the old protocol.
pub(crate) fn check(turn: &Turn<'_, '_>) -> Result<(), Refusal> {
    const ALLOWED: [&str; 9] = [
        "ping",
        "subscribe",
        "ssubscribe",
        "sunsubscribe",
        "unsubscribe",
        "psubscribe",
        "punsubscribe",
        "quit",
        "reset",
    ];
    let name = turn.command.name;
    let is_allowed = turn.command.container.is_none() && ALLOWED.contains(&name);
    if is_allowed || !turn.session.is_listening_only() {
        return Ok(());
    }
    let name = turn.command.full_name();
    Err(Refusal::owned(format!(
        "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET \
         are allowed in this context"
    )))
}

impl Session {
    /// Says whether the client is sent messages and takes no other commands.
    pub(crate) fn is_listening_only(&self) -> bool {
        let all = [Kind::Channel, Kind::Pattern, Kind::Shard];
        self.protocol == Protocol::Resp2 && self.lobby.channels.borrow().count(self.id, &all) > 0
    }
}

/// Counts what a client listens to as replies tell it: shards apart from the others.
fn count(turn: &Turn<'_, '_>, kind: Kind) -> i64 {
    let kinds: &[Kind] =
        if kind == Kind::Shard { &[Kind::Shard] } else { &[Kind::Channel, Kind::Pattern] };
    integer(turn.session.lobby.channels.borrow().count(turn.session.id, kinds))
}

fn tell(turn: &mut Turn<'_, '_>, word: &str, name: Option<&[u8]>, kind: Kind) {
    let count = count(turn, kind);
    let writer = &mut *turn.writer;
    writer.push(3);
    writer.bulk(word.as_bytes());
    match name {
        Some(name) => writer.bulk(name),
        None => writer.null(),
    }
    writer.integer(count);
}

fn listen(turn: &mut Turn<'_, '_>, word: &str, kind: Kind) -> Result<Step, Refusal> {
    let names = turn.args.get(1..).unwrap_or_default();
    if turn.session.transaction.is_open() {
        return Err(Refusal::text("ERR SUBSCRIBE isn't allowed in a transaction"));
    }
    let all = [Kind::Channel, Kind::Pattern, Kind::Shard];
    let held = turn.session.lobby.channels.borrow().count(turn.session.id, &all);
    if held + names.len() > COUNT_MAX {
        return Err(Refusal::text("ERR too many channels for one connection"));
    }
    for name in names {
        turn.session.lobby.channels.borrow_mut().subscribe(turn.session.id, kind, name);
        tell(turn, word, Some(name), kind);
    }
    Ok(Step::Reply)
}

fn stop(turn: &mut Turn<'_, '_>, word: &str, kind: Kind) -> Result<Step, Refusal> {
    let named: Vec<Vec<u8>> = turn.args.iter().skip(1).map(|name| name.to_vec()).collect();
    let held = || turn.session.lobby.channels.borrow().names(turn.session.id, kind);
    let names = if named.is_empty() { held() } else { named };
    if names.is_empty() {
        tell(turn, word, None, kind);
    }
    for name in names {
        turn.session.lobby.channels.borrow_mut().unsubscribe(turn.session.id, kind, &name);
        tell(turn, word, Some(&name), kind);
    }
    Ok(Step::Reply)
}

fn subscribe(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    listen(turn, "subscribe", Kind::Channel)
}

fn psubscribe(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    listen(turn, "psubscribe", Kind::Pattern)
}

fn ssubscribe(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    listen(turn, "ssubscribe", Kind::Shard)
}

fn unsubscribe(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    stop(turn, "unsubscribe", Kind::Channel)
}

fn punsubscribe(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    stop(turn, "punsubscribe", Kind::Pattern)
}

fn sunsubscribe(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    stop(turn, "sunsubscribe", Kind::Shard)
}

fn publish(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    say(turn, Kind::Channel)
}

fn spublish(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    say(turn, Kind::Shard)
}

/// Says something once all commands before are answered, so that whoever hears it finds what they
/// wrote.
fn say(turn: &Turn<'_, '_>, kind: Kind) -> Result<Step, Refusal> {
    let [_, channel, payload] = turn.args else {
        return Err(Refusal::Arity);
    };
    let said = Said { kind, channel: channel.to_vec(), payload: payload.to_vec() };
    let lobby = Rc::clone(&turn.session.lobby);
    let act = move |writer: &mut Writer<'_>| {
        writer.integer(integer(lobby.hear(&said)));
        lobby.add_errand(Errand::Tell(said));
    };
    turn.ask(Vec::new(), Then::act(act))
}

fn channels(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    list(turn, Kind::Channel)
}

fn shard_channels(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    list(turn, Kind::Shard)
}

fn list(turn: &mut Turn<'_, '_>, kind: Kind) -> Result<Step, Refusal> {
    let pattern = match turn.args {
        [_, _] => None,
        [_, _, pattern] => Some(*pattern),
        _ => return Err(unfit(turn)),
    };
    let channels = turn.session.lobby.channels.borrow();
    let fits = |name: &[u8]| pattern.is_none_or(|pattern| glob::matches_exactly(pattern, name));
    let names: Vec<&[u8]> =
        channels.active(kind).map(|(name, _)| name).filter(|name| fits(name)).collect();
    turn.writer.array(names.len());
    names.iter().for_each(|name| turn.writer.bulk(name));
    Ok(Step::Reply)
}

fn counts(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    count_each(turn, Kind::Channel)
}

fn shard_counts(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    count_each(turn, Kind::Shard)
}

fn count_each(turn: &mut Turn<'_, '_>, kind: Kind) -> Result<Step, Refusal> {
    let names = turn.args.get(2..).unwrap_or_default();
    turn.writer.array(2 * names.len());
    for name in names {
        turn.writer.bulk(name);
        turn.writer.integer(integer(turn.session.lobby.channels.borrow().listeners(kind, name)));
    }
    Ok(Step::Reply)
}

fn pattern_count(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let count = turn.session.lobby.channels.borrow().active(Kind::Pattern).count();
    turn.writer.integer(integer(count));
    Ok(Step::Reply)
}

fn unfit(turn: &Turn<'_, '_>) -> Refusal {
    let before = "ERR unknown subcommand or wrong number of arguments for '";
    let word = turn.args.get(1).copied().unwrap_or_default();
    Refusal::quoting(before, word, "'. Try PUBSUB HELP.")
}
