//! Positions in a list: byte strings that sort like the list, with room between any two.
//!
//! Positions are the paths of a tree whose in-order walk is the list, after Weidner and Kleppmann,
//! "The Art of the Fugue", 2023. A node is a *run*: elements that one actor put one behind (or
//! before) the other. An actor goes on in its own run as long as it can, so concurrent runs at one
//! place never mix, and a thousand pushes differ in a byte or two only. Where the neighbours are
//! somebody else's, a new run takes the next free index of the shallowest level that lies between
//! them, so that actors taking turns do not nest.
//!
//! No position is ever used twice: each holds the counter of the dot of its element.
//!
//! ```text
//! position: level, then (side, level)*, then 2
//! side:     1 before the element so far, 3 behind it       (so 1 < 2 < 3 is the walk)
//! level:    index | run | offset
//! index:    order among the runs at one place, signed
//! run:      kind 1 B | actor 8 B unless it is that of the level above | counter
//! offset:   distance from the run's counter; in a backward run its complement
//! ```

use std::cmp::Ordering;

use causality::{Actor, Dot};
use codec::{DecodeError, Reader};

use super::TypeError;
use crate::Family;

/// The longest position; only an adversary nests so deep.
pub const POSITION_SIZE_MAX: usize = 1_024;

const BEFORE: u8 = 1;
const END: u8 = 2;
const BEHIND: u8 = 3;
/// Kinds of runs: bit 0 is the direction, bit 1 says that the actor is spelled out.
const FORWARD: u8 = 1;
const SPELLED: u8 = 2;
/// Numbers below this are one byte; above, the first byte says how many follow.
const SHORT_MAX: u64 = 0xf7;
const INDEX_ZERO: u8 = 0x80;
const INDEX_SHORT: i64 = 0x70;

/// Whether the elements of a run follow or precede each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Forward,
    Backward,
}

/// One step of a path, with where its parts end in the bytes.
#[derive(Clone, Copy, Debug)]
struct Level {
    index: i64,
    direction: Direction,
    /// The run's name: the dot of its first element.
    run: Dot,
    offset: u64,
    /// Where the level's index begins.
    start: usize,
    /// Where the run's name ends and the offset begins.
    offset_at: usize,
    end: usize,
}

/// A position taken apart.
#[derive(Debug)]
struct Parsed<'a> {
    bytes: &'a [u8],
    levels: Vec<Level>,
}

/// Returns a position between two neighbours, for the element that will bear `dot`. An absent
/// neighbour is the end of the list.
///
/// # Errors
/// `Malformed` neighbours, or neighbours out of order; `PositionTooLong`.
pub fn between(left: Option<&[u8]>, right: Option<&[u8]>, dot: Dot) -> Result<Vec<u8>, TypeError> {
    let parse = |bytes| Parsed::new(bytes).map_err(|_| TypeError::Malformed(Family::ListItem));
    let (left, right) = (left.map(parse).transpose()?, right.map(parse).transpose()?);
    let gap = Gap { left: left.as_ref(), right: right.as_ref(), dot };
    if !gap.is_open() {
        return Err(TypeError::Malformed(Family::ListItem));
    }
    let position = gap.choose().ok_or(TypeError::Malformed(Family::ListItem))?;
    if position.len() > POSITION_SIZE_MAX {
        return Err(TypeError::PositionTooLong);
    }
    Ok(position)
}

/// A place to put an element.
struct Gap<'a> {
    left: Option<&'a Parsed<'a>>,
    right: Option<&'a Parsed<'a>>,
    dot: Dot,
}

