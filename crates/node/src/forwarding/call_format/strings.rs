//! Operations on strings and their bits in bytes.
//!
//! ```text
//! operation 1 B | its fields
//! ```

use api::{
    Bit, BitOverflow, BitRange, BitUnit, Field, FieldStep, SealedContext, Sign, StringOperation,
};
use codec::{DecodeError, Reader, put_slice, put_varint};

use super::{
    ITEMS_MAX, put_condition, put_lifetime, read_bytes, read_condition, read_integer, read_lifetime,
};

pub(super) fn put(out: &mut Vec<u8>, operation: &StringOperation) {
    match operation {
        StringOperation::Exchange { value, lifetime, condition } => {
            out.push(0);
            put_slice(out, value);
            put_lifetime(out, *lifetime);
            put_condition(out, *condition);
        }
        StringOperation::Take => out.push(1),
        StringOperation::Touch { lifetime } => {
            out.push(2);
            put_lifetime(out, *lifetime);
        }
        StringOperation::Range { start, end } => {
            out.push(3);
            put_integer(out, *start);
            put_integer(out, *end);
        }
        StringOperation::Append { bytes } => {
            out.push(4);
            put_slice(out, bytes);
        }
        StringOperation::Overwrite { offset, bytes } => {
            out.push(5);
            put_varint(out, *offset);
            put_slice(out, bytes);
        }
        StringOperation::IncrementDecimal { by } => {
            out.push(6);
            put_slice(out, by);
        }
        StringOperation::GetBit { offset } => {
            out.push(7);
            put_varint(out, *offset);
        }
        StringOperation::SetBit { offset, bit } => {
            out.push(8);
            put_varint(out, *offset);
            put_bit(out, *bit);
        }
        StringOperation::CountBits { range } => {
            out.push(9);
            put_range(out, *range);
        }
        StringOperation::FindBit { bit, start, end, unit } => {
            out.push(10);
            put_bit(out, *bit);
            put_optional(out, *start);
            put_optional(out, *end);
            put_unit(out, *unit);
        }
        StringOperation::BitFields { steps } => {
            out.push(11);
            put_varint(out, steps.len() as u64);
            steps.iter().for_each(|step| put_step(out, *step));
        }
        StringOperation::Resolve { value, lifetime, context } => {
            out.push(12);
            out.push(u8::from(value.is_some()));
            put_slice(out, value.as_deref().unwrap_or_default());
            put_lifetime(out, *lifetime);
            put_slice(out, &context.0);
        }
    }
}

pub(super) fn read(reader: &mut Reader<'_>) -> Result<StringOperation, DecodeError> {
    Ok(match reader.byte()? {
        0 => StringOperation::Exchange {
            value: read_bytes(reader)?,
            lifetime: read_lifetime(reader)?,
            condition: read_condition(reader)?,
        },
        1 => StringOperation::Take,
        2 => StringOperation::Touch { lifetime: read_lifetime(reader)? },
        3 => StringOperation::Range { start: read_integer(reader)?, end: read_integer(reader)? },
        4 => StringOperation::Append { bytes: read_bytes(reader)? },
        5 => StringOperation::Overwrite { offset: reader.varint()?, bytes: read_bytes(reader)? },
        6 => StringOperation::IncrementDecimal { by: read_bytes(reader)? },
        7 => StringOperation::GetBit { offset: read_offset(reader)? },
        8 => StringOperation::SetBit { offset: read_offset(reader)?, bit: read_bit(reader)? },
        9 => StringOperation::CountBits { range: read_range(reader)? },
        10 => StringOperation::FindBit {
            bit: read_bit(reader)?,
            start: read_optional(reader)?,
            end: read_optional(reader)?,
            unit: read_unit(reader)?,
        },
        11 => {
            let count = reader.count("steps", ITEMS_MAX)?;
            let steps = (0..count).map(|_| read_step(reader)).collect::<Result<_, _>>()?;
            StringOperation::BitFields { steps }
        }
        12 => {
            let has_value = match reader.byte()? {
                0 => false,
                1 => true,
                _ => return Err(DecodeError::Unknown("option")),
            };
            let value = read_bytes(reader)?;
            StringOperation::Resolve {
                value: has_value.then_some(value),
                lifetime: read_lifetime(reader)?,
                context: SealedContext(read_bytes(reader)?),
            }
        }
        _ => return Err(DecodeError::Unknown("operation on a string")),
    })
}

