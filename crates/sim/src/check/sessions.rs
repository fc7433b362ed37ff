//! Sessions, wherever their clients connect: a session reads its own writes at any level, and what
//! it writes replaces what it had read or written before, on every replica.

use std::collections::{BTreeMap, BTreeSet};

use api::SessionId;
use node::QuorumMode;

use super::{Checker, shows};
use crate::deeds::{self, Deed, Place, Seen};
use crate::history::Record;
use crate::observed::Observed;
use crate::world::World;

#[derive(Default)]
pub(super) struct Sessions {
    /// The numbers that a session has read or written at a place.
    known: BTreeMap<(SessionId, Place), BTreeSet<u64>>,
    /// By place and number: what its writer had known when it wrote it.
    replaced: BTreeMap<(Place, u64), BTreeSet<u64>>,
}

impl Checker for Sessions {
    fn name(&self) -> &'static str {
        "a session is one story"
    }

    fn observe(&mut self, world: &World<'_>, observed: &Observed<'_>) -> Result<(), String> {
        let Observed::Answered { record } = observed else { return Ok(()) };
        let record = world.history.record(*record);
        if let Some(session) = record.session {
            let is_strict = world.setup.coordination.quorum == QuorumMode::Strict;
            self.note(session, record, is_strict);
        }
        let Some(read) = observed.read(world) else { return Ok(()) };
        if read.session.is_some() {
            shows::check(world, read, |write| write.session == read.session)?;
        }
        self.check_replaced(read)
    }
}

impl Sessions {
    /// A session asks one thing after the other: what it knows now, it knew when it asked next.
    /// What a stand-in took is kept beside what the session knew.
    fn note(&mut self, session: SessionId, record: &Record, is_strict: bool) {
        let place = record.deed.place();
        let known = self.known.entry((session, place)).or_default();
        let is_done = record.answered_well().is_some();
        let is_at_owners = record.is_at_owners(record.asked) && (is_strict || is_done);
        if let (Deed::Write { number, .. }, true) = (&record.deed, is_at_owners) {
            self.replaced.insert((place, *number), known.clone());
        }
        let Some((_, outcome)) = &record.answer else { return };
        match (&record.deed, record.answered_well().and_then(|_| deeds::seen(place, outcome))) {
            (Deed::Write { number, .. }, _) if record.answered_well().is_some() => {
                known.insert(*number);
            }
            (Deed::Look { .. } | Deed::LookWide { .. }, Some(Seen::Numbers(seen))) => {
                known.extend(seen);
            }
            _ => {}
        }
    }

    /// No replica shows a number beside one that was written by somebody who knew it.
    fn check_replaced(&self, read: &Record) -> Result<(), String> {
        let (place, Some((_, outcome))) = (read.deed.place(), &read.answer) else { return Ok(()) };
        let Some(Seen::Numbers(seen)) = deeds::seen(place, outcome) else { return Ok(()) };
        for number in &seen {
            let replaced = self.replaced.get(&(place, *number));
            if let Some(old) = replaced.and_then(|replaced| replaced.intersection(&seen).next()) {
                let node = read.node + 1;
                return Err(format!(
                    "{place} shows {old} at n{node} beside {number}, its successor"
                ));
            }
        }
        Ok(())
    }
}
