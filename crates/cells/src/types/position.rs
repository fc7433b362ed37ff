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
//! position: level, level, .., then 80
//! level:    place | actor, unless it is that of the level above | run counter | offset
//! place:    40 + kind          before the element so far, at index 0
//!           20 | index | kind  before it, at an index below 0; 60 at one above
//!           c0, a0, e0         likewise behind it; so 20..63 < 80 < a0..e3 is the walk
//! kind:     1 forward, 2 actor spelled out
//! index:    distance from 0; below 0 its complement
//! actor:    node number | incarnation 4 B, big-endian
//! offset:   distance from the run's counter; in a backward run its complement
//! ```

use causality::{Actor, Dot, Incarnation, NodeId};
use codec::{DecodeError, Reader};

use super::TypeError;
use crate::Family;

/// The longest position; only an adversary nests so deep.
pub const POSITION_SIZE_MAX: usize = 1_024;

const END: u8 = 0x80;
/// Added to or taken from the places of index zero by the sign of the index.
const SIGN: u8 = 0x20;
/// Kinds of runs: bit 0 is the direction, bit 1 says that the actor is spelled out.
const FORWARD: u8 = 1;
const SPELLED: u8 = 2;
const KINDS: u8 = FORWARD | SPELLED;
/// Numbers below this are one byte; above, the first byte says how many follow.
const SHORT_MAX: u64 = 0xf7;

/// Where a level hangs, seen from the element above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Before,
    Behind,
}

/// Where a new level may go.
#[derive(Clone, Copy, Debug)]
struct Place {
    side: Side,
    index: i64,
    /// The actor of the level above.
    above: Option<Actor>,
}

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
    side: Side,
    /// Where the level begins.
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
        let is_own = |neighbour: &&Parsed<'_>| neighbour.last().run.actor == me;
        let left = self.left.filter(is_own).map(|left| (left, Side::Behind));
        let right = self.right.filter(is_own).map(|right| (right, Side::Before));
        let mut own: Vec<_> = left.into_iter().chain(right).collect();
        // The actor's last element is where it is writing; whatever it wrote before may have
        // others' elements between.
        own.sort_unstable_by_key(|(neighbour, _)| std::cmp::Reverse(neighbour.last().counter()));
        let mut own = own.into_iter();
        own.find_map(|(neighbour, side)| {
            self.go_on(neighbour, side).or_else(|| self.branch(neighbour, side))
        })
        .or_else(|| self.beside())
        .or_else(|| self.branch(self.left?, Side::Behind))
        .or_else(|| self.branch(self.right?, Side::Before))
    }

    /// The next element of the actor's own run.
    fn go_on(&self, neighbour: &Parsed<'_>, side: Side) -> Option<Vec<u8>> {
        let direction = Direction::towards(side);
        let last = neighbour.last();
        let offset = self.dot.counter.checked_sub(last.run.counter)?;
        if last.direction != direction || offset <= last.offset {
            return None;
        }
        let mut position = neighbour.bytes[..last.offset_at].to_vec();
        put_flipped(&mut position, direction.flip(), offset);
        position.push(END);
        self.fits(position)
    }

    /// A new run below a neighbour. Before an own element more of that kind are to be expected.
    fn branch(&self, neighbour: &Parsed<'_>, side: Side) -> Option<Vec<u8>> {
        let direction = Direction::towards(side);
        let mut position = neighbour.bytes[..neighbour.last().end].to_vec();
        let place = Place { side, index: 0, above: Some(neighbour.last().run.actor) };
        self.put_run(&mut position, place, direction);
        self.fits(position)
    }

    /// A new run beside one of the runs that lead to a neighbour, as shallow as possible.
    fn beside(&self) -> Option<Vec<u8>> {
        if self.left.is_none() && self.right.is_none() {
            return self.beside_level(&[], Place { side: Side::Behind, index: 0, above: None });
        }
        let behind = self.left.into_iter().flat_map(|left| left.around(1));
        let before = self.right.into_iter().flat_map(|right| right.around(-1));
        let candidates =
            behind.chain(before).filter_map(|(prefix, place)| self.beside_level(prefix, place));
        candidates.min_by_key(Vec::len)
    }

    fn beside_level(&self, prefix: &[u8], place: Place) -> Option<Vec<u8>> {
        // At the front, more of that kind are to be expected.
        let is_front = self.left.is_none() && self.right.is_some();
        let side = if is_front { Side::Before } else { Side::Behind };
        let mut position = prefix.to_vec();
        self.put_run(&mut position, place, Direction::towards(side));
        self.fits(position)
    }

    /// Names a new run by the dot of its first element, whose offset is zero.
    fn put_run(&self, out: &mut Vec<u8>, place: Place, direction: Direction) {
        let Dot { actor, counter } = self.dot;
        let is_spelled = place.above != Some(actor);
        let kind = direction.bit() | if is_spelled { SPELLED } else { 0 };
        put_place(out, place, kind);
        if is_spelled {
            put_number(out, u64::from(actor.node().0));
            out.extend_from_slice(&actor.incarnation().0.to_be_bytes());
        }
        put_number(out, counter);
        put_flipped(out, direction.flip(), 0);
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
            if reader.rest().first() == Some(&END) {
                break;
            }
        }
        reader.byte()?;
        reader.finish()?;
        Ok(Self { bytes, levels })
    }

    fn last(&self) -> &Level {
        self.levels.last().expect("a position has a level")
    }

    /// For each level: what comes before it, and the next place at one side of it.
    fn around(&self, step: i64) -> impl Iterator<Item = (&'a [u8], Place)> + '_ {
        let above =
            std::iter::once(None).chain(self.levels.iter().map(|level| Some(level.run.actor)));
        self.levels.iter().zip(above).filter_map(move |(level, above)| {
            let index = level.index.checked_add(step)?;
            Some((&self.bytes[..level.start], Place { side: level.side, index, above }))
        })
    }
}

