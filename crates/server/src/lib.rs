//! The real world around a node: sockets, disk, clock, configuration, shutdown.
//!
//! ```text
//! clients -> Clients --+                                +-> replies to Clients
//!                      +-> Inbox -> Turns (node, store) +
//! peers   -> Peers   --+                                +-> messages to Peers
//! ```
//!
//! One thread does everything; tasks meet only in the inbox. No decision about consistency is made
//! here: what is sent, answered and kept is the node's business.

mod accounts;
mod caller;
mod clients;
mod clock;
pub mod config;
mod convergence;
mod http;
mod identity;
mod inbox;
mod joining;
mod log;
mod members;
mod neighbours;
mod passwords;
mod peers;
mod predicting;
mod renewal;
mod repairing;
mod serve;
mod socket;
mod status;
mod store;
pub mod tls;
mod tracing;
mod turns;
mod view;

pub use identity::DirectoryError;
pub use joining::{Join, JoinError, join_request};
pub use log::{Format, Level, Logging};
pub use serve::{ServeError, serve};
