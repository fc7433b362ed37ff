//! Carrying a call out on the replica here: read, decide, mint.

use std::collections::{BTreeMap, BTreeSet};

use api::{Call, CallError, Lifetime, Operation, Outcome, SetCondition, Sibling};
use causality::Millis;
use cells::types::key::{self, Kind};
use cells::types::map::{self, Path};
use cells::types::{Draft, TypeError, set, string};
use cells::{KeyAddress, OwnedOp, ReadCells};
use replica::{Replica, ReplicaError};
use storage::Store;

use crate::node::Node;

/// What a call came to, and the operations that it minted.
pub(crate) type Executed = (Outcome, Vec<OwnedOp>);

impl<S: Store> Node<S> {
    /// Carries a call out here. Either all of its operations are minted or none.
    pub(crate) fn execute(
        &mut self,
        now: Millis,
        shard: u16,
        call: &Call,
    ) -> Result<Executed, CallError> {
        let key = KeyAddress { keyspace: call.keyspace, key: &call.key };
        let replica = self.replicas.get_mut(&shard).ok_or(CallError::NoOwner)?;
        let mut draft = Draft::new(replica.next_dot());
        let mut reader = replica.reader(&mut self.store, now);
        let outcome = run(&mut reader, key, &call.operation, &mut draft).map_err(call_error)?;
        let ops = mint(replica, &mut self.store, now, key, &draft);
        Ok((outcome, ops.map_err(|error| replica_error(&error))?))
    }
}

/// Mints a draft: the clear first, if it asks for one, then every change.
fn mint<S: Store>(
    replica: &mut Replica,
    store: &mut S,
    now: Millis,
    key: KeyAddress<'_>,
    draft: &Draft,
) -> Result<Vec<OwnedOp>, ReplicaError> {
    let mut ops = Vec::with_capacity(draft.changes().len() + 1);
    if draft.clears_key() {
        ops.push(replica.mint_clear(store, now, key)?);
    }
    for change in draft.changes() {
        ops.push(replica.mint(store, now, key, change)?);
    }
    Ok(ops)
}

/// What stopped a call before it changed anything.
enum Stop {
    Type(TypeError),
    WrongType,
}

impl From<TypeError> for Stop {
    fn from(error: TypeError) -> Self {
        Self::Type(error)
    }
}

type Ran = Result<Outcome, Stop>;

fn run<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    operation: &Operation,
    draft: &mut Draft,
) -> Ran {
    match operation {
        Operation::Get => {
            expect_kind(cells, key, Kind::String)?;
            Ok(string::get(cells, key)?.map_or(Outcome::Nothing, Outcome::Value))
        }
        Operation::Set { value, lifetime, condition } => {
            write_string(cells, key, value, (*lifetime, *condition), draft)
        }
        Operation::Increment { by } => {
            expect_kind(cells, key, Kind::String)?;
            Ok(Outcome::Integer(string::increment(cells, key, *by, draft)?))
        }
        Operation::Siblings => {
            expect_kind(cells, key, Kind::String)?;
            let own = |held: string::OwnedSibling| Sibling {
                dot: held.dot,
                time: held.time,
                value: held.value,
            };
            Ok(Outcome::Siblings(string::siblings(cells, key)?.into_iter().map(own).collect()))
        }
        Operation::Delete => Ok(integer(key::delete(cells, key, draft)?)),
        Operation::Exists => Ok(integer(key::exists(cells, key)?)),
        Operation::Type => {
            Ok(Outcome::Text(key::kinds(cells, key)?.map_or("none", |kinds| word(kinds.shown))))
        }
        Operation::ExpireAt { at } if *at <= cells.now() => {
            Ok(integer(key::delete(cells, key, draft)?))
        }
        Operation::ExpireAt { at } => Ok(integer(key::expire(cells, key, *at, draft)?)),
        Operation::Persist => Ok(integer(key::persist(cells, key, draft)?)),
        Operation::ExpiryOf => {
            if !key::exists(cells, key)? {
                return Ok(Outcome::Nothing);
            }
            Ok(Outcome::Expiry(key::expiry(cells, key)?))
        }
        Operation::SetAdd { .. }
        | Operation::SetRemove { .. }
        | Operation::SetMembers
        | Operation::SetContains { .. }
        | Operation::SetCount => run_set(cells, key, operation, draft),
        Operation::MapSet { .. }
        | Operation::MapGet { .. }
        | Operation::MapAll
        | Operation::MapRemove { .. }
        | Operation::MapCount
        | Operation::MapIncrement { .. } => run_map(cells, key, operation, draft),
    }
}

