//! Batches: several operations on keys of one shard, with nothing between them.
//!
//! A batch is carried out in one turn of its coordinator. An operation that fails changes nothing
//! by itself and does not undo the others, as in a transaction of Redis.

use api::{Batch, Call, CallError, Operation, Outcome};
use causality::Millis;
use cells::{KeyAddress, ReadCells as _, ReadControl};
use storage::Store;
use xxhash_rust::xxh3::xxh3_64;

use crate::execute::Executed;
use crate::hints::Place;
use crate::node::Node;

/// Cells that a version of a key is made of; of a larger key it is the shard's.
const CELLS_MAX: usize = 4_096;

impl<S: Store> Node<S> {
    /// Carries a batch out here: `Nothing` when a key is not as it was.
    pub(crate) fn execute_batch(
        &mut self,
        now: Millis,
        (shard, place): (u16, Place),
        call: &Call,
        batch: &Batch,
    ) -> Result<Executed, CallError> {
        for check in &batch.checks {
            let key = KeyAddress { keyspace: check.keyspace, key: &check.key };
            if self.version(now, (shard, place), key)? != check.version {
                return Ok((Outcome::Nothing, Vec::new()));
            }
        }
        let (mut outcomes, mut ops) = (Vec::with_capacity(batch.parts.len()), Vec::new());
        for part in &batch.parts {
            let outcome = match &part.operation {
                Operation::Batch(_) | Operation::OnShard { .. } => Err(CallError::EmptyKey),
                _ if part.key.is_empty() => Err(CallError::EmptyKey),
                _ if self.topology.shard_of(&part.key) != shard => Err(CallError::NoOwner),
                operation => {
                    let (keyspace, key) = (part.keyspace, part.key.clone());
                    let call = Call { keyspace, key, operation: operation.clone(), ..call.clone() };
                    self.execute(now, (shard, place), &call)
                }
            };
            outcomes.push(match outcome {
                Ok((outcome, minted)) => {
                    ops.extend(minted);
                    outcome
                }
                Err(error) => Outcome::Failed(error),
            });
        }
        Ok((Outcome::Batch(outcomes), ops))
    }

    /// Returns a number that changes whenever the key does: 0 when there is no such key.
    pub(crate) fn version(
        &mut self,
        now: Millis,
        (shard, place): (u16, Place),
        key: KeyAddress<'_>,
    ) -> Result<i64, CallError> {
        let replica = match place {
            Place::Owned => self.replicas.get(&shard),
            Place::Visited => self.visits.replica(shard),
        };
        let replica = replica.ok_or(CallError::NoOwner)?;
        let mut reader = replica.reader(&mut self.store, now);
        let (mut sum, mut count) = (0_u64, 0);
        let mut bytes = Vec::new();
        let read = reader.scan(key, &[], &mut |column, cell| {
            for version in &cell.live {
                bytes.clear();
                bytes.extend_from_slice(&version.dot.actor.bits().to_le_bytes());
                bytes.extend_from_slice(&version.dot.counter.to_le_bytes());
                bytes.extend_from_slice(column);
                sum = sum.wrapping_add(xxh3_64(&bytes));
            }
            count += 1;
            if count < CELLS_MAX { ReadControl::Continue } else { ReadControl::Stop }
        });
        read.map_err(|error| CallError::Storage(error.to_string()))?;
        if count >= CELLS_MAX {
            sum = replica::clock_hash(&replica.whole_clock());
        }
        Ok(i64::from_le_bytes(sum.to_le_bytes()))
    }
}
