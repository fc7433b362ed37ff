//! Writing out the rows as they were when a checkpoint began, and letting clean rows go.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};

use hashbrown::HashMap;

use super::group::{Epoch, Group};
use super::{Rows, row_bytes};
use crate::store::Row;

/// Values of one shard by group and column. The groups are looked up and never walked in order.
type StashedGroups = HashMap<Vec<u8>, StashedColumns>;

/// Columns of one group, in order. Most groups have one row, for which a map would be large.
#[derive(Debug)]
enum StashedColumns {
    One(Vec<u8>, Option<Vec<u8>>),
    Many(BTreeMap<Vec<u8>, Option<Vec<u8>>>),
}

/// A checkpoint that is being written.
#[derive(Debug)]
pub(crate) struct Freeze {
    /// Rows of this epoch and before are clean.
    flushed: Epoch,
    /// Changed rows of this epoch and before are frozen.
    epoch: Epoch,
    /// Rows of shards before this one are written,
    shard: u32,
    /// and of this one those up to here.
    within: Option<Reached>,
    /// Frozen values of rows that were changed before their turn.
    stash: BTreeMap<u16, StashedGroups>,
    /// Memory of the stash, estimated.
    pub(super) stash_bytes: usize,
}

/// How far a shard is written: groups before this one, and of it the columns up to and including
/// one, or all of them.
#[derive(Clone, Debug)]
struct Reached {
    group: Vec<u8>,
    column: Option<Vec<u8>>,
}

/// Looking at a group that has nothing to write counts as so many bytes of a slice.
const LOOK_BYTES: usize = 32;

/// Whether there are more frozen rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slice {
    More,
    Last,
}

impl Freeze {
    /// Keeps the frozen value of a row that is about to change.
    pub(super) fn keep(&mut self, group: &Group, row: Row<'_>) {
        let Some((epoch, value)) = group.row(row.column) else { return };
        if self.is_frozen(epoch) && !self.is_done(row) {
            let groups = self.stash.entry(row.shard).or_default();
            let (column, kept) = (row.column.to_vec(), value.map(<[u8]>::to_vec));
            match groups.get_mut(row.group) {
                Some(columns) => columns.add(column, kept),
                None => drop(groups.insert(row.group.to_vec(), StashedColumns::One(column, kept))),
            }
            self.stash_bytes += row_bytes(row, value.map_or(0, <[u8]>::len));
        }
    }

    fn is_frozen(&self, epoch: Epoch) -> bool {
        epoch > self.flushed && epoch <= self.epoch
    }

    fn is_done(&self, row: Row<'_>) -> bool {
        let is_within = |reached: &Reached| match row.group.cmp(&reached.group) {
            Ordering::Less => true,
            Ordering::Equal => {
                reached.column.as_ref().is_none_or(|column| row.column <= &column[..])
            }
            Ordering::Greater => false,
        };
        match u32::from(row.shard).cmp(&self.shard) {
            Ordering::Less => true,
            Ordering::Equal => self.within.as_ref().is_some_and(is_within),
            Ordering::Greater => false,
        }
    }

    pub(super) fn drop_shard(&mut self, shard: u16) {
        for (group, columns) in self.stash.remove(&shard).into_iter().flatten() {
            self.stash_bytes -= stashed_bytes(shard, &group, &columns);
        }
    }

    /// Lets go what was kept of a group that is written: all of it at the end would take long.
    fn release(&mut self, shard: u16, group: &[u8]) {
        let groups = self.stash.get_mut(&shard);
        if let Some(columns) = groups.and_then(|groups| groups.remove(group)) {
            self.stash_bytes -= stashed_bytes(shard, group, &columns);
        }
    }

    /// Returns a group's stashed rows behind a column, in order.
    fn stashed<'a>(
        &'a self,
        shard: u16,
        group: &[u8],
        behind: Bound<&'a [u8]>,
    ) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        let columns = self.stash.get(&shard).and_then(|groups| groups.get(group));
        columns.into_iter().flat_map(move |columns| columns.range((behind, Bound::Unbounded)))
    }
}

impl Rows {
    /// Freezes all rows changed since the last checkpoint.
    pub(crate) fn freeze(&mut self) {
        assert!(self.freeze.is_none(), "one checkpoint at a time");
        self.freeze = Some(Freeze {
            flushed: self.flushed,
            epoch: self.epoch,
            shard: 0,
            within: None,
            stash: BTreeMap::new(),
            stash_bytes: 0,
        });
        self.epoch += 1;
        self.changed_bytes = 0;
        self.changed_count = 0;
    }

    /// The frozen rows are in a durable table: they are clean.
    pub(crate) fn freeze_done(&mut self) {
        let freeze = self.freeze.take().expect("a freeze is ended once");
        self.flushed = freeze.epoch;
        self.eviction.fruitless = 0;
    }

    /// The frozen rows are in no durable table: they count as changed again.
    pub(crate) fn freeze_failed(&mut self) {
        if let Some(freeze) = self.freeze.take() {
            // What was new to the order then is not all that will be new next time.
            let shard = u16::try_from(freeze.shard).ok();
            if let Some(rows) = shard.and_then(|shard| self.shards.held.get_mut(shard)) {
                let before = rows.overhead_bytes();
                rows.stop_tidying();
                self.bytes = self.bytes + rows.overhead_bytes() - before;
            }
            self.changed_bytes = self.bytes;
            self.changed_count = self.bytes / 128;
        }
    }

