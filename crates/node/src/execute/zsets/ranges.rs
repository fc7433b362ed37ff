//! Ranges of a sorted set: by rank, by score, by member.
//!
//! Everything walks the derived order from where a range begins and stops where it ends, so no
//! command copies more than it answers. A rank costs a walk from the nearer end.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use api::{Bound, LexBound, Order, Outcome, Score, ZsetRange};
use cells::types::TypeError;
use cells::types::zset::{self, Toward};
use cells::{KeyAddress, ReadCells, ReadControl};

use super::super::{Ran, Stop};
use super::Scored;

/// Which part of a range is wanted, and which way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) order: Order,
    pub(super) skip: u64,
    pub(super) limit: u64,
}

impl Window {
    pub(super) const fn whole(order: Order) -> Self {
        Self { order, skip: 0, limit: u64::MAX }
    }
}

/// Where a walk begins, and what of it belongs to the range.
struct Span<'r> {
    /// The first place; nothing for the very end.
    from: Option<Vec<u8>>,
    range: &'r ZsetRange,
    /// Whether members lie in the order of the walk, so that the first one outside ends it.
    is_sorted: bool,
}

/// Returns the members of a range.
pub(super) fn select<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    range: &ZsetRange,
    window: Window,
) -> Result<Scored, TypeError> {
    let mut found = Vec::new();
    if let ZsetRange::Rank { start, stop } = range {
        return by_rank(cells, key, (*start, *stop), window);
    }
    let mut skip = window.skip;
    let mut left = window.limit;
    if left == 0 {
        return Ok(found);
    }
    visit(cells, key, range, window.order, &mut |index_key| {
        if skip > 0 {
            skip -= 1;
            return ControlFlow::Continue(());
        }
        found.extend(split(index_key));
        left -= 1;
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(found)
}

/// Counts the members of a range.
pub(super) fn count<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    range: &ZsetRange,
) -> Result<u64, TypeError> {
    let mut count = 0;
    visit(cells, key, range, Order::Rising, &mut |_| {
        count += 1;
        ControlFlow::Continue(())
    })?;
    Ok(count)
}

/// Counts the members before one.
pub(super) fn rank<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    member: &[u8],
    order: Order,
) -> Ran {
    let Some(score) = zset::score(cells, key, member)? else { return Ok(Outcome::Nothing) };
    let place = zset::index_key(score, member);
    let mut before = 0;
    cells
        .scan_scores(key, None, toward(order), &mut |index_key| {
            if index_key == place {
                return ReadControl::Stop;
            }
            before += 1;
            ReadControl::Continue
        })
        .map_err(TypeError::from)?;
    let score = Score::new(score).ok_or(Stop::NotAScore)?;
    Ok(Outcome::Rank(before, score))
}

/// Returns the members of several ranges of scores, each once, range by range.
pub(super) fn join<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    ranges: &[(Score, Score)],
) -> Result<Scored, TypeError> {
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    for (min, max) in ranges {
        let (min, max) = (Bound::Included(*min), Bound::Included(*max));
        let range = ZsetRange::Score { min, max };
        visit(cells, key, &range, Order::Rising, &mut |index_key| {
            if seen.insert(index_key.to_vec()) {
                found.extend(split(index_key));
            }
            ControlFlow::Continue(())
        })?;
    }
    Ok(found)
}

/// Reads an index key.
pub(super) fn split(index_key: &[u8]) -> Option<(Vec<u8>, Score)> {
    let (score, member) = zset::split_index_key(index_key)?;
    Some((member.to_vec(), Score::new(score)?))
}

const fn toward(order: Order) -> Toward {
    match order {
        Order::Rising => Toward::Up,
        Order::Falling => Toward::Down,
    }
}

const fn opposite(order: Order) -> Order {
    match order {
        Order::Rising => Order::Falling,
        Order::Falling => Order::Rising,
    }
}

fn by_rank<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    (start, stop): (i64, i64),
    window: Window,
) -> Result<Scored, TypeError> {
    let total = cells.count_scores(key)?;
    let from_front = |rank: i64| {
        let back = rank.unsigned_abs();
        if rank < 0 { total.checked_sub(back) } else { Some(back) }
    };
    let end = from_front(stop).map_or(0, |stop| stop.saturating_add(1).min(total));
    let first = from_front(start).unwrap_or(0).saturating_add(window.skip);
    let wanted = end.saturating_sub(first).min(window.limit);
    if wanted == 0 {
        return Ok(Vec::new());
    }
    let behind = total - first - wanted;
    if behind >= first {
        return walk(cells, key, window.order, first, wanted);
    }
    // The other end is nearer.
    let mut found = walk(cells, key, opposite(window.order), behind, wanted)?;
    found.reverse();
    Ok(found)
}

