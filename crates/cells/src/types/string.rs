//! The string: a register, and counters that add to it.
//!
//! Whatever changes it by its bytes (APPEND, SETRANGE, bits) writes the register and resets the
//! increments it saw. An expiry lives in the register's version; increments end with the key's own
//! record, so that one made by a replica that does not know the expiry ends all the same.

use causality::{Dot, HybridTime, Millis};

use super::counter::Part;
use super::number::{Number, Place};
use super::register::Crowd;
use super::{Draft, Life, TypeError, counter, register};
use crate::{Cell, Family, KeyAddress, ReadCells};

/// The longest string.
pub const STRING_SIZE_MAX: usize = 512 * 1024 * 1024;

const PLACE: Place<'_> = Place { register: Family::Register, part: Part::String, subkey: &[] };

/// A string as one replica shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The value.
    pub value: Vec<u8>,
    /// From when on it is gone.
    pub expiry: Option<Millis>,
}

/// One of the concurrent values of a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedSibling {
    /// The operation that put it there.
    pub dot: Dot,
    /// When.
    pub time: HybridTime,
    /// From when on it is gone.
    pub expiry: Option<Millis>,
    /// The value as it was written, without increments.
    pub value: Vec<u8>,
}

/// Returns the value.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn get<R: ReadCells>(cells: &mut R, key: KeyAddress<'_>) -> Result<Option<Vec<u8>>, TypeError> {
    Ok(PLACE.read(cells, key)?.show())
}

/// Returns the value with its expiry.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn shown<R: ReadCells>(cells: &mut R, key: KeyAddress<'_>) -> Result<Option<Shown>, TypeError> {
    let number = PLACE.read(cells, key)?;
    let Some(value) = number.show() else { return Ok(None) };
    Ok(Some(Shown { value, expiry: expiry_of(cells, key, &number)? }))
}

/// Returns the concurrent values, the shown one first; their dots are the client's context.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn siblings<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
) -> Result<Vec<OwnedSibling>, TypeError> {
    cells.read(key, &PLACE.column(), |cell| {
        let own = |sibling: &register::Sibling<'_>| OwnedSibling {
            dot: sibling.dot,
            time: sibling.time,
            expiry: sibling.expiry,
            value: sibling.value.to_vec(),
        };
        Ok(register::siblings(cell)?.iter().map(own).collect())
    })?
}

/// Writes the string; its expiry is this one, or none.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn set<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    value: &[u8],
    expiry: Option<Millis>,
    draft: &mut Draft,
) -> Result<(), TypeError> {
    check_size(value.len())?;
    register::write(cells, key, &PLACE.column(), value, expiry, draft)?;
    reset(cells, key, draft)
}

/// Writes the string over exactly the siblings that the client has read. Increments count as read
/// once this replica has them.
///
/// # Errors
/// `Siblings` when too many would stay; reading failed, or `Malformed` cells.
pub fn resolve<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    value: (&[u8], Option<Millis>),
    context: &[Dot],
    draft: &mut Draft,
) -> Result<Crowd, TypeError> {
    check_size(value.0.len())?;
    let crowd = register::resolve(cells, key, &PLACE.column(), value, context, draft)?;
    reset(cells, key, draft)?;
    Ok(crowd)
}

/// Removes exactly the siblings that the client has read. Increments count as read once this
/// replica has them.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn remove_shown<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    context: &[Dot],
    draft: &mut Draft,
) -> Result<(), TypeError> {
    draft.remove(PLACE.column(), register::context_dots(context));
    reset(cells, key, draft)
}

/// Writes what `change` makes of the shown bytes; the expiry stays. Answers the new length.
///
/// # Errors
/// As `change`; `TooLong`; reading failed, or `Malformed` cells.
pub fn edit<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    change: impl FnOnce(&mut Vec<u8>) -> Result<(), TypeError>,
    draft: &mut Draft,
) -> Result<usize, TypeError> {
    let number = PLACE.read(cells, key)?;
    let expiry = expiry_of(cells, key, &number)?;
    let mut value = number.show().unwrap_or_default();
    change(&mut value)?;
    check_size(value.len())?;
    draft.insert(PLACE.column(), number.dots, register::write_payload(&value), expiry);
    number.tally.reset(Part::String, &[], draft);
    Ok(value.len())
}

