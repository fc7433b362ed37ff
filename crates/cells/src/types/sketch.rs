//! The HyperLogLog: how many different elements were added, within about 0.81 %.
//!
//! Concurrent sketches are joined register by register, so no addition is lost. Hash, registers
//! and estimate are those of Redis, so counts are the same. A deletion concurrent with an addition
//! loses to it, with everything the addition had seen: a sketch cannot tell its elements apart.
//!
//! ```text
//! payload: 0 | registers as 16,384 times 6 bits, little-endian          dense
//!          1 | (gap varint, register 1 B) for each that is not 0        sparse
//! ```

use causality::Dots;
use codec::{DecodeError, Reader, put_varint};

use super::{Draft, TypeError};
use crate::{Cell, Family, KeyAddress, ReadCells};

const INDEX_BITS: u32 = 14;
const REGISTER_COUNT: usize = 1 << INDEX_BITS;
/// Bits of a hash that are left to count zeros in.
const RANK_BITS: u8 = 50;
const _: () = assert!(RANK_BITS as u32 + INDEX_BITS == u64::BITS);
const RANK_MAX: u8 = RANK_BITS + 1;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
const DENSE_SIZE: usize = REGISTER_COUNT * 6 / 8;
const HASH_SEED: u64 = 0xadc8_3b19;

/// A set of registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sketch {
    registers: Box<[u8]>,
}

impl Default for Sketch {
    fn default() -> Self {
        Self { registers: vec![0; REGISTER_COUNT].into_boxed_slice() }
    }
}

impl Sketch {
    /// Adds an element; says whether a register rose.
    pub fn add(&mut self, element: &[u8]) -> bool {
        let hash = murmur64a(element);
        let index = usize::try_from(hash & (REGISTER_COUNT as u64 - 1)).expect("fourteen bits");
        // The bit above the rest ends the count of zeros.
        let rest = (hash >> INDEX_BITS) | 1 << RANK_BITS;
        let rank = u8::try_from(rest.trailing_zeros() + 1).expect("at most 51");
        let rises = rank > self.registers[index];
        self.registers[index] = rank.max(self.registers[index]);
        rises
    }

    /// Takes in every element of another sketch.
    pub fn join(&mut self, other: &Self) {
        for (mine, theirs) in self.registers.iter_mut().zip(&other.registers) {
            *mine = (*mine).max(*theirs);
        }
    }

    /// Estimates how many different elements were added.
    ///
    /// Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", 2017: the
    /// estimator without empirical constants, as Redis computes it.
    #[must_use]
    pub fn count(&self) -> u64 {
        let mut histogram = [0u32; RANK_MAX as usize + 1];
        for register in &self.registers {
            histogram[usize::from(*register)] += 1;
        }
        let registers = REGISTER_COUNT as f64;
        let full = f64::from(histogram[usize::from(RANK_MAX)]);
        let mut z = registers * tau((registers - full) / registers);
        for rank in (1..usize::from(RANK_MAX)).rev() {
            z = (z + f64::from(histogram[rank])) * 0.5;
        }
        z += registers * sigma(f64::from(histogram[0]) / registers);
        let half_over_ln2 = 0.5 / std::f64::consts::LN_2;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded")]
        let estimate = (half_over_ln2 * registers * registers / z).round() as u64;
        estimate
    }

