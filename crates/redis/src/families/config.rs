//! `CONFIG`: Redis's parameters by name, on this node.

use crate::Step;
use crate::command::{Command, Flag, Group};
use crate::families::documents::help_row;
use crate::glob;
use crate::lobby::{SetError, Settings};
use crate::refusal::Refusal;
use crate::session::DATABASE_COUNT;
use crate::turn::{Turn, is_word};

const fn row(
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(Group::Server, name, arity, since, summary).within("config").flags(&[
        Flag::Admin,
        Flag::NoScript,
        Flag::Loading,
        Flag::Stale,
    ])
}

pub(crate) const COMMANDS: &[Command] = &[Command::new(
    Group::Server,
    "config",
    -2,
    "2.0.0",
    "A container for server configuration commands",
)
.subcommands(&[
    row("get", -3, "2.0.0", "Get the values of configuration parameters").run(get),
    row("resetstat", 2, "2.0.0", "Reset the stats returned by INFO").run(reset_statistics),
    row("rewrite", 2, "2.8.0", "Rewrite the configuration file with the in memory configuration")
        .run(rewrite),
    row("set", -4, "2.0.0", "Set configuration parameters to the given values")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .run(set),
    help_row(Group::Server, "config"),
])];

fn get(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, _, patterns @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let port = turn.view.node(turn.view.me).map_or(0, |node| node.port);
    let shown = |name: &'static str| patterns.iter().find_map(|pattern| show(name, pattern));
    let settings = turn.session.lobby.settings.borrow();
    let value = |name: &'static str| match name {
        "databases" => DATABASE_COUNT.to_string(),
        "port" => port.to_string(),
        name => settings.get(name).unwrap_or_default().to_owned(),
    };
    let found: Vec<_> =
        Settings::names().filter_map(|name| Some((shown(name)?, value(name)))).collect();
    turn.writer.map(found.len());
    for (name, value) in found {
        turn.writer.bulk(name);
        turn.writer.bulk(value.as_bytes());
    }
    Ok(Step::Reply)
}

/// Returns how a parameter's name is shown when it was asked for like this: as typed, unless by a
/// pattern.
fn show<'a>(name: &'static str, asked: &'a [u8]) -> Option<&'a [u8]> {
    if !asked.iter().any(|byte| b"*?[".contains(byte)) {
        return is_word(asked, name).then_some(asked);
    }
    glob::matches(asked, name.as_bytes()).then_some(name.as_bytes())
}

/// Sets all or nothing.
fn set(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, _, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let (pairs, []) = words.as_chunks::<2>() else {
        return Err(Refusal::Arity);
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let unknown = |name: &[u8]| {
        let before = "ERR Unknown option or number of arguments for CONFIG SET - '";
        Refusal::quoting(before, name, "'")
    };
    let mut checked: Vec<(&'static str, String)> = Vec::new();
    let mut refused = None;
    for [name, value] in pairs {
        let refuse = |why: &str| {
            let before = "ERR CONFIG SET failed (possibly related to argument '";
            Refusal::quoting(before, name, &format!("') - {why}"))
        };
        match Settings::check(&text(name), &text(value)) {
            Err(SetError::Unknown) => return Err(unknown(name)),
            Err(SetError::Refused(why)) => refused = refused.or(Some(refuse(&why))),
            Ok(one) if checked.iter().any(|held| held.0 == one.0) => {
                refused = refused.or(Some(refuse("duplicate parameter")));
            }
            Ok(one) => checked.push(one),
        }
    }
    if let Some(refusal) = refused {
        return Err(refusal);
    }
    let mut settings = turn.session.lobby.settings.borrow_mut();
    checked.into_iter().for_each(|one| settings.keep(one));
    drop(settings);
    turn.ok()
}

fn reset_statistics(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let lobby = &turn.session.lobby;
    lobby.commands_count.set(0);
    lobby.connections_count.set(0);
    turn.ok()
}

/// There is no file in Redis's format; Starling's own configuration is not written by clients.
fn rewrite(_: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    Err(Refusal::text("ERR The server is running without a config file"))
}
