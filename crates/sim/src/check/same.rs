//! Everybody shows the same when all is over, lists in the same order.

use std::collections::BTreeMap;

use api::Outcome;

use super::{Checker, Shown};
use crate::deeds::{Place, Seen};
use crate::world::World;

#[derive(Default)]
pub(super) struct Same {
    first: BTreeMap<Place, (usize, Seen, Outcome)>,
}

impl Checker for Same {
    fn name(&self) -> &'static str {
        "everybody shows the same"
    }

    fn end(&mut self, _: &World<'_>, shown: &Shown) -> Result<(), String> {
        let Shown { at, place, seen, outcome, .. } = shown;
        // What ends by itself may do so between two looks.
        if matches!(place, Place::Key(_)) {
            return Ok(());
        }
        let (first, as_seen, as_told) =
            self.first.entry(*place).or_insert_with(|| (*at, seen.clone(), outcome.clone()));
        let is_same = match place {
            Place::List(_) => as_told == outcome,
            _ => as_seen == seen,
        };
        if is_same {
            return Ok(());
        }
        let (first, at) = (*first + 1, at + 1);
        Err(format!("{place} is {as_told:?} at n{first} and {outcome:?} at n{at}"))
    }
}
