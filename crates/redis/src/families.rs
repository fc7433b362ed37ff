//! The families of commands, one file each: its rows, and how its arguments become calls.
//!
//! A command is added by one row and one function in its family's file.

mod acl;
mod bitfield;
mod bits;
pub(crate) mod blocking;
pub(crate) mod client;
mod cluster;
mod config;
pub(crate) mod connection;
mod copies;
mod debug;
mod documents;
mod dumps;
mod edits;
mod geo;
mod hashes;
mod hyperloglog;
mod keys;
mod keyspace;
mod lcs;
mod lists;
mod objects;
pub(crate) mod observing;
mod places;
pub(crate) mod pubsub;
mod running;
mod scripts;
mod server;
pub(crate) mod set_algebra;
mod sets;
mod sort;
mod starling;
mod strings;
pub(crate) mod transactions;
mod walks;
pub(crate) mod zsets;

use crate::command::Command;
pub(crate) use connection::protocol_number;

/// The rows of all families.
pub(crate) const FAMILIES: &[&[Command]] = &[
    strings::COMMANDS,
    keys::COMMANDS,
    keyspace::COMMANDS,
    copies::COMMANDS,
    dumps::COMMANDS,
    objects::COMMANDS,
    sort::COMMANDS,
    walks::COMMANDS,
    sets::COMMANDS,
    set_algebra::COMMANDS,
    edits::COMMANDS,
    lcs::COMMANDS,
    bits::COMMANDS,
    bitfield::COMMANDS,
    hyperloglog::COMMANDS,
    lists::COMMANDS,
    lists::moves::COMMANDS,
    blocking::COMMANDS,
    geo::COMMANDS,
    geo::search::COMMANDS,
    zsets::COMMANDS,
    zsets::ranges::COMMANDS,
    zsets::pops::COMMANDS,
    zsets::algebra::COMMANDS,
    hashes::COMMANDS,
    connection::COMMANDS,
    acl::COMMANDS,
    client::COMMANDS,
    pubsub::COMMANDS,
    documents::COMMANDS,
    transactions::COMMANDS,
    server::COMMANDS,
    config::COMMANDS,
    observing::COMMANDS,
    debug::COMMANDS,
    scripts::COMMANDS,
    cluster::COMMANDS,
    starling::COMMANDS,
];
