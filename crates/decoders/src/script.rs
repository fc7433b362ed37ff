//! Input read as a sequence of choices and parts. Never fails: what is missing reads as zero, or
//! is shorter, so that every input means something and small changes of it mean small changes.

use causality::{Actor, Dot, Incarnation, NodeId};

const PART_LENGTH_SIZE: usize = 2;

/// What is left of an input.
#[derive(Clone, Copy, Debug)]
pub struct Script<'a> {
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    /// Starts at the front of `input`.
    #[must_use]
    pub const fn new(input: &'a [u8]) -> Self {
        Self { rest: input }
    }

    /// Reads one byte.
    pub fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    /// Reads some bytes; those beyond the end are zeros.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.rest.split_at(N.min(self.rest.len()));
        self.rest = rest;
        let mut bytes = [0; N];
        bytes[..taken.len()].copy_from_slice(taken);
        bytes
    }

    /// Reads a part as [`put_part`] writes it; one that is longer than the rest is the rest.
    pub fn part(&mut self) -> &'a [u8] {
        let length = usize::from(u16::from_le_bytes(self.array::<PART_LENGTH_SIZE>()));
        let (part, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        part
    }

    /// Reads a dot of one of a few actors, most often with a small counter.
    pub fn dot(&mut self) -> Dot {
        let [choice, low] = self.array();
        let actor = Actor::new(NodeId(u32::from(choice % 4)), Incarnation(1));
        let counter = match choice >> 4 {
            15 => u64::from_le_bytes(self.array()),
            _ => u64::from(low),
        };
        Dot::new(actor, counter)
    }

    /// Returns what was not read yet.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Says whether everything was read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Writes a part with its length; what exceeds 64 KiB is left out.
pub fn put_part(out: &mut Vec<u8>, part: &[u8]) {
    let length = u16::try_from(part.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&part[..usize::from(length)]);
}
