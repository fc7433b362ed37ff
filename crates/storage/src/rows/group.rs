//! The rows of one group in memory: one row inline, or many in an ordered map.
//!
//! Most groups are plain keys with one row, so that row shares one allocation with its group.
//! Each row remembers the epoch of its last change; see the parent module.

use std::collections::{BTreeMap, btree_map};
use std::ops::{Bound, RangeBounds};

use super::one::One;

/// Counts the checkpoints begun; a row changed in an earlier epoch than the running one is older.
pub(crate) type Epoch = u32;

/// The epoch of rows that came from the tables.
pub(crate) const LOADED: Epoch = 0;

/// The value of a row, or the fact that it was removed.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) epoch: Epoch,
    pub(crate) value: Option<Vec<u8>>,
}

/// A group and what is known of its rows.
#[derive(Debug)]
pub(crate) struct Group {
    /// The newest epoch of any row.
    pub(crate) epoch: Epoch,
    /// Used since the evicting hand last passed.
    pub(crate) is_used: bool,
    /// All live rows of the group are here; the tables need not be asked.
    pub(crate) is_complete: bool,
    /// No table has rows of the group; a removed row needs no tombstone.
    pub(crate) is_absent_below: bool,
    pub(crate) body: Body,
}

#[derive(Debug)]
pub(crate) enum Body {
    One(One),
    Many(Box<Many>),
    /// The group is no longer here; its key keeps the order of slots sound until the next tidying.
    Gone(Box<[u8]>),
}

/// Rows by column.
#[derive(Debug)]
pub(crate) struct Many {
    pub(crate) group: Box<[u8]>,
    pub(crate) columns: BTreeMap<Box<[u8]>, Cell>,
    /// Memory of keys and values.
    pub(crate) bytes: usize,
}

/// What a group knows of a row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is here.
    Live,
    /// It is here, and short: its value was copied to whoever asked.
    Copied,
    Removed,
    Nothing,
}

/// Memory of a map entry beside its key and value, estimated.
const CELL_BYTES: usize = 72;
/// The longest value that is copied rather than looked up twice.
const SHORT_SIZE_MAX: usize = 1024;
/// A collection of more rows than this goes from memory in parts.
const WHOLE_MAX: usize = 1024;

/// Two groups fill one line of memory, and none begins in one and ends in another.
const _: () = assert!(size_of::<Group>() == 32);

impl Many {
    fn from_one(one: &One, epoch: Epoch) -> Self {
        let columns = BTreeMap::new();
        let mut many = Self { group: one.group().into(), columns, bytes: one.group().len() };
        let (column, value) = one.row();
        many.insert(column, Cell { epoch, value: value.map(<[u8]>::to_vec) });
        many
    }

    pub(crate) fn insert(&mut self, column: &[u8], cell: Cell) {
        self.bytes += CELL_BYTES + allocated(column.len()) + value_bytes(&cell);
        let old = self.columns.insert(column.into(), cell);
        assert!(old.is_none(), "only new columns are inserted");
    }

    pub(crate) fn remove(&mut self, column: &[u8]) -> Option<Cell> {
        let cell = self.columns.remove(column)?;
        self.bytes -= CELL_BYTES + allocated(column.len()) + value_bytes(&cell);
        Some(cell)
    }

    /// Lets clean rows go behind a column, after looking at so many at most; says where it stopped.
    fn release(
        &mut self,
        flushed: Epoch,
        behind: Bound<&[u8]>,
        looked_at_max: usize,
    ) -> Option<Box<[u8]>> {
        let mut looked_at = self.columns.range::<[u8], _>((behind, Bound::Unbounded));
        let next: Vec<_> = looked_at.by_ref().take(looked_at_max).collect();
        let stopped = looked_at.next().and(next.last()).map(|(column, _)| (*column).clone());
        let clean = next.into_iter().filter(|(_, cell)| cell.epoch <= flushed);
        let clean: Vec<Box<[u8]>> = clean.map(|(column, _)| column.clone()).collect();
        for column in clean {
            self.remove(&column);
        }
        stopped
    }

