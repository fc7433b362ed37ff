//! Parameters: what each is called, where it stands, what it takes, and how it is read.

use api::{Level, Lifetime, SealedContext, Staleness};
use causality::Millis;
use cells::Keyspace;
use serde_json::{Value, json};

use crate::Session;
use crate::problem::{BAD_CONTEXT, BAD_PARAMETER, NO_PRECONDITIONS, NO_SUCH_KEYSPACE, Problem};
use crate::route::Asked;

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
}

/// A parameter of a route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) about: &'static str,
    pub(crate) schema: fn() -> Value,
}

const KEYSPACES_COUNT: u32 = 16;
/// The longest lifetime that can be said: about thirty thousand years.
const LIFETIME_MS_MAX: u64 = 1_000_000_000_000_000;

pub(crate) const KEYSPACE: Parameter = Parameter {
    name: "keyspace",
    place: Place::Path,
    about: "The keyspace: db0 to db15",
    schema: || json!({ "type": "string", "pattern": "^db([0-9]|1[0-5])$", "example": "db0" }),
};

pub(crate) const KEY: Parameter = Parameter {
    name: "key",
    place: Place::Path,
    about: "The key: any bytes, percent-encoded",
    schema: || json!({ "type": "string", "minLength": 1, "example": "greeting" }),
};

pub(crate) const READ_LEVEL: Parameter = Parameter {
    name: "level",
    place: Place::Query,
    about: "How many owners take part in the read",
    schema: || json!({ "enum": level_names(|level| level != Level::Any), "default": "local_one" }),
};

pub(crate) const WRITE_LEVEL: Parameter = Parameter {
    name: "level",
    place: Place::Query,
    about: "How many owners must have applied the write before it is answered",
    schema: || json!({ "enum": level_names(|_| true), "default": "local_quorum" }),
};

pub(crate) const TTL: Parameter = Parameter {
    name: "ttl",
    place: Place::Query,
    about: "How long the key lives, such as 90s, 1500ms, 15m, 12h or 30d; without it, for ever",
    schema: || json!({ "type": "string", "pattern": "^[0-9]{1,15}(ms|s|m|h|d)$" }),
};

pub(crate) const MAX_STALENESS: Parameter = Parameter {
    name: "max_staleness_ms",
    place: Place::Query,
    about: "The answer lacks no write older than so many milliseconds, by the nodes' clocks",
    schema: || json!({ "type": "integer", "minimum": 1, "maximum": STALENESS_MS_MAX }),
};

pub(crate) const SESSION: Parameter = Parameter {
    name: "Starling-Session",
    place: Place::Header,
    about: "The token of the last answer in this session, or `new`; the answer brings the next",
    schema: || json!({ "type": "string", "pattern": "^(new|([0-9a-fA-F]{2})+)$" }),
};

pub(crate) const CONTEXT: Parameter = Parameter {
    name: "Starling-Context",
    place: Place::Header,
    about: "The context of the document that was read: exactly its versions are superseded, and \
            what came since stays",
    schema: || json!({ "type": "string", "pattern": "^([0-9a-fA-F]{2})+$" }),
};

/// Reads which versions a write supersedes: those that are named, or all that are seen.
pub(crate) fn context(asked: &Asked<'_>) -> Result<Option<SealedContext>, Problem> {
    for name in ["if-match", "if-none-match", "if-unmodified-since"] {
        if asked.request.header(name).is_some() {
            return Err(Problem::new(NO_PRECONDITIONS, format!("the request has `{name}`")));
        }
    }
    let Some(said) = asked.request.header("starling-context") else { return Ok(None) };
    let context = said.trim().parse();
    context.map(Some).map_err(|error| Problem::new(BAD_CONTEXT, format!("{error}")))
}

/// The longest staleness that can be asked for: a day.
const STALENESS_MS_MAX: u64 = 86_400_000;

/// Reads how stale an answer may be.
pub(crate) fn staleness(asked: &Asked<'_>) -> Result<Option<Staleness>, Problem> {
    let Some(said) = asked.request.query(MAX_STALENESS.name) else { return Ok(None) };
    let is_number = said.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(said).ok().filter(|_| is_number);
    let number = text.and_then(|text| text.parse().ok());
    match number {
        Some(number) if (1..=STALENESS_MS_MAX).contains(&number) => Ok(Some(Staleness(number))),
        _ => Err(wrong(&MAX_STALENESS, said, "expected milliseconds from 1 to a day")),
    }
}

/// Reads the session that a request is made in.
pub(crate) fn session(asked: &Asked<'_>) -> Result<Option<Session>, Problem> {
    let Some(said) = asked.request.header("starling-session") else { return Ok(None) };
    match said.trim() {
        "new" => Ok(Some(Session::New)),
        "" => Err(wrong(&SESSION, b"", "expected a token or `new`")),
        token => {
            let token = token.parse().map_err(|error| wrong(&SESSION, said.as_bytes(), error));
            Ok(Some(Session::Known(token?)))
        }
    }
}

