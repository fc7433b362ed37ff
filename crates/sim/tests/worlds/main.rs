//! Worlds full of faults, and what must hold in them; wrong rules, and that they are noticed.

#![expect(clippy::print_stdout, reason = "a test reports")]

mod mutations;
mod seeds;
