//! `MONITOR`, `SLOWLOG`, `LATENCY`: watching a node through its clients' protocol.
//!
//! How long commands take is measured in the metrics, as histograms; here nothing is logged, and
//! the logs are empty.

use std::rc::Rc;

use causality::Millis;

use crate::Step;
use crate::command::{Command, Flag, Group};
use crate::families::documents::help_row;
use crate::lobby::{Errand, Push};
use crate::refusal::Refusal;
use crate::rounds::Then;
use crate::session::Session;
use crate::turn::Turn;

const OPERATOR: &[Flag] = &[Flag::Admin, Flag::NoScript, Flag::Loading, Flag::Stale];

const fn row(
    container: &'static str,
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(Group::Server, name, arity, since, summary).within(container).flags(OPERATOR)
}

pub(crate) const COMMANDS: &[Command] = &[
    Command::new(Group::Server, "monitor", 1, "1.0.0", "Listen for all requests in real time")
        .flags(OPERATOR)
        .run(monitor),
    Command::new(Group::Server, "slowlog", -2, "2.2.12", "A container for slow log commands")
        .subcommands(&[
            row("slowlog", "get", -2, "2.2.12", "Get the slow log's entries").run(slow_entries),
            row("slowlog", "len", 2, "2.2.12", "Get the slow log's length").run(nothing_counted),
            row("slowlog", "reset", 2, "2.2.12", "Clear all entries from the slow log").run(ok),
            help_row(Group::Server, "slowlog"),
        ]),
    Command::new(Group::Server, "latency", -2, "2.8.13", "A container for latency diagnostics")
        .subcommands(&[
            row("latency", "history", 3, "2.8.13", "Return samples for the event").run(no_entries),
            row("latency", "latest", 2, "2.8.13", "Return the latest samples for all events")
                .run(no_entries),
            row("latency", "reset", -2, "2.8.13", "Reset latency data for one or more events")
                .run(nothing_counted),
            help_row(Group::Server, "latency"),
        ]),
];

/// From now on the client is told every command that the node begins.
fn monitor(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    if turn.session.transaction.is_open() {
        return Err(Refusal::text("ERR MONITOR isn't allowed in a transaction"));
    }
    let (lobby, id) = (Rc::clone(&turn.session.lobby), turn.session.id);
    let act = move |writer: &mut resp::Writer<'_>| {
        lobby.monitors.borrow_mut().insert(id);
        writer.ok();
    };
    turn.ask(Vec::new(), Then::act(act))
}

/// Tells whoever monitors that a command begins; what holds passwords is not told.
pub(crate) fn tell_monitors(session: &Session, args: &[&[u8]], now: Millis) {
    const SECRET: [&[u8]; 4] = [b"auth", b"hello", b"acl", b"monitor"];
    let monitors = session.lobby.monitors.borrow();
    let is_secret =
        args.first().is_some_and(|name| SECRET.iter().any(|one| name.eq_ignore_ascii_case(one)));
    if monitors.is_empty() || is_secret {
        return;
    }
    let (seconds, micros) = (now.0 / 1000, now.0 % 1000 * 1000);
    let (database, peer) = (session.database.0, &session.facts.peer);
    let mut line = format!("{seconds}.{micros:06} [{database} {peer}]").into_bytes();
    for arg in args {
        line.extend_from_slice(b" \"");
        for &byte in *arg {
            match byte {
                b'"' | b'\\' => line.extend_from_slice(&[b'\\', byte]),
                b'\n' => line.extend_from_slice(b"\\n"),
                b'\r' => line.extend_from_slice(b"\\r"),
                b' '..=b'~' => line.push(byte),
                other => line.extend_from_slice(format!("\\x{other:02x}").as_bytes()),
            }
        }
        line.push(b'"');
    }
    for client in monitors.iter() {
        session.lobby.add_errand(Errand::Push(*client, Push::Command(line.clone())));
    }
}

fn slow_entries(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    match turn.args {
        [_, _] => {}
        [_, _, count] => {
            let count = resp::parse_integer(count).filter(|count| *count >= -1);
            let text = "ERR count should be greater than or equal to -1";
            count.ok_or(Refusal::text(text))?;
        }
        _ => return Err(Refusal::Arity),
    }
    no_entries(turn)
}

fn no_entries(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.writer.array(0);
    Ok(Step::Reply)
}

fn nothing_counted(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.writer.integer(0);
    Ok(Step::Reply)
}

fn ok(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.ok()
}
