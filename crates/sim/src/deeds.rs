//! What clients do, in three models that every data type is mapped to, so that one checker serves
//! all types: items that are put in once and perhaps taken out, sums that are added to, and numbers
//! that only rise.

mod command;
mod draw;

use std::collections::BTreeSet;
use std::fmt;

use causality::Millis;

pub(crate) use command::{as_a_whole, command, found_nothing, look, seen};
pub(crate) use draw::draw;

/// Where something is kept: a key, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A string that is counted up and down.
    Counter(u8),
    /// A field of a map that is counted up and down.
    FieldCounter(u8),
    /// A string that is written again and again.
    Register(u8),
    /// A field of a map that is written again and again.
    FieldRegister(u8),
    /// The members of a set.
    Set(u8),
    /// The fields of a map.
    Map(u8),
    /// A string of its own.
    Key(u64),
    /// The members of a sorted set.
    Zset(u8),
    /// A member of a sorted set whose score is counted up and down.
    ScoreCounter(u8),
    /// A member of a sorted set whose score is written again and again.
    Score(u8),
    /// The elements of a list.
    List(u8),
    /// Two sets of one shard, always written together.
    Pair(u8),
}

/// One thing a client does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Adds to a sum.
    Add { place: Place, by: i64 },
    /// Puts an item in that nobody else ever puts in.
    Put { place: Place, item: u64, until: Option<Millis> },
    /// Gives an item another end.
    Extend { place: Place, item: u64, until: Millis },
    /// Takes an item out that somebody has put in, or tried to.
    Take { place: Place, item: u64 },
    /// Empties a place.
    Clear { place: Place },
    /// Writes a number higher than any before.
    Write { place: Place, number: u64 },
    /// Reads what is shown.
    Look { place: Place },
    /// Reads every concurrent version.
    LookWide { place: Place },
}

/// What a read showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Sum(i64),
    Items(BTreeSet<u64>),
    /// Numbers; none when there is nothing.
    Numbers(BTreeSet<u64>),
}

/// How often each kind of place is used, relative to the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mix {
    weights: [u32; KINDS.len()],
    /// Whether items are given other ends.
    extends: bool,
}

/// The places of each kind; the numbers are replaced when one is drawn.
const KINDS: [Place; 12] = [
    Place::Counter(0),
    Place::FieldCounter(0),
    Place::Register(0),
    Place::FieldRegister(0),
    Place::Set(0),
    Place::Map(0),
    Place::Key(0),
    Place::Zset(0),
    Place::ScoreCounter(0),
    Place::Score(0),
    Place::List(0),
    Place::Pair(0),
];

/// How many of them there were when the first seeds were given names: those seeds still draw the
/// same worlds from them.
const FIRST_KINDS: usize = 7;

impl Deed {
    pub(crate) const fn place(&self) -> Place {
        match self {
            Self::Add { place, .. }
            | Self::Put { place, .. }
            | Self::Extend { place, .. }
            | Self::Take { place, .. }
            | Self::Clear { place }
            | Self::Write { place, .. }
            | Self::Look { place }
            | Self::LookWide { place } => *place,
        }
    }

    pub(crate) const fn is_read(&self) -> bool {
        matches!(self, Self::Look { .. } | Self::LookWide { .. })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, number) = match self {
            Self::Counter(number) => ("counter", u64::from(*number)),
            Self::FieldCounter(number) => ("tally", u64::from(*number)),
            Self::Register(number) => ("register", u64::from(*number)),
            Self::FieldRegister(number) => ("field", u64::from(*number)),
            Self::Set(number) => ("set", u64::from(*number)),
            Self::Map(number) => ("map", u64::from(*number)),
            Self::Key(number) => ("key", *number),
            Self::Zset(number) => ("zset", u64::from(*number)),
            Self::ScoreCounter(number) => ("points", u64::from(*number)),
            Self::Score(number) => ("score", u64::from(*number)),
            Self::List(number) => ("list", u64::from(*number)),
            Self::Pair(number) => ("pair", u64::from(*number)),
        };
        write!(f, "{name}{number}")
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add { place, by } => write!(f, "add {by} to {place}"),
            Self::Put { place, item, until: None } => write!(f, "put {item} into {place}"),
            Self::Put { place, item, until: Some(until) } => {
                write!(f, "put {item} into {place} until {}", until.0)
            }
            Self::Extend { place, item, until } => {
                write!(f, "let {item} of {place} last until {}", until.0)
            }
            Self::Take { place, item } => write!(f, "take {item} out of {place}"),
            Self::Clear { place } => write!(f, "clear {place}"),
            Self::Write { place, number } => write!(f, "write {number} into {place}"),
            Self::Look { place } => write!(f, "look at {place}"),
            Self::LookWide { place } => write!(f, "look at all versions of {place}"),
        }
    }
}
