//! Nothing acknowledged is lost: in the end every owner shows every promised item that nobody
//! tried to take out, sums count every promised addition, and no addition counts twice.

use std::collections::BTreeSet;

use super::{Checker, Shown};
use crate::deeds::{Deed, Seen};
use crate::world::World;

pub(super) struct Lost;

impl Checker for Lost {
    fn name(&self) -> &'static str {
        "nothing acknowledged is lost"
    }

    fn end(&mut self, world: &World<'_>, shown: &Shown) -> Result<(), String> {
        match &shown.seen {
            Seen::Sum(sum) => check_sum(world, shown, *sum),
            Seen::Items(items) => check_items(world, shown, items),
            Seen::Numbers(numbers) => check_numbers(world, shown, numbers),
        }
    }
}

fn check_sum(world: &World<'_>, shown: &Shown, sum: i64) -> Result<(), String> {
    let (mut least, mut most) = (0, 0);
    for record in world.history.of(shown.place) {
        let Deed::Add { by, .. } = record.deed else { continue };
        let sure = if record.is_promised() { by } else { 0 };
        least += sure.min(by);
        most += sure.max(by);
    }
    if (least..=most).contains(&sum) {
        return Ok(());
    }
    let Shown { at, place, .. } = shown;
    Err(format!("{place} at n{} shows {sum}, not {least} to {most}", at + 1))
}

fn check_items(world: &World<'_>, shown: &Shown, items: &BTreeSet<u64>) -> Result<(), String> {
    let sure_until = shown.answered.plus(world.setup.clock_error_ms());
    let needed = world.history.of(shown.place).filter_map(|record| match record.deed {
        Deed::Put { item, .. } => {
            let lasts = world.history.ends_of(record).0.is_none_or(|end| end > sure_until);
            let is_safe = record.is_promised() && lasts && !world.history.may_be_out(record);
            is_safe.then_some(item)
        }
        _ => None,
    });
    let needed: BTreeSet<u64> = needed.collect();
    match needed.difference(items).next() {
        None => Ok(()),
        Some(item) => Err(format!("{item} is not in {} at n{}", shown.place, shown.at + 1)),
    }
}

/// Some promised number, or a later one, is shown.
fn check_numbers(world: &World<'_>, shown: &Shown, numbers: &BTreeSet<u64>) -> Result<(), String> {
    let is_promised = world
        .history
        .of(shown.place)
        .any(|record| matches!(record.deed, Deed::Write { .. }) && record.is_promised());
    if is_promised && numbers.is_empty() {
        return Err(format!("{} at n{} is not there", shown.place, shown.at + 1));
    }
    Ok(())
}
