//! Rumours waiting to be passed on: one per subject, the least told first, each a bounded number
//! of times.
//!
//! Invariant: `order` and `queued` hold the same subjects; so the queue is bounded by the peers.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::NodeId;
use crate::message::Rumor;

/// How often a rumour is told per doubling of the cluster; more makes losses rarer.
const TOLD_PER_DOUBLING: u32 = 2;

#[derive(Debug, Default)]
pub(crate) struct Rumors {
    queued: BTreeMap<NodeId, (u32, Rumor)>,
    /// How often told, about whom.
    order: BTreeSet<(u32, NodeId)>,
}

impl Rumors {
    /// Starts telling a rumour, in place of an older one about the same node.
    pub(crate) fn tell(&mut self, rumor: Rumor) {
        let node = rumor.subject.node;
        self.forget(node);
        self.order.insert((0, node));
        self.queued.insert(node, (0, rumor));
    }

    pub(crate) fn forget(&mut self, node: NodeId) {
        if let Some((told, _)) = self.queued.remove(&node) {
            self.order.remove(&(told, node));
        }
    }

    /// Picks rumours for a message to one of so many nodes; nobody needs news of itself.
    pub(crate) fn pick(&mut self, to: NodeId, count_max: usize, node_count: usize) -> Vec<Rumor> {
        let others = self.order.iter().filter(|(_, node)| *node != to);
        let chosen: Vec<(u32, NodeId)> = others.take(count_max).copied().collect();
        let told_max = told_max(node_count);
        let mut rumors = Vec::with_capacity(chosen.len());
        for (told, node) in chosen {
            let (_, rumor) = self.queued[&node].clone();
            rumors.push(rumor.clone());
            self.forget(node);
            if told + 1 < told_max {
                self.order.insert((told + 1, node));
                self.queued.insert(node, (told + 1, rumor));
            }
        }
        rumors
    }

    pub(crate) fn len(&self) -> usize {
        self.queued.len()
    }
}

const fn told_max(node_count: usize) -> u32 {
    let doublings = usize::BITS - node_count.leading_zeros();
    TOLD_PER_DOUBLING * (doublings + 1)
}

#[cfg(test)]
mod tests {
    use super::{Rumors, told_max};
    use crate::ids::{Generation, Identity, Incarnation, NodeId};
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
