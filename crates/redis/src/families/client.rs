//! `CLIENT`: what a connection says about itself and others, and what it is told.

use std::fmt::Write as _;
use std::rc::Rc;

use causality::Millis;

use crate::Step;
use crate::command::{Command, Flag, Group, integer};
use crate::facts::Facts;
use crate::families::documents::help_row;
use crate::lobby::{Errand, Kind, Lobby, Unblocking};
use crate::refusal::Refusal;
use crate::session::{Answers, ClientId};
use crate::turn::{Turn, is_word, parse_integer};

const QUIET: &[Flag] = &[Flag::NoScript, Flag::Loading, Flag::Stale];
const OPERATOR: &[Flag] = &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale];

const fn row(
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(Group::Connection, name, arity, since, summary).within("client").flags(QUIET)
}

pub(crate) const COMMANDS: &[Command] = &[Command::new(
    Group::Connection,
    "client",
    -2,
    "2.4.0",
    "A container for client connection commands",
)
.subcommands(&[
    row("getname", 2, "2.6.9", "Get the current connection name").run(get_name),
    row("getredir", 2, "6.0.0", "Get the connection that invalidations are sent to")
        .run(get_redirection),
    row("id", 2, "5.0.0", "Returns the client ID for the current connection").run(id),
    row("info", 2, "6.2.0", "Returns information about the current client connection.")
        .tips(&["nondeterministic_output"])
        .run(info),
    row("kill", -3, "2.4.0", "Kill the connection of a client").flags(OPERATOR).run(kill),
    row("list", -2, "2.4.0", "Get the list of client connections")
        .flags(OPERATOR)
        .tips(&["nondeterministic_output"])
        .run(list),
    row("no-evict", 3, "7.0.0", "Set client eviction mode for the current connection")
        .flags(OPERATOR)
        .run(no_evict),
    row("reply", 3, "3.2.0", "Instruct the server whether to reply to commands").run(reply),
    row("setinfo", 4, "7.2.0", "Set client or connection specific info").run(set_info),
    row("setname", 3, "2.6.9", "Set the current connection name").run(set_name),
    row("tracking", -3, "6.0.0", "Enable or disable server assisted client side caching support")
        .run(tracking),
    row("trackinginfo", 2, "6.2.0", "Return information about server assisted client side caching")
        .run(tracking_info),
    row("unblock", -3, "5.0.0", "Unblock a client blocked in a blocking command")
        .flags(OPERATOR)
        .run(unblock),
    help_row(Group::Connection, "client"),
])];

fn get_name(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    match turn.session.facts.name.borrow().as_slice() {
        [] => turn.writer.null(),
        name => turn.writer.bulk(name),
    }
    Ok(Step::Reply)
}

fn id(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.writer.integer(i64::try_from(turn.session.id.0).unwrap_or(i64::MAX));
    Ok(Step::Reply)
}

fn set_name(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let name = turn.only()?;
    check_name(name)?;
    turn.session.set_name(name);
    turn.ok()
}

/// Refuses a name that would break the lines of `CLIENT INFO`.
pub(crate) fn check_name(name: &[u8]) -> Result<(), Refusal> {
    if is_printable(name) {
        return Ok(());
    }
    Err(Refusal::text("ERR Client names cannot contain spaces, newlines or special characters."))
}

fn set_info(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, _, attribute, value] = turn.args else {
        return Err(Refusal::Arity);
    };
    let place = match () {
        () if is_word(attribute, "lib-name") => &turn.session.facts.library_name,
        () if is_word(attribute, "lib-ver") => &turn.session.facts.library_version,
        () => return Err(Refusal::quoting("ERR Unrecognized option '", attribute, "'")),
    };
    if !is_printable(value) {
        let after = " cannot contain spaces, newlines or special characters.";
        return Err(Refusal::quoting("ERR ", attribute, after));
    }
    *place.borrow_mut() = value.to_vec();
    turn.ok()
}

fn is_printable(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_graphic)
}

/// Connections are never closed to gain memory, so either wish is granted.
fn no_evict(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let wish = turn.only()?;
    if !is_word(wish, "on") && !is_word(wish, "off") {
        return Err(Refusal::Syntax);
    }
    turn.ok()
}

fn reply(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let wish = turn.only()?;
    match () {
        () if is_word(wish, "on") => {
            turn.session.answers = Answers::On;
            turn.ok()
        }
        () if is_word(wish, "off") => {
            turn.session.answers = Answers::Off;
            Ok(Step::Reply)
        }
        () if is_word(wish, "skip") => {
            if turn.session.answers == Answers::On {
                turn.session.answers = Answers::SkipNext;
            }
            Ok(Step::Reply)
        }
        () => Err(Refusal::Syntax),
    }
}

