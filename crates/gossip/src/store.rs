//! One record per known node, the hash over all of them, and which changed last.
//!
//! Invariants: one generation per node; `hash` is the sum of the fingerprints of all records;
//! `recency` names every record exactly once.
//!
//! A removed node has no record, so nothing about it is listed, wanted, taught or hashed.

mod exchange;
mod own;
mod record;

use std::collections::{BTreeMap, VecDeque};

use crate::config::Config;
use crate::ids::{Identity, Millis, NodeId, StateHash, Version};
use crate::message::{Delta, Key};
pub use own::WriteError;
pub(crate) use record::Contents;
use record::{Bounds, Record};

/// What a delta did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// It broke the rules of the sender's role; nothing changed.
    Refused,
    /// It did not fit what is held, or brought nothing new; nothing changed.
    Ignored,
    /// The record moved on; these keys have other values now.
    Extended(Vec<Key>),
    /// The record begins afresh, because deletions were missed; these keys have other values.
    Reset(Vec<Key>),
}

#[derive(Debug)]
pub(crate) struct Store {
    me: Identity,
    bounds: Bounds,
    deleted_keep: Millis,
    records: BTreeMap<NodeId, Record>,
    /// Change numbers to nodes: the last entry changed last.
    recency: BTreeMap<u64, NodeId>,
    change_count: u64,
    hash: u64,
    /// Own deletions that may still be held, oldest first.
    deletions: VecDeque<(Version, Millis)>,
}

impl Store {
    pub(crate) fn new(me: Identity, config: &Config) -> Self {
        let bounds = Bounds {
            key_count_max: config.key_count_max,
            key_bytes_max: config.key_bytes_max,
            value_bytes_max: config.value_bytes_max,
        };
        let mut store = Self {
            me,
            bounds,
            deleted_keep: config.deleted_keep,
            records: BTreeMap::new(),
            recency: BTreeMap::new(),
            change_count: 0,
            hash: 0,
            deletions: VecDeque::new(),
        };
        store.renew(me);
        store
    }

    /// Starts an empty record in place of that of an older generation.
    pub(crate) fn renew(&mut self, identity: Identity) {
        self.remove(identity.node);
        let record = Record::new(identity.generation);
        self.hash = self.hash.wrapping_add(record.fingerprint(identity.node));
        self.records.insert(identity.node, record);
        self.touch(identity.node);
    }

    pub(crate) fn remove(&mut self, node: NodeId) {
        if let Some(record) = self.records.remove(&node) {
            self.hash = self.hash.wrapping_sub(record.fingerprint(node));
            self.recency.remove(&record.changed_at);
        }
    }

    /// Takes in what a peer sent about another node than this one.
    pub(crate) fn apply(&mut self, delta: &Delta) -> Applied {
        assert_ne!(delta.identity.node, self.me.node, "only this node writes its own map");
        let bounds = self.bounds;
        let node = delta.identity.node;
        self.change(node, |record| record.apply(delta, &bounds)).unwrap_or(Applied::Refused)
    }

    pub(crate) fn hash(&self) -> StateHash {
        StateHash(self.hash)
    }

    /// What is held of a node and may be shown and passed on.
    pub(crate) fn contents(&self, node: NodeId) -> Option<&Contents> {
        self.records.get(&node).map(|record| &record.published)
    }

    /// Changes a record and keeps the hash and the order of changes in step with it.
    fn change<R>(&mut self, node: NodeId, change: impl FnOnce(&mut Record) -> R) -> Option<R> {
        let record = self.records.get_mut(&node)?;
        let before = record.fingerprint(node);
        let result = change(record);
        let after = record.fingerprint(node);
        if before != after {
            self.hash = self.hash.wrapping_sub(before).wrapping_add(after);
            self.touch(node);
        }
        Some(result)
    }

    fn touch(&mut self, node: NodeId) {
        self.change_count += 1;
        let record = self.records.get_mut(&node).expect("callers touch what they just held");
        self.recency.remove(&record.changed_at);
        record.changed_at = self.change_count;
        self.recency.insert(self.change_count, node);
    }
}

#[cfg(test)]
mod tests;
