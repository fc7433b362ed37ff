//! The incarnations that visits have minted under: each only once, also after a restart.
//!
//! Each new one is an entry in the log of a shard of its own, written before anything is minted
//! under it. A node whose disk was lost, or was put back, does not begin again where it began
//! before: the least incarnation goes by the seconds since 2020 and by the life of the node, which
//! is kept elsewhere.

use causality::{Actor, Incarnation, Millis};
use replica::ReplicaError;
use storage::{Entry, EntryId, Store};

/// Incarnations of visits have the top bit set; those of nodes do not.
const VISIT_BIT: u32 = 1 << 31;

/// The seconds from 1970 to 2020.
const EPOCH_SECONDS: u64 = 1_577_836_800;

/// How far the visits of one life are from those of the next: more than there are seconds in half
/// a year, or visits that a life could have begun ahead of its clock.
const LIFE_SPAN: u32 = 1 << 24;

/// After so many lives the distances begin anew; by then the seconds have gone on.
const LIFE_COUNT: u32 = 64;

/// The entries are all by one name.
const ACTOR: u64 = 0;

/// Says whether an actor mints for a visit, not for a node's own shards.
#[must_use]
pub const fn is_visitor(actor: Actor) -> bool {
    is_visit(actor.incarnation())
}

/// The last incarnation that was used.
#[derive(Debug)]
pub(super) struct Journal {
    shard: u16,
    life: Incarnation,
    last: u32,
    is_repeating: bool,
}

impl Journal {
    pub(super) fn open<S: Store>(
        (shard, life): (u16, Incarnation),
        store: &mut S,
        entries: &[Entry],
    ) -> Result<Self, ReplicaError> {
        let state = store.state(shard)?;
        let saved = state.and_then(|state| Some(u32::from_le_bytes(*state.first_chunk()?)));
        let own = entries.iter().filter(|entry| entry.shard == shard);
        let logged = own.map(|entry| entry.id.counter).max();
        let logged = logged.map_or(0, |counter| u32::try_from(counter).unwrap_or(u32::MAX));
        Ok(Self { shard, life, last: saved.unwrap_or(0).max(logged), is_repeating: false })
    }

    /// What was noted in an earlier life may be of an old copy.
    pub(super) const fn begin_life(&mut self, life: Incarnation) {
        self.life = life;
    }

    /// Wrong, and kept for the suite to catch: the next incarnation is the first again.
    pub(super) const fn repeat(&mut self) {
        self.is_repeating = true;
    }

    /// Takes an incarnation that no visit ever had.
    pub(super) fn next<S: Store>(
        &mut self,
        store: &mut S,
        now: Millis,
    ) -> Result<Incarnation, ReplicaError> {
        if std::mem::take(&mut self.is_repeating) {
            return Ok(Incarnation(VISIT_BIT));
        }
        let seconds = (now.0 / 1_000).saturating_sub(EPOCH_SECONDS);
        let seconds = u32::try_from(seconds).unwrap_or(0);
        let least = seconds.saturating_add(self.life.0 % LIFE_COUNT * LIFE_SPAN);
        let next = least.max(self.last.saturating_add(1)) & !VISIT_BIT;
        let counter = u64::from(next);
        store.append(self.shard, EntryId { actor: ACTOR, counter }, &[])?;
        store.forget(self.shard, ACTOR, counter - 1)?;
        self.last = next;
        Ok(Incarnation(next | VISIT_BIT))
    }

    pub(super) fn save<S: Store>(&self, store: &mut S) -> Result<(), ReplicaError> {
        if self.last > 0 {
            store.set_state(self.shard, &self.last.to_le_bytes())?;
        }
        Ok(())
    }
}

/// Says whether an incarnation is one of a visit.
pub(crate) const fn is_visit(incarnation: Incarnation) -> bool {
    incarnation.0 & VISIT_BIT != 0
}

#[cfg(test)]
mod tests {
    use storage::MemoryStore;

    use super::*;

    #[test]
    fn no_incarnation_comes_twice() {
        let mut store = MemoryStore::new();
        let place = (9, Incarnation(LIFE_COUNT));
        let mut journal = Journal::open(place, &mut store, &[]).unwrap();
        let early = Millis(1_000);
        let first = journal.next(&mut store, early).unwrap();
        let second = journal.next(&mut store, early).unwrap();
        assert!(is_visit(first) && first < second);
        let late = Millis((EPOCH_SECONDS + 500) * 1_000);
        let third = journal.next(&mut store, late).unwrap();
        assert_eq!(third.0 & !VISIT_BIT, 500);
        let id = EntryId { actor: ACTOR, counter: 500 };
        let entry = Entry { shard: 9, id, record: Vec::new() };
        let mut saved = store.clone();
        journal.save(&mut saved).unwrap();
        for (mut store, entries) in [(store, vec![entry]), (saved, vec![])] {
            let mut again = Journal::open(place, &mut store, &entries).unwrap();
            assert!(again.next(&mut store, early).unwrap() > third, "clocks may go back");
        }
    }

    #[test]
    fn no_incarnation_comes_again_when_the_disk_is_lost() {
        let now = Millis((EPOCH_SECONDS + 200_000_000) * 1_000);
        let mut seen = std::collections::BTreeSet::new();
        for life in 1..LIFE_COUNT {
            let mut store = MemoryStore::new();
            let mut journal = Journal::open((9, Incarnation(life)), &mut store, &[]).unwrap();
            for _ in 0..1_000 {
                assert!(seen.insert(journal.next(&mut store, now).unwrap()), "life {life}");
            }
        }
    }
}
