//! What requests there are, and how often each.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// One kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// `GET` of a key.
    Get,
    /// `SET` of a key.
    Set,
    /// `SET` of a key that was not there.
    Insert,
    /// `GET`, and `SET` when it is answered: both together are one request.
    Modify,
    /// Some keys in order, from one on, out of an index that is a sorted set.
    Scan,
    /// A new entry of that index.
    Index,
    /// `INCR` of a counter.
    Incr,
    /// `HSET` of a field of one of a few hashes.
    Hset,
    /// `SADD` to one of a few sets.
    Sadd,
    /// `ZADD` to one of a few sorted sets.
    Zadd,
    /// `LPUSH` to one of a few lists.
    Lpush,
}

/// How often each kind of request comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mix {
    parts: Vec<(Deed, u32)>,
}

/// Text that names no mix.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "'{0}' is not a mix; mixes are ycsb-a to ycsb-f, one of get, set, insert, modify, scan, index, \
     incr, hset, sadd, zadd, lpush, or several with their shares, as in get:80,set:20"
)]
pub struct MixError(String);

impl Deed {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Get,
        Self::Set,
        Self::Insert,
        Self::Modify,
        Self::Scan,
        Self::Index,
        Self::Incr,
        Self::Hset,
        Self::Sadd,
        Self::Zadd,
        Self::Lpush,
    ];

    /// Returns its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::Insert => "insert",
            Self::Modify => "modify",
            Self::Scan => "scan",
            Self::Index => "index",
            Self::Incr => "incr",
            Self::Hset => "hset",
            Self::Sadd => "sadd",
            Self::Zadd => "zadd",
            Self::Lpush => "lpush",
        }
    }
}

impl Mix {
    /// Draws a kind of request.
    #[must_use]
    pub fn draw(&self, rng: &mut fastrand::Rng) -> Deed {
        let all: u32 = self.parts.iter().map(|(_, share)| share).sum();
        let mut at = rng.u32(..all);
        for (deed, share) in &self.parts {
            if at < *share {
                return *deed;
            }
            at -= share;
        }
        unreachable!("what is drawn is below the sum of all shares")
    }

    /// Says whether some request reads the index.
    #[must_use]
    pub fn needs_index(&self) -> bool {
        self.parts.iter().any(|(deed, _)| *deed == Deed::Scan)
    }

    /// Says whether some request reads or changes keys that have to be there.
    #[must_use]
    pub fn needs_keys(&self) -> bool {
        self.parts.iter().any(|(deed, _)| matches!(deed, Deed::Get | Deed::Modify))
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (deed, share)) in self.parts.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{}:{share}", deed.name())?;
        }
        Ok(())
    }
}

impl FromStr for Mix {
    type Err = MixError;

    fn from_str(text: &str) -> Result<Self, MixError> {
        let parts = match text {
            "ycsb-a" => vec![(Deed::Get, 50), (Deed::Set, 50)],
            "ycsb-b" => vec![(Deed::Get, 95), (Deed::Set, 5)],
            "ycsb-c" => vec![(Deed::Get, 100)],
            "ycsb-d" => vec![(Deed::Get, 95), (Deed::Insert, 5)],
            "ycsb-e" => vec![(Deed::Scan, 95), (Deed::Index, 5)],
            "ycsb-f" => vec![(Deed::Get, 50), (Deed::Modify, 50)],
            _ => text.split(',').map(|part| parse_part(text, part)).collect::<Result<_, _>>()?,
        };
        if parts.iter().all(|(_, share)| *share == 0) {
            return Err(MixError(text.into()));
        }
        Ok(Self { parts })
    }
}

fn parse_part(text: &str, part: &str) -> Result<(Deed, u32), MixError> {
    let (name, share) = part.split_once(':').unwrap_or((part, "1"));
    let deed = Deed::ALL.into_iter().find(|deed| deed.name() == name);
    let share = share.parse().ok().filter(|share| *share <= 1_000_000);
    deed.zip(share).ok_or_else(|| MixError(text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixes_are_read_and_shown() {
        assert_eq!("get:80,set:20".parse::<Mix>().unwrap().to_string(), "get:80,set:20");
        assert_eq!("incr".parse::<Mix>().unwrap().to_string(), "incr:1");
        assert_eq!("ycsb-b".parse::<Mix>().unwrap().to_string(), "get:95,set:5");
        for wrong in ["", "got", "get:-1", "get:0", "get:1,,set:1", "get:99999999"] {
            let error = wrong.parse::<Mix>().unwrap_err();
            assert!(error.to_string().contains("ycsb-a"), "{wrong}");
        }
    }

    #[test]
    fn every_kind_comes_as_often_as_its_share() {
        let mix: Mix = "get:3,set:1".parse().unwrap();
        let mut rng = fastrand::Rng::with_seed(3);
        let gets = (0..10_000).filter(|_| mix.draw(&mut rng) == Deed::Get).count();
        assert!((7_300..7_700).contains(&gets), "{gets}");
    }
}
