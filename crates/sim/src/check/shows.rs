//! What a read shows of the writes that it must see, whichever promise says that it must.

use std::collections::BTreeSet;

use super::removal;
use crate::deeds::{self, Deed, Seen};
use crate::history::Record;
use crate::world::World;

/// Holds an answered read to the writes that it must see.
pub(super) fn check(
    world: &World<'_>,
    read: &Record,
    must_see: impl Fn(&Record) -> bool,
) -> Result<(), String> {
    let place = read.deed.place();
    let Some((_, outcome)) = &read.answer else { return Ok(()) };
    let must_see = |write: &Record| write.is_promised() && write.is_before(read) && must_see(write);
    match deeds::seen(place, outcome) {
        Some(Seen::Sum(sum)) => check_sum(world, read, must_see, sum),
        Some(Seen::Items(items)) => check_items(world, read, must_see, &items),
        Some(Seen::Numbers(numbers)) => check_numbers(world, read, must_see, &numbers),
        None => Err(format!("{place} shows {outcome:?}")),
    }
}

fn check_sum(
    world: &World<'_>,
    read: &Record,
    must_see: impl Fn(&Record) -> bool,
    sum: i64,
) -> Result<(), String> {
    let (mut least, mut most) = (0, 0);
    for record in world.history.of(read.deed.place()) {
        let Deed::Add { by, .. } = record.deed else { continue };
        let sure = if must_see(record) { by } else { 0 };
        least += sure.min(by);
        most += sure.max(by);
    }
    if (least..=most).contains(&sum) {
        return Ok(());
    }
    let place = read.deed.place();
    Err(format!("{place} read at n{} as {sum}, not {least} to {most}", read.node + 1))
}

fn check_items(
    world: &World<'_>,
    read: &Record,
    must_see: impl Fn(&Record) -> bool,
    items: &BTreeSet<u64>,
) -> Result<(), String> {
    let (place, node) = (read.deed.place(), read.node + 1);
    let answered = read.answered_well().unwrap_or(read.asked);
    let lasts_until = answered.plus(world.setup.clock_error_ms());
    for record in world.history.of(place) {
        match record.deed {
            Deed::Put { item, .. } if !items.contains(&item) && must_see(record) => {
                let lasts = world.history.ends_of(record).0.is_none_or(|end| end > lasts_until);
                if lasts && !world.history.may_be_out(record) {
                    return Err(format!("{item} of {place} is not shown at n{node}"));
                }
            }
            Deed::Take { item, .. }
                if items.contains(&item)
                    && must_see(record)
                    && removal::is_final(world, record) =>
            {
                return Err(format!("{item} of {place} is shown after it was taken out"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// For numbers, all concurrent versions are looked at: whatever replaced a version was minted
/// after it. What is shown of them is decided by time, so a plain read is held to it only while
/// all clocks are right.
fn check_numbers(
    world: &World<'_>,
    read: &Record,
    must_see: impl Fn(&Record) -> bool,
    seen: &BTreeSet<u64>,
) -> Result<(), String> {
    let place = read.deed.place();
    let is_wide = matches!(read.deed, Deed::LookWide { .. });
    if !is_wide && world.setup.clock_error_ms() > 1 {
        return Ok(());
    }
    let is_write = |record: &&Record| matches!(record.deed, Deed::Write { .. });
    let writes: Vec<&Record> = world.history.of(place).filter(is_write).collect();
    for write in writes.iter().filter(|write| must_see(write)) {
        let is_it_or_later = |other: &&&Record| {
            let Deed::Write { number, .. } = other.deed else { return false };
            seen.contains(&number) && !other.is_before(write)
        };
        if writes.iter().find(is_it_or_later).is_none() {
            let wrote = &write.deed;
            return Err(format!("{place} shows {seen:?} at n{}, after `{wrote}`", read.node + 1));
        }
    }
    Ok(())
}
