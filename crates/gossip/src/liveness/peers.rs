//! The table of peers and the rules by which evidence and claims change their status.
//!
//! ```text
//!              two rising heartbeats         claim: suspect
//!   Unknown -------------------------> Alive ---------------> Suspect
//!      |                                ^  ^   later incarnation  |
//!      | claim: down                    |  +----------------------+
//!      +------------> Down -------------+                         | not refuted in time,
//!                      ^     later incarnation                    | or claim: down
//!                      +------------------------------------------+
//! ```
//!
//! A single heartbeat of a node never heard before may be an old message, or a memory that peers
//! teach each other; a second, higher one shows that the node ran on. Claims about a later
//! incarnation win; at the same one the worse wins, so only the subject itself can refute.
//!
//! Invariant: `reachable`, `unknown` and `down` split the table by status, each in order of id.

use std::collections::BTreeMap;

use super::Liveness;
use super::suspicion::Suspicion;
use crate::ids::{Generation, Heartbeat, Identity, Incarnation, Millis, NodeId};

/// How a peer came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Membership or the operator named it: it stays until removed.
    Told,
    /// Gossip mentioned it: it gives way when the table is full.
    Discovered,
}

#[derive(Clone, Debug)]
pub(crate) enum Status {
    Unknown,
    Alive,
    /// Boxed: suspects are few, and the table should stay small.
    Suspect(Box<Suspicion>),
    Down,
}

#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) origin: Origin,
    /// Nothing until the node is met.
    pub(crate) generation: Option<Generation>,
    pub(crate) status: Status,
    pub(crate) incarnation: Incarnation,
    /// The highest heard, by whatever way; nothing until one was heard.
    pub(crate) heartbeat: Option<Heartbeat>,
    /// The latest announcement that was passed on.
    pub(crate) announced: Option<(Incarnation, Heartbeat)>,
    /// When a message came from the node itself.
    pub(crate) heard_at: Option<Millis>,
    /// When the status last changed.
    pub(crate) since: Millis,
}

#[derive(Debug, Default)]
pub(crate) struct Peers {
    table: BTreeMap<NodeId, Peer>,
    /// Alive or suspect.
    reachable: Vec<NodeId>,
    unknown: Vec<NodeId>,
    down: Vec<NodeId>,
    /// Whom to probe next, from the end; a fresh shuffle when it runs out (SWIM, section 4.3).
    probe_order: Vec<NodeId>,
}

impl Status {
    pub(crate) const fn liveness(&self) -> Liveness {
        match self {
            Self::Unknown => Liveness::Unknown,
            Self::Alive => Liveness::Alive,
            Self::Suspect(_) => Liveness::Suspect,
            Self::Down => Liveness::Down,
        }
    }
}

impl Peer {
    const fn new(origin: Origin, generation: Option<Generation>, now: Millis) -> Self {
        Self {
            origin,
            generation,
            status: Status::Unknown,
            incarnation: Incarnation(0),
            heartbeat: None,
            announced: None,
            heard_at: None,
            since: now,
        }
    }

    /// Takes in a sign of life; whether the peer is alive because of it and was not before.
    pub(crate) fn hear(&mut self, incarnation: Incarnation, heartbeat: Heartbeat) -> bool {
        let is_rising = self.heartbeat.is_some_and(|known| heartbeat > known);
        let is_refuting = incarnation > self.incarnation;
        self.heartbeat = self.heartbeat.max(Some(heartbeat));
        self.incarnation = self.incarnation.max(incarnation);
        match self.status {
            Status::Unknown => is_rising,
            Status::Alive => false,
            Status::Suspect(_) | Status::Down => is_refuting,
        }
    }

    /// Lets an open suspicion begin later, as if the span had not passed.
    pub(crate) fn delay_suspicion(&mut self, span: Millis) {
        if let Status::Suspect(suspicion) = &mut self.status {
            suspicion.delay(span);
        }
    }
}

impl Peers {
    pub(crate) fn insert(
        &mut self,
        node: NodeId,
        origin: Origin,
        generation: Option<Generation>,
        now: Millis,
    ) {
        let older = self.table.insert(node, Peer::new(origin, generation, now));
        assert!(older.is_none(), "a peer is inserted once");
        list_insert(&mut self.unknown, node);
    }

