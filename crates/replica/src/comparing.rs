//! Comparing two replicas version by version, in the ranges where their hash trees differ.
//!
//! Invariant: nothing is judged by absence alone. A version that is known and not live at one side
//! was removed there or lost there; what is found here are suspects, and whoever may have lost a
//! version decides from its own log whether it takes the version back.

use std::collections::BTreeMap;

use causality::{Dot, Millis};
use cells::{CellAddress, OwnedCellAddress};
use storage::Store;
use wire::shard::{LostVersion, Names, StateCell, StateCellsWanted, StateVersion};

use crate::error::ReplicaError;
use crate::format::decode_cell;
use crate::giving::{Cut, ImageRow, Picker, state_version};
use crate::image::Image;
use crate::replica::Replica;
use crate::rows::split_group;

/// Versions that one of two replicas seems to have lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Live there; known here, removed by nothing that is known here alone, and not live.
    pub lost_here: Vec<LostVersion>,
    /// Live here; known there, and not live there.
    pub lost_there: Vec<LostVersion>,
}

/// The live versions of a range: dots and expiries, by cell.
type Live = BTreeMap<OwnedCellAddress, Vec<(Dot, Option<Millis>)>>;

impl Replica {
    /// Names what is live in a range, as it is now.
    ///
    /// # Errors
    /// The store failed, or this replica cannot vouch for its rows at the moment.
    pub fn names<S: Store>(
        &self,
        store: &mut S,
        wanted: &StateCellsWanted,
    ) -> Result<Names, ReplicaError> {
        self.check_serving()?;
        let nothing = Image::default();
        let (rows, cut) = Picker::new(&nothing, wanted).read(store, self.shard)?;
        let mut cells = Vec::with_capacity(rows.len());
        for (group, column, bytes) in &rows {
            let held = decode_cell(bytes).map_err(|source| self.damaged("row", source))?;
            let versions = held.live.iter().map(|one| state_version(one, wanted.detail)).collect();
            let gone = causality::Dots::new();
            cells.push(StateCell { cell: address_of(group, column), versions, gone });
        }
        let last = cells.last().map(|cell| cell.cell.clone());
        let next = if cut == Cut::AtBudget { last } else { None };
        Ok(Names { clock: self.whole_clock(), horizon: self.horizon(), next, cells })
    }

    /// Compares what is live here with what a peer has named for the same question.
    ///
    /// # Errors
    /// The store failed, or this replica cannot vouch for its rows at the moment.
    pub fn differences<S: Store>(
        &self,
        store: &mut S,
        wanted: &StateCellsWanted,
        names: &Names,
    ) -> Result<Differences, ReplicaError> {
        self.check_serving()?;
        let mine = self.live_until(store, wanted, names.next.as_ref())?;
        let theirs: Live = names
            .cells
            .iter()
            .map(|cell| (cell.cell.clone(), cell.versions.iter().map(named).collect()))
            .collect();
        let mut found = Differences::default();
        for (cell, dot) in only_in(&theirs, &mine, self.horizon()) {
            // One whose own side knows why it is not live is not asked for.
            if self.is_applied(dot) && !self.may_be_removed(store, cell.borrow(), &names.clock)? {
                found.lost_here.push(LostVersion { cell: cell.clone(), dot });
            }
        }
        for (cell, dot) in only_in(&mine, &theirs, names.horizon) {
            if names.clock.contains(dot) {
                found.lost_there.push(LostVersion { cell: cell.clone(), dot });
            }
        }
        Ok(found)
    }

    fn live_until<S: Store>(
        &self,
        store: &mut S,
        wanted: &StateCellsWanted,
        last: Option<&OwnedCellAddress>,
    ) -> Result<Live, ReplicaError> {
        let nothing = Image::default();
        let unbounded = StateCellsWanted { budget: u32::MAX, ..wanted.clone() };
        let picker = Picker::new(&nothing, &unbounded).until(last);
        let (rows, _): (Vec<ImageRow>, Cut) = picker.read(store, self.shard)?;
        let mut live = Live::new();
        for (group, column, bytes) in &rows {
            let held = decode_cell(bytes).map_err(|source| self.damaged("row", source))?;
            let versions = held.live.iter().map(|one| (one.dot, one.expiry)).collect();
            live.insert(address_of(group, column), versions);
        }
        Ok(live)
    }
}

/// The versions of one side that the other does not have, those apart that expire by its horizon.
fn only_in<'a>(
    one: &'a Live,
    other: &'a Live,
    horizon: Millis,
) -> impl Iterator<Item = (&'a OwnedCellAddress, Dot)> {
    let is_there = |cell: &OwnedCellAddress, dot: Dot| {
        other.get(cell).is_some_and(|held| held.iter().any(|(held, _)| *held == dot))
    };
    let all = one.iter().flat_map(|(cell, versions)| versions.iter().map(move |v| (cell, v)));
    all.filter(move |(cell, (dot, expiry))| {
        !expiry.is_some_and(|expiry| expiry <= horizon) && !is_there(cell, *dot)
    })
    .map(|(cell, (dot, _))| (cell, *dot))
}

const fn named(version: &StateVersion) -> (Dot, Option<Millis>) {
    (version.dot, version.expiry)
}

fn address_of(group: &[u8], column: &[u8]) -> OwnedCellAddress {
    let (key, _) = split_group(group).expect("the picker keeps rows of client keys");
    CellAddress { key, column }.into()
}
