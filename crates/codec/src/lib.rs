//! The byte cursor under every format of ours: varints, fixed integers, bounded slices.
//!
//! Decoders are total: any bytes give a value or an error, and nothing is allocated for a length
//! that the input does not hold. Formats themselves live with their owners (`wire`, `replica`).
//! Integers of fixed width are little-endian, except where a format needs bytewise order.

use thiserror::Error;

/// Why bytes are not a value. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input ends inside a value.
    #[error("input ends early")]
    Truncated,
    /// A varint is longer than its type or not in its shortest form.
    #[error("malformed number")]
    Number,
    /// A length or count is above its limit.
    #[error("{0} is over its limit")]
    Limit(&'static str),
    /// A tag, flag or version is not known.
    #[error("unknown {0}")]
    Unknown(&'static str),
    /// Values contradict each other (order, range, emptiness).
    #[error("inconsistent {0}")]
    Inconsistent(&'static str),
    /// Bytes are left over after a complete value.
    #[error("trailing bytes")]
    Trailing,
}

/// Appends an unsigned integer as a LEB128 varint: 7 bits a byte, shortest form.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        #[expect(clippy::cast_possible_truncation, reason = "the low seven bits are meant")]
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the loop left seven bits")]
    out.push(value as u8);
}

/// Appends a length as a varint, then the bytes.
#[inline]
pub fn put_slice(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Returns how many bytes [`put_varint`] takes for a value.
#[must_use]
pub const fn varint_len(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// A cursor over input that is read from front to back.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the front of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Reads the next `count` bytes.
    ///
    /// # Errors
    /// `Truncated` when fewer are left; the cursor has not moved.
    #[inline]
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Reads a fixed number of bytes as an array.
    ///
    /// # Errors
    /// `Truncated` when fewer are left.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Reads one byte.
    ///
    /// # Errors
    /// `Truncated` at the end.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }

    /// Reads a varint in its shortest form.
    ///
    /// # Errors
    /// `Truncated` at the end; `Number` over 64 bits or padded.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        self.varint_rest(u64::from(first & 0x7f))
    }

    fn varint_rest(&mut self, mut value: u64) -> Result<u64, DecodeError> {
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(DecodeError::Number);
            }
            value |= bits << shift;
            if byte < 0x80 {
                return if byte == 0 { Err(DecodeError::Number) } else { Ok(value) };
            }
        }
        Err(DecodeError::Number)
    }

    /// Reads a varint that counts or measures something that must fit `limit`.
    ///
    /// # Errors
    /// As [`Reader::varint`]; `Limit` above `limit`.
    #[inline]
    pub fn count(&mut self, what: &'static str, limit: usize) -> Result<usize, DecodeError> {
        let value = self.varint()?;
        usize::try_from(value).ok().filter(|v| *v <= limit).ok_or(DecodeError::Limit(what))
    }

    /// Reads a length of at most `limit`, then that many bytes.
    ///
    /// # Errors
    /// As [`Reader::count`] and [`Reader::take`].
    #[inline]
    pub fn slice(&mut self, what: &'static str, limit: usize) -> Result<&'a [u8], DecodeError> {
        let length = self.count(what, limit)?;
        self.take(length)
    }

    /// Reads eight bytes, little-endian.
    ///
    /// # Errors
    /// `Truncated` when fewer are left.
    #[inline]
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Reads sixteen bytes, little-endian.
    ///
    /// # Errors
    /// `Truncated` when fewer are left.
    #[inline]
    pub fn u128(&mut self) -> Result<u128, DecodeError> {
        Ok(u128::from_le_bytes(self.array()?))
    }

    /// Ends the reading of a complete value.
    ///
    /// # Errors
    /// `Trailing` when bytes are left.
    pub const fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing) }
    }

    /// Returns what has not been read.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Says whether everything has been read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip_in_shortest_form() {
        let mut rng = fastrand::Rng::with_seed(1);
        let edges = (0..64).flat_map(|bit| [1u64 << bit, (1u64 << bit) - 1]).chain([u64::MAX]);
        let random: Vec<u64> = (0..10_000).map(|_| rng.u64(..) >> rng.u32(0..64)).collect();
        for value in edges.chain(random) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out.len(), varint_len(value), "{value}");
            let mut reader = Reader::new(&out);
            assert_eq!(reader.varint(), Ok(value));
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn padded_long_and_cut_numbers_are_errors() {
        let check = |bytes: &[u8], error| assert_eq!(Reader::new(bytes).varint(), Err(error));
        check(&[0x80, 0x00], DecodeError::Number);
        check(&[0xff; 11], DecodeError::Number);
        check(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], DecodeError::Number);
        check(&[0x80], DecodeError::Truncated);
        check(&[], DecodeError::Truncated);
    }

    #[test]
    fn lengths_are_checked_before_anything_is_taken() {
        let mut out = Vec::new();
        put_varint(&mut out, u64::MAX);
        assert_eq!(Reader::new(&out).slice("key", 10), Err(DecodeError::Limit("key")));
        let mut out = Vec::new();
        put_slice(&mut out, b"abc");
        assert_eq!(Reader::new(&out).slice("key", 2), Err(DecodeError::Limit("key")));
        assert_eq!(Reader::new(&out[..3]).slice("key", 9), Err(DecodeError::Truncated));
        let mut reader = Reader::new(&out);
        assert_eq!(reader.slice("key", 3), Ok(&b"abc"[..]));
        assert_eq!(reader.finish(), Ok(()));
        assert_eq!(Reader::new(&out).finish(), Err(DecodeError::Trailing));
    }
}
