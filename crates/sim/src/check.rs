//! The checkers: one file for each kind of promise.

mod converged;
mod counters;
mod registers;
mod sets;

pub(crate) use converged::{digest, is_converged};

use crate::run::Violation;
use crate::world::World;

/// Checks every promise against what every node shows in the end.
pub(crate) fn promises(world: &mut World) -> Result<(), Violation> {
    for at in 0..world.machines.len() {
        counters::check(world, at)?;
        sets::check(world, at)?;
    }
    registers::check(world)
}
