//! Levels: when the owners of a write and those of a later read must overlap, the read shows the
//! write or what replaced it.

use api::Level;

use super::{Checker, shows};
use crate::history::Record;
use crate::observed::Observed;
use crate::setup::Setup;
use crate::world::World;

pub(super) struct Levels;

impl Checker for Levels {
    fn name(&self) -> &'static str {
        "what is written is read"
    }

    fn observe(&mut self, world: &World<'_>, observed: &Observed<'_>) -> Result<(), String> {
        let Some(read) = observed.read(world).filter(|read| !read.is_sloppy) else { return Ok(()) };
        shows::check(world, read, |write| overlaps(world.setup, (read, read.levels.0), write))
    }
}

/// Says whether a command that looks at so many owners finds one that has a write.
pub(super) fn overlaps(setup: &Setup, (asker, level): (&Record, Level), write: &Record) -> bool {
    if !write.is_at_owners(asker.asked) {
        return false;
    }
    let is_local = matches!(level, Level::LocalOne | Level::LocalQuorum);
    let is_apart = is_local && setup.datacenters.len() > 1;
    let copies = write.copies_at(asker.asked);
    if !is_apart && copies + setup.copies(level) > setup.owner_count() {
        return true;
    }
    // Where every node owns everything, the one that is asked coordinates: it is known which
    // datacenter is the local one.
    let lost = setup.copies(write.levels.1).saturating_sub(copies);
    setup.owns_all()
        && (0..setup.datacenters.len()).any(|datacenter| {
            let wrote = setup.copies_in(datacenter, write.levels.1, write.node);
            let reads = setup.copies_in(datacenter, level, asker.node);
            wrote.saturating_sub(lost) + reads > setup.datacenters[datacenter]
        })
}
