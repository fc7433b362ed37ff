//! Nobody goes back: what a node that owns everything showed once, or what a session was shown
//! anywhere, is shown again until somebody tries to take it out, or a disk loses what it had.

use std::collections::{BTreeMap, BTreeSet};

use api::SessionId;
use causality::Millis;

use super::Checker;
use crate::deeds::{self, Deed, Place, Seen};
use crate::observed::Observed;
use crate::world::World;

/// What was shown last, and when.
type Last = (BTreeSet<u64>, Millis);

/// Who must not see less than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Viewer {
    Node(usize),
    Session(SessionId),
}

#[derive(Default)]
pub(super) struct Monotonic {
    shown: BTreeMap<(Viewer, Place), Last>,
}

impl Checker for Monotonic {
    fn name(&self) -> &'static str {
        "nobody goes back"
    }

    fn observe(&mut self, world: &World<'_>, observed: &Observed<'_>) -> Result<(), String> {
        let record = match observed {
            Observed::Wounded { at } => {
                self.shown
                    .retain(|(viewer, _), _| matches!(viewer, Viewer::Node(node) if node != at));
                return Ok(());
            }
            observed => observed.read(world),
        };
        // Stand-ins show what they keep, which promises nothing of what they do not.
        let Some(record) = record.filter(|record| !record.is_sloppy) else { return Ok(()) };
        let Some((_, outcome)) = &record.answer else { return Ok(()) };
        let place = record.deed.place();
        let Some(Seen::Items(items)) = deeds::seen(place, outcome) else { return Ok(()) };
        let node = world.setup.owns_all().then_some(Viewer::Node(record.node));
        for viewer in node.into_iter().chain(record.session.map(Viewer::Session)) {
            let (items, key) = (items.clone(), (viewer, place));
            if let Some((before, at)) = self.shown.get(&key)
                && *at < record.asked
            {
                let gone: Vec<u64> = before.difference(&items).copied().collect();
                check_gone(world, key, &gone)?;
            }
            self.shown.insert(key, (items, world.now));
        }
        Ok(())
    }
}

/// Everything that is no longer shown was perhaps taken out, or may be over.
fn check_gone(world: &World<'_>, at: (Viewer, Place), gone: &[u64]) -> Result<(), String> {
    let lasts_until = world.now.plus(world.setup.clock_error_ms());
    for item in gone {
        let may_go = world.history.of(at.1).any(|record| match record.deed {
            Deed::Take { item: taken, .. } => taken == *item,
            Deed::Clear { .. } => true,
            Deed::Put { item: put, .. } if put == *item => {
                world.history.ends_of(record).0.is_some_and(|end| end <= lasts_until)
            }
            _ => false,
        });
        if !may_go {
            return Err(format!("{:?} saw {item} of {} and no longer does", at.0, at.1));
        }
    }
    Ok(())
}