fn walk<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    order: Order,
    skipped: u64,
    wanted: u64,
) -> Result<Scored, TypeError> {
    let (mut at, mut found) = (0, Vec::new());
    cells.scan_scores(key, None, toward(order), &mut |index_key| {
        if at >= skipped {
            found.extend(split(index_key));
        }
        at += 1;
        if at == skipped + wanted { ReadControl::Stop } else { ReadControl::Continue }
    })?;
    Ok(found)
}

/// Visits the index keys of a range.
fn visit<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    range: &ZsetRange,
    order: Order,
    visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<(), TypeError> {
    let Some(span) = span(cells, key, range, order)? else { return Ok(()) };
    cells.scan_scores(key, span.from.as_deref(), toward(order), &mut |index_key| {
        let Some((score, member)) = zset::split_index_key(index_key) else {
            return ReadControl::Continue;
        };
        let (is_before, is_behind) = side(span.range, score, member, order);
        if is_behind && span.is_sorted {
            return ReadControl::Stop;
        }
        if is_before || is_behind {
            return ReadControl::Continue;
        }
        if visit(index_key).is_break() { ReadControl::Stop } else { ReadControl::Continue }
    })?;
    Ok(())
}

/// Says whether a member lies before or behind a range, in the order of the walk.
fn side(range: &ZsetRange, score: f64, member: &[u8], order: Order) -> (bool, bool) {
    let (is_below, is_above) = match range {
        ZsetRange::Score { min, max } => {
            let is_below = match min {
                Bound::Included(min) => score < min.get(),
                Bound::Excluded(min) => score <= min.get(),
            };
            let is_above = match max {
                Bound::Included(max) => score > max.get(),
                Bound::Excluded(max) => score >= max.get(),
            };
            (is_below, is_above)
        }
        ZsetRange::Lex { min, max } => (is_below(min, member), is_above(max, member)),
        ZsetRange::Rank { .. } => (false, false),
    };
    match order {
        Order::Rising => (is_below, is_above),
        Order::Falling => (is_above, is_below),
    }
}

fn is_below(min: &LexBound, member: &[u8]) -> bool {
    match min {
        LexBound::Lowest => false,
        LexBound::Highest => true,
        LexBound::At(Bound::Included(min)) => member < min.as_slice(),
        LexBound::At(Bound::Excluded(min)) => member <= min.as_slice(),
    }
}

fn is_above(max: &LexBound, member: &[u8]) -> bool {
    match max {
        LexBound::Lowest => true,
        LexBound::Highest => false,
        LexBound::At(Bound::Included(max)) => member > max.as_slice(),
        LexBound::At(Bound::Excluded(max)) => member >= max.as_slice(),
    }
}

/// Finds where the walk of a range begins; nothing when the set is empty.
fn span<'r, R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    range: &'r ZsetRange,
    order: Order,
) -> Result<Option<Span<'r>>, TypeError> {
    let from = match (range, order) {
        (ZsetRange::Rank { .. }, _) => None,
        (
            ZsetRange::Score { min: Bound::Included(min) | Bound::Excluded(min), .. },
            Order::Rising,
        ) => Some(zset::index_key(min.get(), &[])),
        (
            ZsetRange::Score { max: Bound::Included(max) | Bound::Excluded(max), .. },
            Order::Falling,
        ) => Some(behind(max.get())),
        (ZsetRange::Lex { min, max }, _) => {
            let Some((least, greatest)) = ends(cells, key)? else { return Ok(None) };
            if least != greatest {
                // Members of several scores do not lie in the order of their bytes.
                return Ok(Some(Span { from: None, range, is_sorted: false }));
            }
            match (order, min, max) {
                (Order::Rising, LexBound::At(Bound::Included(min) | Bound::Excluded(min)), _) => {
                    Some(zset::index_key(least, min))
                }
                (Order::Falling, _, LexBound::At(Bound::Included(max) | Bound::Excluded(max))) => {
                    Some(zset::index_key(least, max))
                }
                _ => None,
            }
        }
    };
    Ok(Some(Span { from, range, is_sorted: true }))
}

/// The first place behind every member of a score.
fn behind(score: f64) -> Vec<u8> {
    let place = u64::from_be_bytes(zset::score_key(score)).saturating_add(1);
    place.to_be_bytes().to_vec()
}

/// Returns the least and the greatest score.
fn ends<R: ReadCells>(cells: &mut R, key: KeyAddress<'_>) -> Result<Option<(f64, f64)>, TypeError> {
    let mut found = [None, None];
    for (place, toward) in found.iter_mut().zip([Toward::Up, Toward::Down]) {
        cells.scan_scores(key, None, toward, &mut |index_key| {
            *place = zset::split_index_key(index_key).map(|(score, _)| score);
            ReadControl::Stop
        })?;
    }
    Ok(found[0].zip(found[1]))
}
