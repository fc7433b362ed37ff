//! Taking over another replica's state: staged, then published as one.
//!
//! Used when the log no longer tells what is missing, and by replicas that start empty. While it
//! lasts this replica changes nothing else, so what was compared stays what is published. In the
//! published join, absence at the source means deletion: legal only because the image is frozen
//! and verified, and because clock and cells are published together.

use std::collections::BTreeMap;

use causality::{Dot, Millis};
use cells::{Cell, CellAddress, CellHash, Family, OwnedCellAddress, Version, element_digest};
use merkle::HashRange;
use storage::{Row, ScanControl, Store};
use wire::shard::{StateCell, StateCells, StateOpened};

use crate::clears::Clear;
use crate::error::ReplicaError;
use crate::format::decode_cell;
use crate::mutation::Mutation;
use crate::replica::{Condition, Replica};
use crate::rows::{is_cell_column, split_group};

/// What has been staged so far.
#[derive(Debug)]
pub struct StateTaking {
    opened: StateOpened,
    ranges: Vec<HashRange>,
    staged: BTreeMap<OwnedCellAddress, StateCell>,
}

/// Every key.
pub const EVERY_KEY: HashRange = HashRange { first: 0, last: u64::MAX };

impl StateTaking {
    /// Adds cells of the image, with their values; the last ones of a range complete it: what is
    /// not staged there is absent at the source.
    ///
    /// # Errors
    /// Cells of another image, or a range that does not add up: give up and start again.
    pub fn stage(&mut self, range: HashRange, cells: StateCells) -> Result<(), ReplicaError> {
        if cells.session != self.opened.session {
            return Err(ReplicaError::Unexpected("cells of another image"));
        }
        self.staged.extend(cells.cells.into_iter().map(|cell| (cell.cell.clone(), cell)));
        if cells.next.is_none() {
            if self.sum_of(range) != cells.digest {
                return Err(ReplicaError::ImageDamaged);
            }
            self.ranges.push(range);
        }
        Ok(())
    }

    /// Returns what the source said about its image.
    #[must_use]
    pub const fn opened(&self) -> &StateOpened {
        &self.opened
    }

    fn is_in_range(&self, hash: u64) -> bool {
        self.ranges.iter().any(|range| range.contains(hash))
    }

    fn sum_of(&self, range: HashRange) -> u128 {
        let mut sum = 0u128;
        for cell in self.staged.values() {
            let address = cell.cell.borrow();
            if range.contains(address.key.hash()) {
                let hash = CellHash::new(address);
                let digests = cell.versions.iter().map(|v| element_digest(hash, v.dot));
                sum = digests.fold(sum, u128::wrapping_add);
            }
        }
        sum
    }
}

impl Replica {
    /// Starts to take over the state of an image; nothing else changes here until it is published
    /// or given up.
    ///
    /// # Errors
    /// The image's horizon lies in this node's future; or this replica holds operations of an
    /// actor that was retired without them: they must be minted anew first.
    pub fn begin_taking<S: Store>(
        &mut self,
        store: &mut S,
        now: Millis,
        opened: StateOpened,
    ) -> Result<StateTaking, ReplicaError> {
        self.adopt_horizon(store, now, opened.horizon)?;
        if self.state.horizon != opened.horizon {
            return Err(ReplicaError::Unexpected("image behind this replica's horizon"));
        }
        if let Some(dot) = self.unknown_to_sealed(&opened) {
            return Err(ReplicaError::Sealed { dot });
        }
        self.condition = Condition::Fetching;
        Ok(StateTaking { opened, ranges: Vec::new(), staged: BTreeMap::new() })
    }

    /// Gives up: what was staged is dropped, this replica is as it was.
    pub fn give_up_taking(&mut self) {
        self.condition = Condition::Serving;
    }

    /// Publishes what was staged: rows, clock and floors together. The clock must not be told to
    /// others before the store has made a checkpoint of it.
    ///
    /// # Errors
    /// The store failed midway: open the replica again from its last checkpoint.
    #[expect(clippy::needless_pass_by_value, reason = "a taking is published once")]
    pub fn publish<S: Store>(
        &mut self,
        store: &mut S,
        taking: StateTaking,
    ) -> Result<(), ReplicaError> {
        assert_eq!(self.condition, Condition::Fetching, "published without taking");
        let mut theirs = taking.opened.applied.clone();
        taking.opened.sealed.add_to(&mut theirs);
        for (address, mine) in self.cells_to_join(store, &taking)? {
            let old = decode_cell(&mine).map_err(|source| self.damaged("row", source))?;
            let given = taking.staged.get(&address);
            let new = self.join(address.borrow(), &old, given, |dot| theirs.contains(dot));
            self.replace_cell(store, address.borrow(), &old, &new)?;
        }
        if !self.is_mutated(Mutation::FloorsNotRaised) {
            self.raise_floors(&taking.opened);
        }
        self.join_clock(&taking.opened);
        self.drop_index();
        self.join_clears(store, &taking.opened)?;
        self.condition = Condition::Serving;
        for (actor, counters) in taking.opened.sealed.iter() {
            self.trim_clears(actor, counters);
            self.drop_lost_gone(store, actor, counters)?;
        }
        self.seal_what_has_come(store)?;
        self.drain_gone(store)
    }

