//! Levels and sessions: when the owners of a write and those of a later read must overlap, or both
//! belong to one session, the read shows the write or what replaced it.
//!
//! For numbers, all concurrent versions are looked at: whatever replaced a version was minted
//! after it. What is shown of them is decided by time, so a plain read is held to it only while
//! all clocks are right.

use std::collections::BTreeSet;

use api::{Level, Outcome};

use super::Checker;
use crate::deeds::{self, Deed, Seen};
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
        let Observed::Answered { record } = observed else { return Ok(()) };
        let read = world.history.record(*record);
        let Some((_, outcome)) = &read.answer else { return Ok(()) };
        if !read.deed.is_read() || matches!(outcome, Outcome::Failed(_)) {
            return Ok(());
        }
        let place = read.deed.place();
        match deeds::seen(place, outcome) {
            Some(Seen::Sum(sum)) => check_sum(world, read, sum),
            Some(Seen::Items(items)) => check_items(world, read, &items),
            Some(Seen::Numbers(numbers)) => check_numbers(world, read, &numbers),
            None => Err(format!("{place} shows {outcome:?}")),
        }
    }
}

/// Says whether a read must see a write.
fn must_see(setup: &Setup, read: &Record, write: &Record) -> bool {
    if !write.is_promised() || !write.is_before(read) {
        return false;
    }
    // A session sees its own writes at whatever level.
    if read.session.is_some() && read.session == write.session {
        return true;
    }
    let (read_level, write_level) = (read.levels.0, write.levels.1);
    let is_local = matches!(read_level, Level::LocalOne | Level::LocalQuorum);
    let is_apart = is_local && setup.datacenters.len() > 1;
    let copies = write.copies();
    if !is_apart && copies + setup.copies(read_level) > setup.owner_count() {
        return true;
    }
    // Where every node owns everything, the one that is asked coordinates: it is known which
    // datacenter is the local one.
    let lost = setup.copies(write_level).saturating_sub(copies);
    setup.owns_all()
        && (0..setup.datacenters.len()).any(|datacenter| {
            let wrote = setup.copies_in(datacenter, write_level, write.node);
            let reads = setup.copies_in(datacenter, read_level, read.node);
            wrote.saturating_sub(lost) + reads > setup.datacenters[datacenter]
        })
}

fn check_sum(world: &World<'_>, read: &Record, sum: i64) -> Result<(), String> {
    let (mut least, mut most) = (0, 0);
    for record in world.history.of(read.deed.place()) {
        let Deed::Add { by, .. } = record.deed else { continue };
        let sure = if must_see(world.setup, read, record) { by } else { 0 };
        least += sure.min(by);
        most += sure.max(by);
    }
    if (least..=most).contains(&sum) {
        return Ok(());
    }
    let place = read.deed.place();
    Err(format!("{place} read at n{} as {sum}, not {least} to {most}", read.node + 1))
}

fn check_items(world: &World<'_>, read: &Record, items: &BTreeSet<u64>) -> Result<(), String> {
    let place = read.deed.place();
    let answered = read.answered_well().unwrap_or(read.asked);
    let lasts_until = answered.plus(world.setup.clock_error_ms());
    let mut needed = BTreeSet::new();
    for record in world.history.of(place).filter(|record| must_see(world.setup, read, record)) {
        match record.deed {
            Deed::Put { item, until, .. } => {
                let lasts = until.is_none_or(|until| until > lasts_until);
                if lasts && !world.history.may_be_out(record) {
                    needed.insert(item);
                }
            }
            Deed::Take { item, .. } if items.contains(&item) => {
                return Err(format!("{item} of {place} is shown after it was taken out"));
            }
            _ => {}
        }
    }
    match needed.difference(items).next() {
        None => Ok(()),
        Some(item) => Err(format!("{item} of {place} is not shown at n{}", read.node + 1)),
    }
}

fn check_numbers(world: &World<'_>, read: &Record, seen: &BTreeSet<u64>) -> Result<(), String> {
    let place = read.deed.place();
    let is_wide = matches!(read.deed, Deed::LookWide { .. });
    if !is_wide && world.setup.clock_error_ms() > 1 {
        return Ok(());
    }
    let writes: Vec<&Record> = world
        .history
        .of(place)
        .filter(|record| matches!(record.deed, Deed::Write { .. }))
        .collect();
    for write in writes.iter().filter(|write| must_see(world.setup, read, write)) {
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
