//! One body per decoder that takes arbitrary bytes: run by this crate's tests on stable, and by
//! the targets under `fuzz/` for as long as somebody likes.
//!
//! Invariant: a body panics if and only if the code under test is wrong: it panicked itself, or
//! what it decoded does not encode to what it came from. Errors are what most inputs give.
//! Leaves to others: where the bytes come from.

mod link;
mod plain;
mod script;
mod shard;
mod stored;

pub use script::{Script, put_part};

/// A body by its name, which is also the name of the fuzz target.
pub type Target = (&'static str, fn(&[u8]));

/// Every body.
pub const TARGETS: &[Target] = &[
    ("codec_values", plain::codec_values),
    ("client_context", plain::client_context),
    ("resp_requests", plain::resp_requests),
    ("resp_replies", plain::resp_replies),
    ("wire_stream", link::wire_stream),
    ("wire_message", link::wire_message),
    ("wire_news", link::wire_news),
    ("merkle_walk", link::merkle_walk),
    ("replica_state", stored::replica_state),
    ("replica_records", stored::replica_records),
    ("replica_rows", stored::replica_rows),
    ("replica_peer", shard::replica_peer),
    ("cell_views", shard::cell_views),
];

/// Runs the body of a name.
///
/// # Panics
/// There is none, or the code under test is wrong.
pub fn run(name: &str, input: &[u8]) {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, body) = found.unwrap_or_else(|| panic!("no body is called {name}"));
    body(input);
}
