//! Registers: a quorum read never goes back behind a write that a quorum had promised before it.
//!
//! Several clients write one register, so a later number may lose the tie against an earlier one
//! that was written at the same time by clocks that differ; a read is stale only if it shows
//! something that a promised write had already superseded. The numbers rise with the order in
//! which commands were sent, and clocks differ by less than the pauses allow only without skew:
//! the check is made in runs without skew.

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