fn write_string<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    value: &[u8],
    (lifetime, condition): (Lifetime, SetCondition),
    draft: &mut Draft,
) -> Ran {
    let kinds = key::kinds(cells, key)?;
    let is_wanted = match condition {
        SetCondition::Always => true,
        SetCondition::IfPresent => kinds.is_some(),
        SetCondition::IfAbsent => kinds.is_none(),
    };
    if !is_wanted {
        return Ok(Outcome::Nothing);
    }
    let expiry = match lifetime {
        Lifetime::Forever => None,
        Lifetime::Keep => key::expiry(cells, key)?,
        Lifetime::Until(at) => Some(at),
    };
    if kinds.is_some_and(|kinds| kinds.shown != Kind::String || !kinds.hidden.is_empty()) {
        key::delete(cells, key, draft)?;
    }
    if expiry.is_some_and(|expiry| expiry <= cells.now()) {
        key::delete(cells, key, draft)?;
    } else {
        string::set(cells, key, value, expiry, draft)?;
    }
    Ok(Outcome::Done)
}

fn run_set<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    operation: &Operation,
    draft: &mut Draft,
) -> Ran {
    expect_kind(cells, key, Kind::Set)?;
    match operation {
        Operation::SetAdd { members } => {
            let mut count = 0;
            for member in each_once(members) {
                count += i64::from(set::add(cells, key, member, draft)?);
            }
            Ok(Outcome::Integer(count))
        }
        Operation::SetRemove { members } => {
            let mut count = 0;
            for member in each_once(members) {
                count += i64::from(set::remove(cells, key, member, draft)?);
            }
            Ok(Outcome::Integer(count))
        }
        Operation::SetContains { members } => {
            let mut found = Vec::with_capacity(members.len());
            for member in members {
                found.push(i64::from(set::contains(cells, key, member)?));
            }
            Ok(Outcome::Integers(found))
        }
        Operation::SetCount => Ok(count(set::count(cells, key)?)),
        _ => Ok(Outcome::Values(set::members(cells, key)?)),
    }
}

fn run_map<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    operation: &Operation,
    draft: &mut Draft,
) -> Ran {
    expect_kind(cells, key, Kind::Map)?;
    match operation {
        Operation::MapSet { fields } => {
            // Of a field named twice, the last value counts.
            let last: BTreeMap<&[u8], &[u8]> =
                fields.iter().map(|(field, value)| (&field[..], &value[..])).collect();
            let mut count = 0;
            for (field, value) in last {
                count += i64::from(map::set(cells, key, &Path::field(field), value, draft)?);
            }
            Ok(Outcome::Integer(count))
        }
        Operation::MapGet { fields } => {
            let mut values = Vec::with_capacity(fields.len());
            for field in fields {
                values.push(map::get(cells, key, &Path::field(field))?);
            }
            Ok(Outcome::Optionals(values))
        }
        Operation::MapRemove { fields } => {
            let mut count = 0;
            for field in each_once(fields) {
                count += i64::from(map::remove(cells, key, &Path::field(field), draft)?);
            }
            Ok(Outcome::Integer(count))
        }
        Operation::MapIncrement { field, by } => {
            let sum = map::increment(cells, key, &Path::field(field), *by, draft)?;
            Ok(Outcome::Integer(sum))
        }
        Operation::MapCount => Ok(count(map::count(cells, key)?)),
        _ => {
            let mut pairs = Vec::new();
            for (path, value) in map::below(cells, key, &Path::default())? {
                // Fields of nested maps have no place in a flat reply.
                if let [field] = path.components()?[..] {
                    pairs.push((field.to_vec(), value));
                }
            }
            Ok(Outcome::Pairs(pairs))
        }
    }
}

/// Stops a command on a key that shows another type.
fn expect_kind<R: ReadCells>(cells: &mut R, key: KeyAddress<'_>, kind: Kind) -> Result<(), Stop> {
    match key::kinds(cells, key)? {
        Some(kinds) if kinds.shown != kind => Err(Stop::WrongType),
        _ => Ok(()),
    }
}

/// Each item once: a draft changes a cell at most once.
fn each_once(items: &[Vec<u8>]) -> BTreeSet<&[u8]> {
    items.iter().map(Vec::as_slice).collect()
}

const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::String | Kind::Sketch => "string",
        Kind::Set => "set",
        Kind::Map => "hash",
        Kind::Zset => "zset",
        Kind::List => "list",
        Kind::Flag => "flag",
    }
}

fn integer(is: bool) -> Outcome {
    Outcome::Integer(i64::from(is))
}

fn count(count: u64) -> Outcome {
    Outcome::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}

fn call_error(stop: Stop) -> CallError {
    match stop {
        Stop::WrongType => CallError::WrongType,
        Stop::Type(TypeError::NotAnInteger) => CallError::NotAnInteger,
        Stop::Type(TypeError::Overflow) => CallError::Overflow,
        Stop::Type(TypeError::TooLong) => CallError::TooLarge { what: "string" },
        Stop::Type(TypeError::Read(error)) => CallError::Storage(error.to_string()),
        Stop::Type(other) => CallError::Elsewhere(other.to_string()),
    }
}

fn replica_error(error: &ReplicaError) -> CallError {
    match error {
        ReplicaError::Fetching | ReplicaError::Frozen { .. } => CallError::Busy,
        ReplicaError::TooLarge { what, .. } => CallError::TooLarge { what },
        other => CallError::Storage(other.to_string()),
    }
}
