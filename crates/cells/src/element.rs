//! The digest of one live version: what the hash tree sums.
//!
//! Only the cell's address and the dot go in: a dot names one payload for ever, so two replicas
//! that hold the same (cell, dot) hold the same bytes, and the digest costs the same however
//! large the payload is.

use causality::Dot;
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_128;

use crate::CellAddress;

/// The hash of a cell's address, computed once per operation and combined with each dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellHash(u128);

impl CellHash {
    /// Hashes a cell's address.
    #[must_use]
    pub fn new(cell: CellAddress<'_>) -> Self {
        let mut bytes = SmallVec::<[u8; 128]>::from_slice(&cell.key.keyspace.0.to_be_bytes());
        // The length keeps (key, column) pairs apart that concatenate to the same bytes.
        bytes.extend_from_slice(&(cell.key.key.len() as u64).to_be_bytes());
        bytes.extend_from_slice(cell.key.key);
        bytes.extend_from_slice(cell.column);
        Self(xxh3_128(&bytes))
    }
}

/// Returns the digest of one live version; sums of these are compared between replicas.
#[must_use]
pub fn element_digest(cell: CellHash, dot: Dot) -> u128 {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&cell.0.to_le_bytes());
    bytes[16..24].copy_from_slice(&dot.actor.bits().to_le_bytes());
    bytes[24..].copy_from_slice(&dot.counter.to_le_bytes());
    xxh3_128(&bytes)
}
