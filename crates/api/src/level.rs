//! How many owners must take part before a request is answered.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// How many owners must have applied a write durably, or answer a read. A hint never counts,
/// except at `Any`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Any node that keeps the operation, owner or not; writes only.
    Any,
    /// One owner, wherever it is.
    One,
    /// Two owners.
    Two,
    /// Three owners.
    Three,
    /// A majority of all owners.
    Quorum,
    /// One owner in the coordinator's datacenter.
    LocalOne,
    /// A majority of the owners in the coordinator's datacenter.
    LocalQuorum,
    /// A majority of the owners in every datacenter.
    EachQuorum,
    /// Every owner.
    All,
}

/// Text that names no level.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "'{0}' is not a level; levels are any, one, two, three, quorum, local_one, local_quorum, \
     each_quorum, all"
)]
pub struct LevelError(String);

impl Level {
    const NAMES: [(Self, &'static str); 9] = [
        (Self::Any, "any"),
        (Self::One, "one"),
        (Self::Two, "two"),
        (Self::Three, "three"),
        (Self::Quorum, "quorum"),
        (Self::LocalOne, "local_one"),
        (Self::LocalQuorum, "local_quorum"),
        (Self::EachQuorum, "each_quorum"),
        (Self::All, "all"),
    ];

    /// Every level.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::NAMES.into_iter().map(|(level, _)| level)
    }

    /// Returns the level's name as it is written everywhere.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(level, _)| *level == self);
        found.map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Level {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Self, LevelError> {
        let found = Self::NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
        found.map(|(level, _)| *level).ok_or_else(|| LevelError(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_in_any_case() {
        for (level, name) in Level::NAMES {
            assert_eq!(name.parse(), Ok(level));
            assert_eq!(name.to_uppercase().parse(), Ok(level));
            assert_eq!(level.to_string(), name);
        }
        assert_eq!(Level::all().count(), Level::NAMES.len());
        assert!("most".parse::<Level>().unwrap_err().to_string().contains("local_quorum"));
    }
}
