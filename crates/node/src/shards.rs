//! Calls on a whole shard: walking its keys, and clearing keyspaces.
//!
//! Bound: one call looks at [`KEYS_MAX`] keys at most, whatever it asks for.

use api::{Call, CallError, Operation, Outcome, Position, ShardOperation};
use causality::Millis;
use cells::types::{Draft, key};
use cells::{KeyAddress, Keyspace, OwnedOp};
use replica::Replica;
use storage::Store;

use crate::execute::{Executed, mint, replica_error, word};
use crate::node::Node;

/// The most keys that one call looks at.
const KEYS_MAX: u32 = 4_096;

/// Keys with the names of their types, and where to go on.
type Walked = (Vec<(Vec<u8>, &'static str)>, Option<Position>);

impl<S: Store> Node<S> {
    /// Returns the shard that a call is about; nothing when it names no key where it must.
    pub(crate) fn shard_of_call(&self, call: &Call) -> Option<u16> {
        match call.operation {
            Operation::OnShard { shard, .. } => Some(shard),
            _ => (!call.key.is_empty()).then(|| self.topology.shard_of(&call.key)),
        }
    }

    /// Carries an operation on a shard out here.
    pub(crate) fn execute_on_shard(
        &mut self,
        now: Millis,
        shard: u16,
        keyspace: Keyspace,
        operation: &ShardOperation,
    ) -> Result<Executed, CallError> {
        let replica = self.replicas.get_mut(&shard).ok_or(CallError::NoOwner)?;
        let outcome = match operation {
            ShardOperation::Keys { from, count_max } => {
                let (keys, next) =
                    walk(replica, &mut self.store, now, keyspace, (*from, *count_max))?;
                Outcome::Keys { keys, next }
            }
            ShardOperation::Count { from, count_max } => {
                let (keys, next) =
                    walk(replica, &mut self.store, now, keyspace, (*from, *count_max))?;
                Outcome::Counted { count: keys.len() as u64, next }
            }
            ShardOperation::Clear { keyspaces } => {
                let mut ops = Vec::new();
                for keyspace in keyspaces {
                    let whole = KeyAddress { keyspace: *keyspace, key: &[] };
                    let has_any = replica.has_keyspace(&mut self.store, *keyspace);
                    if has_any.map_err(|error| replica_error(&error))? {
                        let op = replica.mint_clear(&mut self.store, now, whole);
                        ops.push(op.map_err(|error| replica_error(&error))?);
                        ops.extend(remove_counted(replica, &mut self.store, now, *keyspace)?);
                    }
                }
                return Ok((Outcome::Done, ops));
            }
        };
        Ok((outcome, Vec::new()))
    }
}

/// Removes the keys that a clear has left: increments are taken back one by one, since those of
/// other nodes that are on their way would otherwise count again.
fn remove_counted<S: Store>(
    replica: &mut Replica,
    store: &mut S,
    now: Millis,
    keyspace: Keyspace,
) -> Result<Vec<OwnedOp>, CallError> {
    let (mut ops, mut from) = (Vec::new(), Some(Position::START));
    while let Some(position) = from {
        let (keys, next) = walk(replica, store, now, keyspace, (position, KEYS_MAX))?;
        for (key, _) in keys {
            let key = KeyAddress { keyspace, key: &key };
            let mut draft = Draft::new(replica.next_dot());
            key::delete(&mut replica.reader(store, now), key, &mut draft)
                .map_err(|error| CallError::Storage(error.to_string()))?;
            let minted = mint(replica, store, now, key, draft);
            ops.extend(minted.map_err(|error| replica_error(&error))?);
        }
        from = next;
    }
    Ok(ops)
}

/// Looks at the keys from a place on, and keeps those that show a value.
fn walk<S: Store>(
    replica: &Replica,
    store: &mut S,
    now: Millis,
    keyspace: Keyspace,
    (from, count_max): (Position, u32),
) -> Result<Walked, CallError> {
    let mut at = None;
    let count_max = count_max.min(KEYS_MAX) as usize;
    let (mut seen, mut next) = (Vec::new(), None);
    let visited = replica.visit_keys(store, keyspace, from.first_hash(), &mut |key, hash| {
        let here = Position::of_hash(hash);
        if seen.len() >= count_max && at != Some(here) {
            next = Some(here);
            return storage::ScanControl::Stop;
        }
        at = Some(here);
        seen.push(key.to_vec());
        storage::ScanControl::Continue
    });
    visited.map_err(|error| replica_error(&error))?;
    let mut reader = replica.reader(store, now);
    let mut keys = Vec::with_capacity(seen.len());
    for key in seen {
        let shown = key::kinds(&mut reader, KeyAddress { keyspace, key: &key });
        let shown = shown.map_err(|error| CallError::Storage(error.to_string()))?;
        if let Some(kinds) = shown {
            keys.push((key, word(kinds.shown)));
        }
    }
    Ok((keys, next))
}
