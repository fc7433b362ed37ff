//! Rounds and exchanges: hashes first, lists only where they differ, deltas only where needed.

use super::Gossip;
use super::roster::Standing;
use crate::ids::{NodeId, StateHash};
use crate::message::{Body, Claim, Delta, Digest, Page, Rumor};
use crate::outbox::{Outbox, Output};
use crate::store::Applied;
use crate::timers::Timer;

/// The rounds after its start in which a node announces itself. Two rising heartbeats make it
/// alive in the eyes of others; the third is for those who missed one. Apart, so that each
/// spreads as a rumour of its own.
const ANNOUNCING_ROUNDS: [u64; 3] = [1, 4, 7];

impl Gossip {
    pub(super) fn run_round(&mut self, out: &mut Outbox) {
        self.timers.set(Timer::Round, self.now.plus(self.config.round_interval));
        self.heartbeat.0 += 1;
        self.counters.rounds += 1;
        if ANNOUNCING_ROUNDS.contains(&self.heartbeat.0) {
            self.announce();
        }
        let hash = self.store.hash();
        for node in self.pick_partners() {
            self.send(node, Body::Syn { hash, page: None }, out);
        }
        let greeted = pick(&mut self.rng, self.peers.unknown(), self.config.greet_count_max);
        for node in greeted {
            let probe = self.new_probe_id();
            self.send(node, Body::Ping { probe }, out);
        }
    }

    /// Random peers that seem to live; others where there are too few, because a node that lost
    /// everybody must find back. One that is down is always among them, so that a node cut off
    /// and declared down is contacted when the cut heals.
    fn pick_partners(&mut self) -> Vec<NodeId> {
        let fanout = self.config.fanout;
        let mut partners = pick(&mut self.rng, self.peers.reachable(), fanout);
        let missing = fanout - partners.len();
        partners.extend(pick(&mut self.rng, self.peers.unknown(), missing));
        let missing = fanout - partners.len();
        partners.extend(pick(&mut self.rng, self.peers.down(), missing.max(1)));
        partners
    }

    pub(super) fn announce(&mut self) {
        let claim = Claim::Alive { heartbeat: self.heartbeat };
        self.rumors.tell(Rumor { subject: self.me, incarnation: self.incarnation, claim });
    }

    pub(super) fn answer_hash(&mut self, theirs: StateHash) -> Option<Body> {
        let hash = self.store.hash();
        if hash == theirs {
            self.counters.exchanges_equal += 1;
            return None;
        }
        self.counters.exchanges_different += 1;
        let page = self.store.page(&mut self.rng, self.config.body_bytes_max());
        Some(Body::Syn { hash, page: Some(page) })
    }

    pub(super) fn answer_page(&mut self, mut page: Page, out: &mut Outbox) -> Option<Body> {
        let ahead = page.digests.iter().find(|digest| self.is_ahead_of_me(digest));
        if let Some(digest) = ahead {
            self.report_taken(digest.identity, out);
        }
        page.digests.retain(|digest| self.may_meet(digest.identity.node));
        let bytes_max = self.config.body_bytes_max();
        let (deltas, wanted) = self.store.answer(&page, &mut self.rng, bytes_max);
        let is_empty = deltas.is_empty() && wanted.is_empty();
        (!is_empty).then_some(Body::SynAck { deltas, wanted })
    }

    pub(super) fn answer_wanted(&mut self, wanted: &[Digest]) -> Option<Body> {
        let bytes_max = self.config.body_bytes_max();
        let deltas = self.store.serve(wanted, &mut self.rng, bytes_max);
        (!deltas.is_empty()).then_some(Body::Ack { deltas })
    }

    pub(super) fn apply(&mut self, deltas: Vec<Delta>, out: &mut Outbox) {
        for delta in deltas {
            let identity = delta.identity;
            if identity.node == self.me.node {
                // Only this node writes its map; at most the delta shows that another one did.
                let Delta { through: version, floor, .. } = delta;
                if self.is_ahead_of_me(&Digest { identity, version, floor }) {
                    self.report_taken(identity, out);
                }
                continue;
            }
            if self.meet(identity, out) != Standing::Current {
                self.counters.deltas_ignored += 1;
                continue;
            }
            let keys = match self.store.apply(&delta) {
                Applied::Extended(keys) => keys,
                Applied::Reset(keys) => {
                    self.counters.resets += 1;
                    keys
                }
                Applied::Ignored => {
                    self.counters.deltas_ignored += 1;
                    continue;
                }
                Applied::Refused => {
                    self.counters.deltas_refused += 1;
                    continue;
                }
            };
            for key in keys {
                out.push(Output::ValueChanged { identity, key });
            }
        }
    }

    /// Whether somebody knows more of this node than it ever wrote.
    fn is_ahead_of_me(&self, digest: &Digest) -> bool {
        let written = self.store.contents(self.me.node).map(|contents| contents.version);
        digest.identity.node == self.me.node
            && (digest.identity.generation, Some(digest.version)) > (self.me.generation, written)
    }
}

/// Picks so many different nodes at random, all of them when there are no more.
pub(super) fn pick(rng: &mut fastrand::Rng, nodes: &[NodeId], count: usize) -> Vec<NodeId> {
    if nodes.len() <= count {
        return nodes.to_vec();
    }
    let mut picked: Vec<NodeId> = Vec::with_capacity(count);
    // Floyd's sampling (Bentley and Floyd, 1987): one draw per pick, however many are asked for.
    for index_max in nodes.len() - count..nodes.len() {
        let drawn = nodes[rng.usize(..=index_max)];
        picked.push(if picked.contains(&drawn) { nodes[index_max] } else { drawn });
    }
    picked
}

#[cfg(test)]
mod tests {
    use super::pick;
    use crate::ids::NodeId;

    #[test]
    fn picks_are_different_and_reach_everybody() {
        let nodes: Vec<NodeId> = (0..10).map(NodeId).collect();
        let mut rng = fastrand::Rng::with_seed(1);
        let mut counts = [0; 10];
        for _ in 0..3_000 {
            let mut picked = pick(&mut rng, &nodes, 3);
            picked.iter().for_each(|node| counts[node.0 as usize] += 1);
            picked.sort_unstable();
            picked.dedup();
            assert_eq!(picked.len(), 3);
        }
        assert!(counts.iter().all(|count| (750..1_050).contains(count)), "{counts:?}");
        assert_eq!(pick(&mut rng, &nodes, 20), nodes);
    }
}