fn level_names(is_wanted: fn(Level) -> bool) -> Vec<&'static str> {
    Level::all().filter(|level| is_wanted(*level)).map(Level::name).collect()
}

pub(crate) fn wrong(parameter: &Parameter, said: &[u8], takes: impl std::fmt::Display) -> Problem {
    let shown: String = String::from_utf8_lossy(said).chars().take(40).collect();
    Problem::new(BAD_PARAMETER, format!("`{}` is `{shown}`: {takes}", parameter.name))
        .with("parameter", parameter.name)
}

/// Reads the keyspace, which stands first in the path.
pub(crate) fn keyspace(asked: &Asked<'_>) -> Result<Keyspace, Problem> {
    let name = asked.value(0);
    let number = name.strip_prefix(b"db").and_then(|digits| std::str::from_utf8(digits).ok());
    let number = number.filter(|digits| !digits.starts_with('+'));
    let number = number.filter(|digits| digits.len() == 1 || !digits.starts_with('0'));
    match number.and_then(|digits| digits.parse::<u32>().ok()) {
        // Keyspace 0 is never a client's.
        Some(number) if number < KEYSPACES_COUNT => Ok(Keyspace(number + 1)),
        _ => Err(Problem::new(NO_SUCH_KEYSPACE, "the path names no keyspace")),
    }
}

/// Reads the level of a read.
pub(crate) fn read_level(asked: &Asked<'_>) -> Result<Level, Problem> {
    let level = level(asked, &READ_LEVEL, Level::LocalOne)?;
    match level {
        Level::Any => Err(wrong(&READ_LEVEL, b"any", "this level is for writes only")),
        level => Ok(level),
    }
}

/// Reads the level of a write.
pub(crate) fn write_level(asked: &Asked<'_>) -> Result<Level, Problem> {
    level(asked, &WRITE_LEVEL, Level::LocalQuorum)
}

fn level(asked: &Asked<'_>, which: &Parameter, otherwise: Level) -> Result<Level, Problem> {
    let Some(said) = asked.request.query(which.name) else { return Ok(otherwise) };
    let text = String::from_utf8_lossy(said);
    text.parse().map_err(|error| wrong(which, said, error))
}

pub(crate) const START: Parameter = Parameter {
    name: "start",
    place: Place::Query,
    about: "The first index; negative ones count from the end",
    schema: || json!({ "type": "integer", "format": "int64", "default": 0 }),
};

pub(crate) const STOP: Parameter = Parameter {
    name: "stop",
    place: Place::Query,
    about: "The last index; negative ones count from the end",
    schema: || json!({ "type": "integer", "format": "int64", "default": -1 }),
};

/// Reads the first and the last index.
pub(crate) fn indexes(asked: &Asked<'_>) -> Result<(i64, i64), Problem> {
    let read = |which: &Parameter, otherwise| {
        let Some(said) = asked.request.query(which.name) else { return Ok(otherwise) };
        let number = std::str::from_utf8(said).ok().and_then(|text| text.parse().ok());
        number.ok_or_else(|| wrong(which, said, "expected a whole number"))
    };
    Ok((read(&START, 0)?, read(&STOP, -1)?))
}

/// Reads how long a key lives.
pub(crate) fn lifetime(asked: &Asked<'_>) -> Result<Lifetime, Problem> {
    let Some(said) = asked.request.query(TTL.name) else { return Ok(Lifetime::Forever) };
    let span = parse_span(said)
        .ok_or_else(|| wrong(&TTL, said, "expected a number and ms, s, m, h or d"))?;
    Ok(Lifetime::Until(Millis(asked.now.0.saturating_add(span))))
}

/// Reads a span like `90s`, in milliseconds.
fn parse_span(said: &[u8]) -> Option<u64> {
    let digits = said.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let factor = match &said[digits..] {
        b"ms" => 1,
        b"s" => 1000,
        b"m" => 60_000,
        b"h" => 3_600_000,
        b"d" => 86_400_000,
        _ => return None,
    };
    let number: u64 = std::str::from_utf8(&said[..digits]).ok()?.parse().ok()?;
    let span = number.checked_mul(factor)?;
    (span > 0 && span <= LIFETIME_MS_MAX).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_unit_and_a_bound() {
        for (text, expected) in [("90s", 90_000), ("1ms", 1), ("2h", 7_200_000), ("1d", 86_400_000)]
        {
            assert_eq!(parse_span(text.as_bytes()), Some(expected), "{text}");
        }
        for text in ["", "s", "90", "-1s", "+1s", "0s", "1w", "99999999999999999999s", "1000000d0"]
        {
            assert_eq!(parse_span(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_span(b"999999999999999d"), None);
    }
}
