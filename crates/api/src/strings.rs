//! What can be done with a string beyond reading and writing it whole.

use crate::{Lifetime, SealedContext, SetCondition};

/// One operation on a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StringOperation {
    /// Writes the string: `Optionals` of what was there.
    Exchange {
        /// The value.
        value: Vec<u8>,
        /// What becomes of its expiry.
        lifetime: Lifetime,
        /// When to write at all.
        condition: SetCondition,
    },
    /// Writes over exactly the versions that a client was shown, or removes them: `Done`. Versions
    /// that it was not shown stay beside the new one.
    Resolve {
        /// The value; none removes.
        value: Option<Vec<u8>>,
        /// What becomes of its expiry.
        lifetime: Lifetime,
        /// What it was shown.
        context: SealedContext,
    },
    /// Deletes the string: `Value` of what was there, or `Nothing`.
    Take,
    /// Changes the expiry: `Value`, or `Nothing`.
    Touch {
        /// What becomes of it.
        lifetime: Lifetime,
    },
    /// Some of the bytes: `Value`, empty when there are none.
    Range {
        /// The first; negative ones count from the end.
        start: i64,
        /// The last.
        end: i64,
    },
    /// Adds bytes at the end: `Integer` of the new size.
    Append {
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Writes over bytes, with zeros in any gap: `Integer` of the new size.
    Overwrite {
        /// Where.
        offset: u64,
        /// The bytes; none change nothing.
        bytes: Vec<u8>,
    },
    /// Adds to the decimal number that the string is: `Value`.
    IncrementDecimal {
        /// How much, as it was written.
        by: Vec<u8>,
    },
    /// Whether a bit is set: `Integer`.
    GetBit {
        /// Which.
        offset: u64,
    },
    /// Sets or clears a bit: `Integer` of what it was.
    SetBit {
        /// Which.
        offset: u64,
        /// What it becomes.
        bit: Bit,
    },
    /// How many bits are set: `Integer`.
    CountBits {
        /// Where.
        range: Option<BitRange>,
    },
    /// Where the first bit of a kind is: `Integer`, -1 for none.
    FindBit {
        /// Which kind.
        bit: Bit,
        /// Where to look; without an end, bits behind the string are clear.
        start: Option<i64>,
        /// The last place to look at.
        end: Option<i64>,
        /// What places count.
        unit: BitUnit,
    },
    /// Reads and writes numbers among the bits: `Fields`.
    BitFields {
        /// What to do, in order.
        steps: Vec<FieldStep>,
    },
}

/// A bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bit {
    /// 0.
    Clear,
    /// 1.
    Set,
}

/// What places in a string of bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitUnit {
    /// Bytes.
    Byte,
    /// Bits.
    Bit,
}

/// Part of a string of bits, both ends included; negative ones count from the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitRange {
    /// The first.
    pub start: i64,
    /// The last.
    pub end: i64,
    /// What they count.
    pub unit: BitUnit,
}

/// A number among the bits: so many bits from an offset on, the highest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Whether it has a sign.
    pub sign: Sign,
    /// How many bits: 1 to 64, 63 without a sign.
    pub width: u8,
    /// The first bit.
    pub offset: u64,
}

/// Whether a number has a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It has.
    Signed,
    /// It has none.
    Unsigned,
}

/// One step of an operation on numbers among the bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldStep {
    /// Reads.
    Get(Field),
    /// Writes, and answers what was there.
    Set(Field, i64, BitOverflow),
    /// Adds, and answers the sum.
    Add(Field, i64, BitOverflow),
}

/// What becomes of a number that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitOverflow {
    /// It loses its highest bits.
    Wrap,
    /// It becomes the nearest one that fits.
    Saturate,
    /// Nothing is written, and nothing answered.
    Fail,
}

impl StringOperation {
    /// Says whether the operation needs room: a write that does more than take away.
    #[must_use]
    pub fn needs_room(&self) -> bool {
        match self {
            Self::Take | Self::Resolve { value: None, .. } => false,
            other => other.is_write(),
        }
    }

    /// Says whether the operation may change the key.
    #[must_use]
    pub fn is_write(&self) -> bool {
        match self {
            Self::Exchange { .. }
            | Self::Resolve { .. }
            | Self::Take
            | Self::Touch { .. }
            | Self::Append { .. }
            | Self::Overwrite { .. }
            | Self::IncrementDecimal { .. }
            | Self::SetBit { .. } => true,
            Self::Range { .. }
            | Self::GetBit { .. }
            | Self::CountBits { .. }
            | Self::FindBit { .. } => false,
            Self::BitFields { steps } => {
                steps.iter().any(|step| !matches!(step, FieldStep::Get(_)))
            }
        }
    }
}
