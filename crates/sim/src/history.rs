//! What clients asked and were told, and how many copies stand for each promise.
//!
//! A write answered at a level is on so many owners' disks. A disk that loses what it had (wiped,
//! an old copy, a power failure between flushes) takes its copy with it; a promise none of whose
//! copies is left is no promise any more. When the owners have become equal, every one has it.

use std::collections::{BTreeMap, BTreeSet};

use api::{Outcome, SessionId, Staleness};
use causality::Millis;
use fastrand::Rng;

use crate::deeds::{self, Deed, Place};
use crate::setup::Setup;

/// Names a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RecordId(pub(crate) usize);

/// One command and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// The node that was asked.
    pub(crate) node: usize,
    pub(crate) session: Option<SessionId>,
    pub(crate) deed: Deed,
    pub(crate) levels: (api::Level, api::Level),
    /// How stale a read may be.
    pub(crate) staleness: Option<Staleness>,
    pub(crate) asked: Millis,
    /// Stand-ins for owners took part: it is kept, and promised to no reader.
    pub(crate) is_sloppy: bool,
    /// When and what was answered.
    pub(crate) answer: Option<(Millis, Outcome)>,
    /// On how many owners it was at least when it was promised; 0 when it was not.
    copies: u32,
    /// Nodes that have lost theirs since.
    lost_by: Vec<usize>,
    /// When it was known last that every owner has it, and on how many it surely was before.
    settled: Option<(Millis, u32)>,
}

/// Everything that clients did.
#[derive(Debug, Default)]
pub(crate) struct History {
    records: Vec<Record>,
    by_place: BTreeMap<Place, Vec<RecordId>>,
    keys: Vec<u64>,
    /// Items that somebody tried to take out of a place.
    taken: BTreeSet<(Place, u64)>,
    clears: BTreeMap<Place, Vec<RecordId>>,
    /// Items that somebody tried to give another end, and which ones.
    ends: BTreeMap<u64, Vec<RecordId>>,
    now: Millis,
    /// Records before this one are on every owner, as far as they are on any.
    settled: usize,
}

impl Record {
    /// On how many owners it surely is.
    pub(crate) fn copies(&self) -> u32 {
        self.copies.saturating_sub(u32::try_from(self.lost_by.len()).unwrap_or(u32::MAX))
    }

    /// On how many owners it surely was when somebody asked.
    pub(crate) fn copies_at(&self, asked: Millis) -> u32 {
        match self.settled {
            Some((since, before)) if asked < since => before.min(self.copies()),
            _ => self.copies(),
        }
    }

    /// Says whether it must not be lost.
    pub(crate) fn is_promised(&self) -> bool {
        self.copies() > 0
    }

    /// Says whether it was surely over before another was begun.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        self.answered_well().is_some_and(|at| at < other.asked)
    }

    /// Says whether owners stood for it when somebody asked, not others in their place.
    pub(crate) fn is_at_owners(&self, asked: Millis) -> bool {
        let is_by_now = self.settled.is_some_and(|(since, _)| since <= asked);
        is_by_now || !self.is_sloppy && self.levels.1 != api::Level::Any
    }

    /// Says whether what others kept for its owners may be over its time to live: then it is kept
    /// no longer than no owner is known to have it.
    fn may_have_expired(&self, now: Millis, setup: &Setup) -> bool {
        let lasts_ms = setup.coordination.hint_ttl_ms.saturating_sub(setup.clock_error_ms());
        let answered = self.answered_well();
        let is_over = answered.is_some_and(|at| at.plus(lasts_ms) <= now);
        self.is_sloppy && self.settled.is_none() && is_over
    }

    /// When it was answered, if with success.
    pub(crate) fn answered_well(&self) -> Option<Millis> {
        match &self.answer {
            Some((at, outcome)) if !matches!(outcome, Outcome::Failed(_)) => Some(*at),
            _ => None,
        }
    }
}

impl History {
    pub(crate) const fn set_now(&mut self, now: Millis) {
        self.now = now;
    }

    pub(crate) const fn now(&self) -> Millis {
        self.now
    }

    /// The number that the next record will have.
    pub(crate) fn next_number(&self) -> u64 {
        self.records.len() as u64 + 1
    }

    pub(crate) fn ask(
        &mut self,
        node: usize,
        session: Option<SessionId>,
        deed: Deed,
        levels: (api::Level, api::Level),
        staleness: Option<Staleness>,
    ) -> RecordId {
        let id = RecordId(self.records.len());
        self.by_place.entry(deed.place()).or_default().push(id);
        match deed {
            Deed::Put { place: Place::Key(number), .. } => self.keys.push(number),
            Deed::Take { place, item } => drop(self.taken.insert((place, item))),
            Deed::Clear { place } => self.clears.entry(place).or_default().push(id),
            Deed::Extend { item, .. } => self.ends.entry(item).or_default().push(id),
            _ => {}
        }
        self.records.push(Record {
            node,
            session,
            deed,
            levels,
            staleness,
            asked: self.now,
            is_sloppy: false,
            answer: None,
            copies: 0,
            lost_by: Vec::new(),
            settled: None,
        });
        id
    }

