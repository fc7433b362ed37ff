//! What is known about one connection, for `CLIENT LIST` and its relatives.

use std::cell::{Cell, RefCell};

use causality::Millis;

use crate::command::Command;
use crate::session::ClientId;

/// One connection as others see it; its session keeps it up to date.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) id: ClientId,
    /// Address and port of the client.
    pub(crate) peer: String,
    /// Address and port that it reached.
    pub(crate) local: String,
    pub(crate) since: Millis,
    pub(crate) name: RefCell<Vec<u8>>,
    /// Who speaks; nobody yet where one has to say so.
    pub(crate) user: RefCell<Option<String>>,
    pub(crate) library_name: RefCell<Vec<u8>>,
    pub(crate) library_version: RefCell<Vec<u8>>,
    pub(crate) database: Cell<u32>,
    pub(crate) protocol: Cell<i64>,
    pub(crate) multi: Cell<i64>,
    pub(crate) command: Cell<Option<&'static Command>>,
    /// When its last command began.
    pub(crate) active: Cell<Millis>,
}

impl Facts {
    pub(crate) fn new(id: ClientId, peer: String, local: String, since: Millis) -> Self {
        Self {
            id,
            peer,
            local,
            since,
            name: RefCell::default(),
            user: RefCell::default(),
            library_name: RefCell::default(),
            library_version: RefCell::default(),
            database: Cell::new(0),
            protocol: Cell::new(2),
            multi: Cell::new(-1),
            command: Cell::new(None),
            active: Cell::new(since),
        }
    }

    /// Says whether that user speaks.
    pub(crate) fn is_user(&self, name: &[u8]) -> bool {
        self.user.borrow().as_ref().is_some_and(|user| user.as_bytes() == name)
    }
}
