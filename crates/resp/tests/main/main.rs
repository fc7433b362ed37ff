//! The protocol through its public interface: tables, the law of splits, garbage, round trips.

mod connection;
mod garbage;
mod replies;
mod requests;
mod splits;
