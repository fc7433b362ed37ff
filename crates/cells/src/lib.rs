//! The dotted cell, the one function that changes it, and the data types as views over it.
//!
//! All data is cells: (keyspace, key, column) -> live versions, each named by a dot. [`apply`] is
//! the only way an operation changes a cell; it is idempotent and commutative, so delivery may be
//! late, repeated and out of order. The data types read cells and return [`Change`]s; they decide
//! nothing about nodes, networks or disks.

mod address;
mod apply;
mod cell;
mod change;
mod element;
mod families;
mod op;
pub mod types;

pub use address::{CellAddress, Family, KeyAddress, Keyspace};
pub use apply::{Effect, Facts, apply};
pub use cell::{Cell, Version};
pub use change::{Change, ReadCells, ReadControl, ReadError};
pub use element::{CellHash, element_digest};
pub use families::Families;
pub use op::{Body, Insert, Op, OwnedBody, OwnedCellAddress, OwnedOp};
pub use types::{Draft, TypeError};
