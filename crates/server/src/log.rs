//! The node's log: one line per thing a person must know, on standard error, as text or as JSON.
//!
//! ```text
//! 2031-05-04T07:08:09.123Z info  link to node 2 is up
//! {"time":"2031-05-04T07:08:09.123Z","level":"info","node":1,"message":"link to node 2 is up"}
//! ```

use std::fmt;
use std::io::Write as _;
use std::str::FromStr;

use causality::{Millis, NodeId};
use serde_json::Value;

use crate::clock;

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A person has to do something.
    Error,
    /// Something is odd, and the node went on.
    Warn,
    /// The node's state changed.
    Info,
    /// For finding faults in the node itself.
    Debug,
}

impl Level {
    const NAMES: [(Self, &'static str); 4] = [
        (Self::Error, "error"),
        (Self::Warn, "warn"),
        (Self::Info, "info"),
        (Self::Debug, "debug"),
    ];
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Self::NAMES.iter().find(|(level, _)| level == self);
        f.pad(found.map_or("", |(_, name)| name))
    }
}

impl FromStr for Level {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::NAMES.iter().find(|(_, name)| *name == text).map(|(level, _)| *level).ok_or(())
    }
}

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logging {
    /// What is worth a line.
    pub level: Level,
    /// How lines look.
    pub format: Format,
    /// Whose they are.
    pub node: NodeId,
}

/// Where lines go; copied to whoever has something to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log(Logging);

impl Log {
    pub(crate) const fn new(logging: Logging) -> Self {
        Self(logging)
    }

    pub(crate) fn error(self, what: impl fmt::Display) {
        self.line(Level::Error, &what);
    }

    pub(crate) fn warn(self, what: impl fmt::Display) {
        self.line(Level::Warn, &what);
    }

    pub(crate) fn info(self, what: impl fmt::Display) {
        self.line(Level::Info, &what);
    }

    pub(crate) fn debug(self, what: impl fmt::Display) {
        self.line(Level::Debug, &what);
    }

    fn line(self, level: Level, what: &dyn fmt::Display) {
        if level <= self.0.level {
            let line = self.0.write(Stamp(clock::now()), level, what);
            // A log that cannot be written is no reason to stop serving.
            let _ = std::io::stderr().lock().write_all(line.as_bytes());
        }
    }
}

impl Logging {
    fn write(&self, now: Stamp, level: Level, what: &dyn fmt::Display) -> String {
        match self.format {
            Format::Text => format!("{now} {level:<5} {what}\n"),
            Format::Json => {
                let text = |value: &dyn fmt::Display| Value::String(value.to_string());
                format!(
                    "{{\"time\":{},\"level\":{},\"node\":{},\"message\":{}}}\n",
                    text(&now),
                    text(&level),
                    self.node.0,
                    text(what)
                )
            }
        }
    }
}

/// A moment as people and programs read it, in universal time.
#[derive(Clone, Copy)]
struct Stamp(Millis);

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Millis(total) = self.0;
        let (seconds, millis) = (total / 1000, total % 1000);
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = date(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

/// Year, month and day of a count of days since 1970, counted in years that begin in March, so
/// that the leap day is a year's last.
const fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_TO_1970: u64 = 719_468;
    const DAYS_OF_400_YEARS: u64 = 146_097;
    let since = days + DAYS_TO_1970;
    let (era, day) = (since / DAYS_OF_400_YEARS, since % DAYS_OF_400_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + carry, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps() {
        for (millis, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_200_000, "2024-03-01T00:00:00.000Z"),
            (4_107_542_399_001, "2100-02-28T23:59:59.001Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(Stamp(Millis(millis)).to_string(), expected);
        }
    }

    #[test]
    fn lines_are_for_people_or_for_programs() {
        let logging = |format| Logging { level: Level::Info, format, node: NodeId(3) };
        let write = |format| logging(format).write(Stamp(Millis(0)), Level::Warn, &"a \"b\"\nc");
        assert_eq!(write(Format::Text), "1970-01-01T00:00:00.000Z warn  a \"b\"\nc\n");
        let line = write(Format::Json);
        assert_eq!(line.lines().count(), 1, "{line}");
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&read["level"], &read["node"]), (&"warn".into(), &3.into()));
        assert_eq!(read["message"], "a \"b\"\nc");
    }

    #[test]
    fn levels_are_ordered_and_named() {
        assert!(Level::Error < Level::Debug);
        for (level, name) in Level::NAMES {
            assert_eq!(name.parse(), Ok(level));
            assert_eq!(level.to_string(), name);
        }
    }
}