impl Gap<'_> {
    fn is_open(&self) -> bool {
        match (self.left, self.right) {
            (Some(left), Some(right)) => left.bytes < right.bytes,
            _ => true,
        }
    }

    /// Tries the ways in order; every candidate is checked against the neighbours' bytes.
    fn choose(&self) -> Option<Vec<u8>> {
        let me = self.dot.actor;
        let own_left = self.left.filter(|left| left.last().run.actor == me);
        let own_right = self.right.filter(|right| right.last().run.actor == me);
        let ways = [
            own_left.and_then(|left| self.go_on(left, Direction::Forward)),
            own_right.and_then(|right| self.go_on(right, Direction::Backward)),
            own_left.and_then(|left| self.branch(left, BEHIND)),
            own_right.and_then(|right| self.branch(right, BEFORE)),
        ];
        let own = ways.into_iter().flatten().next();
        own.or_else(|| self.beside())
            .or_else(|| self.branch(self.left?, BEHIND))
            .or_else(|| self.branch(self.right?, BEFORE))
    }

    /// The next element of the actor's own run.
    fn go_on(&self, neighbour: &Parsed<'_>, direction: Direction) -> Option<Vec<u8>> {
        let last = neighbour.last();
        let offset = self.dot.counter.checked_sub(last.run.counter)?;
        if last.direction != direction || offset <= last.offset {
            return None;
        }
        let mut position = neighbour.bytes[..last.offset_at].to_vec();
        put_offset(&mut position, direction, offset);
        position.push(END);
        self.fits(position)
    }

    /// A new run below a neighbour. Before an own element more of that kind are to be expected.
    fn branch(&self, neighbour: &Parsed<'_>, side: u8) -> Option<Vec<u8>> {
        let direction = if side == BEHIND { Direction::Forward } else { Direction::Backward };
        let mut position = neighbour.bytes[..neighbour.last().end].to_vec();
        position.push(side);
        put_index(&mut position, 0);
        self.put_run(&mut position, direction, neighbour.last().run.actor);
        self.fits(position)
    }

    /// A new run beside one of the runs that lead to a neighbour, as shallow as possible.
    fn beside(&self) -> Option<Vec<u8>> {
        if self.left.is_none() && self.right.is_none() {
            return self.beside_level(&[], None, 0);
        }
        let behind = self.left.into_iter().flat_map(|left| left.around(1));
        let before = self.right.into_iter().flat_map(|right| right.around(-1));
        let candidates = behind
            .chain(before)
            .filter_map(|(prefix, above, index)| self.beside_level(prefix, above, index?));
        candidates.min_by_key(Vec::len)
    }

    fn beside_level(&self, prefix: &[u8], above: Option<Actor>, index: i64) -> Option<Vec<u8>> {
        let direction = if self.left.is_none() && self.right.is_some() {
            Direction::Backward
        } else {
            Direction::Forward
        };
        let mut position = prefix.to_vec();
        put_index(&mut position, index);
        match above {
            Some(actor) => self.put_run(&mut position, direction, actor),
            None => self.put_spelled_run(&mut position, direction),
        }
        self.fits(position)
    }

    /// Names a new run by the dot of its first element, whose offset is zero.
    fn put_run(&self, out: &mut Vec<u8>, direction: Direction, above: Actor) {
        if above != self.dot.actor {
            return self.put_spelled_run(out, direction);
        }
        out.push(direction.bit());
        self.put_first(out, direction);
    }

    fn put_spelled_run(&self, out: &mut Vec<u8>, direction: Direction) {
        out.push(direction.bit() | SPELLED);
        out.extend_from_slice(&self.dot.actor.bits().to_be_bytes());
        self.put_first(out, direction);
    }

    fn put_first(&self, out: &mut Vec<u8>, direction: Direction) {
        put_number(out, self.dot.counter);
        put_offset(out, direction, 0);
        out.push(END);
    }

    fn fits(&self, position: Vec<u8>) -> Option<Vec<u8>> {
        let is_behind = self.left.is_none_or(|left| left.bytes < &position[..]);
        let is_before = self.right.is_none_or(|right| &position[..] < right.bytes);
        (is_behind && is_before).then_some(position)
    }
}

impl<'a> Parsed<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let mut levels: Vec<Level> = Vec::new();
        loop {
            let above = levels.last().map(|level| level.run.actor);
            levels.push(Level::read(&mut reader, bytes.len(), above)?);
            match reader.byte()? {
                END => break,
                BEFORE | BEHIND => {}
                _ => return Err(DecodeError::Unknown("side")),
            }
        }
        reader.finish()?;
        Ok(Self { bytes, levels })
    }

    fn last(&self) -> &Level {
        self.levels.last().expect("a position has a level")
    }

    /// For each level: what comes before it, the actor of the level above, and a free index.
    fn around(
        &self,
        step: i64,
    ) -> impl Iterator<Item = (&'a [u8], Option<Actor>, Option<i64>)> + '_ {
        let above =
            std::iter::once(None).chain(self.levels.iter().map(|level| Some(level.run.actor)));
        self.levels.iter().zip(above).map(move |(level, above)| {
            (&self.bytes[..level.start], above, level.index.checked_add(step))
        })
    }
}

impl Level {
    fn read(
        reader: &mut Reader<'_>,
        size: usize,
        above: Option<Actor>,
    ) -> Result<Self, DecodeError> {
        let start = size - reader.rest().len();
        let index = read_index(reader)?;
        let kind = reader.byte()?;
        if kind > FORWARD | SPELLED {
            return Err(DecodeError::Unknown("kind of run"));
        }
        let direction = if kind & FORWARD > 0 { Direction::Forward } else { Direction::Backward };
        let actor = if kind & SPELLED > 0 {
            Actor::from_bits(u64::from_be_bytes(reader.array()?))
        } else {
            above.ok_or(DecodeError::Inconsistent("run without an actor"))?
        };
        let run = Dot::new(actor, read_number(reader, 0)?);
        let offset_at = size - reader.rest().len();
        let flip = direction.flip();
        let offset = read_number(reader, flip)?;
        let end = size - reader.rest().len();
        Ok(Self { index, direction, run, offset, start, offset_at, end })
    }
}

impl Direction {
    const fn bit(self) -> u8 {
        match self {
            Self::Forward => FORWARD,
            Self::Backward => 0,
        }
    }

    /// What the bytes of an offset are combined with, so that a backward run sorts backwards.
    const fn flip(self) -> u8 {
        match self {
            Self::Forward => 0,
            Self::Backward => 0xff,
        }
    }
}

