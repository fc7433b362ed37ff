//! `CLIENT`: what a connection says about itself, and what it is told.

use std::fmt::Write as _;

use crate::Step;
use crate::command::{Command, Flag, Group};
use crate::families::connection::protocol_number;
use crate::families::documents::help_row;
use crate::refusal::Refusal;
use crate::turn::{Turn, is_word};

const QUIET: &[Flag] = &[Flag::NoScript, Flag::Loading, Flag::Stale];

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
    row("id", 2, "5.0.0", "Returns the client ID for the current connection").run(id),
    row("info", 2, "6.2.0", "Returns information about the current client connection.")
        .tips(&["nondeterministic_output"])
        .run(info),
    row("no-evict", 3, "7.0.0", "Set client eviction mode for the current connection")
        .flags(&[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale])
        .run(no_evict),
    row("setinfo", 4, "7.2.0", "Set client or connection specific info").run(set_info),
    row("setname", 3, "2.6.9", "Set the current connection name").run(set_name),
    help_row(Group::Connection, "client"),
])];

fn get_name(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    match turn.session.name.as_slice() {
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
    turn.session.name = name.to_vec();
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
        () if is_word(attribute, "lib-name") => &mut turn.session.library_name,
        () if is_word(attribute, "lib-ver") => &mut turn.session.library_version,
        () => return Err(Refusal::quoting("ERR Unrecognized option '", attribute, "'")),
    };
    if !is_printable(value) {
        let after = " cannot contain spaces, newlines or special characters.";
        return Err(Refusal::quoting("ERR ", attribute, after));
    }
    *place = value.to_vec();
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

fn info(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let session = &*turn.session;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let fields = [
        ("id", session.id.0.to_string()),
        ("addr", session.peer.clone()),
        ("laddr", session.local.clone()),
        ("name", text(&session.name)),
        ("age", (turn.now.minus(session.since.0).0 / 1000).to_string()),
        ("idle", "0".to_owned()),
        ("flags", "N".to_owned()),
        ("db", session.database.0.to_string()),
        ("sub", "0".to_owned()),
        ("psub", "0".to_owned()),
        ("ssub", "0".to_owned()),
        ("multi", session.multi_count().to_string()),
        ("cmd", turn.command.full_name()),
        ("user", "default".to_owned()),
        ("resp", protocol_number(session.protocol).to_string()),
        ("lib-name", text(&session.library_name)),
        ("lib-ver", text(&session.library_version)),
    ];
    let mut line = String::new();
    for (index, (name, value)) in fields.iter().enumerate() {
        let gap = if index == 0 { "" } else { " " };
        write!(line, "{gap}{name}={value}").expect("writing to memory cannot fail");
    }
    line.push('\n');
    turn.writer.verbatim(*b"txt", line.as_bytes());
    Ok(Step::Reply)
}
