//! Strings as rows of bits, the highest bit of each byte first.

use api::{Bit, BitOverflow, BitRange, BitUnit, Field, FieldStep, Outcome, Sign, StringOperation};
use cells::types::{Draft, string};
use cells::{KeyAddress, ReadCells};

use super::{Ran, count};

/// Carries out what only reads.
pub(super) fn read<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    operation: &StringOperation,
) -> Ran {
    let value = string::get(cells, key)?;
    let bytes = value.as_deref().unwrap_or_default();
    Ok(match operation {
        StringOperation::GetBit { offset } => Outcome::Integer(i64::from(bit_at(bytes, *offset))),
        StringOperation::CountBits { range } => count(count_bits(bytes, *range)),
        StringOperation::FindBit { bit, .. } if value.is_none() => {
            Outcome::Integer(if *bit == Bit::Set { -1 } else { 0 })
        }
        StringOperation::FindBit { bit, start, end, unit } => {
            Outcome::Integer(find(bytes, *bit, (*start, *end), *unit))
        }
        StringOperation::BitFields { steps } => {
            let mut bytes = bytes.to_vec();
            Outcome::Fields(steps.iter().map(|step| take(&mut bytes, *step)).collect())
        }
        _ => Outcome::Nothing,
    })
}

/// Sets or clears a bit; answers what it was.
pub(super) fn set<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    (offset, bit): (u64, Bit),
    draft: &mut Draft,
) -> Ran {
    let mut before = 0;
    let change = |bytes: &mut Vec<u8>| {
        grow(bytes, offset + 1);
        before = bit_at(bytes, offset);
        put_bit(bytes, offset, bit == Bit::Set);
        Ok(())
    };
    string::edit(cells, key, change, draft)?;
    Ok(Outcome::Integer(i64::from(before)))
}

/// Reads and writes numbers, each step seeing the ones before.
pub(super) fn fields<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    steps: &[FieldStep],
    draft: &mut Draft,
) -> Ran {
    let mut found = Vec::with_capacity(steps.len());
    let change = |bytes: &mut Vec<u8>| {
        // As in Redis the string has room for every write, even for one that fails.
        let ends = steps.iter().filter_map(|step| match step {
            FieldStep::Get(_) => None,
            FieldStep::Set(field, ..) | FieldStep::Add(field, ..) => {
                Some(field.offset + u64::from(field.width))
            }
        });
        grow(bytes, ends.max().unwrap_or(0));
        found.extend(steps.iter().map(|step| take(bytes, *step)));
        Ok(())
    };
    string::edit(cells, key, change, draft)?;
    Ok(Outcome::Fields(found))
}

fn grow(bytes: &mut Vec<u8>, bits: u64) {
    let size = usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX);
    if bytes.len() < size {
        bytes.resize(size, 0);
    }
}

fn bit_at(bytes: &[u8], offset: u64) -> u8 {
    let byte = usize::try_from(offset / 8).ok().and_then(|at| bytes.get(at));
    byte.map_or(0, |byte| byte >> (7 - offset % 8) & 1)
}

fn put_bit(bytes: &mut [u8], offset: u64, is_set: bool) {
    let mask = 1 << (7 - offset % 8);
    if let Some(byte) = usize::try_from(offset / 8).ok().and_then(|at| bytes.get_mut(at)) {
        *byte = if is_set { *byte | mask } else { *byte & !mask };
    }
}

/// Returns the first bit and the one behind the last, where a range has any.
fn span(bytes: &[u8], start: i64, end: i64, unit: BitUnit) -> Option<(u64, u64)> {
    let per_place = if unit == BitUnit::Byte { 8 } else { 1 };
    let total = i64::try_from(bytes.len() as u64 * 8 / per_place).unwrap_or(i64::MAX);
    let place = |at: i64| (if at < 0 { at.saturating_add(total) } else { at }).max(0);
    let (first, last) = (place(start), place(end).min(total - 1));
    if (start < 0 && end < 0 && start > end) || first > last {
        return None;
    }
    let bits = |place: i64| place.unsigned_abs() * per_place;
    Some((bits(first), bits(last) + per_place))
}

