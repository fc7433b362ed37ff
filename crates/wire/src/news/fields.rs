//! How the values in news are laid out: numbers as varints, lists with a count in front.

use codec::{DecodeError, Reader, put_slice, put_varint};

/// A value with one layout.
pub(super) trait Field: Sized {
    /// The fewest bytes of a value: what the rest of the input cannot hold is refused before
    /// anything is allocated for it.
    const SIZE_MIN: usize = 1;

    /// Appends the value.
    fn put(&self, out: &mut Vec<u8>);

    /// Reads a value.
    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

impl Field for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, *self);
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.varint()
    }
}

impl Field for u32 {
    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(*self));
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::try_from(reader.varint()?).map_err(|_| DecodeError::Number)
    }
}

impl<T: Field> Field for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.len() as u64);
        self.iter().for_each(|item| item.put(out));
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = reader.count("list", reader.rest().len() / T::SIZE_MIN)?;
        (0..count).map(|_| T::get(reader)).collect()
    }
}

/// Appends text.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_slice(out, text.as_bytes());
}

/// Reads text.
pub(super) fn get_text<'a>(reader: &mut Reader<'a>) -> Result<&'a str, DecodeError> {
    let bytes = reader.slice("text", usize::MAX)?;
    std::str::from_utf8(bytes).map_err(|_| DecodeError::Unknown("text"))
}

/// Lays newtypes out as the number inside.
macro_rules! numbers {
    ($($name:path),+ $(,)?) => {
        $(impl Field for $name {
            fn put(&self, out: &mut Vec<u8>) {
                self.0.put(out);
            }

            fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok($name(Field::get(reader)?))
            }
        })+
    };
}
pub(super) use numbers;

/// Lays newtypes out as eight bytes: hashes and random numbers are seldom small.
macro_rules! wide_numbers {
    ($($name:path),+ $(,)?) => {
        $(impl Field for $name {
            const SIZE_MIN: usize = 8;

            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.0.to_le_bytes());
            }

            fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok($name(reader.u64()?))
            }
        })+
    };
}
pub(super) use wide_numbers;

/// Lays structs out as their fields, in the order of the list.
macro_rules! structs {
    ($($name:path, at least $size:literal { $($field:ident),+ })+) => {
        $(impl Field for $name {
            const SIZE_MIN: usize = $size;

            fn put(&self, out: &mut Vec<u8>) {
                let Self { $($field),+ } = self;
                $($field.put(out);)+
            }

            fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                $(let $field = Field::get(reader)?;)+
                Ok(Self { $($field),+ })
            }
        })+
    };
}
pub(super) use structs;
