//! The actors that a link has named, so that a frame names one in a byte or two.
//!
//! Both ends hold the same list in the same order. The first frame that uses an actor spells it;
//! from then on its index is enough. The list is bounded: an actor that no longer finds room is
//! spelled each time. For each actor the list keeps the counter last written in the current
//! frame, from which the next one is counted.
//!
//! Invariant: a spelling carries the index it takes, so an end that missed a frame notices at the
//! next spelling, before any index means two things.

use std::collections::BTreeMap;

use causality::Actor;
use codec::DecodeError;

/// The actors a link keeps at most: the distance between any two fits in two bytes.
pub(crate) const ACTORS_MAX: u16 = 8191;

/// An actor's place in the list; nothing when it found no room.
pub(crate) type Slot = Option<u16>;

/// The list, as both ends hold it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Actors {
    entries: Vec<Entry>,
    frame: u64,
}

/// The list with a way back, for the end that writes.
#[derive(Clone, Debug, Default)]
pub(crate) struct ActorsByName {
    list: Actors,
    by_name: BTreeMap<Actor, u16>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    actor: Actor,
    /// The frame in which `counter` was written.
    frame: u64,
    counter: u64,
}

impl Actors {
    /// Forgets the counters of the frame before.
    pub(crate) fn begin_frame(&mut self) {
        self.frame += 1;
    }

    /// Adds an actor that was spelled; nothing when there is no room.
    fn add(&mut self, actor: Actor) -> Slot {
        let index = self.next_index();
        if index == ACTORS_MAX {
            return None;
        }
        self.entries.push(Entry { actor, frame: 0, counter: 0 });
        Some(index)
    }

    /// Adds an actor that the other end has spelled under an index.
    pub(crate) fn add_at(&mut self, index: u64, actor: Actor) -> Result<Slot, DecodeError> {
        if index != u64::from(self.next_index()) {
            return Err(DecodeError::Inconsistent("index of an actor"));
        }
        Ok(self.add(actor))
    }

    /// Remembers the counter last written for an actor in this frame.
    pub(crate) fn note(&mut self, slot: Slot, counter: u64) {
        let frame = self.frame;
        if let Some(entry) = slot.and_then(|index| self.entries.get_mut(usize::from(index))) {
            (entry.frame, entry.counter) = (frame, counter);
        }
    }

    /// Returns the counter last written for an actor in this frame, or 0.
    pub(crate) fn base(&self, slot: Slot) -> u64 {
        let entry = slot.and_then(|index| self.entries.get(usize::from(index)));
        entry.filter(|entry| entry.frame == self.frame).map_or(0, |entry| entry.counter)
    }

    /// Returns the actor at an index.
    pub(crate) fn actor(&self, index: u16) -> Option<Actor> {
        self.entries.get(usize::from(index)).map(|entry| entry.actor)
    }

    /// Returns the index that the next actor takes; [`ACTORS_MAX`] when the list is full.
    pub(crate) fn next_index(&self) -> u16 {
        u16::try_from(self.entries.len()).expect("the list is bounded")
    }
}

impl ActorsByName {
    /// Looks an actor up.
    pub(crate) fn find(&self, actor: Actor) -> Slot {
        self.by_name.get(&actor).copied()
    }

    /// Adds an actor that is about to be spelled; nothing when there is no room.
    pub(crate) fn add(&mut self, actor: Actor) -> Slot {
        let slot = self.list.add(actor);
        if let Some(index) = slot {
            let before = self.by_name.insert(actor, index);
            assert_eq!(before, None, "an actor is added once");
        }
        slot
    }

    /// Takes back the actors from an index on: the frame that spelled them is not sent.
    pub(crate) fn forget_from(&mut self, index: u16) {
        for entry in self.list.entries.drain(usize::from(index)..) {
            self.by_name.remove(&entry.actor);
        }
    }

    /// Returns the list.
    pub(crate) const fn list(&self) -> &Actors {
        &self.list
    }

    /// Returns the list for change of its counters.
    pub(crate) const fn list_mut(&mut self) -> &mut Actors {
        &mut self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_ends_where_its_bound_is() {
        let mut actors = ActorsByName::default();
        for bits in 0..u64::from(ACTORS_MAX) {
            assert!(actors.add(Actor::from_bits(bits)).is_some());
        }
        let late = Actor::from_bits(u64::MAX);
        assert_eq!(actors.add(late), None);
        assert_eq!(actors.find(late), None);
        actors.forget_from(ACTORS_MAX - 1);
        assert_eq!(actors.find(Actor::from_bits(u64::from(ACTORS_MAX) - 1)), None);
        assert_eq!(actors.add(late), Some(ACTORS_MAX - 1));
    }

    #[test]
    fn counters_last_for_one_frame() {
        let mut actors = Actors::default();
        actors.begin_frame();
        let slot = actors.add(Actor::from_bits(1));
        assert_eq!(actors.base(slot), 0);
        actors.note(slot, 9);
        assert_eq!(actors.base(slot), 9);
        actors.begin_frame();
        assert_eq!(actors.base(slot), 0);
        assert_eq!(actors.base(None), 0);
    }

    #[test]
    fn a_missed_frame_is_noticed_at_the_next_spelling() {
        let mut actors = Actors::default();
        assert_eq!(actors.add_at(0, Actor::from_bits(1)), Ok(Some(0)));
        let missed = DecodeError::Inconsistent("index of an actor");
        assert_eq!(actors.add_at(2, Actor::from_bits(3)), Err(missed));
        assert_eq!(actors.add_at(0, Actor::from_bits(3)), Err(missed));
    }
}
