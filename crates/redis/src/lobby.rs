//! What the connections of one node share: settings, and what walks over collections remember.
//!
//! The driver makes one and hands it to every session. Nothing here is replicated, kept across a
//! restart, or needed for an answer to be right.

mod cursors;
mod settings;

use std::cell::RefCell;

pub(crate) use cursors::{Cursors, cursor_of};
pub(crate) use settings::{SetError, Settings};

/// The common room of a node's connections.
#[derive(Debug, Default)]
pub struct Lobby {
    pub(crate) settings: RefCell<Settings>,
    pub(crate) cursors: RefCell<Cursors>,
}
