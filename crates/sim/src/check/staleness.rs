//! Bounded staleness: a read that names a bound lacks no write that is older, at whatever levels,
//! as far as the clocks of the nodes agree.

use api::Staleness;

use super::{Checker, shows};
use crate::observed::Observed;
use crate::world::World;

pub(super) struct Stale;

impl Checker for Stale {
    fn name(&self) -> &'static str {
        "no read is staler than it may be"
    }

    fn observe(&mut self, world: &World<'_>, observed: &Observed<'_>) -> Result<(), String> {
        let Some(read) = observed.read(world) else { return Ok(()) };
        let (Some(Staleness(bound_ms)), false) = (read.staleness, read.is_sloppy) else {
            return Ok(());
        };
        // The two clocks may be wrong in different directions.
        let recent = read.asked.minus(bound_ms + 2 * world.setup.clock_error_ms());
        shows::check(world, read, |write| {
            write.is_at_owners(recent) && write.answered_well().is_some_and(|at| at < recent)
        })
    }
}