fn count_bits(bytes: &[u8], range: Option<BitRange>) -> u64 {
    let range = range.unwrap_or(BitRange { start: 0, end: -1, unit: BitUnit::Byte });
    let Some((first, end)) = span(bytes, range.start, range.end, range.unit) else { return 0 };
    let (whole_first, whole_end) = (first.div_ceil(8), end / 8);
    if whole_first >= whole_end {
        return (first..end).map(|at| u64::from(bit_at(bytes, at))).sum();
    }
    let edges = (first..whole_first * 8).chain(whole_end * 8..end);
    let at_edges: u64 = edges.map(|at| u64::from(bit_at(bytes, at))).sum();
    let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let whole = bytes.get(index(whole_first)..index(whole_end)).unwrap_or_default();
    at_edges + whole.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

fn find(bytes: &[u8], bit: Bit, (start, end): (Option<i64>, Option<i64>), unit: BitUnit) -> i64 {
    let Some((first, last)) = span(bytes, start.unwrap_or(0), end.unwrap_or(-1), unit) else {
        return -1;
    };
    let wanted = u8::from(bit == Bit::Set);
    let dull = if wanted == 1 { 0 } else { u8::MAX };
    let mut at = first;
    while at < last {
        let byte = usize::try_from(at / 8).ok().and_then(|at| bytes.get(at)).copied();
        if at.is_multiple_of(8) && byte == Some(dull) {
            at += 8;
            continue;
        }
        if bit_at(bytes, at) == wanted {
            return i64::try_from(at).unwrap_or(i64::MAX);
        }
        at += 1;
    }
    // Without an end, the bits behind the string are clear.
    if bit == Bit::Clear && end.is_none() { i64::try_from(last).unwrap_or(i64::MAX) } else { -1 }
}

/// Carries out one step; nothing when its number does not fit and that is to fail.
fn take(bytes: &mut [u8], step: FieldStep) -> Option<i64> {
    match step {
        FieldStep::Get(field) => Some(shown(get(bytes, field))),
        FieldStep::Set(field, value, overflow) => {
            let before = get(bytes, field);
            // A number without a sign is one of 64 bits however it was written.
            let value = match field.sign {
                Sign::Signed => i128::from(value),
                Sign::Unsigned => i128::from(value.cast_unsigned()),
            };
            put(bytes, field, fit(field, value, overflow)?);
            Some(shown(before))
        }
        FieldStep::Add(field, by, overflow) => {
            let sum = fit(field, get(bytes, field) + i128::from(by), overflow)?;
            put(bytes, field, sum);
            Some(shown(sum))
        }
    }
}

fn get(bytes: &[u8], field: Field) -> i128 {
    let bits = (0..u64::from(field.width)).map(|at| bit_at(bytes, field.offset + at));
    let value = bits.fold(0i128, |value, bit| value << 1 | i128::from(bit));
    let is_negative = field.sign == Sign::Signed && value >> (field.width - 1) & 1 == 1;
    if is_negative { value - (1 << field.width) } else { value }
}

fn put(bytes: &mut [u8], field: Field, value: i128) {
    for at in 0..field.width {
        let is_set = value >> (field.width - 1 - at) & 1 == 1;
        put_bit(bytes, field.offset + u64::from(at), is_set);
    }
}

fn shown(value: i128) -> i64 {
    i64::try_from(value).expect("numbers of 64 bits have a sign, others are shorter")
}

fn fit(field: Field, value: i128, overflow: BitOverflow) -> Option<i128> {
    let (least, greatest) = match field.sign {
        Sign::Signed => (-(1 << (field.width - 1)), (1 << (field.width - 1)) - 1),
        Sign::Unsigned => (0, (1 << field.width) - 1),
    };
    if (least..=greatest).contains(&value) {
        return Some(value);
    }
    match overflow {
        BitOverflow::Fail => None,
        BitOverflow::Saturate => Some(value.clamp(least, greatest)),
        BitOverflow::Wrap => Some((value - least).rem_euclid(1 << field.width) + least),
    }
}
