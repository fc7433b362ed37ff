//! The list: one cell for each element, by position; concurrent pushes all survive, in one order.
//!
//! An element that is written and removed concurrently stays; one that is popped at two replicas
//! at once is handed out twice.

use causality::Dots;

use super::walk::{walk, walk_back};
use super::{Draft, TypeError, between};
use crate::{Cell, Family, KeyAddress, ReadCells, ReadControl};

/// Which end of the list, or which way through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The first element, and on from there.
    Front,
    /// The last element, and back from there.
    Back,
}

/// Where a new element goes, seen from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Just before it.
    Before,
    /// Just behind it.
    Behind,
}

/// One element as one replica shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    position: Vec<u8>,
    value: Vec<u8>,
    dots: Dots,
}

impl Item {
    fn of(position: &[u8], cell: &Cell<'_>) -> Self {
        let value = cell.winner().map(|version| version.payload.to_vec()).unwrap_or_default();
        Self { position: position.to_vec(), value, dots: cell.dots() }
    }

    fn column(&self) -> Vec<u8> {
        Family::ListItem.column(&self.position)
    }
}

/// Pushes values one after the other; the last one is then the outermost.
///
/// # Errors
/// `PositionTooLong`; reading failed, or a `Malformed` cell.
pub fn push<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    end: End,
    values: &[&[u8]],
    draft: &mut Draft,
) -> Result<(), TypeError> {
    let mut outermost = first_items(cells, key, end, 1)?.pop().map(|item| item.position);
    for value in values {
        let position = match end {
            End::Front => between(None, outermost.as_deref(), draft.next_dot()),
            End::Back => between(outermost.as_deref(), None, draft.next_dot()),
        }?;
        draft.insert(Family::ListItem.column(&position), Dots::new(), value.to_vec(), None);
        outermost = Some(position);
    }
    Ok(())
}

/// Takes at most `limit` elements from an end; answers them, the outermost first.
///
/// # Errors
/// Reading failed.
pub fn pop<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    end: End,
    limit: usize,
    draft: &mut Draft,
) -> Result<Vec<Vec<u8>>, TypeError> {
    let items = first_items(cells, key, end, limit)?;
    let take = |item: Item| {
        draft.remove(item.column(), item.dots);
        item.value
    };
    Ok(items.into_iter().map(take).collect())
}

/// Puts a value beside the first element that equals `pivot`; says whether there was one.
///
/// # Errors
/// `PositionTooLong`; reading failed, or a `Malformed` cell.
pub fn insert<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    side: Side,
    pivot: &[u8],
    value: &[u8],
    draft: &mut Draft,
) -> Result<bool, TypeError> {
    let Some((left, right)) = find_gap(cells, key, side, pivot)? else { return Ok(false) };
    let position = between(left.as_deref(), right.as_deref(), draft.next_dot())?;
    draft.insert(Family::ListItem.column(&position), Dots::new(), value.to_vec(), None);
    Ok(true)
}

/// Writes over the element at an index; negative ones count from the back.
///
/// # Errors
/// `NoSuchIndex`; reading failed.
pub fn set<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    index: i64,
    value: &[u8],
    draft: &mut Draft,
) -> Result<(), TypeError> {
    let item = item_at(cells, key, index)?.ok_or(TypeError::NoSuchIndex)?;
    draft.insert(item.column(), item.dots, value.to_vec(), None);
    Ok(())
}

/// Removes at most `limit` elements that equal `value`, from an end on; answers how many.
///
/// # Errors
/// Reading failed.
pub fn remove<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    end: End,
    limit: usize,
    value: &[u8],
    draft: &mut Draft,
) -> Result<usize, TypeError> {
    let mut found = Vec::new();
    visit(cells, key, end, |position, cell| {
        if found.len() == limit {
            return Ok(ReadControl::Stop);
        }
        if cell.winner().is_some_and(|version| version.payload == value) {
            found.push((Family::ListItem.column(position), cell.dots()));
        }
        Ok(ReadControl::Continue)
    })?;
    let count = found.len();
    found.into_iter().for_each(|(column, dots)| draft.remove(column, dots));
    Ok(count)
}

/// Removes everything outside the indices `start..=stop`; negative ones count from the back.
///
/// # Errors
/// Reading failed.
pub fn trim<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    start: i64,
    stop: i64,
    draft: &mut Draft,
) -> Result<(), TypeError> {
    let total = count(cells, key)?;
    let kept = indices(total, start, stop);
    let (front, back) = if kept.is_empty() { (total, 0) } else { (kept.start, total - kept.end) };
    for (end, dropped) in [(End::Front, front), (End::Back, back)] {
        let dropped = usize::try_from(dropped).unwrap_or(usize::MAX);
        for item in first_items(cells, key, end, dropped)? {
            draft.remove(item.column(), item.dots);
        }
    }
    Ok(())
}

/// Counts the elements.
///
/// # Errors
/// Reading failed.
pub fn count<R: ReadCells>(cells: &mut R, key: KeyAddress<'_>) -> Result<u64, TypeError> {
    Ok(cells.count(key, Family::ListItem)?)
}

