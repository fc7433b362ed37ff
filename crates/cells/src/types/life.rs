//! The expiry of a key as a whole: one cell that hides many.
//!
//! A register carries its expiry in each version. What is made of many cells cannot, so such a key
//! has a record: when it ends, and before which moment everything has ended already. A version
//! written before the end is hidden from the end on; one written later is a new beginning. The
//! second moment is why a spent record is never simply removed: what it hid would come back.
//!
//! ```text
//! payload: end 8 B (all ones: never) | ended before 8 B, milliseconds, big-endian
//! ```

use causality::{Dots, Millis};
use codec::{DecodeError, Reader};

use super::{Draft, TypeError};
use crate::{Cell, Family, KeyAddress, ReadCells, Version};

const NEVER: Millis = Millis(u64::MAX);

/// When a key ends, as one replica shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    end: Millis,
    ended_before: Millis,
    dots: Dots,
}

impl Life {
    /// Joins the siblings of a record: the longest life wins, and what has ended stays ended.
    ///
    /// # Errors
    /// `Malformed` payloads.
    pub fn of(cell: &Cell<'_>) -> Result<Self, TypeError> {
        let mut life = Self { end: Millis(0), ended_before: Millis(0), dots: cell.dots() };
        for version in &cell.live {
            let (end, ended_before) =
                decode(version.payload).map_err(|_| TypeError::Malformed(Family::KeyExpiry))?;
            life.end = life.end.max(end);
            life.ended_before = life.ended_before.max(ended_before);
        }
        if cell.live.is_empty() {
            life.end = NEVER;
        }
        Ok(life)
    }

    /// Reads the record of a key.
    ///
    /// # Errors
    /// Reading failed, or a `Malformed` cell.
    pub fn read<R: ReadCells>(cells: &mut R, key: KeyAddress<'_>) -> Result<Self, TypeError> {
        cells.read(key, &Family::KeyExpiry.column(&[]), Self::of)?
    }

    /// Says whether the record hides a version of a family. Registers have expiries of their own,
    /// and a hidden floor would let what it hides count again.
    #[must_use]
    pub fn hides(&self, family: Family, version: &Version<'_>, now: Millis) -> bool {
        is_governed(family) && version.time.millis() < self.ended(now)
    }

    /// Returns from when on the key is gone; nothing when it has no end, or has had it.
    #[must_use]
    pub fn expiry(&self, now: Millis) -> Option<Millis> {
        (self.end != NEVER && self.end > now).then_some(self.end)
    }

    /// Says whether the record hides anything that is still stored, or might.
    #[must_use]
    pub fn is_spent(&self, now: Millis) -> bool {
        self.ended(now) > Millis(0)
    }

    /// Gives the key another end, or none.
    pub fn change(&self, now: Millis, end: Option<Millis>, draft: &mut Draft) {
        let (end, ended_before) = (end.unwrap_or(NEVER), self.ended(now));
        let column = Family::KeyExpiry.column(&[]);
        if end == NEVER && ended_before == Millis(0) {
            draft.remove(column, self.dots.clone());
        } else {
            draft.insert(column, self.dots.clone(), encode(end, ended_before), None);
        }
    }

    /// Removes the record; only for when nothing is stored that it hides.
    pub(crate) fn forget(&self, draft: &mut Draft) {
        draft.remove(Family::KeyExpiry.column(&[]), self.dots.clone());
    }

    /// The moment before which everything has ended by now.
    pub(crate) fn ended(&self, now: Millis) -> Millis {
        if self.end <= now { self.end.max(self.ended_before) } else { self.ended_before }
    }
}

/// Says whether a family's versions end with their key's record.
pub(crate) const fn is_governed(family: Family) -> bool {
    match family {
        Family::Clear
        | Family::KeyExpiry
        | Family::Register
        | Family::RegisterFloor
        | Family::MapFloor
        | Family::ZsetFloor => false,
        Family::RegisterCount
        | Family::SetMember
        | Family::MapField
        | Family::MapCount
        | Family::ZsetMember
        | Family::ZsetCount
        | Family::ListItem
        | Family::Flag
        | Family::Sketch => true,
    }
}

fn encode(end: Millis, ended_before: Millis) -> Vec<u8> {
    [end.0.to_be_bytes(), ended_before.0.to_be_bytes()].concat()
}

fn decode(payload: &[u8]) -> Result<(Millis, Millis), DecodeError> {
    let mut reader = Reader::new(payload);
    let mut moment = || reader.array().map(u64::from_be_bytes).map(Millis);
    let record = (moment()?, moment()?);
    reader.finish().map(|()| record)
}
