//! What one connection has settled: protocol, keyspace, levels, names.

use std::rc::Rc;

use api::{Level, SessionId, Staleness};
use causality::Millis;
use cells::Keyspace;
use resp::{Protocol, Writer};

use crate::families::transactions::Transaction;
use crate::lobby::Lobby;

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

/// The state of one connection between two commands.
#[derive(Debug)]
pub struct Session {
    pub(crate) id: ClientId,
    /// Address and port of the client.
    pub(crate) peer: String,
    /// Address and port that it reached.
    pub(crate) local: String,
    pub(crate) since: Millis,
    /// The levels that `RESET` returns to.
    levels_default: Levels,
    pub(crate) protocol: Protocol,
    pub(crate) database: Database,
    pub(crate) levels: Levels,
    pub(crate) staleness: Option<Staleness>,
    pub(crate) name: Vec<u8>,
    pub(crate) library_name: Vec<u8>,
    pub(crate) library_version: Vec<u8>,
    pub(crate) transaction: Transaction,
    /// What it shares with the other connections of the node.
    pub(crate) lobby: Rc<Lobby>,
    /// Answers in which stand-ins took part, since the client asked for them last.
    sloppy_count: i64,
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
        Self {
            id,
            peer,
            local,
            since: now,
            levels_default: levels,
            protocol: Protocol::Resp2,
            database: Database::default(),
            levels,
            staleness: None,
            name: Vec::new(),
            library_name: Vec::new(),
            library_version: Vec::new(),
            transaction: Transaction::default(),
            lobby: Rc::default(),
            sloppy_count: 0,
            rng: fastrand::Rng::with_seed(id.0 ^ now.0),
        }
    }

    /// Joins the other connections of the node; before, it is alone.
    pub fn enter(&mut self, lobby: Rc<Lobby>) {
        self.lobby = lobby;
    }

    /// Forgets everything but who connected; the library stays known, as in Redis.
    pub(crate) fn reset(&mut self) {
        self.protocol = Protocol::Resp2;
        self.database = Database::default();
        self.levels = self.levels_default;
        self.staleness = None;
        self.name.clear();
        self.transaction.end();
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