    fn remove_tombstones(&mut self, flushed: Epoch) {
        let bytes = &mut self.bytes;
        self.columns.retain(|column, cell| {
            let goes = cell.value.is_none() && cell.epoch <= flushed;
            if goes {
                *bytes -= CELL_BYTES + allocated(column.len());
            }
            !goes
        });
    }
}

fn value_bytes(cell: &Cell) -> usize {
    cell.value.as_ref().map_or(0, |value| allocated(value.capacity()))
}

/// Memory that an allocator takes for so many bytes, estimated: its sizes come in steps of a
/// quarter of a power of two.
fn allocated(bytes: usize) -> usize {
    let step = (bytes.next_power_of_two() / 8).max(8);
    bytes.next_multiple_of(step)
}

impl Group {
    pub(crate) fn key(&self) -> &[u8] {
        match &self.body {
            Body::One(one) => one.group(),
            Body::Many(many) => &many.group,
            Body::Gone(key) => key,
        }
    }

    /// Reads a little of the group, so that the rest is at hand soon.
    pub(crate) fn touch(&self) {
        match &self.body {
            Body::One(one) => one.touch(),
            Body::Many(many) => drop(std::hint::black_box(many.group.first())),
            Body::Gone(_) => {}
        }
    }

    const fn is_collection(&self) -> bool {
        matches!(self.body, Body::Many(_))
    }

    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.body, Body::Gone(_))
    }

    /// Memory held beside the slot itself.
    pub(crate) fn bytes(&self) -> usize {
        match &self.body {
            Body::One(one) => allocated(one.capacity()),
            Body::Many(many) => many.bytes,
            Body::Gone(key) => key.len(),
        }
    }

    /// Says what is known of a row. To look a row of a collection up takes longer than to copy a
    /// short value, so such a value is copied to `short` and need not be looked up again.
    pub(crate) fn known(&self, column: &[u8], short: &mut Vec<u8>) -> Known {
        match self.row(column) {
            Some((_, Some(value))) if self.is_collection() && value.len() <= SHORT_SIZE_MAX => {
                short.clear();
                short.extend_from_slice(value);
                Known::Copied
            }
            Some((_, Some(_))) => Known::Live,
            Some((_, None)) => Known::Removed,
            None if self.is_complete => Known::Removed,
            None => Known::Nothing,
        }
    }

    pub(crate) fn value(&self, column: &[u8]) -> Option<&[u8]> {
        self.row(column)?.1
    }

    /// The epoch of a row's last change, and its value, when the row is known here.
    pub(crate) fn row(&self, column: &[u8]) -> Option<(Epoch, Option<&[u8]>)> {
        match &self.body {
            Body::One(one) => {
                let (held, value) = one.row();
                (held == column).then_some((self.epoch, value))
            }
            Body::Many(many) => {
                let cell = many.columns.get(column)?;
                Some((cell.epoch, cell.value.as_deref()))
            }
            Body::Gone(_) => None,
        }
    }

    /// Writes a row that is known here or not, and returns the epoch of its change before.
    pub(crate) fn set(
        &mut self,
        column: &[u8],
        value: Option<&[u8]>,
        epoch: Epoch,
    ) -> Option<Epoch> {
        self.is_used = true;
        if let Body::One(one) = &mut self.body {
            if one.row().0 == column {
                one.set(value);
                return Some(std::mem::replace(&mut self.epoch, epoch));
            }
            self.body = Body::Many(Box::new(Many::from_one(one, self.epoch)));
        }
        self.epoch = self.epoch.max(epoch);
        let Body::Many(many) = &mut self.body else {
            unreachable!("a group that is gone is not found")
        };
        let Some(cell) = many.columns.get_mut(column) else {
            many.insert(column, Cell { epoch, value: value.map(<[u8]>::to_vec) });
            return None;
        };
        many.bytes -= value_bytes(cell);
        let before = std::mem::replace(&mut cell.epoch, epoch);
        match (&mut cell.value, value) {
            (Some(held), Some(value)) => {
                held.clear();
                held.extend_from_slice(value);
            }
            (held, value) => *held = value.map(<[u8]>::to_vec),
        }
        many.bytes += value_bytes(cell);
        Some(before)
    }

    /// Walks the rows within a range of columns; removed rows are `None`.
    pub(crate) fn columns(&self, range: (Bound<&[u8]>, Bound<&[u8]>)) -> Columns<'_> {
        match &self.body {
            Body::One(one) => {
                let (column, value) = one.row();
                let is_in = range.contains(column);
                Columns::One(is_in.then_some((column, self.epoch, value)))
            }
            Body::Many(many) if !is_empty(&range) => {
                Columns::Many(many.columns.range::<[u8], _>(range))
            }
            _ => Columns::One(None),
        }
    }

    /// Says whether the group has so many rows that it goes from memory in parts.
    pub(crate) fn goes_in_parts(&self) -> bool {
        matches!(&self.body, Body::Many(many) if many.columns.len() > WHOLE_MAX)
    }

    /// Lets some clean rows of a collection go, those behind a column first; says where it stopped,
    /// nothing at the end of the collection.
    pub(crate) fn release(&mut self, flushed: Epoch, behind: Option<&[u8]>) -> Option<Box<[u8]>> {
        let Body::Many(many) = &mut self.body else { return None };
        let (before, start) =
            (many.columns.len(), behind.map_or(Bound::Unbounded, Bound::Excluded));
        let stopped = many.release(flushed, start, WHOLE_MAX);
        if many.columns.len() < before {
            self.is_complete = false;
        }
        stopped
    }

    /// Forgets removed rows that the tables know as removed.
    pub(crate) fn remove_tombstones(&mut self, flushed: Epoch) {
        if let Body::Many(many) = &mut self.body {
            many.remove_tombstones(flushed);
        }
    }

    /// Takes a row away altogether. True when the group has no rows left.
    pub(crate) fn take(&mut self, column: &[u8]) -> bool {
        match &mut self.body {
            Body::One(one) => one.row().0 == column,
            Body::Many(many) => {
                many.remove(column);
                many.columns.is_empty()
            }
            Body::Gone(_) => false,
        }
    }
}

