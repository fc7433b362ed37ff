//! Nothing comes back: an item whose removal was promised, or whose time is over, is not shown.
//! Each item is put in once, so a removal that found it has seen all there is of it.

use std::collections::BTreeSet;

use causality::Millis;

use super::{Checker, Shown, removal};
use crate::deeds::{self, Deed, Place, Seen};
use crate::history::Record;
use crate::observed::Observed;
use crate::world::World;

pub(super) struct Resurrected;

impl Checker for Resurrected {
    fn name(&self) -> &'static str {
        "nothing comes back"
    }

    /// An item that was never put in, or is over, is shown to nobody at any time.
    fn observe(&mut self, world: &World<'_>, observed: &Observed<'_>) -> Result<(), String> {
        let Some(record) = observed.read(world) else { return Ok(()) };
        let Some((_, outcome)) = &record.answer else { return Ok(()) };
        let place = record.deed.place();
        match deeds::seen(place, outcome) {
            Some(Seen::Items(items)) => check_items(world, record, &items),
            _ => Ok(()),
        }
    }

    fn end(&mut self, world: &World<'_>, shown: &Shown) -> Result<(), String> {
        let Seen::Items(items) = &shown.seen else { return Ok(()) };
        let over_before = shown.asked.minus(world.setup.clock_error_ms());
        for record in world.history.of(shown.place) {
            let over = match record.deed {
                Deed::Take { item, .. }
                    if record.is_promised() && removal::is_final(world, record) =>
                {
                    Some(item)
                }
                Deed::Put { item, .. } if is_over(world, record, over_before) => Some(item),
                _ => None,
            };
            if let Some(item) = over.filter(|item| items.contains(item)) {
                let Shown { at, place, .. } = shown;
                return Err(format!("{item} is in {place} at n{} again", at + 1));
            }
        }
        check_known(world, shown.place, items)
    }
}

fn check_items(world: &World<'_>, read: &Record, items: &BTreeSet<u64>) -> Result<(), String> {
    let place = read.deed.place();
    let over_before = read.asked.minus(world.setup.clock_error_ms());
    for record in world.history.of(place) {
        if let Deed::Put { item, .. } = record.deed
            && is_over(world, record, over_before)
            && items.contains(&item)
        {
            return Err(format!("n{} shows {item} of {place} after its time", read.node + 1));
        }
    }
    check_known(world, place, items)
}

fn is_over(world: &World<'_>, put: &Record, before: Millis) -> bool {
    world.history.ends_of(put).1.is_some_and(|end| end < before)
}

fn check_known(world: &World<'_>, place: Place, items: &BTreeSet<u64>) -> Result<(), String> {
    let put = world.history.of(place).filter_map(|record| match record.deed {
        Deed::Put { item, .. } => Some(item),
        _ => None,
    });
    let put: BTreeSet<u64> = put.collect();
    match items.difference(&put).next() {
        None => Ok(()),
        Some(item) => Err(format!("{item} of {place} was never put in")),
    }
}
