//! Redis's configuration parameters, by their own names, as `CONFIG` shows and takes them.
//!
//! Each is one line of `settings.txt`: name, kind, default. A value is checked as Redis checks it
//! and kept in the form that Redis shows. What a parameter does, if anything, is said where it is
//! looked at; the table in `docs/redis.md` names those.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The parameters, one a line.
const TEXT: &str = include_str!("../settings.txt");

static TABLE: LazyLock<BTreeMap<&'static str, Setting>> = LazyLock::new(|| {
    let all = TEXT.lines().map(|line| {
        let mut parts = line.splitn(3, ' ');
        let mut part = || parts.next().unwrap_or_default();
        let (name, kind, default) = (part(), part(), part());
        (name, Setting { kind: Kind::parse(kind), default })
    });
    all.collect()
});

/// One parameter.
#[derive(Debug)]
struct Setting {
    kind: Kind,
    default: &'static str,
}

/// What values a parameter takes.
#[derive(Debug)]
enum Kind {
    Fixed,
    YesNo,
    Text,
    Memory,
    Integer(i64, i64),
    One(Vec<&'static str>),
    /// Another name of the same.
    Same(&'static str),
}

/// Why a value was not taken, in Redis's words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SetError {
    /// There is no such parameter.
    Unknown,
    /// The value is refused.
    Refused(String),
}

/// The values that differ from the defaults.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    changed: BTreeMap<&'static str, String>,
}

impl Kind {
    fn parse(text: &'static str) -> Self {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        match kind {
            "fixed" => Self::Fixed,
            "yesno" => Self::YesNo,
            "memory" => Self::Memory,
            "one" => Self::One(rest.split(',').collect()),
            "same" => Self::Same(rest),
            "int" => {
                let bounds = rest
                    .split_once(':')
                    .and_then(|(least, most)| Some((least.parse().ok()?, most.parse().ok()?)));
                let (least, most) = bounds.expect("the table of settings is checked by a test");
                Self::Integer(least, most)
            }
            _ => Self::Text,
        }
    }

    /// Checks a value, and returns it as it is shown.
    fn take(&self, value: &str) -> Result<String, String> {
        match self {
            Self::Fixed | Self::Same(_) => Err("can't set immutable config".to_owned()),
            Self::Text => Ok(value.to_owned()),
            Self::YesNo => {
                let lower = value.to_ascii_lowercase();
                let is_one = ["yes", "no"].contains(&lower.as_str());
                is_one.then_some(lower).ok_or("argument must be 'yes' or 'no'".to_owned())
            }
            Self::Memory => {
                let bytes = parse_memory(value).ok_or("argument must be a memory value")?;
                Ok(bytes.to_string())
            }
            Self::Integer(least, most) => {
                let number: i64 =
                    value.parse().map_err(|_| "argument couldn't be parsed into an integer")?;
                if (*least..=*most).contains(&number) {
                    return Ok(number.to_string());
                }
                Err(format!("argument must be between {least} and {most} inclusive"))
            }
            Self::One(words) => {
                let lower = value.to_ascii_lowercase();
                let known = words.iter().find(|word| **word == lower);
                let refusal =
                    || format!("argument(s) must be one of the following: {}", words.join(", "));
                known.map(|word| (*word).to_owned()).ok_or_else(refusal)
            }
        }
    }
}

impl Settings {
    /// Returns the names of all parameters, in order.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        TABLE.keys().copied()
    }

    /// Checks that a value could be set, and returns where and how it would be kept.
    pub(crate) fn check(name: &str, value: &str) -> Result<(&'static str, String), SetError> {
        let (name, setting) = resolve(name).ok_or(SetError::Unknown)?;
        Ok((name, setting.kind.take(value).map_err(SetError::Refused)?))
    }

    /// Keeps what [`Settings::check`] returned.
    pub(crate) fn keep(&mut self, (name, value): (&'static str, String)) {
        self.changed.insert(name, value);
    }

    /// Returns a value as it is shown.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (name, setting) = resolve(name)?;
        Some(self.changed.get(name).map_or(setting.default, String::as_str))
    }

    /// Returns a number that a test knows to be one.
    pub(crate) fn number(&self, name: &'static str) -> i64 {
        let value = self.get(name).and_then(|value| value.parse().ok());
        value.expect("the parameter is in the table, and a number")
    }
}

/// Finds a parameter by any of its names, in any case.
fn resolve(name: &str) -> Option<(&'static str, &'static Setting)> {
    let lower = name.to_ascii_lowercase();
    let (name, setting) = TABLE.get_key_value(lower.as_str())?;
    match setting.kind {
        Kind::Same(other) => TABLE.get_key_value(other).map(|(name, setting)| (*name, setting)),
        _ => Some((name, setting)),
    }
}

/// Reads a number of bytes with its unit.
fn parse_memory(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let at = lower.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(lower.len());
    let (digits, unit) = lower.split_at(at);
    let factor = match unit {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        assert!(TABLE.len() > 150);
        for (name, setting) in TABLE.iter() {
            match &setting.kind {
                Kind::Same(other) => assert!(TABLE.contains_key(other), "{name}"),
                Kind::Fixed => {}
                kind => {
                    assert_eq!(
                        kind.take(setting.default),
                        Ok(setting.default.to_owned()),
                        "{name}"
                    );
                }
            }
        }
    }

    #[test]
    fn values_are_checked_and_shown_as_redis_does() {
        let check = |name: &str, value: &str| Settings::check(name, value);
        assert_eq!(check("maxmemory", "10Kb"), Ok(("maxmemory", "10240".to_owned())));
        let alias = check("HASH-max-ziplist-entries", "7");
        assert_eq!(alias, Ok(("hash-max-listpack-entries", "7".to_owned())));
        assert_eq!(check("activedefrag", "YES"), Ok(("activedefrag", "yes".to_owned())));
        assert_eq!(check("nope", "1"), Err(SetError::Unknown));
        for (name, odd) in [
            ("databases", "3"),
            ("timeout", "-1"),
            ("timeout", "x"),
            ("maxmemory", "1zb"),
            ("maxmemory", ""),
            ("loglevel", "loud"),
            ("appendonly", "maybe"),
        ] {
            assert!(matches!(check(name, odd), Err(SetError::Refused(_))), "{name} {odd}");
        }
    }

    #[test]
    fn a_value_is_seen_under_all_names() {
        let mut settings = Settings::default();
        assert_eq!(settings.get("zset-max-ziplist-entries"), Some("128"));
        let checked = Settings::check("zset-max-ziplist-entries", "5");
        settings.keep(checked.expect("a number"));
        assert_eq!(settings.get("zset-max-listpack-entries"), Some("5"));
        assert_eq!(settings.number("zset-max-listpack-entries"), 5);
    }
}
