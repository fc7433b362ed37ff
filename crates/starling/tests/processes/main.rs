//! The binary as people use it: real processes, real sockets, real crashes.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test reports and stops")]

mod bounds;
mod client;
mod cluster;
mod command_line;
mod durability;
mod encryption;
mod local_cluster;
mod lone;
mod members;
mod rolling;
mod seeing;
mod users;
mod waiting;
mod web;
mod web_data;
