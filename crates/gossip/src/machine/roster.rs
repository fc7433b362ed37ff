//! Who is in the table of peers: told by membership, or met by gossip; forgotten when removed.
//!
//! Gossip never adds to or removes from the membership: a node it discovers is reported, gets an
//! opinion, and gives way to the nodes that membership names.

use super::Gossip;
use crate::ids::{Identity, NodeId};
use crate::liveness::{Liveness, Origin};
use crate::outbox::{Outbox, Output, Refusal};
use crate::timers::Timer;

/// What a mention of a node amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is the generation in the table, now if not before.
    Current,
    /// An older generation than the one in the table: a memory, or a ghost.
    Stale,
    /// It was removed from the cluster.
    Removed,
    /// There is no room for it.
    Full,
}

impl Gossip {
    pub(super) fn add_peer(&mut self, node: NodeId, out: &mut Outbox) {
        if let Some(peer) = self.peers.get_mut(node) {
            peer.origin = Origin::Told;
            return;
        }
        let refusal = match self.add_peer_refusal(node) {
            Some(refusal) => refusal,
            None => return self.peers.insert(node, Origin::Told, None, self.now),
        };
        out.push(Output::Refused { node, refusal });
    }

    fn add_peer_refusal(&mut self, node: NodeId) -> Option<Refusal> {
        if node == self.me.node {
            return Some(Refusal::Myself);
        }
        if self.removed.contains(&node) {
            return Some(Refusal::Removed);
        }
        if self.peers.len() >= self.config.node_count_max {
            match self.peers.evictable() {
                Some(evicted) => self.forget(evicted),
                None => return Some(Refusal::PeersFull),
            }
        }
        None
    }

    pub(super) fn remove_peer(&mut self, node: NodeId, out: &mut Outbox) {
        if node == self.me.node {
            return out.push(Output::Refused { node, refusal: Refusal::Myself });
        }
        let is_full = self.removed.len() >= self.config.removed_count_max;
        if is_full && !self.removed.contains(&node) {
            return out.push(Output::Refused { node, refusal: Refusal::RemovedFull });
        }
        self.removed.insert(node);
        self.forget(node);
    }

    fn forget(&mut self, node: NodeId) {
        self.peers.remove(node);
        self.store.remove(node);
        self.rumors.forget(node);
        self.timers.clear(Timer::Suspicion(node));
        self.probe = self.probe.take().filter(|probe| probe.target.node != node);
    }

    /// Makes sure that a mentioned node is known in the generation mentioned, if it may be.
    pub(super) fn meet(&mut self, identity: Identity, out: &mut Outbox) -> Standing {
        let Identity { node, generation } = identity;
        assert_ne!(node, self.me.node, "a node does not meet itself");
        match self.peers.get(node).map(|peer| peer.generation) {
            Some(Some(known)) if known == generation => return Standing::Current,
            Some(Some(known)) if known > generation => return Standing::Stale,
            Some(_) => self.meet_anew(identity, out),
            None if self.removed.contains(&node) => return Standing::Removed,
            None if self.peers.len() >= self.config.node_count_max => return Standing::Full,
            None => {
                self.peers.insert(node, Origin::Discovered, Some(generation), self.now);
            }
        }
        self.store.renew(identity);
        out.push(Output::Met(identity));
        Standing::Current
    }

    /// The node has started again: its older generation is over, and it is not alive until heard.
    fn meet_anew(&mut self, identity: Identity, out: &mut Outbox) {
        let before = self.liveness(identity.node);
        self.peers.restart(identity.node, identity.generation, self.now);
        self.rumors.forget(identity.node);
        self.timers.clear(Timer::Suspicion(identity.node));
        if before != Liveness::Unknown {
            out.push(Output::LivenessChanged { identity, liveness: Liveness::Unknown });
        }
    }

    /// Whether a node, mentioned in whatever generation, could be met.
    pub(super) fn may_meet(&self, node: NodeId) -> bool {
        let has_room = self.peers.len() < self.config.node_count_max;
        let is_known = node == self.me.node || self.peers.get(node).is_some();
        is_known || (has_room && !self.removed.contains(&node))
    }
}
