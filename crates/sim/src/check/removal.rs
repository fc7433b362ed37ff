//! Removals in real time: one that is begun when a write has been answered, at levels whose owners
//! overlap, sees the write, whoever asks and through whichever node, and removes it for good. A
//! removal looks at as many owners as it writes to.

use std::collections::BTreeSet;

use super::levels::overlaps;
use super::{Checker, Shown};
use crate::deeds::{self, Deed, Place, Seen};
use crate::history::Record;
use crate::observed::Observed;
use crate::world::World;

pub(super) struct Removal;

impl Checker for Removal {
    fn name(&self) -> &'static str {
        "a removal removes what was written before"
    }

    fn observe(&mut self, world: &World<'_>, observed: &Observed<'_>) -> Result<(), String> {
        let Observed::Answered { record } = observed else { return Ok(()) };
        let record = world.history.record(*record);
        let (Some(_), Some((_, outcome))) = (record.answered_well(), &record.answer) else {
            return Ok(());
        };
        match record.deed {
            Deed::Take { .. } | Deed::Clear { .. } if deeds::found_nothing(outcome) => {
                check_found_nothing(world, record)
            }
            Deed::Look { place } => match deeds::seen(place, outcome) {
                Some(Seen::Items(items)) => check_cleared(world, place, &items, |clear| {
                    let is_seen = overlaps(world.setup, (record, record.levels.0), clear);
                    !record.is_sloppy && clear.is_before(record) && is_seen
                }),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn end(&mut self, world: &World<'_>, shown: &Shown) -> Result<(), String> {
        let Seen::Items(items) = &shown.seen else { return Ok(()) };
        check_cleared(world, shown.place, items, |_| true)
    }
}

/// Says whether a write that acts on what is there must see another one.
fn sees(world: &World<'_>, actor: &Record, write: &Record) -> bool {
    let is_own = actor.session.is_some() && actor.session == write.session;
    write.is_promised()
        && write.is_before(actor)
        && !actor.is_sloppy
        && (is_own || overlaps(world.setup, (actor, actor.levels.1), write))
}

/// Says whether an item that was found and taken out stays out: somebody who gives it another end
/// without having heard of that writes it anew.
pub(super) fn is_final(world: &World<'_>, take: &Record) -> bool {
    let Deed::Take { place: Place::Key(_), item } = take.deed else { return true };
    world.history.extensions(item).all(|extension| sees(world, take, extension))
}

/// What must be there is found by whoever takes it out, unless somebody else may have done so.
fn check_found_nothing(world: &World<'_>, removal: &Record) -> Result<(), String> {
    let place = removal.deed.place();
    let answered = removal.answered_well().unwrap_or(removal.asked);
    let lasts_until = answered.plus(world.setup.clock_error_ms());
    for put in world.history.of(place) {
        let Deed::Put { item, .. } = put.deed else { continue };
        let is_meant = match removal.deed {
            Deed::Take { item: taken, .. } => taken == item,
            _ => true,
        };
        let others = world.history.of(place).filter(|other| !std::ptr::eq(*other, removal));
        let mut removals = others.filter(|other| match other.deed {
            Deed::Take { item: taken, .. } => taken == item,
            Deed::Clear { .. } => !other.is_before(put),
            _ => false,
        });
        let lasts = world.history.ends_of(put).0.is_none_or(|end| end > lasts_until);
        if is_meant && lasts && sees(world, removal, put) && removals.next().is_none() {
            let (deed, node) = (&removal.deed, removal.node + 1);
            return Err(format!("`{deed}` at n{node} did not find {item}, put in before"));
        }
    }
    Ok(())
}

/// What was there when a place was emptied is not there afterwards.
fn check_cleared(
    world: &World<'_>,
    place: Place,
    items: &BTreeSet<u64>,
    counts: impl Fn(&Record) -> bool,
) -> Result<(), String> {
    let clears = world.history.clears_of(place).filter(|clear| clear.is_promised());
    for clear in clears.filter(|clear| counts(clear)) {
        for put in world.history.of(place) {
            let Deed::Put { item, .. } = put.deed else { continue };
            if items.contains(&item) && sees(world, clear, put) {
                return Err(format!("{item} is in {place}, which was emptied after it was put in"));
            }
        }
    }
    Ok(())
}
