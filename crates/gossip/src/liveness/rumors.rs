//! Rumours waiting to be passed on: one per subject, verdicts before announcements, then the least
//! told first, each a bounded number of times.
//!
//! Invariant: `order` and `queued` hold the same subjects; so the queue is bounded by the peers.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::NodeId;
use crate::message::{Claim, Rumor};

/// How often a rumour is told per doubling of the cluster; more makes losses rarer.
const TOLD_PER_DOUBLING: u32 = 2;

#[derive(Debug, Default)]
pub(crate) struct Rumors {
    queued: BTreeMap<NodeId, (Rank, Rumor)>,
    order: BTreeSet<(Rank, NodeId)>,
}

/// Which rumour goes first: the lower rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    urgency: Urgency,
    told_count: u32,
}

/// A thousand nodes that start at once announce themselves for a while; a death among them must
/// not wait behind that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    Verdict,
    Announcement,
}

impl Rumors {
    /// Starts telling a rumour, in place of an older one about the same node.
    pub(crate) fn tell(&mut self, rumor: Rumor) {
        self.forget(rumor.subject.node);
        self.put(Rank { urgency: urgency(&rumor), told_count: 0 }, rumor);
    }

    pub(crate) fn forget(&mut self, node: NodeId) {
        if let Some((rank, _)) = self.queued.remove(&node) {
            self.order.remove(&(rank, node));
        }
    }

    /// Picks rumours for a message to one of so many nodes; nobody needs news of itself.
    pub(crate) fn pick(&mut self, to: NodeId, count_max: usize, node_count: usize) -> Vec<Rumor> {
        let others = self.order.iter().map(|(_, node)| *node).filter(|node| *node != to);
        let chosen: Vec<NodeId> = others.take(count_max).collect();
        chosen.into_iter().filter_map(|node| self.pick_one(node, told_max(node_count))).collect()
    }

    fn pick_one(&mut self, node: NodeId, told_max: u32) -> Option<Rumor> {
        let (rank, rumor) = self.queued.remove(&node)?;
        self.order.remove(&(rank, node));
        let told_count = rank.told_count + 1;
        if told_count < told_max {
            self.put(Rank { told_count, ..rank }, rumor.clone());
        }
        Some(rumor)
    }

    fn put(&mut self, rank: Rank, rumor: Rumor) {
        let node = rumor.subject.node;
        self.order.insert((rank, node));
        self.queued.insert(node, (rank, rumor));
    }

    pub(crate) fn len(&self) -> usize {
        self.queued.len()
    }
}

const fn urgency(rumor: &Rumor) -> Urgency {
    match rumor.claim {
        // A later incarnation refutes something: that is a verdict too.
        Claim::Alive { .. } if rumor.incarnation.0 == 0 => Urgency::Announcement,
        Claim::Alive { .. } | Claim::Suspect { .. } | Claim::Down => Urgency::Verdict,
    }
}

const fn told_max(node_count: usize) -> u32 {
    let doublings = usize::BITS - node_count.leading_zeros();
    TOLD_PER_DOUBLING * (doublings + 1)
}

#[cfg(test)]
mod tests {
    use super::{Rumors, told_max};
    use crate::ids::{Generation, Heartbeat, Identity, Incarnation, NodeId};
    use crate::message::{Claim, Rumor};

    fn rumor(node: u32) -> Rumor {
        let subject = Identity { node: NodeId(node), generation: Generation(1) };
        Rumor { subject, incarnation: Incarnation(0), claim: Claim::Down }
    }

    fn subjects(rumors: &[Rumor]) -> Vec<u32> {
        rumors.iter().map(|rumor| rumor.subject.node.0).collect()
    }

    #[test]
    fn the_least_told_goes_first_and_nobody_hears_of_itself() {
        let mut rumors = Rumors::default();
        (1..=3).for_each(|node| rumors.tell(rumor(node)));
        assert_eq!(subjects(&rumors.pick(NodeId(1), 1, 8)), [2]);
        assert_eq!(subjects(&rumors.pick(NodeId(9), 2, 8)), [1, 3]);
        assert_eq!(subjects(&rumors.pick(NodeId(9), 9, 8)), [1, 2, 3]);
    }

    #[test]
    fn a_verdict_does_not_wait_behind_announcements() {
        let mut rumors = Rumors::default();
        for node in 1..=50 {
            let claim = Claim::Alive { heartbeat: Heartbeat(1) };
            rumors.tell(Rumor { claim, ..rumor(node) });
        }
        rumors.tell(rumor(99));
        for _ in 0..told_max(8) {
            assert_eq!(subjects(&rumors.pick(NodeId(9), 2, 8))[0], 99);
        }
    }

    #[test]
    fn a_rumor_dies_out_and_news_revives_it() {
        let mut rumors = Rumors::default();
        rumors.tell(rumor(1));
        for _ in 0..told_max(8) {
            assert_eq!(rumors.pick(NodeId(9), 4, 8).len(), 1);
        }
        assert_eq!((rumors.pick(NodeId(9), 4, 8).len(), rumors.len()), (0, 0));
        rumors.tell(rumor(1));
        assert_eq!(rumors.pick(NodeId(9), 4, 8).len(), 1);
    }
}
