//! Writes what the layouts are made of: bytes, numbers, actors, dots and stamps.
//!
//! Assertions here guard our own mistakes: a value that a peer would refuse is not sent.

use std::ops::Range;

use causality::{Actor, Dot, HybridTime, Millis};
use codec::{put_slice, put_varint};

use super::actors::{ActorsByName, Slot};
use super::plain::logical;
use super::{COUNTER_MAX, Layout, Trail, zigzag};

/// Appends one body.
pub(crate) struct BodyWriter<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) trail: Trail,
    /// Where the key of the last cell stands in `out`, if it was short enough to be repeated.
    pub(super) key: Option<Range<usize>>,
    actors: &'a mut ActorsByName,
}

/// The name and the time of an operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    pub(super) dot: Dot,
    pub(super) time: HybridTime,
}

/// The bits of a head byte that say how its stamp is written; the other bits are the value's own.
pub(super) mod stamp_bits {
    /// The time has a logical part.
    pub(crate) const LOGICAL: u8 = 1 << 5;
    /// The actor is that of the stamp before.
    pub(crate) const SAME_ACTOR: u8 = 1 << 6;
    /// The counter is the next of its actor in this frame.
    pub(crate) const NEXT_COUNTER: u8 = 1 << 7;
    /// All of them.
    pub(crate) const ALL: u8 = LOGICAL | SAME_ACTOR | NEXT_COUNTER;
}

impl<'a> BodyWriter<'a> {
    /// Begins a body at the end of `out`.
    pub(crate) fn new(out: &'a mut Vec<u8>, actors: &'a mut ActorsByName) -> Self {
        actors.list_mut().begin_frame();
        Self { out, trail: Trail::default(), key: None, actors }
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    pub(super) fn varint(&mut self, value: u64) {
        put_varint(self.out, value);
    }

    pub(super) fn fixed(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn slice(&mut self, bytes: &[u8]) {
        put_slice(self.out, bytes);
    }

    /// Writes a list: its count, then its items.
    pub(super) fn list<T: Layout>(&mut self, items: &[T]) {
        self.varint(items.len() as u64);
        self.items(items);
    }

    /// Writes items whose count the reader learns elsewhere.
    pub(super) fn items<T: Layout>(&mut self, items: &[T]) {
        for item in items {
            item.write(self);
        }
    }

    /// Names an actor: by its distance from the actor named before, or by spelling it.
    pub(super) fn actor(&mut self, actor: Actor) -> Slot {
        match self.actors.find(actor) {
            Some(index) => {
                let distance = u64::from(index).wrapping_sub(u64::from(self.trail.index));
                self.varint(1 + zigzag(distance));
                self.trail.index = index;
                Some(index)
            }
            None => self.spelled_actor(actor),
        }
    }

    /// Writes a dot that is only mentioned: its counter is told from the last stamp of its actor.
    pub(super) fn mention(&mut self, dot: Dot) {
        let slot = self.actor(dot.actor);
        self.counter(dot.counter, self.actors.list().base(slot));
    }

    /// Writes a head byte, then a stamp in as few bytes as what came before allows.
    pub(super) fn stamp(&mut self, own_bits: u8, stamp: Stamp) {
        assert_eq!(own_bits & stamp_bits::ALL, 0, "these bits are the stamp's");
        let Stamp { dot: Dot { actor, counter }, time } = stamp;
        let (is_same_actor, found) = match self.trail.stamped {
            Some((last, slot)) if last == actor => (true, slot),
            _ => (false, self.actors.find(actor)),
        };
        let base = self.actors.list().base(found);
        let is_next_counter = counter == base + 1;
        let logical = logical(time);
        let bit = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        self.byte(
            own_bits
                | bit(logical != 0, stamp_bits::LOGICAL)
                | bit(is_same_actor, stamp_bits::SAME_ACTOR)
                | bit(is_next_counter, stamp_bits::NEXT_COUNTER),
        );
        let slot = if is_same_actor { found } else { self.actor(actor) };
        if !is_next_counter {
            self.counter(counter, base);
        }
        let millis = time.millis().0;
        self.varint(zigzag(millis.wrapping_sub(self.trail.millis)));
        if logical != 0 {
            self.varint(logical);
        }
        self.actors.list_mut().note(slot, counter);
        self.trail.stamped = Some((actor, slot));
        self.trail.millis = millis;
    }

    /// Writes an expiry, told from the wall part of the last stamp.
    pub(super) fn expiry(&mut self, expiry: Millis) {
        self.varint(zigzag(expiry.0.wrapping_sub(self.trail.millis)));
    }

    fn counter(&mut self, counter: u64, base: u64) {
        assert!(0 < counter, "counters start at 1");
        assert!(counter <= COUNTER_MAX, "a counter beyond what peers accept");
        self.varint(zigzag(counter.wrapping_sub(base)));
    }

    fn spelled_actor(&mut self, actor: Actor) -> Slot {
        self.varint(0);
        self.varint(u64::from(self.actors.list().next_index()));
        self.fixed(&actor.bits().to_le_bytes());
        let slot = self.actors.add(actor);
        self.trail.index = slot.unwrap_or(self.trail.index);
        slot
    }
}