fn tracking(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, _, wish, ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    match () {
        () if is_word(wish, "off") => turn.ok(),
        () if is_word(wish, "on") => {
            Err(Refusal::text("ERR this release of Starling has no client side caching"))
        }
        () => Err(Refusal::Syntax),
    }
}

fn tracking_info(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let writer = &mut *turn.writer;
    writer.map(3);
    writer.bulk(b"flags");
    writer.set(1);
    writer.bulk(b"off");
    writer.bulk(b"redirect");
    writer.integer(-1);
    writer.bulk(b"prefixes");
    writer.array(0);
    Ok(Step::Reply)
}

fn get_redirection(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.writer.integer(-1);
    Ok(Step::Reply)
}

fn info(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.session.note_settled();
    let line = line_of(&turn.session.facts, &turn.session.lobby, turn.now);
    turn.writer.verbatim(*b"txt", line.as_bytes());
    Ok(Step::Reply)
}

/// Describes a connection in one line.
pub(crate) fn line_of(facts: &Facts, lobby: &Lobby, now: Millis) -> String {
    let text =
        |bytes: &std::cell::RefCell<Vec<u8>>| String::from_utf8_lossy(&bytes.borrow()).into_owned();
    let seconds = |from: Millis| (now.minus(from.0).0 / 1000).to_string();
    let channels = lobby.channels.borrow();
    let count = |kind| channels.count(facts.id, &[kind]).to_string();
    let command = facts.command.get().map_or("NULL".to_owned(), Command::full_name);
    let fields = [
        ("id", facts.id.0.to_string()),
        ("addr", facts.peer.clone()),
        ("laddr", facts.local.clone()),
        ("name", text(&facts.name)),
        ("age", seconds(facts.since)),
        ("idle", seconds(facts.active.get())),
        ("flags", flags_of(facts, lobby)),
        ("db", facts.database.get().to_string()),
        ("sub", count(Kind::Channel)),
        ("psub", count(Kind::Pattern)),
        ("ssub", count(Kind::Shard)),
        ("multi", facts.multi.get().to_string()),
        ("cmd", command),
        ("user", facts.user.borrow().clone().unwrap_or_default()),
        ("resp", facts.protocol.get().to_string()),
        ("lib-name", text(&facts.library_name)),
        ("lib-ver", text(&facts.library_version)),
    ];
    let mut line = String::new();
    for (index, (name, value)) in fields.iter().enumerate() {
        let gap = if index == 0 { "" } else { " " };
        write!(line, "{gap}{name}={value}").expect("writing to memory cannot fail");
    }
    line.push('\n');
    line
}

fn is_listening(facts: &Facts, lobby: &Lobby) -> bool {
    let all = [Kind::Channel, Kind::Pattern, Kind::Shard];
    lobby.channels.borrow().count(facts.id, &all) > 0
}

fn flags_of(facts: &Facts, lobby: &Lobby) -> String {
    let is_blocked = lobby.waiters.borrow().is_waiting(facts.id);
    let flags = [
        ('O', lobby.monitors.borrow().contains(&facts.id)),
        ('P', is_listening(facts, lobby)),
        ('x', facts.multi.get() >= 0),
        ('b', is_blocked),
    ];
    let held: String = flags.iter().filter(|(_, is)| *is).map(|(flag, _)| *flag).collect();
    if held.is_empty() { "N".to_owned() } else { held }
}

/// What clients are called by what they do.
fn is_of_type(facts: &Facts, lobby: &Lobby, kind: &[u8]) -> Result<bool, Refusal> {
    match () {
        () if is_word(kind, "normal") => Ok(!is_listening(facts, lobby)),
        () if is_word(kind, "pubsub") => Ok(is_listening(facts, lobby)),
        () if ["master", "replica", "slave"].iter().any(|one| is_word(kind, one)) => Ok(false),
        () => Err(Refusal::quoting("ERR Unknown client type '", kind, "'")),
    }
}

fn list(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.session.note_settled();
    let lobby = Rc::clone(&turn.session.lobby);
    let mut wanted: Vec<Rc<Facts>> = lobby.clients.borrow().values().cloned().collect();
    match turn.args.get(2..).unwrap_or_default() {
        [] => {}
        [word, kind] if is_word(word, "type") => {
            is_of_type(&turn.session.facts, &lobby, kind)?;
            wanted.retain(|facts| is_of_type(facts, &lobby, kind) == Ok(true));
        }
        [word, ids @ ..] if is_word(word, "id") && !ids.is_empty() => {
            let mut asked = Vec::with_capacity(ids.len());
            for id in ids {
                asked.push(parse_id(id).ok_or(Refusal::text("ERR Invalid client ID"))?);
            }
            wanted.retain(|facts| asked.contains(&facts.id));
        }
        _ => return Err(Refusal::Syntax),
    }
    let text: String = wanted.iter().map(|facts| line_of(facts, &lobby, turn.now)).collect();
    turn.writer.verbatim(*b"txt", text.as_bytes());
    Ok(Step::Reply)
}

