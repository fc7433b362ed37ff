//! Calls and outcomes.

use causality::{Dot, HybridTime, Millis};
use cells::Keyspace;

use crate::{CallError, Level};

/// One request about one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The keyspace of the key.
    pub keyspace: Keyspace,
    /// The key.
    pub key: Vec<u8>,
    /// The level for reading.
    pub read: Level,
    /// The level for writing.
    pub write: Level,
    /// What to do.
    pub operation: Operation,
}

/// What can be done with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The string: `Value` or `Nothing`.
    Get,
    /// Writes the string: `Done`, or `Nothing` when the condition fails.
    Set {
        /// The value.
        value: Vec<u8>,
        /// What becomes of its expiry.
        lifetime: Lifetime,
        /// When to write at all.
        condition: SetCondition,
    },
    /// Adds to the integer that the string is: `Integer`.
    Increment {
        /// How much; may be negative.
        by: i64,
    },
    /// Removes the key, whatever its type: `Integer` 1 or 0.
    Delete,
    /// `Integer` 1 or 0.
    Exists,
    /// The type's name as Redis says it: `Text`.
    Type,
    /// Sets the key's expiry: `Integer` 1, or 0 when there is no such key.
    ExpireAt {
        /// From when on the key is gone.
        at: Millis,
    },
    /// Takes the expiry away: `Integer` 1 or 0.
    Persist,
    /// `Expiry`, or `Nothing` when there is no such key.
    ExpiryOf,
    /// Adds members: `Integer` of those that were not there.
    SetAdd {
        /// The members.
        members: Vec<Vec<u8>>,
    },
    /// Removes members: `Integer` of those that were there.
    SetRemove {
        /// The members.
        members: Vec<Vec<u8>>,
    },
    /// `Values`.
    SetMembers,
    /// `Integer` 1 or 0 for each: `Integers`.
    SetContains {
        /// The members.
        members: Vec<Vec<u8>>,
    },
    /// `Integer`.
    SetCount,
    /// Writes fields: `Integer` of those that were not there.
    MapSet {
        /// Field and value.
        fields: Vec<(Vec<u8>, Vec<u8>)>,
    },
    /// One entry per field: `Optionals`.
    MapGet {
        /// The fields.
        fields: Vec<Vec<u8>>,
    },
    /// `Pairs`.
    MapAll,
    /// Removes fields: `Integer` of those that were there.
    MapRemove {
        /// The fields.
        fields: Vec<Vec<u8>>,
    },
    /// `Integer`.
    MapCount,
    /// Adds to the integer in a field: `Integer`.
    MapIncrement {
        /// The field.
        field: Vec<u8>,
        /// How much; may be negative.
        by: i64,
    },
    /// Every live version of the string: `Siblings`.
    Siblings,
}

impl Operation {
    /// Says whether the operation may change the key.
    #[must_use]
    pub const fn is_write(&self) -> bool {
        !matches!(
            self,
            Self::Get
                | Self::Exists
                | Self::Type
                | Self::ExpiryOf
                | Self::SetMembers
                | Self::SetContains { .. }
                | Self::SetCount
                | Self::MapGet { .. }
                | Self::MapAll
                | Self::MapCount
                | Self::Siblings
        )
    }
}

/// What becomes of a key's expiry when its string is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// It has none afterwards.
    Forever,
    /// It stays as it was.
    Keep,
    /// It is this.
    Until(Millis),
}

/// When a write happens at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetCondition {
    /// In any case.
    Always,
    /// If the key is there.
    IfPresent,
    /// If the key is not there.
    IfAbsent,
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// There is nothing, or nothing was done.
    Nothing,
    /// A string.
    Value(Vec<u8>),
    /// A word.
    Text(&'static str),
    /// A number.
    Integer(i64),
    /// Numbers, one for each thing asked about.
    Integers(Vec<i64>),
    /// Strings.
    Values(Vec<Vec<u8>>),
    /// Strings that may be absent, one for each thing asked about.
    Optionals(Vec<Option<Vec<u8>>>),
    /// Fields and values.
    Pairs(Vec<(Vec<u8>, Vec<u8>)>),
    /// When the key expires; absent when never.
    Expiry(Option<Millis>),
    /// Concurrent versions, the shown one first.
    Siblings(Vec<Sibling>),
    /// It failed.
    Failed(CallError),
}

/// One live version of a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sibling {
    /// The operation that wrote it.
    pub dot: Dot,
    /// When.
    pub time: HybridTime,
    /// The value.
    pub value: Vec<u8>,
}
