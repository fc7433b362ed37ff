//! Bounded staleness: up to which moment this replica provably has every owner's writes.
//!
//! When a comparison of clocks finds two owners equal as of a moment, everything that the other
//! one had minted until then is here: its hybrid clock never goes back, so nothing older follows.
//! The oldest such moment over all other owners bounds how stale an answer from here can be, up to
//! the skew of clocks. An owner that cannot be reached freezes the bound; it is never left out.

use std::collections::BTreeMap;

use api::{Call, Level};
use causality::{Millis, NodeId};
use storage::Store;

use crate::node::Node;

/// For each owner, up to when its writes are here, by shard.
#[derive(Debug, Default)]
pub(crate) struct Freshness {
    until: BTreeMap<NodeId, Vec<Millis>>,
}

impl Freshness {
    /// Notes that everything a peer minted in a shard up to a moment is here.
    pub(crate) fn has_all(&mut self, peer: NodeId, shard: u16, moment: Millis) {
        let until = self.until.entry(peer).or_default();
        let at = usize::from(shard);
        if until.len() <= at {
            until.resize(at + 1, Millis(0));
        }
        until[at] = until[at].max(moment);
    }

    fn until(&self, peer: NodeId, shard: u16) -> Millis {
        let until = self.until.get(&peer).and_then(|until| until.get(usize::from(shard)));
        until.copied().unwrap_or_default()
    }
}

impl<S: Store> Node<S> {
    /// Returns up to which moment the writes of every owner of a shard are here; 0 when that of
    /// some owner is not known at all.
    #[must_use]
    pub fn complete_until(&self, now: Millis, shard: u16) -> Millis {
        let others = self.topology.other_owners(shard).into_iter();
        others.map(|owner| self.freshness.until(owner, shard)).min().unwrap_or(now)
    }

    /// Returns for how long this node may have lacked what others of its datacenter have, over all
    /// its shards and everyone of them that can be reached; nothing when it was not compared with
    /// somebody yet.
    #[must_use]
    pub fn behind(&self, now: Millis) -> Option<Millis> {
        let shards = self.topology.shards_of(self.config.me);
        let pairs = shards.into_iter().flat_map(|shard| {
            let owners = self.topology.all_owners(shard).iter();
            let near = owners.filter(|owner| owner.is_local && owner.node != self.config.me);
            near.map(move |owner| (owner.node, shard))
        });
        let reachable = pairs.filter(|(owner, _)| self.is_reachable(*owner));
        let until = reachable.map(|(owner, shard)| self.freshness.until(owner, shard)).min();
        match until {
            None => Some(Millis(0)),
            Some(Millis(0)) => None,
            Some(until) => Some(now.minus(until.0)),
        }
    }

    /// Returns how many owners must be asked before a read: all of them when the answer from here
    /// could be staler than the call allows.
    pub(crate) fn read_level(&self, now: Millis, shard: u16, call: &Call) -> Level {
        let is_stale = |bound: u64| now.0.saturating_sub(self.complete_until(now, shard).0) > bound;
        match call.staleness {
            Some(bound) if is_stale(bound.0) => Level::All,
            _ => call.read,
        }
    }
}