impl Level {
    /// The counter of the element's dot.
    const fn counter(&self) -> u64 {
        self.run.counter.saturating_add(self.offset)
    }

    fn read(
        reader: &mut Reader<'_>,
        size: usize,
        above: Option<Actor>,
    ) -> Result<Self, DecodeError> {
        let start = size - reader.rest().len();
        let (side, index, kind) = read_place(reader)?;
        let direction = if kind & FORWARD > 0 { Direction::Forward } else { Direction::Backward };
        let actor = if kind & SPELLED > 0 {
            read_actor(reader)?
        } else {
            above.ok_or(DecodeError::Inconsistent("run without an actor"))?
        };
        let run = Dot::new(actor, read_number(reader, 0)?);
        let offset_at = size - reader.rest().len();
        let offset = read_number(reader, direction.flip())?;
        let end = size - reader.rest().len();
        Ok(Self { side, index, direction, run, offset, start, offset_at, end })
    }
}

impl Side {
    /// Returns the byte of index zero on this side.
    const fn byte(self) -> u8 {
        match self {
            Self::Before => 0x40,
            Self::Behind => 0xc0,
        }
    }
}

impl Direction {
    const fn towards(side: Side) -> Self {
        match side {
            Side::Before => Self::Backward,
            Side::Behind => Self::Forward,
        }
    }

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

/// Appends a number; flipped, it sorts the other way round.
fn put_flipped(out: &mut Vec<u8>, flip: u8, number: u64) {
    let from = out.len();
    put_number(out, number);
    out[from..].iter_mut().for_each(|byte| *byte ^= flip);
}

fn put_place(out: &mut Vec<u8>, place: Place, kind: u8) {
    let side = place.side.byte();
    match place.index {
        0 => return out.push(side | kind),
        ..0 => out.push(side - SIGN),
        1.. => out.push(side + SIGN),
    }
    let flip = if place.index < 0 { 0xff } else { 0 };
    put_flipped(out, flip, place.index.unsigned_abs());
    out.push(kind);
}

fn read_place(reader: &mut Reader<'_>) -> Result<(Side, i64, u8), DecodeError> {
    let byte = reader.byte()?;
    let side = if byte < END { Side::Before } else { Side::Behind };
    if byte & !KINDS == side.byte() {
        return Ok((side, 0, byte & KINDS));
    }
    let (flip, sign) = match byte {
        _ if byte == side.byte() - SIGN => (0xff, -1),
        _ if byte == side.byte() + SIGN => (0, 1),
        _ => return Err(DecodeError::Unknown("place")),
    };
    let distance = i64::try_from(read_number(reader, flip)?);
    let index = distance.map_err(|_| DecodeError::Limit("index"))? * sign;
    let kind = reader.byte()?;
    if kind & !KINDS > 0 {
        return Err(DecodeError::Unknown("kind of run"));
    }
    Ok((side, index, kind))
}

fn read_actor(reader: &mut Reader<'_>) -> Result<Actor, DecodeError> {
    let node = u32::try_from(read_number(reader, 0)?).map_err(|_| DecodeError::Limit("node"))?;
    let incarnation = u32::from_be_bytes(reader.array()?);
    Ok(Actor::new(NodeId(node), Incarnation(incarnation)))
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
        indices.extend([-1, 0, 1, -i64::MAX, i64::MAX]);
        indices.sort_unstable();
        for side in [Side::Before, Side::Behind] {
            let encode = |index| {
                let mut out = Vec::new();
                put_place(&mut out, Place { side, index, above: None }, FORWARD);
                out
            };
            for pair in indices.windows(2).filter(|pair| pair[0] > i64::MIN) {
                let (one, other) = (encode(pair[0]), encode(pair[1]));
                assert_eq!(one.cmp(&other), pair[0].cmp(&pair[1]), "{pair:?}");
                assert_eq!(one[0] < END, side == Side::Before);
                assert_eq!(read_place(&mut Reader::new(&one)), Ok((side, pair[0], FORWARD)));
            }
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
