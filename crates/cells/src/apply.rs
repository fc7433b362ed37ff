//! The only mutator of a cell.
//!
//! Live replication, hint delivery, read repair and exchange all come through here. Applying is
//! idempotent (a known dot changes nothing) and commutative: what an operation supersedes before
//! it arrives is remembered in `gone`, and `gone` is not knowledge. A context dot that was merely
//! observed as superseded is never counted as applied, or its own removals would be lost.

use causality::{Dot, Millis};
use smallvec::SmallVec;

use crate::{Body, Cell, Op, Version};

/// What the replica knows beside the cell.
pub trait Facts {
    /// Is the dot in the applied clock?
    fn is_applied(&self, dot: Dot) -> bool;
    /// Does a clear of the cell's key or keyspace cover the dot?
    fn is_cleared(&self, dot: Dot) -> bool;
    /// Up to when have expired versions been dropped here?
    fn horizon(&self) -> Millis;
}

/// What an operation did to the cell, for everything that is derived from live versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect<'a> {
    /// Versions that were live and are not.
    pub dropped: SmallVec<[Version<'a>; 2]>,
    /// The version that is live and was not.
    pub inserted: Option<Version<'a>>,
}

/// Applies an operation to its cell. The caller adds the dot to its clock and log in the same
/// batch. Clears act on a whole key and do not come here.
pub fn apply<'a>(cell: &mut Cell<'a>, op: &Op<'a>, facts: &impl Facts) -> Effect<'a> {
    let mut effect = Effect::default();
    if facts.is_applied(op.dot) {
        return effect;
    }
    for removed in op.removed {
        assert_ne!(*removed, op.dot, "an operation does not supersede itself");
        if let Some(version) = cell.take(*removed) {
            effect.dropped.push(version);
        } else if !facts.is_applied(*removed) {
            cell.mark_gone(*removed);
        }
    }
    // Superseded before it arrived: not inserted, but its removals above still happened.
    let superseded = cell.unmark_gone(op.dot);
    if let Body::Insert(insert) = &op.body {
        let expired = insert.expiry.is_some_and(|expiry| expiry <= facts.horizon());
        if !superseded && !expired && !facts.is_cleared(op.dot) {
            let version = Version {
                dot: op.dot,
                time: op.time,
                expiry: insert.expiry,
                payload: insert.payload,
            };
            cell.put(version);
            effect.inserted = Some(version);
        }
    }
    effect
}
