//! Calls and outcomes.

use causality::Millis;
use cells::Keyspace;

use crate::{
    Batch, CallError, Comparison, Level, ListOperation, Pick, Position, Presence, Score, SessionId,
    ShardOperation, Siblings, Staleness, StringOperation, ZsetOperation,
};

/// One request about one key, or about one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The keyspace of the key.
    pub keyspace: Keyspace,
    /// The key; empty when the operation is on a shard.
    pub key: Vec<u8>,
    /// The level for reading.
    pub read: Level,
    /// The level for writing.
    pub write: Level,
    /// The session that asks: its own writes and what it has read stay visible to it.
    pub session: Option<SessionId>,
    /// How stale a read may be; without it, as stale as the level allows.
    pub staleness: Option<Staleness>,
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
    /// Sets the key's expiry if it compares: `Integer` 1, or 0 when nothing was set.
    ExpireIf {
        /// From when on the key is gone.
        at: Millis,
        /// Whether it must have an expiry, or must not.
        presence: Presence,
        /// How the new one must compare; having none is the latest.
        comparison: Comparison,
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
    /// Replaces whatever the key holds: `Integer` of members; none deletes the key.
    SetReplace {
        /// The members.
        members: Vec<Vec<u8>>,
    },
    /// Members at random: `Values`.
    SetPick {
        /// How many.
        pick: Pick,
    },
    /// Takes members at random: `Values`.
    SetPop {
        /// How many at most.
        limit: u64,
        /// What the choice is made from.
        seed: u64,
    },
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
    /// Writes a field unless it is there: `Integer` 1 or 0.
    MapSetAbsent {
        /// The field.
        field: Vec<u8>,
        /// The value.
        value: Vec<u8>,
    },
    /// Adds to the decimal number in a field: `Value`.
    MapIncrementDecimal {
        /// The field.
        field: Vec<u8>,
        /// How much, as it was written.
        by: Vec<u8>,
    },
    /// Fields at random: `Pairs`.
    MapPick {
        /// How many.
        pick: Pick,
    },
    /// Some elements of a collection, in an order of their names that all owners share: `Values` of
    /// a set, `Pairs` of a map, `Scored` of a sorted set; none at the end.
    Page {
        /// What the key must hold.
        of: Paged,
        /// Behind which name to begin; at the first one without it.
        after: Option<Vec<u8>>,
        /// How many at most.
        limit: u64,
    },
    /// Does something else with a string.
    String(StringOperation),
    /// Does something with a list.
    List(ListOperation),
    /// Does something with a sorted set.
    Zset(ZsetOperation),
    /// Adds elements to a `HyperLogLog`: `Integer` 1 when the estimate may have changed, or 0.
    SketchAdd {
        /// The elements.
        elements: Vec<Vec<u8>>,
    },
    /// The registers of a `HyperLogLog`: `Value`, or `Nothing`.
    SketchGet,
    /// Takes other `HyperLogLog`s in: `Done`.
    SketchMerge {
        /// Their registers.
        sketches: Vec<Vec<u8>>,
    },
    /// The string with every live version: `Siblings`, also when there is none.
    Siblings,
    /// A number that changes whenever the key does: `Integer`, 0 when there is no such key.
    Version,
    /// Several operations on keys of the key's shard, with nothing between them: `Batch`, or
    /// `Nothing` when a check failed.
    Batch(Batch),
    /// Something about a whole shard.
    OnShard {
        /// Which.
        shard: u16,
        /// What.
        operation: ShardOperation,
    },
}

