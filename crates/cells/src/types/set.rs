//! The set: one cell for each member; adding wins over a concurrent removal.
//!
//! Adding a member that is there writes it again: a removal elsewhere that has not seen this
//! addition must not take it away.

use super::walk::{live_dots, walk, walk_from};
use super::{Draft, TypeError};
use crate::{Cell, Family, KeyAddress, ReadCells, ReadControl};

/// Adds a member; says whether it was new. Each member comes once in a draft.
///
/// # Errors
/// Reading failed.
pub fn add<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    member: &[u8],
    draft: &mut Draft,
) -> Result<bool, TypeError> {
    let column = Family::SetMember.column(member);
    let removed = live_dots(cells, key, &column)?;
    let is_new = removed.is_empty();
    draft.insert(column, removed, Vec::new(), None);
    Ok(is_new)
}

/// Removes a member; says whether it was there.
///
/// # Errors
/// Reading failed.
pub fn remove<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    member: &[u8],
    draft: &mut Draft,
) -> Result<bool, TypeError> {
    let column = Family::SetMember.column(member);
    let removed = live_dots(cells, key, &column)?;
    let was_there = !removed.is_empty();
    draft.remove(column, removed);
    Ok(was_there)
}

/// Says whether a member is there.
///
/// # Errors
/// Reading failed.
pub fn contains<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    member: &[u8],
) -> Result<bool, TypeError> {
    let column = Family::SetMember.column(member);
    Ok(cells.read(key, &column, |cell| !cell.live.is_empty())?)
}

/// Counts the members.
///
/// # Errors
/// Reading failed.
pub fn count<R: ReadCells>(cells: &mut R, key: KeyAddress<'_>) -> Result<u64, TypeError> {
    Ok(cells.count(key, Family::SetMember)?)
}

/// Returns every member, in bytewise order.
///
/// # Errors
/// Reading failed.
pub fn members<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
) -> Result<Vec<Vec<u8>>, TypeError> {
    let mut members = Vec::new();
    walk(cells, key, &[Family::SetMember as u8], |member, _| {
        members.push(member.to_vec());
        Ok(ReadControl::Continue)
    })?;
    Ok(members)
}

/// Returns at most `limit` members from `first` on (inclusive), in bytewise order: a page.
///
/// # Errors
/// Reading failed.
pub fn page<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    first: &[u8],
    limit: usize,
) -> Result<Vec<Vec<u8>>, TypeError> {
    let mut members = Vec::new();
    let from = Family::SetMember.column(first);
    let mut take = |member: &[u8], _: &Cell<'_>| {
        if members.len() == limit {
            return Ok(ReadControl::Stop);
        }
        members.push(member.to_vec());
        Ok(ReadControl::Continue)
    };
    walk_from(cells, key, &[Family::SetMember as u8], &from, &mut take)?;
    Ok(members)
}