    /// Takes an answer down.
    pub(crate) fn answered(
        &mut self,
        id: RecordId,
        outcome: Outcome,
        is_sloppy: bool,
        setup: &Setup,
    ) {
        let now = self.now;
        let record = &mut self.records[id.0];
        record.is_sloppy = is_sloppy;
        record.copies = match (&record.deed, &outcome) {
            (_, Outcome::Failed(_)) => 0,
            // What acts on what is there, and found nothing, promises nothing.
            (Deed::Take { .. } | Deed::Clear { .. } | Deed::Extend { .. }, found)
                if deeds::found_nothing(found) =>
            {
                0
            }
            _ => setup.copies(record.levels.1),
        };
        record.answer = Some((now, outcome));
    }

    /// A node has lost what it had, as far as it may not have been durable.
    pub(crate) fn wound(&mut self, node: usize, setup: &Setup) {
        for record in &mut self.records {
            if record.may_have_expired(self.now, setup) {
                record.copies = record.copies.min(1);
            }
            // What is still to be answered may count a copy that is gone by then.
            let may_count = record.copies > 0 || record.answer.is_none();
            if may_count && !record.lost_by.contains(&node) {
                record.lost_by.push(node);
            }
        }
        self.settled = 0;
    }

    /// All owners are equal and have the first records on their disks.
    pub(crate) fn settle(&mut self, count: usize, setup: &Setup) {
        let first = self.settled.min(count);
        for record in &mut self.records[first..count] {
            if record.is_promised() {
                record.settled = Some((self.now, record.copies()));
                record.copies = setup.owner_count();
                record.lost_by.clear();
            }
        }
        self.settled = count;
    }

    pub(crate) fn record(&self, id: RecordId) -> &Record {
        &self.records[id.0]
    }

    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    pub(crate) fn promised_count(&self) -> usize {
        self.records.iter().filter(|record| record.answered_well().is_some()).count()
    }

    pub(crate) fn places(&self) -> impl Iterator<Item = Place> + '_ {
        self.by_place.keys().copied()
    }

    /// What was done with a place, in the order of asking.
    pub(crate) fn of(&self, place: Place) -> impl Iterator<Item = &Record> + '_ {
        self.by_place.get(&place).into_iter().flatten().map(|id| self.record(*id))
    }

    /// Says whether somebody tried to take an item out that was put in.
    pub(crate) fn may_be_out(&self, put: &Record) -> bool {
        let Deed::Put { place, item, .. } = put.deed else { return false };
        // Asked before, a clear may still have been done after.
        self.taken.contains(&(place, item))
            || self.clears_of(place).any(|clear| !clear.is_before(put))
    }

    /// Every attempt to empty a place.
    pub(crate) fn clears_of(&self, place: Place) -> impl Iterator<Item = &Record> + '_ {
        self.clears.get(&place).into_iter().flatten().map(|id| self.record(*id))
    }

    /// Every attempt to give an item another end.
    pub(crate) fn extensions(&self, item: u64) -> impl Iterator<Item = &Record> + '_ {
        self.ends.get(&item).into_iter().flatten().map(|id| self.record(*id))
    }

    /// When an item is over: at the earliest, and at the latest, which may be never.
    pub(crate) fn ends_of(&self, put: &Record) -> (Option<Millis>, Option<Millis>) {
        let Deed::Put { item, until, .. } = put.deed else { return (None, None) };
        let others = self.extensions(item).filter_map(|record| match record.deed {
            Deed::Extend { until, .. } => Some(until),
            _ => None,
        });
        let others: Vec<Millis> = others.collect();
        let earliest = others.iter().copied().chain(until).min();
        (earliest, until.map(|until| others.into_iter().fold(until, Millis::max)))
    }

    /// Some item that was put into a place.
    pub(crate) fn item_in(&self, place: Place, rng: &mut Rng) -> Option<u64> {
        let item = |record: &Record| match record.deed {
            Deed::Put { item, .. } => Some(item),
            _ => None,
        };
        let items: Vec<u64> = self.of(place).filter_map(item).collect();
        (!items.is_empty()).then(|| items[rng.usize(0..items.len())])
    }

    /// Some key that was put, most likely one of the last.
    pub(crate) fn key_of_its_own(&self, rng: &mut Rng) -> Option<u64> {
        let last = self.keys.len().checked_sub(1)?;
        let back = rng.usize(0..=last.min(20));
        self.keys.get(last - back).copied()
    }
}
