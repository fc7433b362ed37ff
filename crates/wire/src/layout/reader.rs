//! Reads what the layouts are made of; mirrors the writer function by function.
//!
//! Invariants: any bytes give a value or an error; what is borrowed is borrowed from the body;
//! a list is allocated only when the rest of the body can hold it.

use causality::{Actor, Dot, Millis};
use codec::{DecodeError, Reader};

use super::actors::{Actors, Slot};
use super::plain::{hybrid_time, read_logical};
use super::writer::{Stamp, stamp_bits};
use super::{COUNTER_MAX, Layout, Trail, unzigzag};

/// A cursor over one body.
pub(crate) struct BodyReader<'a, 'l> {
    pub(super) bytes: Reader<'a>,
    pub(super) trail: Trail,
    /// The key of the last cell, if it was short enough to be repeated.
    pub(super) key: Option<&'a [u8]>,
    actors: &'l mut Actors,
}

impl<'a, 'l> BodyReader<'a, 'l> {
    /// Begins at the front of a body.
    pub(crate) fn new(body: &'a [u8], actors: &'l mut Actors) -> Self {
        actors.begin_frame();
        Self { bytes: Reader::new(body), trail: Trail::default(), key: None, actors }
    }

    /// Ends the reading of a complete body.
    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        self.bytes.finish()
    }

    /// Reads a length, then that many bytes of the body.
    pub(super) fn slice(&mut self, what: &'static str) -> Result<&'a [u8], DecodeError> {
        self.bytes.slice(what, usize::MAX)
    }

    /// Reads items whose count is known.
    pub(super) fn items<T: Layout>(&mut self, count: usize) -> Result<Vec<T>, DecodeError> {
        let mut items = Vec::with_capacity(self.checked_count(count, T::SIZE_MIN)?);
        for _ in 0..count {
            items.push(T::read(self)?);
        }
        Ok(items)
    }

    /// Returns a count of items if the rest of the body can hold them.
    pub(super) fn checked_count(
        &self,
        count: usize,
        size_min: usize,
    ) -> Result<usize, DecodeError> {
        assert!(0 < size_min, "every item takes bytes");
        let is_held = count <= self.bytes.rest().len() / size_min;
        if is_held { Ok(count) } else { Err(DecodeError::Truncated) }
    }

    /// Reads the name of an actor.
    pub(super) fn actor(&mut self) -> Result<(Actor, Slot), DecodeError> {
        match self.bytes.varint()? {
            0 => self.spelled_actor(),
            code => self.listed_actor(unzigzag(code - 1)),
        }
    }

    /// Reads a dot that is only mentioned.
    pub(super) fn mention(&mut self) -> Result<Dot, DecodeError> {
        let (actor, slot) = self.actor()?;
        Ok(Dot { actor, counter: self.counter(slot)? })
    }

    /// Reads the stamp that a head byte announces; the head's other bits are the caller's.
    pub(super) fn stamp(&mut self, head: u8) -> Result<Stamp, DecodeError> {
        let (actor, slot) = if head & stamp_bits::SAME_ACTOR == 0 {
            self.actor()?
        } else {
            self.trail.stamped.ok_or(DecodeError::Inconsistent("actor of a stamp"))?
        };
        let counter = if head & stamp_bits::NEXT_COUNTER == 0 {
            self.counter(slot)?
        } else {
            checked_counter(self.actors.base(slot) + 1)?
        };
        let millis = self.trail.millis.wrapping_add(unzigzag(self.bytes.varint()?));
        let logical = if head & stamp_bits::LOGICAL == 0 { 0 } else { read_logical(self)? };
        let time = hybrid_time(millis, logical)?;
        self.actors.note(slot, counter);
        self.trail.stamped = Some((actor, slot));
        self.trail.millis = millis;
        Ok(Stamp { dot: Dot { actor, counter }, time })
    }

    /// Reads an expiry.
    pub(super) fn expiry(&mut self) -> Result<Millis, DecodeError> {
        Ok(Millis(self.trail.millis.wrapping_add(unzigzag(self.bytes.varint()?))))
    }

    fn counter(&mut self, slot: Slot) -> Result<u64, DecodeError> {
        let distance = unzigzag(self.bytes.varint()?);
        checked_counter(self.actors.base(slot).wrapping_add(distance))
    }

    fn listed_actor(&mut self, distance: u64) -> Result<(Actor, Slot), DecodeError> {
        let index = u64::from(self.trail.index).wrapping_add(distance);
        let index = u16::try_from(index).map_err(|_| DecodeError::Unknown("actor"))?;
        let actor = self.actors.actor(index).ok_or(DecodeError::Unknown("actor"))?;
        self.trail.index = index;
        Ok((actor, Some(index)))
    }

    fn spelled_actor(&mut self) -> Result<(Actor, Slot), DecodeError> {
        let index = self.bytes.varint()?;
        let actor = Actor::from_bits(self.bytes.u64()?);
        let slot = self.actors.add_at(index, actor)?;
        self.trail.index = slot.unwrap_or(self.trail.index);
        Ok((actor, slot))
    }
}

/// Refuses counters that no clock could hold.
pub(super) fn checked_counter(counter: u64) -> Result<u64, DecodeError> {
    let is_valid = 0 < counter && counter <= COUNTER_MAX;
    if is_valid { Ok(counter) } else { Err(DecodeError::Inconsistent("counter")) }
}