/// Bits lie within the longest string there is.
fn read_offset(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    let offset = reader.varint()?;
    if offset > u64::from(u32::MAX) { Err(DecodeError::Limit("bit")) } else { Ok(offset) }
}

fn put_integer(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_optional(out: &mut Vec<u8>, value: Option<i64>) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put_integer(out, value);
    }
}

fn read_optional(reader: &mut Reader<'_>) -> Result<Option<i64>, DecodeError> {
    match reader.byte()? {
        0 => Ok(None),
        1 => Ok(Some(read_integer(reader)?)),
        _ => Err(DecodeError::Unknown("option")),
    }
}

fn put_bit(out: &mut Vec<u8>, bit: Bit) {
    out.push(u8::from(bit == Bit::Set));
}

fn read_bit(reader: &mut Reader<'_>) -> Result<Bit, DecodeError> {
    match reader.byte()? {
        0 => Ok(Bit::Clear),
        1 => Ok(Bit::Set),
        _ => Err(DecodeError::Unknown("bit")),
    }
}

fn put_unit(out: &mut Vec<u8>, unit: BitUnit) {
    out.push(u8::from(unit == BitUnit::Bit));
}

fn read_unit(reader: &mut Reader<'_>) -> Result<BitUnit, DecodeError> {
    match reader.byte()? {
        0 => Ok(BitUnit::Byte),
        1 => Ok(BitUnit::Bit),
        _ => Err(DecodeError::Unknown("unit")),
    }
}

fn put_range(out: &mut Vec<u8>, range: Option<BitRange>) {
    out.push(u8::from(range.is_some()));
    if let Some(range) = range {
        put_integer(out, range.start);
        put_integer(out, range.end);
        put_unit(out, range.unit);
    }
}

fn read_range(reader: &mut Reader<'_>) -> Result<Option<BitRange>, DecodeError> {
    match reader.byte()? {
        0 => Ok(None),
        1 => {
            let (start, end) = (read_integer(reader)?, read_integer(reader)?);
            Ok(Some(BitRange { start, end, unit: read_unit(reader)? }))
        }
        _ => Err(DecodeError::Unknown("option")),
    }
}

fn put_step(out: &mut Vec<u8>, step: FieldStep) {
    let (kind, field, write) = match step {
        FieldStep::Get(field) => (0, field, None),
        FieldStep::Set(field, value, overflow) => (1, field, Some((value, overflow))),
        FieldStep::Add(field, value, overflow) => (2, field, Some((value, overflow))),
    };
    out.push(kind);
    out.push(u8::from(field.sign == Sign::Signed));
    out.push(field.width);
    put_varint(out, field.offset);
    if let Some((value, overflow)) = write {
        put_integer(out, value);
        out.push(match overflow {
            BitOverflow::Wrap => 0,
            BitOverflow::Saturate => 1,
            BitOverflow::Fail => 2,
        });
    }
}

fn read_step(reader: &mut Reader<'_>) -> Result<FieldStep, DecodeError> {
    let kind = reader.byte()?;
    let field = read_field(reader)?;
    if kind == 0 {
        return Ok(FieldStep::Get(field));
    }
    let value = read_integer(reader)?;
    let overflow = match reader.byte()? {
        0 => BitOverflow::Wrap,
        1 => BitOverflow::Saturate,
        2 => BitOverflow::Fail,
        _ => return Err(DecodeError::Unknown("overflow")),
    };
    match kind {
        1 => Ok(FieldStep::Set(field, value, overflow)),
        2 => Ok(FieldStep::Add(field, value, overflow)),
        _ => Err(DecodeError::Unknown("step")),
    }
}

fn read_field(reader: &mut Reader<'_>) -> Result<Field, DecodeError> {
    let sign = match reader.byte()? {
        0 => Sign::Unsigned,
        1 => Sign::Signed,
        _ => return Err(DecodeError::Unknown("sign")),
    };
    let widest = if sign == Sign::Signed { 64 } else { 63 };
    let width = reader.byte()?;
    if width == 0 || width > widest {
        return Err(DecodeError::Limit("width"));
    }
    Ok(Field { sign, width, offset: read_offset(reader)? })
}
