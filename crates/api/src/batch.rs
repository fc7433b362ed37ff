//! Several operations on keys of one shard, carried out together by one coordinator.

use cells::Keyspace;

use crate::Operation;

/// Operations that nothing comes between at their coordinator. Coordinators elsewhere may carry
/// out others at the same time: what is promised is order and isolation at one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// What must hold, or nothing is done.
    pub checks: Vec<Check>,
    /// What to do, in order.
    pub parts: Vec<Part>,
}

/// A key that must be as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its keyspace.
    pub keyspace: Keyspace,
    /// The key, of the shard that the batch is about.
    pub key: Vec<u8>,
    /// What [`Operation::Version`] said about it.
    pub version: i64,
}

/// One operation of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The keyspace of the key.
    pub keyspace: Keyspace,
    /// The key, of the shard that the batch is about.
    pub key: Vec<u8>,
    /// What to do; no batch and nothing on a shard.
    pub operation: Operation,
}

impl Batch {
    /// Says whether the batch may change anything.
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.parts.iter().any(|part| part.operation.is_write())
    }
}