/// A column, the epoch of its last change, and its value when it was not removed.
pub(crate) type Column<'a> = (&'a [u8], Epoch, Option<&'a [u8]>);

/// An iterator over the rows of a group, from either end.
pub(crate) enum Columns<'a> {
    One(Option<Column<'a>>),
    Many(btree_map::Range<'a, Box<[u8]>, Cell>),
}

impl<'a> Iterator for Columns<'a> {
    type Item = Column<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::One(one) => one.take(),
            Self::Many(range) => range.next().map(column),
        }
    }
}

impl DoubleEndedIterator for Columns<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match self {
            Self::One(one) => one.take(),
            Self::Many(range) => range.next_back().map(column),
        }
    }
}

#[expect(clippy::borrowed_box, reason = "an entry of the map as the map hands it out")]
fn column<'a>((column, cell): (&'a Box<[u8]>, &'a Cell)) -> Column<'a> {
    (column, cell.epoch, cell.value.as_deref())
}

/// Says whether a range is one that an ordered map refuses or that holds nothing.
fn is_empty(range: &(Bound<&[u8]>, Bound<&[u8]>)) -> bool {
    match range {
        (Bound::Excluded(start), Bound::Excluded(end)) => start >= end,
        (Bound::Included(start) | Bound::Excluded(start), Bound::Included(end))
        | (Bound::Included(start), Bound::Excluded(end)) => start > end,
        _ => false,
    }
}
