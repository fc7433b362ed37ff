//! What is done with lists: elements are pushed, taken, found, written over and removed.

use api::{ListEnd, ListOperation, ListSide, Outcome, PushRule};
use cells::types::Draft;
use cells::types::key::{self, Kind};
use cells::types::list::{self, End, Side};
use cells::{KeyAddress, ReadCells};

use super::{Ran, Stop, count, expect_kind};

pub(super) fn run<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    operation: &ListOperation,
    draft: &mut Draft,
) -> Ran {
    if let ListOperation::Replace { values } = operation {
        return replace(cells, key, values, draft);
    }
    expect_kind(cells, key, Kind::List)?;
    if operation.is_write() {
        write(cells, key, operation, draft)
    } else {
        read(cells, key, operation)
    }
}

fn read<R: ReadCells>(cells: &mut R, key: KeyAddress<'_>, operation: &ListOperation) -> Ran {
    match operation {
        ListOperation::Range { start, stop } => {
            Ok(Outcome::Values(list::range(cells, key, *start, *stop)?))
        }
        ListOperation::Get { index } => {
            Ok(list::get(cells, key, *index)?.map_or(Outcome::Nothing, Outcome::Value))
        }
        ListOperation::Find { value, end, skip, limit, looked_at_max } => {
            let search = list::Search { end: end_of(*end), skip: *skip, limit: *limit };
            let found = list::find(cells, key, value, search, *looked_at_max)?;
            let index = |index: u64| i64::try_from(index).unwrap_or(i64::MAX);
            Ok(Outcome::Integers(found.into_iter().map(index).collect()))
        }
        _ => Ok(count(list::count(cells, key)?)),
    }
}

fn write<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    operation: &ListOperation,
    draft: &mut Draft,
) -> Ran {
    let size = list::count(cells, key)?;
    match operation {
        ListOperation::Push { rule: PushRule::IfPresent, .. } if size == 0 => Ok(count(0)),
        ListOperation::Push { end, values, .. } => {
            list::push(cells, key, end_of(*end), &slices(values), draft)?;
            Ok(count(size + values.len() as u64))
        }
        ListOperation::Pop { .. } | ListOperation::Rotate { .. } if size == 0 => {
            Ok(Outcome::Nothing)
        }
        ListOperation::Pop { end, limit } => {
            let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
            Ok(Outcome::Values(list::pop(cells, key, end_of(*end), limit, draft)?))
        }
        ListOperation::Rotate { from, to } => {
            let popped = list::pop(cells, key, end_of(*from), 1, draft)?;
            list::push(cells, key, end_of(*to), &slices(&popped), draft)?;
            Ok(popped.into_iter().next().map_or(Outcome::Nothing, Outcome::Value))
        }
        ListOperation::Set { .. } if size == 0 => Err(Stop::NoSuchKey),
        ListOperation::Set { index, value } => {
            list::set(cells, key, *index, value, draft)?;
            Ok(Outcome::Done)
        }
        ListOperation::Remove { end, limit, value } => {
            let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
            let removed = list::remove(cells, key, end_of(*end), limit, value, draft)?;
            Ok(count(removed as u64))
        }
        ListOperation::Insert { .. } if size == 0 => Ok(count(0)),
        ListOperation::Insert { side, pivot, value } => {
            let side = match side {
                ListSide::Before => Side::Before,
                ListSide::Behind => Side::Behind,
            };
            let is_there = list::insert(cells, key, side, pivot, value, draft)?;
            Ok(if is_there { count(size + 1) } else { Outcome::Integer(-1) })
        }
        ListOperation::Trim { start, stop } => {
            list::trim(cells, key, *start, *stop, draft)?;
            Ok(Outcome::Done)
        }
        _ => Ok(count(size)),
    }
}

/// Whatever the key held, the list takes its place.
fn replace<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    values: &[Vec<u8>],
    draft: &mut Draft,
) -> Ran {
    key::delete(cells, key, draft)?;
    list::push(cells, key, End::Back, &slices(values), draft)?;
    Ok(count(values.len() as u64))
}

fn slices(values: &[Vec<u8>]) -> Vec<&[u8]> {
    values.iter().map(Vec::as_slice).collect()
}

const fn end_of(end: ListEnd) -> End {
    match end {
        ListEnd::Front => End::Front,
        ListEnd::Back => End::Back,
    }
}