    /// Writes the sketch in the smaller of its two forms.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut sparse = vec![SPARSE];
        let mut next = 0;
        let filled = self.registers.iter().enumerate().filter(|(_, register)| **register > 0);
        for (index, register) in filled {
            if sparse.len() > DENSE_SIZE {
                return self.encode_dense();
            }
            put_varint(&mut sparse, (index - next) as u64);
            sparse.push(*register);
            next = index + 1;
        }
        sparse
    }

    /// Reads a sketch.
    ///
    /// # Errors
    /// The bytes are none.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let mut sketch = Self::default();
        match reader.byte()? {
            DENSE => sketch.decode_dense(reader.rest())?,
            SPARSE => sketch.decode_sparse(&mut reader)?,
            _ => return Err(DecodeError::Unknown("form of sketch")),
        }
        if sketch.registers.iter().any(|register| *register > RANK_MAX) {
            return Err(DecodeError::Limit("register"));
        }
        Ok(sketch)
    }

    fn encode_dense(&self) -> Vec<u8> {
        let mut dense = Vec::with_capacity(1 + DENSE_SIZE);
        dense.push(DENSE);
        for four in self.registers.chunks_exact(4) {
            let bits =
                four.iter().rev().fold(0u32, |bits, register| bits << 6 | u32::from(*register));
            dense.extend_from_slice(&bits.to_le_bytes()[..3]);
        }
        dense
    }

    fn decode_dense(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        if bytes.len() != DENSE_SIZE {
            return Err(DecodeError::Inconsistent("size of sketch"));
        }
        for (four, three) in self.registers.chunks_exact_mut(4).zip(bytes.chunks_exact(3)) {
            let bits = u32::from_le_bytes([three[0], three[1], three[2], 0]);
            for (place, register) in (0..).zip(four) {
                *register = u8::try_from(bits >> (6 * place) & 0x3f).expect("six bits");
            }
        }
        Ok(())
    }

    fn decode_sparse(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        let mut next = 0;
        while !reader.is_empty() {
            let index = next + reader.count("register", REGISTER_COUNT)?;
            let register = self.registers.get_mut(index).ok_or(DecodeError::Limit("register"))?;
            *register = reader.byte()?;
            next = index + 1;
        }
        Ok(())
    }
}

/// Adds elements; says whether the estimate may have changed, as it does when the key is new.
///
/// # Errors
/// Reading failed, or a `Malformed` cell.
pub fn add<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    elements: &[&[u8]],
    draft: &mut Draft,
) -> Result<bool, TypeError> {
    let (mut sketch, removed) = read(cells, key)?;
    let mut changes = removed.is_empty();
    for element in elements {
        changes |= sketch.add(element);
    }
    if changes {
        draft.insert(Family::Sketch.column(&[]), removed, sketch.encode(), None);
    }
    Ok(changes)
}

/// Takes other sketches into this one.
///
/// # Errors
/// Reading failed, or a `Malformed` cell.
pub fn merge<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    others: &[Sketch],
    draft: &mut Draft,
) -> Result<(), TypeError> {
    let (mut sketch, removed) = read(cells, key)?;
    for other in others {
        sketch.join(other);
    }
    draft.insert(Family::Sketch.column(&[]), removed, sketch.encode(), None);
    Ok(())
}

/// Returns the key's sketch; nothing when there is none.
///
/// # Errors
/// Reading failed, or a `Malformed` cell.
pub fn get<R: ReadCells>(cells: &mut R, key: KeyAddress<'_>) -> Result<Option<Sketch>, TypeError> {
    let (sketch, dots) = read(cells, key)?;
    Ok((!dots.is_empty()).then_some(sketch))
}

/// Joins the siblings of a sketch's cell.
fn read<R: ReadCells>(cells: &mut R, key: KeyAddress<'_>) -> Result<(Sketch, Dots), TypeError> {
    cells.read(key, &Family::Sketch.column(&[]), |cell: &Cell<'_>| {
        let mut joined = Sketch::default();
        for version in &cell.live {
            let sketch = Sketch::decode(version.payload);
            joined.join(&sketch.map_err(|_| TypeError::Malformed(Family::Sketch))?);
        }
        Ok((joined, cell.dots()))
    })?
}

/// Austin Appleby's MurmurHash64A with the seed that Redis uses, on any machine little-endian.
fn murmur64a(bytes: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0xc6a4_a793_5bd1_e995;
    let mut hash = HASH_SEED ^ (bytes.len() as u64).wrapping_mul(MULTIPLIER);
    let mut blocks = bytes.chunks_exact(8);
    for block in &mut blocks {
        let word = u64::from_le_bytes(block.try_into().expect("chunks of eight"));
        let word = word.wrapping_mul(MULTIPLIER);
        let word = (word ^ word >> 47).wrapping_mul(MULTIPLIER);
        hash = (hash ^ word).wrapping_mul(MULTIPLIER);
    }
    let tail = blocks.remainder();
    if !tail.is_empty() {
        let word = tail.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        hash = (hash ^ word).wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ hash >> 47).wrapping_mul(MULTIPLIER);
    hash ^ hash >> 47
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if before == z {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if before == z {
            return z / 3.0;
        }
    }
}
