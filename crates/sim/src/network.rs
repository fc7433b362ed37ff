//! Links between nodes: ordered, with a delay, cut and mended; what is under way in a cut is lost.

use std::collections::{BTreeMap, BTreeSet};

use causality::{Millis, NodeId};
use wire::Message;

/// A link in one direction.
type Link = (NodeId, NodeId);

/// A message under way.
pub(crate) struct Arrival {
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    pub(crate) message: Message,
}

/// The network.
#[derive(Default)]
pub(crate) struct Network {
    under_way: BTreeMap<(Millis, u64), Arrival>,
    last_arrival: BTreeMap<Link, Millis>,
    cuts: BTreeSet<Link>,
    sent_count: u64,
}

impl Network {
    /// Sends a message; on a link that is cut it is lost.
    pub(crate) fn send(&mut self, now: Millis, delay_ms: u64, arrival: Arrival) {
        let link = (arrival.from, arrival.to);
        if self.cuts.contains(&link) {
            return;
        }
        let last = self.last_arrival.entry(link).or_default();
        *last = now.plus(delay_ms).max(*last);
        self.sent_count += 1;
        self.under_way.insert((*last, self.sent_count), arrival);
    }

    /// Takes the next message that has arrived by now.
    pub(crate) fn next_arrival(&mut self, now: Millis) -> Option<Arrival> {
        let first = self.under_way.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// When the next message arrives.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.under_way.keys().next().map(|(at, _)| *at)
    }

    /// Cuts a link in both directions; says whether it was whole.
    pub(crate) fn cut(&mut self, left: NodeId, right: NodeId) -> bool {
        let is_new = self.cuts.insert((left, right)) | self.cuts.insert((right, left));
        self.drop_between(|from, to| (from, to) == (left, right) || (to, from) == (left, right));
        is_new
    }

    /// Mends every cut; returns the links that were cut.
    pub(crate) fn mend(&mut self) -> BTreeSet<Link> {
        std::mem::take(&mut self.cuts)
    }

    /// A node is gone: what it sent and what was sent to it is lost.
    pub(crate) fn forget(&mut self, node: NodeId) {
        self.drop_between(|from, to| from == node || to == node);
    }

    pub(crate) fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.cuts.contains(&(from, to))
    }

    fn drop_between(&mut self, is_lost: impl Fn(NodeId, NodeId) -> bool) {
        self.under_way.retain(|_, arrival| !is_lost(arrival.from, arrival.to));
    }
}