    fn unknown_to_sealed(&self, opened: &StateOpened) -> Option<Dot> {
        opened.sealed.iter().find_map(|(actor, theirs)| {
            let extra = self.state.counters(actor).difference(theirs);
            extra.first().map(|run| Dot::new(actor, run.first))
        })
    }

    /// The cells that either side holds in the ranges that differ, with the rows held here.
    fn cells_to_join<S: Store>(
        &self,
        store: &mut S,
        taking: &StateTaking,
    ) -> Result<BTreeMap<OwnedCellAddress, Vec<u8>>, ReplicaError> {
        let absent = || vec![0];
        let mut rows: BTreeMap<OwnedCellAddress, Vec<u8>> =
            taking.staged.keys().map(|cell| (cell.clone(), absent())).collect();
        store.scan_shard(self.shard, &[], &mut |row: Row<'_>, bytes| {
            if let Some((key, hash)) = split_group(row.group)
                && is_cell_column(row.column)
                && taking.is_in_range(hash)
            {
                let cell = CellAddress { key, column: row.column };
                rows.insert(cell.into(), bytes.to_vec());
            }
            ScanControl::Continue
        })?;
        Ok(rows)
    }

    /// Joins one cell: a version held by one side stays unless the other side knows its dot.
    fn join<'a>(
        &self,
        address: CellAddress<'_>,
        mine: &Cell<'a>,
        given: Option<&'a StateCell>,
        is_known_there: impl Fn(Dot) -> bool,
    ) -> Cell<'a> {
        let mut joined = mine.clone();
        let gone_there = |dot: Dot| given.is_some_and(|given| given.gone.contains(&dot));
        let live_there =
            |dot: Dot| given.is_some_and(|given| given.versions.iter().any(|v| v.dot == dot));
        joined.live.retain(|version| {
            live_there(version.dot) || !(is_known_there(version.dot) || gone_there(version.dot))
        });
        let is_clearable = address.family().is_none_or(Family::is_clearable);
        for version in given.map(|given| &given.versions[..]).unwrap_or_default() {
            let is_known_here = self.state.is_applied(version.dot)
                || (!self.is_mutated(Mutation::JoinIgnoresGone)
                    && mine.gone.contains(&version.dot))
                || (is_clearable
                    && !self.is_mutated(Mutation::JoinIgnoresClears)
                    && self.clears().cover(address.key, version.dot));
            let Some(payload) = version.payload.as_deref() else { continue };
            // A source that names a version twice is wrong, and not worth a panic.
            if !is_known_here && joined.version(version.dot).is_none() {
                let (dot, time, expiry) = (version.dot, version.time, version.expiry);
                joined.put(Version { dot, time, expiry, payload });
            }
        }
        for dot in given.map(|given| &given.gone[..]).unwrap_or_default() {
            if !self.state.is_applied(*dot) && !self.state.sealed.is_retired(dot.actor) {
                joined.mark_gone(*dot);
            }
        }
        joined.gone.retain(|dot| !is_known_there(*dot));
        joined
    }

    /// Dots that came without log entries lie below the floor from now on.
    fn raise_floors(&mut self, opened: &StateOpened) {
        let mine = self.state.whole_clock();
        let mut theirs = opened.applied.clone();
        opened.sealed.add_to(&mut theirs);
        for (actor, runs) in theirs.difference(&mine) {
            let highest = runs.last().map_or(0, |run| run.last);
            let floor = self.state.floors.entry(actor).or_default();
            *floor = highest.max(*floor);
        }
    }

    fn join_clock(&mut self, opened: &StateOpened) {
        self.state.applied.union(&opened.applied);
        for (actor, counters) in opened.sealed.iter() {
            self.state.sealed.insert(actor, counters.clone());
            self.state.freezes.remove(&actor);
        }
        // An actor sealed on one side may still be open on the other: sealed wins, and it has all.
        let sealed: Vec<_> = self.state.sealed.iter().map(|(actor, _)| actor).collect();
        for actor in sealed {
            self.state.applied.remove(actor);
        }
    }

    fn join_clears<S: Store>(
        &mut self,
        store: &mut S,
        opened: &StateOpened,
    ) -> Result<(), ReplicaError> {
        for clear in &opened.clears {
            let clear = Clear {
                keyspace: clear.cell.keyspace,
                key: clear.cell.key.to_vec(),
                dot: clear.dot,
                covered: clear.covered.clone(),
            };
            self.drop_covered(store, &clear)?;
            self.state.clears.add(clear);
        }
        self.retire_clears();
        Ok(())
    }

    /// Cells outside the ranges that differ may hold gone dots that the new clock knows.
    fn drain_gone<S: Store>(&mut self, store: &mut S) -> Result<(), ReplicaError> {
        for cell in self.cells_with_gone(store)? {
            let bytes = self.read_row(store, cell.borrow())?;
            let old = decode_cell(&bytes).map_err(|source| self.damaged("row", source))?;
            let mut new = old.clone();
            new.gone.retain(|dot| !self.state.is_applied(*dot));
            self.replace_cell(store, cell.borrow(), &old, &new)?;
        }
        Ok(())
    }
}
