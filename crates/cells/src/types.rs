//! The data types: pure functions over the cells of one key.
//!
//! A function reads through [`ReadCells`](crate::ReadCells) what one replica shows, answers, and
//! puts its changes into a [`Draft`]. What it removes is exactly what it saw (observed-remove), so
//! what it did not see survives. Nothing here knows a node, a network or a disk.

mod draft;
mod elements;
mod error;
mod fixed;
mod life;
mod number;
mod position;
mod walk;

pub mod counter;
pub mod flag;
pub mod key;
pub mod list;
pub mod map;
pub mod pick;
pub mod register;
pub mod set;
pub mod sketch;
pub mod string;
pub mod zset;

pub use draft::Draft;
pub use elements::{Elements, Scores};
pub use error::TypeError;
pub use fixed::Fixed;
pub use life::Life;
pub use position::{POSITION_SIZE_MAX, between};
