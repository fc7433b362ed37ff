//! The register: one value, or several while writers have not seen each other.
//!
//! The last writer is shown; the others stay until a write that saw them, and when the shown one
//! expires, the next one shows. Giving a value another expiry writes the value again, but such a
//! touch keeps the rank of the write it repeats, so it never beats a concurrent write of another
//! value.
//!
//! ```text
//! payload: 0 | value                                                   a write
//!          1 | time 8 B | actor 8 B | counter 8 B (big-endian) | value  a touch of that write
//! ```

use causality::{Actor, Dot, Dots, HybridTime, Millis};
use codec::{DecodeError, Reader};
use smallvec::SmallVec;

use super::walk::live_dots;
use super::{Draft, TypeError};
use crate::{Cell, Family, KeyAddress, ReadCells, Version};

/// From so many concurrent values on, whoever writes is to be warned.
pub const SIBLING_COUNT_WARN: usize = 10;
/// A write that would leave more concurrent values than this is refused.
pub const SIBLING_COUNT_MAX: usize = 100;

const WRITE: u8 = 0;
const TOUCH: u8 = 1;

/// One live value of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sibling<'a> {
    /// The operation that put it there.
    pub dot: Dot,
    /// When.
    pub time: HybridTime,
    /// From when on it is gone.
    pub expiry: Option<Millis>,
    /// The value.
    pub value: &'a [u8],
    /// The write that gave the value: itself, or the one it touches.
    origin: (HybridTime, Dot),
}

/// How crowded a register is after a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crowd {
    /// As usual.
    Few,
    /// At or above [`SIBLING_COUNT_WARN`]: somebody writes without contexts.
    Many(usize),
}

impl<'a> Sibling<'a> {
    fn read(version: &Version<'a>) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(version.payload);
        let origin = match reader.byte()? {
            WRITE => version.rank(),
            TOUCH => {
                let mut number = || reader.array().map(u64::from_be_bytes);
                let time = HybridTime::from_bits(number()?);
                (time, Dot::new(Actor::from_bits(number()?), number()?))
            }
            _ => return Err(DecodeError::Unknown("register payload")),
        };
        let (dot, time, expiry) = (version.dot, version.time, version.expiry);
        Ok(Self { dot, time, expiry, value: reader.rest(), origin })
    }

    /// The order of the last writer; of two touches of one write the one that lasts longer.
    fn rank(&self) -> ((HybridTime, Dot), Millis, (HybridTime, Dot)) {
        (self.origin, self.expiry.unwrap_or(Millis(u64::MAX)), (self.time, self.dot))
    }

    fn touch_payload(&self) -> Vec<u8> {
        let (time, dot) = self.origin;
        let mut payload = Vec::with_capacity(25 + self.value.len());
        payload.push(TOUCH);
        payload.extend_from_slice(&time.bits().to_be_bytes());
        payload.extend_from_slice(&dot.actor.bits().to_be_bytes());
        payload.extend_from_slice(&dot.counter.to_be_bytes());
        payload.extend_from_slice(self.value);
        payload
    }
}

/// Returns the live values of a register's cell, the shown one first.
///
/// # Errors
/// `Malformed` payloads.
pub fn siblings<'a>(cell: &Cell<'a>) -> Result<SmallVec<[Sibling<'a>; 2]>, TypeError> {
    let read = cell.live.iter().map(Sibling::read).collect::<Result<SmallVec<[_; 2]>, _>>();
    let mut siblings = read.map_err(|_| TypeError::Malformed(Family::Register))?;
    siblings.sort_unstable_by_key(|sibling| std::cmp::Reverse(sibling.rank()));
    Ok(siblings)
}

/// Returns the value that the last writer wrote.
///
/// # Errors
/// `Malformed` payloads.
pub fn winner<'a>(cell: &Cell<'a>) -> Result<Option<Sibling<'a>>, TypeError> {
    Ok(siblings(cell)?.first().copied())
}

/// Returns the payload of a write.
#[must_use]
pub fn write_payload(value: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(1 + value.len());
    payload.push(WRITE);
    payload.extend_from_slice(value);
    payload
}

/// Writes over everything that is live here.
///
/// # Errors
/// Reading failed.
pub fn write<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    column: &[u8],
    value: &[u8],
    expiry: Option<Millis>,
    draft: &mut Draft,
) -> Result<(), TypeError> {
    let removed = live_dots(cells, key, column)?;
    draft.insert(column.to_vec(), removed, write_payload(value), expiry);
    Ok(())
}

/// Writes over exactly the values of this cell that the client has read; all others stay beside
/// the new one. What the client read and this replica does not have yet is superseded all the same.
///
/// # Errors
/// `Siblings` when too many would stay.
pub fn resolve<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    column: &[u8],
    value: (&[u8], Option<Millis>),
    context: &[Dot],
    draft: &mut Draft,
) -> Result<Crowd, TypeError> {
    let live = live_dots(cells, key, column)?;
    let count = 1 + live.iter().filter(|dot| !context.contains(dot)).count();
    if count > SIBLING_COUNT_MAX {
        return Err(TypeError::Siblings { count, limit: SIBLING_COUNT_MAX });
    }
    draft.insert(column.to_vec(), context_dots(context), write_payload(value.0), value.1);
    Ok(if count >= SIBLING_COUNT_WARN { Crowd::Many(count) } else { Crowd::Few })
}

/// The dots of a context, in order and each once.
pub(crate) fn context_dots(context: &[Dot]) -> Dots {
    let mut dots = Dots::from_slice(context);
    dots.sort_unstable();
    dots.dedup();
    dots
}

/// Removes everything that is live here; says whether there was anything.
///
/// # Errors
/// Reading failed.
pub fn remove<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    column: &[u8],
    draft: &mut Draft,
) -> Result<bool, TypeError> {
    let removed = live_dots(cells, key, column)?;
    let was_there = !removed.is_empty();
    draft.remove(column.to_vec(), removed);
    Ok(was_there)
}

/// Gives every live value another expiry; says whether any had to be written for it.
///
/// # Errors
/// `Malformed` payloads.
pub fn touch<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    column: &[u8],
    expiry: Option<Millis>,
    draft: &mut Draft,
) -> Result<bool, TypeError> {
    let touched = cells.read(key, column, |cell| {
        let siblings = siblings(cell)?;
        let others = siblings.iter().filter(|sibling| sibling.expiry != expiry);
        let copies = others.map(|sibling| (sibling.dot, sibling.touch_payload()));
        Ok::<Vec<_>, TypeError>(copies.collect())
    })??;
    let has_any = !touched.is_empty();
    for (dot, payload) in touched {
        draft.insert(column.to_vec(), Dots::from_slice(&[dot]), payload, expiry);
    }
    Ok(has_any)
}
