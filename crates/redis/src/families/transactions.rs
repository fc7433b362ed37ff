//! `MULTI` and `EXEC`: commands are queued and carried out in order; `WATCH` makes that depend on
//! keys being as they were.
//!
//! What asks once is carried out in batches, one for each shard, with nothing between the
//! operations of a batch at its coordinator. A command of several rounds ends a batch and begins
//! the next. Watched keys are checked in the batch itself when everything is in one shard, and
//! right before otherwise.

use std::cell::RefCell;
use std::rc::Rc;

use api::{Check, Operation, Outcome};

use crate::Step;
use crate::command::{Category, Command, Flag, Group, integer};
use crate::families::running::{Planned, Run};
use crate::keyspec::Keys;
use crate::refusal::Refusal;
use crate::rounds::{Next, Then, misfit};
use crate::session::Session;
use crate::turn::Turn;

/// Commands that one transaction holds at most.
const COMMANDS_MAX: usize = 1 << 16;
/// Bytes of arguments that one transaction holds at most.
const SIZE_MAX: usize = 64 * 1024 * 1024;
/// Keys that one connection watches at most.
const WATCHED_MAX: usize = 1 << 12;

const FLAGS: &[Flag] = &[Flag::NoScript, Flag::Loading, Flag::Stale, Flag::Fast, Flag::AllowBusy];

const fn row(
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(Group::Transactions, name, arity, since, summary)
        .flags(FLAGS)
        .categories(&[Category::Transaction])
}

pub(crate) const COMMANDS: &[Command] = &[
    row("multi", 1, "1.2.0", "Mark the start of a transaction block").run(multi),
    row("exec", 1, "1.2.0", "Execute all commands issued after MULTI")
        .flags(&[Flag::NoScript, Flag::Loading, Flag::Stale])
        .run(exec),
    row("discard", 1, "2.0.0", "Discard all commands issued after MULTI").run(discard),
    row(
        "watch",
        -2,
        "2.2.0",
        "Watch the given keys to determine execution of the MULTI/EXEC block",
    )
    .keys(Keys::rest(1, &["RO"]))
    .run(watch),
    row("unwatch", 1, "2.2.0", "Forget about all watched keys").run(unwatch),
];

/// What a connection has queued and watches.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    queue: Option<Queue>,
    watched: Rc<RefCell<Vec<Check>>>,
}

#[derive(Debug, Default)]
struct Queue {
    commands: Vec<Vec<Vec<u8>>>,
    size: usize,
    /// A command was refused, so nothing will be carried out.
    is_spoiled: bool,
}

impl Transaction {
    /// Whether commands are queued.
    pub(crate) const fn is_open(&self) -> bool {
        self.queue.is_some()
    }

    /// How many commands are queued; nothing outside of a transaction.
    pub(crate) fn count(&self) -> Option<usize> {
        self.queue.as_ref().map(|queue| queue.commands.len())
    }

    /// Notes that a command was refused before it could be queued.
    pub(crate) fn spoil(&mut self) {
        if let Some(queue) = &mut self.queue {
            queue.is_spoiled = true;
        }
    }

    /// Forgets everything.
    pub(crate) fn end(&mut self) {
        *self = Self::default();
    }
}

/// Whether a command is carried out at once, also in a transaction.
pub(crate) fn is_immediate(command: &Command) -> bool {
    command.container.is_none()
        && matches!(command.name, "exec" | "discard" | "multi" | "watch" | "quit" | "reset")
}

/// Queues the command of a turn.
pub(crate) fn queue(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    if !turn.command.takes(turn.args.len()) || turn.command.run.is_none() {
        return Err(Refusal::Arity);
    }
    let Some(queue) = &mut turn.session.transaction.queue else { return Err(misfit()) };
    queue.size += turn.args.iter().map(|arg| arg.len()).sum::<usize>();
    if queue.commands.len() >= COMMANDS_MAX || queue.size > SIZE_MAX {
        return Err(Refusal::text("ERR the transaction is too large"));
    }
    queue.commands.push(turn.args.iter().map(|arg| arg.to_vec()).collect());
    turn.writer.simple("QUEUED");
    Ok(Step::Reply)
}

fn multi(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    if turn.session.transaction.is_open() {
        return Err(Refusal::text("ERR MULTI calls can not be nested"));
    }
    turn.session.transaction.queue = Some(Queue::default());
    turn.ok()
}

fn discard(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    if !turn.session.transaction.is_open() {
        return Err(Refusal::text("ERR DISCARD without MULTI"));
    }
    turn.session.transaction.end();
    turn.ok()
}

fn unwatch(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    // A watch that is still being answered keeps the old list, which nobody looks at any more.
    turn.session.transaction.watched = Rc::default();
    turn.ok()
}

fn watch(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    if turn.session.transaction.is_open() {
        return Err(Refusal::text("ERR WATCH inside MULTI is not allowed"));
    }
    let keyspace = turn.session.database.keyspace();
    let keys: Vec<Vec<u8>> = turn.args.iter().skip(1).map(|key| key.to_vec()).collect();
    let watched = Rc::clone(&turn.session.transaction.watched);
    if watched.borrow().len() + keys.len() > WATCHED_MAX {
        return Err(Refusal::text("ERR too many watched keys"));
    }
    let asked = keys.iter().map(|key| (key.clone(), Operation::Version)).collect();
    // No later command may begin before the versions are known, so this is a round of its own.
    let then = Then::go(move |outcomes, writer| {
        let mut watched = watched.borrow_mut();
        for (key, outcome) in keys.into_iter().zip(outcomes) {
            let Outcome::Integer(version) = outcome else { return Err(misfit()) };
            let is_held = watched.iter().any(|held| held.key == key && held.keyspace == keyspace);
            if !is_held {
                watched.push(Check { keyspace, key, version: *version });
            }
        }
        writer.ok();
        Ok(Next::Answered)
    });
    turn.ask(asked, then)
}

fn exec(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let Transaction { queue, watched } = std::mem::take(&mut turn.session.transaction);
    let queue = queue.ok_or(Refusal::text("ERR EXEC without MULTI"))?;
    if queue.is_spoiled {
        let text = "EXECABORT Transaction discarded because of previous errors.";
        return Err(Refusal::text(text));
    }
    let planned = queue.commands.iter().map(|command| plan(turn, command)).collect();
    let shard_count = turn.view.shard_count;
    let run = Run::new(planned, watched.take(), shard_count, turn.asker());
    let next = run.start(turn.writer)?;
    turn.go_on(next)
}

/// Begins a queued command; what it says by itself is kept for later.
fn plan(turn: &mut Turn<'_, '_>, command: &[Vec<u8>]) -> Planned {
    let args: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
    let mut reply = Vec::new();
    let mut writer = resp::Writer::new(&mut reply, turn.session.protocol);
    match crate::begin(turn.session, &args, turn.now, turn.view, &mut writer) {
        Step::Calls { calls, pending } => Planned::Asks(calls, pending),
        Step::Reply | Step::Close => Planned::Said(reply),
        Step::Wait(blocked) => {
            blocked.give_up(&mut writer);
            Planned::Said(reply)
        }
        Step::Ask(_) => {
            writer.error("ERR this command cannot be part of a transaction");
            Planned::Said(reply)
        }
    }
}

impl Session {
    /// The state of the transaction as `CLIENT INFO` tells it.
    pub(crate) fn multi_count(&self) -> i64 {
        self.transaction.count().map_or(-1, integer)
    }
}
