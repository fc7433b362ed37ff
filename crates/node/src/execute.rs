//! Carrying a call out on the replica here: read, decide, mint.

mod bits;
mod keys;
mod lists;
mod maps;
mod pages;
mod sets;
mod sketches;
mod strings;
mod zsets;

use api::{Call, CallError, Operation, Outcome, StringOperation};
use causality::{ContextScope, Millis};
use cells::types::key::{self, Kind};
use cells::types::{Draft, TypeError};
use cells::{KeyAddress, OwnedOp, ReadCells};
use replica::{Replica, ReplicaError};
use smallvec::SmallVec;
use storage::Store;

pub(crate) use self::keys::word;
use crate::contexts::Contexts;
use crate::hints::Place;
use crate::node::Node;

/// What a call came to, and the operations that it minted.
pub(crate) type Executed = (Outcome, Vec<OwnedOp>);

impl<S: Store> Node<S> {
    /// Carries a call out here. Either all of its operations are minted or none.
    pub(crate) fn execute(
        &mut self,
        now: Millis,
        (shard, place): (u16, Place),
        call: &Call,
    ) -> Result<Executed, CallError> {
        let done = self.execute_at(now, (shard, place), call);
        if matches!(done, Err(CallError::Storage(_))) && place == Place::Owned {
            self.suspect(shard);
        }
        done
    }

    fn execute_at(
        &mut self,
        now: Millis,
        (shard, place): (u16, Place),
        call: &Call,
    ) -> Result<Executed, CallError> {
        match &call.operation {
            // Who only visits a shard knows too little of it.
            Operation::OnShard { .. } if place == Place::Visited => return Err(CallError::NoOwner),
            Operation::OnShard { operation, .. } => {
                return self.execute_on_shard(now, shard, call.keyspace, operation);
            }
            Operation::Batch(batch) => return self.execute_batch(now, (shard, place), call, batch),
            Operation::Version => {
                let key = KeyAddress { keyspace: call.keyspace, key: &call.key };
                let version = self.version(now, (shard, place), key)?;
                return Ok((Outcome::Integer(version), Vec::new()));
            }
            _ => {}
        }
        let call = &*self.carried_out(call);
        let is_pretended = self.is_pretended(&call.operation);
        let read_time = self.call_time(now);
        let key = KeyAddress { keyspace: call.keyspace, key: &call.key };
        let scope = ContextScope { cluster: self.config.cluster, shard, key: key.hash() };
        let contexts = Contexts { secret: &self.config.secret, scope };
        let replica = match place {
            Place::Owned => self.replicas.get_mut(&shard),
            Place::Visited => self.visits.replica_mut(shard),
        };
        let replica = replica.ok_or(CallError::NoOwner)?;
        let mut draft = Draft::new(replica.next_dot());
        let mut reader = replica.reader(&mut self.store, read_time);
        let outcome = run(&mut reader, key, &call.operation, &mut draft, contexts);
        let outcome = outcome.map_err(call_error)?;
        if is_pretended {
            return Ok((outcome, Vec::new()));
        }
        let ops = mint(replica, &mut self.store, now, key, draft);
        Ok((outcome, ops.map_err(|error| replica_error(&error))?))
    }
}

/// Mints a draft: the clear first, if it asks for one, then every change.
pub(crate) fn mint<S: Store>(
    replica: &mut Replica,
    store: &mut S,
    now: Millis,
    key: KeyAddress<'_>,
    draft: Draft,
) -> Result<Vec<OwnedOp>, ReplicaError> {
    let count = draft.changes().len() + usize::from(draft.clears_key());
    let mut ops = Vec::with_capacity(count);
    if draft.clears_key() {
        ops.push(replica.mint_clear(store, now, key)?);
    }
    for change in draft.into_changes() {
        ops.push(replica.mint(store, now, key, change)?);
    }
    Ok(ops)
}

