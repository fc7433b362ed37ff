//! Trees against a naive reference, walks over them, and their price in bytes.
#![expect(clippy::unwrap_used, reason = "a failing test panics")]
#![expect(clippy::print_stdout, reason = "measurements and failing seeds are printed")]

mod budget;
mod changes;
mod conversation;
mod field;
mod hostile;
mod reference;
mod sums;
mod walks;
