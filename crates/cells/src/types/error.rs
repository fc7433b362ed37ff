//! Why a command on a data type was refused.

use thiserror::Error;

use crate::{Family, ReadError};

/// Why a command was refused. Nothing was changed; a draft that was handed in is to be dropped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TypeError {
    /// Reading failed below.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A payload or column is not of the format of its family.
    #[error("a cell of family {0:?} holds bytes of no known format")]
    Malformed(Family),
    /// The value is not an integer of 64 bits.
    #[error("value is not an integer or out of range")]
    NotAnInteger,
    /// The value is not a number.
    #[error("value is not a valid float")]
    NotANumber,
    /// The integer would leave its range.
    #[error("increment or decrement would overflow")]
    Overflow,
    /// The number would leave the range of floats.
    #[error("increment would produce NaN or Infinity")]
    NotFinite,
    /// The register has so many concurrent values that one more would drown it.
    #[error("{count} concurrent values, at most {limit}: resolve them with their context")]
    Siblings {
        /// How many it would have.
        count: usize,
        /// How many it may have.
        limit: usize,
    },
    /// The list's positions have nested too deep at this place.
    #[error("this place of the list has been split too often: write the list anew")]
    PositionTooLong,
    /// The index is outside the list.
    #[error("index out of range")]
    NoSuchIndex,
    /// The string would grow beyond its limit.
    #[error("string exceeds maximum allowed size")]
    TooLong,
}
