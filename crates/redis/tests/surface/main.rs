//! The surface from outside: what commands ask of a node, and the bytes they answer.
//!
//! `transcripts/` holds conversations with Redis 7.0 itself. Every run plays them against this
//! crate; with `STARLING_REDIS=1` and a `redis-server` at hand, they are played against that too,
//! so that what is written there stays true.

mod calls;
mod client;
mod generated;
mod local;
mod lone;
mod real;
mod replies;
mod transcript;
mod users;
