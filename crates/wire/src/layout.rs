//! How each value is laid out in bytes: one file per concern, both directions side by side.
//!
//! Invariants: `read` undoes `write`; whatever `read` accepts `write` can write again; `read`
//! allocates at most a small multiple of the bytes that are there.

mod actors;
mod address;
mod clock;
mod exchange;
mod image;
mod message;
mod operation;
mod plain;
mod reader;
mod sealing;
mod walk;
mod writer;

use causality::Actor;
use codec::DecodeError;

pub(crate) use actors::{Actors, ActorsByName};
pub(crate) use message::{read_message, read_ops, write_message, write_ops};
pub(crate) use reader::BodyReader;
pub(crate) use writer::BodyWriter;

/// A value that has one layout wherever it stands.
pub(crate) trait Layout: Sized {
    /// The fewest bytes that a value takes, for values in lists: a count that the rest of a body
    /// cannot hold is refused before anything is allocated for it.
    const SIZE_MIN: usize = 1;

    /// Writes the value.
    fn write(&self, writer: &mut BodyWriter<'_>);

    /// Reads a value.
    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError>;
}

/// Lays a struct out as its fields, in the order of the list and with nothing between them. A
/// field that is missing in the list does not compile.
macro_rules! fields {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        fields!($name { $($field),+ } at least 1);
    };
    ($name:ident { $($field:ident),+ $(,)? } at least $size:expr) => {
        impl Layout for $name {
            const SIZE_MIN: usize = $size;

            fn write(&self, writer: &mut BodyWriter<'_>) {
                let Self { $($field),+ } = self;
                $($field.write(writer);)+
            }

            fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
                $(let $field = Layout::read(reader)?;)+
                Ok(Self { $($field),+ })
            }
        }
    };
}
use fields;

/// What the values already in a frame make known, so that later ones need not say it again. Both
/// ends keep the same.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trail {
    /// The index of the actor last named.
    index: u16,
    /// The actor of the last stamp, and its place in the list.
    stamped: Option<(Actor, actors::Slot)>,
    /// The wall part of the last stamp.
    millis: u64,
    /// The keyspace of the last cell.
    keyspace: u32,
    /// The shard after the one last listed.
    next_shard: u64,
}

/// The highest counter that a message may name: a million operations a second for nine years by
/// one actor, and low enough that no sum over a clock can overflow.
pub(crate) const COUNTER_MAX: u64 = (1 << 48) - 1;

/// Folds a difference so that small ones of either sign become small numbers.
const fn zigzag(difference: u64) -> u64 {
    (difference << 1) ^ ((difference.cast_signed() >> 63).cast_unsigned())
}

/// Undoes [`zigzag`].
const fn unzigzag(folded: u64) -> u64 {
    (folded >> 1) ^ (folded & 1).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::{unzigzag, zigzag};

    #[test]
    fn small_differences_of_either_sign_are_small() {
        for (difference, folded) in [(0i64, 0), (-1, 1), (1, 2), (-2, 3), (i64::MIN, u64::MAX)] {
            assert_eq!(zigzag(difference.cast_unsigned()), folded);
            assert_eq!(unzigzag(folded), difference.cast_unsigned());
        }
    }
}