fn parse_id(text: &[u8]) -> Option<ClientId> {
    let id = resp::parse_integer(text).and_then(|id| u64::try_from(id).ok());
    id.filter(|id| *id > 0).map(ClientId)
}

/// Whose connections are to end.
#[derive(Default)]
struct Killed<'a> {
    id: Option<ClientId>,
    peer: Option<&'a [u8]>,
    local: Option<&'a [u8]>,
    kind: Option<&'a [u8]>,
    user: Option<&'a [u8]>,
    spares_me: bool,
}

impl<'a> Killed<'a> {
    fn parse(mut words: &[&'a [u8]]) -> Result<Self, Refusal> {
        let mut killed = Self { spares_me: true, ..Self::default() };
        while let [word, value, rest @ ..] = words {
            match () {
                () if is_word(word, "id") => {
                    let refusal = Refusal::text("ERR client-id should be greater than 0");
                    killed.id = Some(parse_id(value).ok_or(refusal)?);
                }
                () if is_word(word, "addr") => killed.peer = Some(value),
                () if is_word(word, "laddr") => killed.local = Some(value),
                () if is_word(word, "type") => killed.kind = Some(value),
                () if is_word(word, "user") => killed.user = Some(value),
                () if is_word(word, "skipme") => {
                    let is_yes = is_word(value, "yes");
                    if !is_yes && !is_word(value, "no") {
                        return Err(Refusal::Syntax);
                    }
                    killed.spares_me = is_yes;
                }
                () => return Err(Refusal::Syntax),
            }
            words = rest;
        }
        if words.is_empty() { Ok(killed) } else { Err(Refusal::Syntax) }
    }

    fn is_meant(&self, facts: &Facts, lobby: &Lobby) -> Result<bool, Refusal> {
        let is_type = self.kind.map_or(Ok(true), |kind| is_of_type(facts, lobby, kind))?;
        Ok(is_type
            && self.id.is_none_or(|id| id == facts.id)
            && self.peer.is_none_or(|peer| peer == facts.peer.as_bytes())
            && self.local.is_none_or(|local| local == facts.local.as_bytes())
            && self.user.is_none_or(|user| facts.is_user(user)))
    }
}

fn kill(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let words = turn.args.get(2..).unwrap_or_default();
    // The old form names an address and may mean whoever asks.
    let (killed, is_old) = match words {
        [address] => (Killed { peer: Some(address), ..Killed::default() }, true),
        words => (Killed::parse(words)?, false),
    };
    if let Some(user) = killed.user.filter(|user| !turn.session.guard.knows(user)) {
        return Err(Refusal::quoting("ERR No such user '", user, "'"));
    }
    let lobby = Rc::clone(&turn.session.lobby);
    if let Some(kind) = killed.kind {
        is_of_type(&turn.session.facts, &lobby, kind)?;
    }
    let mut meant = Vec::new();
    for facts in lobby.clients.borrow().values() {
        let is_me = facts.id == turn.session.id;
        if killed.is_meant(facts, &lobby)? && !(is_me && killed.spares_me) {
            meant.push(facts.id);
        }
    }
    if is_old && meant.is_empty() {
        return Err(Refusal::text("ERR No such client"));
    }
    for id in &meant {
        lobby.add_errand(Errand::Close(*id));
    }
    if is_old {
        return turn.ok();
    }
    turn.writer.integer(integer(meant.len()));
    Ok(Step::Reply)
}

fn unblock(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, _, id, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let how = match words {
        [] => Unblocking::Timeout,
        [word] if is_word(word, "timeout") => Unblocking::Timeout,
        [word] if is_word(word, "error") => Unblocking::Error,
        _ => {
            return Err(Refusal::text("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"));
        }
    };
    let id = ClientId(u64::try_from(parse_integer(id)?).unwrap_or(0));
    let is_blocked = turn.session.lobby.waiters.borrow().is_waiting(id);
    if is_blocked {
        turn.session.lobby.add_errand(Errand::Unblock(id, how));
    }
    turn.writer.integer(i64::from(is_blocked));
    Ok(Step::Reply)
}
