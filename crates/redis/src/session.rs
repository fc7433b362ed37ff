//! What one connection has settled: protocol, keyspace, levels, names.

use std::rc::Rc;

use api::{Level, SessionId, Staleness};
use causality::Millis;
use cells::Keyspace;
use resp::{Protocol, Writer};

use crate::command::Command;
use crate::facts::Facts;
use crate::families::connection::Login;
use crate::families::protocol_number;
use crate::families::transactions::Transaction;
use crate::lobby::{Lobby, Push};
use crate::rounds::Blocked;
use crate::users::Guard;

/// Names a connection to this node; never used again while the node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

/// How many owners take part in a connection's reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    /// For reading.
    pub read: Level,
    /// For writing.
    pub write: Level,
}

impl Default for Levels {
    fn default() -> Self {
        Self { read: Level::LocalOne, write: Level::LocalQuorum }
    }
}

/// Whether commands are answered: what `CLIENT REPLY` said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    On,
    Off,
    /// Not the next one.
    SkipNext,
    /// Not this one.
    Skip,
}

/// The state of one connection between two commands.
#[derive(Debug)]
pub struct Session {
    pub(crate) id: ClientId,
    /// What others are told about it.
    pub(crate) facts: Rc<Facts>,
    /// The levels that `RESET` returns to.
    levels_default: Levels,
    pub(crate) protocol: Protocol,
    pub(crate) database: Database,
    pub(crate) levels: Levels,
    pub(crate) staleness: Option<Staleness>,
    pub(crate) answers: Answers,
    pub(crate) transaction: Transaction,
    /// What it shares with the other connections of the node.
    pub(crate) lobby: Rc<Lobby>,
    /// Answers in which stand-ins took part, since the client asked for them last.
    sloppy_count: i64,
    pub(crate) guard: Rc<Guard>,
    /// Who speaks; nobody yet where one has to say so.
    user: Option<String>,
    /// What goes on once the driver has compared a password.
    pub(crate) login: Option<Login>,
    /// Where choices at random begin.
    rng: fastrand::Rng,
}

/// The keyspaces that clients reach by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Database(pub(crate) u32);

/// How many databases `SELECT` offers, as Redis does without configuration.
pub(crate) const DATABASE_COUNT: u32 = 16;

impl Database {
    /// Returns the keyspace; 0 is never a client's.
    pub(crate) const fn keyspace(self) -> Keyspace {
        Keyspace(self.0 + 1)
    }
}

impl Session {
    /// Starts a session for a connection accepted at `now`, between two addresses with ports.
    #[must_use]
    pub fn new(id: ClientId, peer: String, local: String, levels: Levels, now: Millis) -> Self {
        let mut session = Self {
            id,
            facts: Rc::new(Facts::new(id, peer, local, now)),
            levels_default: levels,
            protocol: Protocol::Resp2,
            database: Database::default(),
            levels,
            staleness: None,
            answers: Answers::On,
            transaction: Transaction::default(),
            lobby: Rc::default(),
            sloppy_count: 0,
            guard: Rc::default(),
            user: None,
            login: None,
            rng: fastrand::Rng::with_seed(id.0 ^ now.0),
        };
        session.speak_as(session.guard.nobody());
        session
    }

    /// Joins the other connections of the node; before, it is alone.
    pub fn enter(&mut self, lobby: Rc<Lobby>) {
        lobby.clients.borrow_mut().insert(self.id, Rc::clone(&self.facts));
        lobby.connections_count.set(lobby.connections_count.get() + 1);
        self.lobby = lobby;
    }

    /// Notes that a command begins.
    pub(crate) fn note(&self, command: &'static Command, now: Millis) {
        self.facts.command.set(Some(command));
        self.facts.active.set(now);
        self.lobby.commands_count.set(self.lobby.commands_count.get() + 1);
    }

    /// Notes what a command has left, for others to see.
    pub(crate) fn note_settled(&self) {
        self.facts.database.set(self.database.0);
        self.facts.protocol.set(protocol_number(self.protocol));
        self.facts.multi.set(self.multi_count());
    }

    /// Gives the connection a name.
    pub(crate) fn set_name(&self, name: &[u8]) {
        *self.facts.name.borrow_mut() = name.to_vec();
    }

    /// Puts the session behind a guard; `certified` is the name in a certificate that was checked.
    #[must_use]
    pub fn guarded(self, guard: Rc<Guard>, certified: Option<String>) -> Self {
        let certified = certified.filter(|name| guard.active(name).is_some());
        let user = certified.or_else(|| guard.nobody());
        let mut guarded = Self { guard, ..self };
        guarded.speak_as(user);
        guarded
    }

    /// Lets the session speak as somebody.
    pub(crate) fn set_user(&mut self, name: String) {
        self.speak_as(Some(name));
    }

    fn speak_as(&mut self, user: Option<String>) {
        self.facts.user.replace(user.clone());
        self.user = user;
    }

    /// Who speaks.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Says whether its user may still be told what it listens to.
    #[must_use]
    pub fn may_hear(&self, push: &Push) -> bool {
        let user = self.user().and_then(|name| self.guard.active(name));
        user.is_some_and(|user| user.may_hear(push))
    }

    /// Says whether its user may still be given what it waits for.
    #[must_use]
    pub fn may_go_on(&self, blocked: &Blocked) -> bool {
        let user = self.user().and_then(|name| self.guard.active(name));
        user.is_some_and(|user| user.may_go_on(blocked, self.database.0))
    }

    /// Forgets everything but who connected; the library stays known, as in Redis.
    pub(crate) fn reset(&mut self) {
        self.protocol = Protocol::Resp2;
        self.database = Database::default();
        self.levels = self.levels_default;
        self.staleness = None;
        self.set_name(&[]);
        self.answers = Answers::On;
        self.lobby.channels.borrow_mut().leave(self.id);
        self.lobby.monitors.borrow_mut().remove(&self.id);
        self.transaction.end();
        self.speak_as(self.guard.nobody());
    }

    /// Notes that stand-ins for owners took part in an answer.
    pub const fn note_sloppy(&mut self) {
        self.sloppy_count += 1;
    }

    /// Tells what was noted of the answers since it was told last: a map.
    pub fn tell_last(&mut self, writer: &mut Writer<'_>) {
        writer.set_protocol(self.protocol);
        writer.map(1);
        writer.bulk(b"sloppy");
        writer.integer(std::mem::take(&mut self.sloppy_count));
    }

    /// Returns what the next choice at random is made from.
    pub(crate) fn seed(&mut self) -> u64 {
        self.rng.u64(..)
    }

    /// Returns the name that the node knows the session by.
    #[must_use]
    pub const fn at_node(&self) -> SessionId {
        SessionId(self.id.0)
    }

    /// Returns the version of the protocol that replies are written in.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }
}