    pub(crate) fn remove(&mut self, node: NodeId) -> Option<Peer> {
        let peer = self.table.remove(&node)?;
        list_remove(self.list(peer.status.liveness()), node);
        Some(peer)
    }

    /// Starts a known peer over in a newer generation: nothing of the older one holds any more.
    pub(crate) fn restart(&mut self, node: NodeId, generation: Generation, now: Millis) {
        let older = self.remove(node).expect("callers restart peers of the table");
        assert!(older.generation < Some(generation), "generations only rise");
        self.insert(node, older.origin, Some(generation), now);
    }

    /// Changes a status; whether the liveness is another one now.
    pub(crate) fn set_status(
        &mut self,
        node: NodeId,
        status: Status,
        now: Millis,
        rng: &mut fastrand::Rng,
    ) -> bool {
        let peer = self.table.get_mut(&node).expect("callers change peers of the table");
        let (before, after) = (peer.status.liveness(), status.liveness());
        peer.status = status;
        if before == after {
            return false;
        }
        peer.since = now;
        list_remove(self.list(before), node);
        list_insert(self.list(after), node);
        let is_new_target = !is_reachable(before) && is_reachable(after);
        // A peer that comes and goes keeps the place it has: the order stays bounded.
        if is_new_target && !self.probe_order.contains(&node) {
            self.probe_order.insert(rng.usize(..=self.probe_order.len()), node);
        }
        true
    }

    pub(crate) fn get_mut(&mut self, node: NodeId) -> Option<&mut Peer> {
        self.table.get_mut(&node)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.table.values_mut()
    }

    /// The next peer to probe: every reachable one once per turn, in random order.
    pub(crate) fn next_target(&mut self, rng: &mut fastrand::Rng) -> Option<Identity> {
        if self.reachable.is_empty() {
            return None;
        }
        loop {
            let Some(node) = self.probe_order.pop() else {
                self.probe_order.clone_from(&self.reachable);
                rng.shuffle(&mut self.probe_order);
                continue;
            };
            // Those that left since the shuffle are skipped; the others are all in the next one.
            if let Some(identity) = self.reachable_identity(node) {
                return Some(identity);
            }
        }
    }

    pub(crate) fn get(&self, node: NodeId) -> Option<&Peer> {
        self.table.get(&node)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (NodeId, &Peer)> {
        self.table.iter().map(|(node, peer)| (*node, peer))
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn reachable(&self) -> &[NodeId] {
        &self.reachable
    }

    pub(crate) fn unknown(&self) -> &[NodeId] {
        &self.unknown
    }

    pub(crate) fn down(&self) -> &[NodeId] {
        &self.down
    }

    /// A peer that only gossip mentioned and nobody reaches, if the table must make room.
    pub(crate) fn evictable(&self) -> Option<NodeId> {
        let mut discovered = self.table.iter().filter(|(_, peer)| {
            peer.origin == Origin::Discovered && !is_reachable(peer.status.liveness())
        });
        discovered.next().map(|(node, _)| *node)
    }

    fn reachable_identity(&self, node: NodeId) -> Option<Identity> {
        let peer = self.table.get(&node)?;
        let generation = peer.generation?;
        is_reachable(peer.status.liveness()).then_some(Identity { node, generation })
    }

    const fn list(&mut self, liveness: Liveness) -> &mut Vec<NodeId> {
        match liveness {
            Liveness::Unknown => &mut self.unknown,
            Liveness::Alive | Liveness::Suspect => &mut self.reachable,
            Liveness::Down => &mut self.down,
        }
    }
}

const fn is_reachable(liveness: Liveness) -> bool {
    match liveness {
        Liveness::Alive | Liveness::Suspect => true,
        Liveness::Unknown | Liveness::Down => false,
    }
}

fn list_insert(list: &mut Vec<NodeId>, node: NodeId) {
    if let Err(index) = list.binary_search(&node) {
        list.insert(index, node);
    }
}

fn list_remove(list: &mut Vec<NodeId>, node: NodeId) {
    if let Ok(index) = list.binary_search(&node) {
        list.remove(index);
    }
}
