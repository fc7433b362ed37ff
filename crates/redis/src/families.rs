//! The families of commands, one file each: its rows, and how its arguments become calls.
//!
//! A command is added by one row and one function in its family's file.

mod client;
mod cluster;
mod connection;
mod documents;
mod hashes;
mod keys;
mod server;
mod sets;
mod starling;
mod strings;

use crate::command::Command;

/// The rows of all families.
pub(crate) const FAMILIES: &[&[Command]] = &[
    strings::COMMANDS,
    keys::COMMANDS,
    sets::COMMANDS,
    hashes::COMMANDS,
    connection::COMMANDS,
    client::COMMANDS,
    documents::COMMANDS,
    server::COMMANDS,
    cluster::COMMANDS,
    starling::COMMANDS,
];