/// What stopped a call before it changed anything.
enum Stop {
    Type(TypeError),
    WrongType,
    NotAScore,
    NotASketch,
    NoSuchKey,
    BadContext,
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
    contexts: Contexts<'_>,
) -> Ran {
    match operation {
        Operation::Get | Operation::Set { .. } | Operation::Increment { .. } => {
            strings::run(cells, key, operation, draft)
        }
        Operation::Siblings => strings::siblings(cells, key, contexts),
        Operation::String(StringOperation::Resolve { value, lifetime, context }) => {
            let dots = contexts.open(context).map_err(|_| Stop::BadContext)?;
            strings::resolve(cells, key, (value.as_deref(), *lifetime), &dots, draft)
        }
        Operation::Delete
        | Operation::Exists
        | Operation::Type
        | Operation::ExpireAt { .. }
        | Operation::ExpireIf { .. }
        | Operation::Persist
        | Operation::ExpiryOf => keys::run(cells, key, operation, draft),
        Operation::OnShard { .. } | Operation::Batch(_) | Operation::Version => {
            Ok(Outcome::Failed(CallError::EmptyKey))
        }
        Operation::SetAdd { .. }
        | Operation::SetRemove { .. }
        | Operation::SetMembers
        | Operation::SetContains { .. }
        | Operation::SetCount
        | Operation::SetReplace { .. }
        | Operation::SetPick { .. }
        | Operation::SetPop { .. } => sets::run(cells, key, operation, draft),
        Operation::MapSet { .. }
        | Operation::MapGet { .. }
        | Operation::MapAll
        | Operation::MapRemove { .. }
        | Operation::MapCount
        | Operation::MapSetAbsent { .. }
        | Operation::MapIncrement { .. }
        | Operation::MapIncrementDecimal { .. }
        | Operation::MapPick { .. } => maps::run(cells, key, operation, draft),
        Operation::Page { of, after, limit } => {
            pages::run(cells, key, *of, (after.as_deref(), *limit))
        }
        Operation::String(operation) => strings::run_more(cells, key, operation, draft),
        Operation::List(operation) => lists::run(cells, key, operation, draft),
        Operation::SketchAdd { .. } | Operation::SketchGet | Operation::SketchMerge { .. } => {
            sketches::run(cells, key, operation, draft)
        }
        Operation::Zset(operation) => zsets::run(cells, key, operation, draft),
    }
}

/// Stops a command on a key that shows another type.
fn expect_kind<R: ReadCells>(cells: &mut R, key: KeyAddress<'_>, kind: Kind) -> Result<(), Stop> {
    if key::is_at_most(cells, key, kind)? {
        return Ok(());
    }
    match key::kinds(cells, key)? {
        Some(kinds) if kinds.shown != kind => Err(Stop::WrongType),
        _ => Ok(()),
    }
}

/// Each item once: a draft changes a cell at most once.
fn each_once(items: &[Vec<u8>]) -> SmallVec<[&[u8]; 4]> {
    let mut items: SmallVec<[&[u8]; 4]> = items.iter().map(Vec::as_slice).collect();
    items.sort_unstable();
    items.dedup();
    items
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
        Stop::NotAScore => CallError::NotAScore,
        Stop::NotASketch => CallError::NotASketch,
        Stop::NoSuchKey => CallError::NoSuchKey,
        Stop::BadContext => CallError::BadContext,
        Stop::Type(TypeError::NotAnInteger) => CallError::NotAnInteger,
        Stop::Type(TypeError::Overflow) => CallError::Overflow,
        Stop::Type(TypeError::NotANumber) => CallError::NotANumber,
        Stop::Type(TypeError::NotFinite) => CallError::NotFinite,
        Stop::Type(TypeError::NoSuchIndex) => CallError::NoSuchIndex,
        Stop::Type(TypeError::PositionTooLong) => CallError::PositionTooLong,
        Stop::Type(TypeError::Siblings { count, limit }) => {
            CallError::TooManySiblings { count, limit }
        }
        Stop::Type(TypeError::TooLong) => CallError::StringTooLong,
        Stop::Type(TypeError::Read(error)) => CallError::Storage(error.to_string()),
        Stop::Type(other) => CallError::Storage(other.to_string()),
    }
}

pub(crate) fn replica_error(error: &ReplicaError) -> CallError {
    match error {
        ReplicaError::Fetching | ReplicaError::Frozen { .. } => CallError::Busy,
        ReplicaError::TooLarge { what, .. } => CallError::TooLarge { what },
        other => CallError::Storage(other.to_string()),
    }
}
