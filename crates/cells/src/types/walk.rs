//! Looking at the cells of one key: one, or all whose columns begin alike.

use causality::Dots;

use crate::{Cell, Family, KeyAddress, ReadCells, ReadControl, TypeError};

/// Sees one cell with its column, or what is left of it.
type Visit<'v> = dyn FnMut(&[u8], &Cell<'_>) -> Result<ReadControl, TypeError> + 'v;

/// Returns the dots that are live in a cell: what a write or removal there supersedes.
pub(crate) fn live_dots<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    column: &[u8],
) -> Result<Dots, TypeError> {
    Ok(cells.read(key, column, |cell| cell.live.iter().map(|version| version.dot).collect())?)
}

/// Visits the cells whose column begins with `prefix`, in order, until `visit` stops or fails.
/// It is handed the rest of the column.
pub(crate) fn walk<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    prefix: &[u8],
    mut visit: impl FnMut(&[u8], &Cell<'_>) -> Result<ReadControl, TypeError>,
) -> Result<(), TypeError> {
    walk_from(cells, key, prefix, prefix, &mut visit)
}

/// As [`walk`], from the column `from` on.
pub(crate) fn walk_from<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    prefix: &[u8],
    from: &[u8],
    visit: &mut Visit<'_>,
) -> Result<(), TypeError> {
    assert!(from.starts_with(prefix), "the walk starts inside its prefix");
    let mut failed = Ok(());
    cells.scan(key, from, &mut |column, cell| step(prefix, column, cell, visit, &mut failed))?;
    failed
}

/// Visits the cells of one family from the last one downwards, until `visit` stops or fails.
pub(crate) fn walk_back<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    family: Family,
    mut visit: impl FnMut(&[u8], &Cell<'_>) -> Result<ReadControl, TypeError>,
) -> Result<(), TypeError> {
    let mut failed = Ok(());
    // The first column that could follow the family; should it exist, it is not the family's.
    let end = [family as u8 + 1];
    cells.scan_back(key, &end, &mut |column, cell| {
        if column == end {
            return ReadControl::Continue;
        }
        step(&[family as u8], column, cell, &mut visit, &mut failed)
    })?;
    failed
}

fn step(
    prefix: &[u8],
    column: &[u8],
    cell: &Cell<'_>,
    visit: &mut Visit<'_>,
    failed: &mut Result<(), TypeError>,
) -> ReadControl {
    let Some(rest) = column.strip_prefix(prefix) else { return ReadControl::Stop };
    match visit(rest, cell) {
        Ok(control) => control,
        Err(error) => {
            *failed = Err(error);
            ReadControl::Stop
        }
    }
}
