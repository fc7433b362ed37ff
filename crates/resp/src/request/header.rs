//! The two kinds of header line, `*count` and `$size`, once they are in the buffer.

use super::ProtocolError;
use crate::number::parse_integer;

/// Digits of a length that are read without looking for the end of the line first.
const SHORT_DIGITS_COUNT_MAX: usize = 7;
/// The two bytes that end a line or an argument.
pub(super) const LINE_END_SIZE: usize = 2;

/// Reads a header of few digits that is complete in `bytes`, and returns its number and what
/// follows it. Everything else, broken headers too, is for the slower path to judge.
#[inline]
pub(super) fn short_header(bytes: &[u8], start: usize, marker: u8) -> Option<(usize, usize)> {
    let (&first, digits) = bytes.get(start..)?.split_first()?;
    if first != marker {
        return None;
    }
    let mut value = 0;
    for (index, &byte) in digits.iter().enumerate().take(SHORT_DIGITS_COUNT_MAX + 1) {
        if byte.is_ascii_digit() {
            value = value * 10 + usize::from(byte - b'0');
            continue;
        }
        let is_canonical = index == 1 || (index > 1 && digits[0] != b'0');
        let is_ended = byte == b'\r' && index + 1 < digits.len();
        return (is_canonical && is_ended).then_some((value, start + 1 + index + LINE_END_SIZE));
    }
    None
}

/// Reads the number of arguments; `None` for a negative one, which stands for no command.
pub(super) fn multibulk_count(digits: &[u8]) -> Result<Option<usize>, ProtocolError> {
    let count = parse_integer(digits).ok_or(ProtocolError::MultibulkLength)?;
    Ok(usize::try_from(count).ok())
}

/// Reads the size of an argument from its header line.
pub(super) fn bulk_size(line: &[u8], first: u8) -> Result<usize, ProtocolError> {
    let digits = line.strip_prefix(b"$").ok_or(ProtocolError::ExpectedBulk(first))?;
    let size = parse_integer(digits).ok_or(ProtocolError::BulkLength)?;
    usize::try_from(size).map_err(|_| ProtocolError::BulkLength)
}