impl Operation {
    /// Says whether the operation is a write that comes to the same whatever is there: what other
    /// owners have need not be here first. Every other write acts on what it sees.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        match self {
            Self::Set { lifetime, condition, .. } => {
                *lifetime != Lifetime::Keep && *condition == SetCondition::Always
            }
            Self::Increment { .. }
            | Self::SetAdd { .. }
            | Self::MapSet { .. }
            | Self::MapIncrement { .. }
            | Self::SketchAdd { .. }
            | Self::SketchMerge { .. } => true,
            Self::List(operation) => operation.is_blind(),
            Self::Zset(operation) => operation.is_blind(),
            Self::Batch(batch) => {
                batch.checks.is_empty() && batch.parts.iter().all(|part| part.operation.is_blind())
            }
            _ => false,
        }
    }

    /// Says whether the operation needs room: a write that does more than take away. A node that is
    /// short of memory or disk refuses it; what takes away is how room is made.
    #[must_use]
    pub fn needs_room(&self) -> bool {
        match self {
            Self::Delete
            | Self::ExpireAt { .. }
            | Self::ExpireIf { .. }
            | Self::SetRemove { .. }
            | Self::SetPop { .. }
            | Self::MapRemove { .. }
            | Self::OnShard { .. } => false,
            Self::String(operation) => operation.needs_room(),
            Self::List(operation) => operation.needs_room(),
            Self::Zset(operation) => operation.needs_room(),
            Self::Batch(batch) => batch.parts.iter().any(|part| part.operation.needs_room()),
            other => other.is_write(),
        }
    }

    /// Says whether the operation may change the key.
    #[must_use]
    pub fn is_write(&self) -> bool {
        match self {
            Self::Get
            | Self::Exists
            | Self::Type
            | Self::ExpiryOf
            | Self::SetMembers
            | Self::SetContains { .. }
            | Self::SetCount
            | Self::SetPick { .. }
            | Self::MapGet { .. }
            | Self::MapAll
            | Self::MapCount
            | Self::MapPick { .. }
            | Self::SketchGet
            | Self::Page { .. }
            | Self::Version
            | Self::Siblings => false,
            Self::Set { .. }
            | Self::Increment { .. }
            | Self::Delete
            | Self::ExpireAt { .. }
            | Self::ExpireIf { .. }
            | Self::Persist
            | Self::SetAdd { .. }
            | Self::SetRemove { .. }
            | Self::SetReplace { .. }
            | Self::SetPop { .. }
            | Self::MapSet { .. }
            | Self::MapRemove { .. }
            | Self::MapSetAbsent { .. }
            | Self::MapIncrement { .. }
            | Self::MapIncrementDecimal { .. }
            | Self::SketchAdd { .. }
            | Self::SketchMerge { .. } => true,
            Self::String(operation) => operation.is_write(),
            Self::List(operation) => operation.is_write(),
            Self::Zset(operation) => operation.is_write(),
            Self::OnShard { operation, .. } => operation.is_write(),
            Self::Batch(batch) => batch.is_write(),
        }
    }
}

/// A collection that is read page by page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paged {
    /// Members of a set.
    Set,
    /// Fields of a map.
    Map,
    /// Members of a sorted set.
    Zset,
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
    /// Numbers among bits; absent where one did not fit.
    Fields(Vec<Option<i64>>),
    /// Scores that may be absent, one for each thing asked about.
    Scores(Vec<Option<Score>>),
    /// Members with their scores.
    Scored(Vec<(Vec<u8>, Score)>),
    /// How many come before a member, and its score.
    Rank(u64, Score),
    /// When the key expires; absent when never.
    Expiry(Option<Millis>),
    /// Keys of a shard.
    Keys {
        /// Key and name of its type.
        keys: Vec<(Vec<u8>, &'static str)>,
        /// Where to go on; nothing at the end of the shard.
        next: Option<Position>,
    },
    /// How many keys of a shard there are.
    Counted {
        /// The number.
        count: u64,
        /// Where to go on; nothing at the end of the shard.
        next: Option<Position>,
    },
    /// What the operations of a batch came to.
    Batch(Vec<Self>),
    /// A string with every live version of it.
    Siblings(Siblings),
    /// It failed.
    Failed(CallError),
}
