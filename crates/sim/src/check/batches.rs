//! Batches: what was written together is there together, or not at all, when all is over.

use std::collections::BTreeSet;

use api::Outcome;

use super::{Checker, Shown};
use crate::deeds::{self, Deed, Place, Seen};
use crate::world::World;

pub(super) struct Batches;

impl Checker for Batches {
    fn name(&self) -> &'static str {
        "batches are whole"
    }

    fn end(&mut self, world: &World<'_>, shown: &Shown) -> Result<(), String> {
        let (Place::Pair(number), Outcome::Batch(parts)) = (shown.place, &shown.outcome) else {
            return Ok(());
        };
        let half = |part: &Outcome| match deeds::seen(Place::Set(number), part) {
            Some(Seen::Items(items)) => items,
            _ => BTreeSet::new(),
        };
        let halves: Vec<BTreeSet<u64>> = parts.iter().map(half).collect();
        let [left, right] = &halves[..] else { return Err(format!("{parts:?}")) };
        for put in world.history.of(shown.place) {
            let Deed::Put { item, .. } = put.deed else { continue };
            // A removal may have seen one half of a batch and not yet the other.
            let is_half = left.contains(&item) != right.contains(&item);
            if is_half && !world.history.may_be_out(put) {
                let (place, node) = (shown.place, shown.at + 1);
                return Err(format!("{item} is in one half of {place} at n{node}"));
            }
        }
        Ok(())
    }
}