/// Returns the element at an index; negative ones count from the back.
///
/// # Errors
/// Reading failed.
pub fn get<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    index: i64,
) -> Result<Option<Vec<u8>>, TypeError> {
    Ok(item_at(cells, key, index)?.map(|item| item.value))
}

/// Returns the elements at the indices `start..=stop`; negative ones count from the back.
///
/// # Errors
/// Reading failed.
pub fn range<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    start: i64,
    stop: i64,
) -> Result<Vec<Vec<u8>>, TypeError> {
    let total = count(cells, key)?;
    let wanted = indices(total, start, stop);
    let (mut values, mut index) = (Vec::new(), 0);
    // Walking from the nearer end.
    let (end, skipped) = if wanted.start <= total.saturating_sub(wanted.end) {
        (End::Front, wanted.start)
    } else {
        (End::Back, total - wanted.end)
    };
    let last = skipped + wanted.end.saturating_sub(wanted.start);
    visit(cells, key, end, |position, cell| {
        if index >= last {
            return Ok(ReadControl::Stop);
        }
        if index >= skipped {
            values.push(Item::of(position, cell).value);
        }
        index += 1;
        Ok(ReadControl::Continue)
    })?;
    if end == End::Back {
        values.reverse();
    }
    Ok(values)
}

/// Which of the elements that equal a value are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    /// From which end they are looked for.
    pub end: End,
    /// How many are passed over.
    pub skip: u64,
    /// How many are wanted at most.
    pub limit: u64,
}

/// Returns the indices, from the front, of elements that equal `value`, in the order of the search;
/// at most `looked_at_max` elements are looked at.
///
/// # Errors
/// Reading failed.
pub fn find<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    value: &[u8],
    search: Search,
    looked_at_max: u64,
) -> Result<Vec<u64>, TypeError> {
    let total = count(cells, key)?;
    let (mut at, mut skipped, mut found) = (0, 0, Vec::new());
    visit(cells, key, search.end, |_, cell| {
        if at == looked_at_max || found.len() as u64 == search.limit {
            return Ok(ReadControl::Stop);
        }
        if cell.winner().is_some_and(|version| version.payload == value) {
            if skipped == search.skip {
                found.push(if search.end == End::Front { at } else { total - 1 - at });
            } else {
                skipped += 1;
            }
        }
        at += 1;
        Ok(ReadControl::Continue)
    })?;
    Ok(found)
}

/// Returns the indices from `start` to `stop` that a list of so many elements has.
fn indices(count: u64, start: i64, stop: i64) -> std::ops::Range<u64> {
    let from_front = |index: i64| {
        let back = index.unsigned_abs();
        if index < 0 { count.checked_sub(back) } else { Some(back) }
    };
    let end = from_front(stop).map_or(0, |stop| stop.saturating_add(1).min(count));
    from_front(start).unwrap_or(0)..end
}

fn item_at<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    index: i64,
) -> Result<Option<Item>, TypeError> {
    // Walking from the nearer end; index -1 is the first one from the back.
    let (end, skipped) = if index < 0 {
        (End::Back, index.unsigned_abs() - 1)
    } else {
        (End::Front, index.unsigned_abs())
    };
    let (mut at, mut found) = (0, None);
    visit(cells, key, end, |position, cell| {
        if at == skipped {
            found = Some(Item::of(position, cell));
            return Ok(ReadControl::Stop);
        }
        at += 1;
        Ok(ReadControl::Continue)
    })?;
    Ok(found)
}

fn first_items<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    end: End,
    limit: usize,
) -> Result<Vec<Item>, TypeError> {
    let mut items = Vec::new();
    visit(cells, key, end, |position, cell| {
        if items.len() == limit {
            return Ok(ReadControl::Stop);
        }
        items.push(Item::of(position, cell));
        Ok(if items.len() == limit { ReadControl::Stop } else { ReadControl::Continue })
    })?;
    Ok(items)
}

/// Two positions with nothing between them.
type Neighbours = (Option<Vec<u8>>, Option<Vec<u8>>);

fn find_gap<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    side: Side,
    pivot: &[u8],
) -> Result<Option<Neighbours>, TypeError> {
    let (mut before, mut found, mut behind) = (None, None, None);
    walk(cells, key, &[Family::ListItem as u8], |position, cell| {
        if found.is_some() {
            behind = Some(position.to_vec());
            return Ok(ReadControl::Stop);
        }
        if cell.winner().is_some_and(|version| version.payload == pivot) {
            found = Some(position.to_vec());
        } else {
            before = Some(position.to_vec());
        }
        Ok(ReadControl::Continue)
    })?;
    Ok(found.map(|found| match side {
        Side::Before => (before, Some(found)),
        Side::Behind => (Some(found), behind),
    }))
}

fn visit<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    end: End,
    visit: impl FnMut(&[u8], &Cell<'_>) -> Result<ReadControl, TypeError>,
) -> Result<(), TypeError> {
    match end {
        End::Front => walk(cells, key, &[Family::ListItem as u8], visit),
        End::Back => walk_back(cells, key, Family::ListItem, visit),
    }
}