/// Appends bytes; answers the new length.
///
/// # Errors
/// As [`edit`].
pub fn append<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    bytes: &[u8],
    draft: &mut Draft,
) -> Result<usize, TypeError> {
    let extend = |value: &mut Vec<u8>| {
        check_size(value.len().saturating_add(bytes.len()))?;
        value.extend_from_slice(bytes);
        Ok(())
    };
    edit(cells, key, extend, draft)
}

/// Overwrites bytes from `offset` on, with zeros in any gap; answers the new length.
///
/// # Errors
/// As [`edit`].
pub fn set_range<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    offset: usize,
    bytes: &[u8],
    draft: &mut Draft,
) -> Result<usize, TypeError> {
    let overwrite = |value: &mut Vec<u8>| {
        let end = offset.saturating_add(bytes.len());
        check_size(end)?;
        if value.len() < end {
            value.resize(end, 0);
        }
        value[offset..end].copy_from_slice(bytes);
        Ok(())
    };
    edit(cells, key, overwrite, draft)
}

/// Adds an integer; answers the sum. An absent string counts as zero.
///
/// # Errors
/// `NotAnInteger`, `Overflow`; reading failed, or `Malformed` cells.
pub fn increment<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    by: i64,
    draft: &mut Draft,
) -> Result<i64, TypeError> {
    let number = PLACE.read(cells, key)?;
    let sum = PLACE.add_integer(&number, by, draft)?;
    end_with_string(cells, key, &number, draft)?;
    Ok(sum)
}

/// Adds a decimal number; answers the sum. An absent string counts as zero.
///
/// # Errors
/// `NotANumber`, `NotFinite`; reading failed, or `Malformed` cells.
pub fn increment_decimal<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    by: &[u8],
    draft: &mut Draft,
) -> Result<Vec<u8>, TypeError> {
    let number = PLACE.read(cells, key)?;
    let sum = PLACE.add_decimal(&number, by, draft)?;
    end_with_string(cells, key, &number, draft)?;
    Ok(sum)
}

/// Removes the string and resets the increments that are seen; says whether it was there.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn remove<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    draft: &mut Draft,
) -> Result<bool, TypeError> {
    PLACE.remove(cells, key, draft)
}

/// Gives the register another expiry, or none.
pub(crate) fn touch<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    expiry: Option<Millis>,
    draft: &mut Draft,
) -> Result<bool, TypeError> {
    register::touch(cells, key, &PLACE.column(), expiry, draft)
}

/// A register's own expiry counts; increments alone have the key's.
fn expiry_of<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    number: &Number,
) -> Result<Option<Millis>, TypeError> {
    if number.written.is_some() {
        return Ok(number.expiry);
    }
    let now = cells.now();
    Ok(Life::read(cells, key)?.expiry(now))
}

/// Resets the increments that are seen. A written string has its own expiry, so an end that only
/// they had is taken back.
fn reset<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    draft: &mut Draft,
) -> Result<(), TypeError> {
    let tally = counter::tally(cells, key, Part::String, &[])?;
    if tally.total().is_none() {
        return Ok(());
    }
    tally.reset(Part::String, &[], draft);
    let now = cells.now();
    let life = Life::read(cells, key)?;
    if life.expiry(now).is_some() {
        life.change(now, None, draft);
    }
    Ok(())
}

/// Increments beside a written string end when it does, or never.
fn end_with_string<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    number: &Number,
    draft: &mut Draft,
) -> Result<(), TypeError> {
    if number.written.is_none() || draft.is_empty() {
        return Ok(());
    }
    let now = cells.now();
    let life = Life::read(cells, key)?;
    if life.expiry(now) != number.expiry {
        life.change(now, number.expiry, draft);
    }
    Ok(())
}

fn check_size(size: usize) -> Result<(), TypeError> {
    if size <= STRING_SIZE_MAX { Ok(()) } else { Err(TypeError::TooLong) }
}

/// Counts the live values of the string's register.
///
/// # Errors
/// Reading failed.
pub fn sibling_count<R: ReadCells>(cells: &mut R, key: KeyAddress<'_>) -> Result<usize, TypeError> {
    Ok(cells.read(key, &PLACE.column(), |cell: &Cell<'_>| cell.live.len())?)
}
