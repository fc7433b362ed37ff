//! Registers: a quorum read never goes back behind a write that a quorum had promised before it.
//!
//! Many clients write one register, and their numbers rise with the moments at which the commands
//! were sent, a millisecond apart or more. So with true clocks the highest number has the latest
//! time; with clocks that differ it may lose, and the check is left out.

use crate::run::Violation;
use crate::world::World;

pub(crate) fn check(world: &World) -> Result<(), Violation> {
    if world.profile.skew_ms_max > 0 {
        return Ok(());
    }
    match world.history.stale_reads.first() {
        None => Ok(()),
        Some((key, promised, read)) => {
            Err(Violation(format!("STALE: {key} showed {read:?} after {promised} was promised")))
        }
    }
}
