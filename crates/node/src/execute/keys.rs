//! Keys of any type: whether they are there, what they are, and until when.

use api::{Comparison, Operation, Outcome, Presence};
use causality::Millis;
use cells::types::Draft;
use cells::types::key::{self, Kind};
use cells::{KeyAddress, ReadCells};

use super::{Ran, Stop, integer};

pub(super) fn run<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    operation: &Operation,
    draft: &mut Draft,
) -> Ran {
    match operation {
        Operation::Delete => Ok(integer(key::delete(cells, key, draft)?)),
        Operation::Type => {
            Ok(Outcome::Text(key::kinds(cells, key)?.map_or("none", |kinds| word(kinds.shown))))
        }
        Operation::ExpireAt { at } if *at <= cells.now() => {
            Ok(integer(key::delete(cells, key, draft)?))
        }
        Operation::ExpireAt { at } => Ok(integer(key::expire(cells, key, *at, draft)?)),
        Operation::ExpireIf { at, presence, comparison } => {
            if !may_end(cells, key, *at, (*presence, *comparison))? {
                return Ok(integer(false));
            }
            run(cells, key, &Operation::ExpireAt { at: *at }, draft)
        }
        Operation::Persist => Ok(integer(key::persist(cells, key, draft)?)),
        Operation::ExpiryOf => {
            if !key::exists(cells, key)? {
                return Ok(Outcome::Nothing);
            }
            Ok(Outcome::Expiry(key::expiry(cells, key)?))
        }
        _ => Ok(integer(key::exists(cells, key)?)),
    }
}

pub(crate) const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::String | Kind::Sketch => "string",
        Kind::Set => "set",
        Kind::Map => "hash",
        Kind::Zset => "zset",
        Kind::List => "list",
        Kind::Flag => "flag",
    }
}

/// Says whether there is a key whose end may become this one. A key without an end ends last.
fn may_end<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    at: Millis,
    (presence, comparison): (Presence, Comparison),
) -> Result<bool, Stop> {
    if !key::exists(cells, key)? {
        return Ok(false);
    }
    let end = key::expiry(cells, key)?;
    let fits = match presence {
        Presence::Any => true,
        Presence::Present => end.is_some(),
        Presence::Absent => end.is_none(),
    };
    let compares = match comparison {
        Comparison::Any => true,
        Comparison::Greater => end.is_some_and(|end| at > end),
        Comparison::Less => end.is_none_or(|end| at < end),
    };
    Ok(fits && compares)
}
