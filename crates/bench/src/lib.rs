//! Load over the Redis protocol, and what came of it: rates, latencies, errors, and what it cost
//! the servers.
//!
//! Two ways to load. *Closed*: every connection sends as soon as it was answered; it finds what a
//! server can take. *Open*: requests are due at a fixed rate whether or not earlier ones were
//! answered, and latency counts from when a request was due; so a server that stalls is charged for
//! every request that it kept waiting, also for those that could not be sent meanwhile.
//!
//! One thread drives one connection, with plain blocking sockets.

mod clock;
mod connection;
mod keys;
mod load;
mod measured;
mod mix;
mod servers;

pub use connection::LoadError;
pub use keys::{Choice, Keys};
pub use load::{Plan, run};
pub use measured::{Figures, Measured, Point};
pub use mix::{Deed, Mix, MixError};