    /// Hands out the next frozen rows in order, about `bytes_max` of them.
    pub(crate) fn frozen<E>(
        &mut self,
        bytes_max: usize,
        mut emit: impl FnMut(Row<'_>, Option<&[u8]>) -> Result<(), E>,
    ) -> Result<Slice, E> {
        let mut freeze = self.freeze.take().expect("rows are handed out of a freeze");
        let mut left = bytes_max;
        let outcome = loop {
            let from = u16::try_from(freeze.shard).ok();
            let Some(shard) = from.and_then(|from| self.shards.held.first_from(from)) else {
                break Ok(Slice::Last);
            };
            match self.frozen_shard(shard, &mut freeze, &mut left, &mut emit) {
                Ok(Slice::Last) => (freeze.shard, freeze.within) = (u32::from(shard) + 1, None),
                other => break other,
            }
        };
        self.freeze = Some(freeze);
        outcome
    }

    fn frozen_shard<E>(
        &mut self,
        shard: u16,
        freeze: &mut Freeze,
        left: &mut usize,
        emit: &mut impl FnMut(Row<'_>, Option<&[u8]>) -> Result<(), E>,
    ) -> Result<Slice, E> {
        if u32::from(shard) != freeze.shard {
            (freeze.shard, freeze.within) = (u32::from(shard), None);
        }
        // Groups that come later are not frozen: their order does not matter here.
        if freeze.within.is_none() && !self.tidy_some(shard, left) {
            return Ok(Slice::More);
        }
        let rows = self.shards.held.get_mut(shard).expect("the shard was found just now");
        let resumed = freeze.within.clone();
        let from = resumed.as_ref().map_or(&[][..], |reached| &reached.group);
        let mut place = rows.place(from);
        while let Some(slot) = rows.at_place_of(place, |group| group.epoch > self.flushed) {
            place += 1;
            let group = rows.group_mut(slot);
            if group.is_gone() {
                // Another group with its key may be next to it: neither may stand for the other.
                continue;
            }
            let behind = resumed.as_ref().filter(|reached| reached.group == group.key());
            if behind.is_some_and(|reached| reached.column.is_none()) {
                continue;
            }
            if group.epoch <= self.flushed {
                *left = left.saturating_sub(LOOK_BYTES);
                if *left == 0 {
                    freeze.within = Some(Reached { group: group.key().to_vec(), column: None });
                    return Ok(Slice::More);
                }
                continue;
            }
            if behind.is_none() {
                let before = group.bytes();
                group.remove_tombstones(self.flushed);
                self.bytes = self.bytes + group.bytes() - before;
            }
            group.is_absent_below = false;
            let behind = behind.and_then(|reached| reached.column.as_deref());
            let stopped = frozen_group(group, shard, behind, freeze, left, emit)?;
            if let Some(column) = stopped {
                freeze.within = Some(Reached { group: group.key().to_vec(), column: Some(column) });
                return Ok(Slice::More);
            }
            freeze.release(shard, group.key());
        }
        Ok(Slice::Last)
    }
}

impl StashedColumns {
    fn add(&mut self, column: Vec<u8>, value: Option<Vec<u8>>) {
        if let Self::One(first, kept) = self {
            let first = (std::mem::take(first), kept.take());
            *self = Self::Many(BTreeMap::from([first]));
        }
        let Self::Many(columns) = self else { unreachable!("it was made into many just now") };
        let old = columns.insert(column, value);
        assert!(old.is_none(), "a row is frozen until it is changed once");
    }

    fn range<'a>(
        &'a self,
        range: (Bound<&[u8]>, Bound<&[u8]>),
    ) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        let (one, many) = match self {
            Self::One(column, value) => {
                let is_in = range.contains(&column[..]);
                (is_in.then_some((&column[..], value.as_deref())), None)
            }
            Self::Many(columns) => (None, Some(columns.range::<[u8], _>(range))),
        };
        let many = many.into_iter().flatten();
        one.into_iter().chain(many.map(|(column, value)| (&column[..], value.as_deref())))
    }
}

fn stashed_bytes(shard: u16, group: &[u8], columns: &StashedColumns) -> usize {
    let bytes = |(column, value): (&[u8], Option<&[u8]>)| {
        row_bytes(Row { shard, group, column }, value.map_or(0, <[u8]>::len))
    };
    columns.range((Bound::Unbounded, Bound::Unbounded)).map(bytes).sum()
}

/// Hands out the frozen rows of one group behind a column, and returns where it stopped if it did.
fn frozen_group<E>(
    group: &Group,
    shard: u16,
    behind: Option<&[u8]>,
    freeze: &Freeze,
    left: &mut usize,
    emit: &mut impl FnMut(Row<'_>, Option<&[u8]>) -> Result<(), E>,
) -> Result<Option<Vec<u8>>, E> {
    let start = behind.map_or(Bound::Unbounded, Bound::Excluded);
    let held = group.columns((start, Bound::Unbounded));
    let mut held = held.filter(|(_, epoch, _)| freeze.is_frozen(*epoch));
    let mut stashed = freeze.stashed(shard, group.key(), start);
    let mut next_held = held.next();
    let mut next_stashed = stashed.next();
    loop {
        let is_stashed_first = match (&next_held, &next_stashed) {
            (Some((one, _, _)), Some((other, _))) => other < one,
            (None, Some(_)) => true,
            (Some(_), None) => false,
            (None, None) => return Ok(None),
        };
        let (column, value) = if is_stashed_first {
            std::mem::replace(&mut next_stashed, stashed.next()).expect("it was compared just now")
        } else {
            let next = std::mem::replace(&mut next_held, held.next());
            let (column, _, value) = next.expect("it was compared just now");
            (column, value)
        };
        let row = Row { shard, group: group.key(), column };
        emit(row, value)?;
        let bytes = row_bytes(row, value.map_or(0, <[u8]>::len));
        *left = left.saturating_sub(bytes);
        if *left == 0 {
            return Ok(Some(column.to_vec()));
        }
    }
}