fn put_offset(out: &mut Vec<u8>, direction: Direction, offset: u64) {
    let from = out.len();
    put_number(out, offset);
    out[from..].iter_mut().for_each(|byte| *byte ^= direction.flip());
}

/// Appends a number as bytes that sort like it, none the beginning of another.
fn put_number(out: &mut Vec<u8>, number: u64) {
    if number <= SHORT_MAX {
        out.push(u8::try_from(number).expect("one byte"));
        return;
    }
    let (count, bytes) = significant(number);
    out.push(0xf7 + count);
    out.extend_from_slice(&bytes[8 - usize::from(count)..]);
}

fn read_number(reader: &mut Reader<'_>, flip: u8) -> Result<u64, DecodeError> {
    let first = reader.byte()? ^ flip;
    if u64::from(first) <= SHORT_MAX {
        return Ok(u64::from(first));
    }
    let count = usize::from(first - 0xf7);
    Ok(reader.take(count)?.iter().fold(0, |sum, byte| sum << 8 | u64::from(byte ^ flip)))
}

/// Appends a signed number likewise; small ones take one byte.
fn put_index(out: &mut Vec<u8>, index: i64) {
    let magnitude = index.unsigned_abs();
    let (count, bytes) = significant(magnitude);
    let from = 8 - usize::from(count);
    match (index.cmp(&0), (-INDEX_SHORT..INDEX_SHORT).contains(&index)) {
        (_, true) => {
            let byte = i64::from(INDEX_ZERO) + index;
            out.push(u8::try_from(byte).expect("short"));
        }
        (Ordering::Less, false) => {
            out.push(0x0f - count);
            out.extend(bytes[from..].iter().map(|byte| !byte));
        }
        (_, false) => {
            out.push(0xf0 + count);
            out.extend_from_slice(&bytes[from..]);
        }
    }
}

fn read_index(reader: &mut Reader<'_>) -> Result<i64, DecodeError> {
    let first = reader.byte()?;
    let (count, flip, sign) = match first {
        0x07..=0x0e => (0x0f - first, 0xff, -1),
        0x10..=0xef => return Ok(i64::from(first) - i64::from(INDEX_ZERO)),
        0xf1..=0xf8 => (first - 0xf0, 0, 1),
        _ => return Err(DecodeError::Unknown("index")),
    };
    let bytes = reader.take(usize::from(count))?.iter();
    let magnitude = bytes.fold(0u64, |sum, byte| sum << 8 | u64::from(byte ^ flip));
    let magnitude = i64::try_from(magnitude).map_err(|_| DecodeError::Limit("index"))?;
    Ok(sign * magnitude)
}

/// Returns how many bytes a number needs, and its bytes.
fn significant(number: u64) -> (u8, [u8; 8]) {
    let count = (64 - number.leading_zeros()).div_ceil(8);
    (u8::try_from(count).expect("at most eight"), number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_indices_sort_like_what_they_mean() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut numbers: Vec<u64> = (0..3_000).map(|_| rng.u64(..) >> rng.u32(0..64)).collect();
        numbers.extend([0, SHORT_MAX, SHORT_MAX + 1, u64::MAX]);
        let encode = |number| {
            let mut out = Vec::new();
            put_number(&mut out, number);
            out
        };
        numbers.sort_unstable();
        for pair in numbers.windows(2) {
            assert_eq!(encode(pair[0]).cmp(&encode(pair[1])), pair[0].cmp(&pair[1]));
            assert_eq!(read_number(&mut Reader::new(&encode(pair[0])), 0), Ok(pair[0]));
        }
        let mut indices: Vec<i64> = (0..3_000).map(|_| rng.i64(..) >> rng.u32(0..64)).collect();
        indices.extend([-INDEX_SHORT - 1, -INDEX_SHORT, INDEX_SHORT - 1, INDEX_SHORT, i64::MAX]);
        indices.sort_unstable();
        let encode = |index| {
            let mut out = Vec::new();
            put_index(&mut out, index);
            out
        };
        for pair in indices.windows(2) {
            assert_eq!(encode(pair[0]).cmp(&encode(pair[1])), pair[0].cmp(&pair[1]), "{pair:?}");
            assert_eq!(read_index(&mut Reader::new(&encode(pair[0]))), Ok(pair[0]));
        }
    }

    #[test]
    fn any_bytes_are_a_position_or_an_error() {
        let mut rng = fastrand::Rng::with_seed(8);
        let dot = Dot::new(Actor::from_bits(1), 1 << 40);
        for _ in 0..50_000 {
            let bytes: Vec<u8> = (0..rng.usize(0..40)).map(|_| rng.u8(..)).collect();
            let other: Vec<u8> = (0..rng.usize(0..40)).map(|_| rng.u8(..) % 4).collect();
            if let Ok(position) = between(Some(&bytes), Some(&other), dot) {
                assert!(bytes < position && position < other);
            }
        }
    }
}
