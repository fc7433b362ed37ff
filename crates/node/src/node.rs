//! The node's state and its one entrance.

use std::collections::{BTreeMap, BTreeSet};

use causality::{Actor, Millis, NodeId};
use replica::{Replica, ReplicaError, Settings};
use storage::{Entry, Store};
use thiserror::Error;
use wire::Message;

use crate::calls::Calls;
use crate::config::Config;
use crate::event::{Event, Outbox};
use crate::forwarding::Forwards;
use crate::status::Delivered;
use crate::takeover::Takeover;
use crate::topology::Topology;

/// Why a node did not start. Nothing was written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The configuration contradicts itself.
    #[error("{0}")]
    Config(String),
    /// A shard could not be opened from what the store holds.
    #[error("shard {shard} cannot be opened: {source}")]
    Shard {
        /// The shard.
        shard: u16,
        /// Why.
        source: ReplicaError,
    },
}

/// What is known of a peer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Peer {
    pub(crate) is_linked: bool,
    pub(crate) last_heard: Millis,
    /// Shards that differed from ours when clocks were compared last.
    pub(crate) shards_differing: usize,
}

/// One node. It owns its store; the driver reaches it through [`Node::store_mut`].
#[derive(Debug)]
pub struct Node<S> {
    pub(crate) config: Config,
    pub(crate) topology: Topology,
    pub(crate) store: S,
    pub(crate) replicas: BTreeMap<u16, Replica>,
    pub(crate) peers: BTreeMap<NodeId, Peer>,
    pub(crate) calls: Calls,
    pub(crate) forwards: Forwards,
    pub(crate) takeovers: BTreeMap<u16, Takeover>,
    /// Shards whose log may hold operations that not every owner has reported.
    pub(crate) unstable: BTreeSet<u16>,
    pub(crate) delivered: Delivered,
    pub(crate) next_request: u64,
    pub(crate) next_beat: Millis,
}

impl<S: Store> Node<S> {
    /// Opens a node over its store; `entries` are those that the store's last checkpoint does not
    /// cover.
    ///
    /// # Errors
    /// [`OpenError`] says which setting or shard is to blame.
    pub fn open(
        config: Config,
        mut store: S,
        entries: &[Entry],
        now: Millis,
    ) -> Result<Self, OpenError> {
        let topology = Topology::new(&config).map_err(OpenError::Config)?;
        let me = Actor::new(config.me, config.incarnation);
        let mut replicas = BTreeMap::new();
        for shard in topology.shards_of(config.me) {
            let replica = Replica::open(shard, me, Settings::default(), &mut store)
                .map_err(|source| OpenError::Shard { shard, source })?;
            replicas.insert(shard, replica);
        }
        for entry in entries {
            if let Some(replica) = replicas.get_mut(&entry.shard) {
                let replayed = replica.replay(&mut store, now, entry);
                replayed.map_err(|source| OpenError::Shard { shard: entry.shard, source })?;
            }
        }
        let others = config.members.iter().filter(|member| member.id != config.me);
        let peers = others.map(|member| (member.id, Peer::default())).collect();
        let unstable = replicas.keys().copied().collect();
        Ok(Self {
            topology,
            store,
            replicas,
            peers,
            calls: Calls::default(),
            forwards: Forwards::default(),
            takeovers: BTreeMap::new(),
            unstable,
            delivered: Delivered::default(),
            next_request: 1,
            next_beat: now,
            config,
        })
    }

    /// Takes one event.
    pub fn handle(&mut self, now: Millis, event: Event, out: &mut Outbox) {
        match event {
            Event::Called { request, call } => self.called(now, request, call, out),
            Event::Received { from, message } => self.received(now, from, message, out),
            Event::LinkUp(peer) => self.link_up(now, peer, out),
            Event::LinkDown(peer) => self.link_down(peer),
            Event::Woken => {}
        }
        if now >= self.next_beat {
            self.next_beat = now.plus(self.config.exchange_interval_ms);
            self.beat(now, out);
        }
        self.give_up_late(now, out);
        self.give_up_forwards(now, out);
        self.return_forwarded(out);
    }

    /// Returns when the node wants to be woken.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        let waits = [self.calls.next_deadline(), self.next_forward_deadline()];
        waits.into_iter().flatten().chain([self.next_beat]).min()
    }

    /// Writes every shard's state, so that a checkpoint of the store covers it.
    ///
    /// # Errors
    /// The store failed.
    pub fn save_states(&mut self) -> Result<(), ReplicaError> {
        for replica in self.replicas.values_mut() {
            replica.save_state(&mut self.store)?;
        }
        Ok(())
    }

    /// Returns the store, for flushing and checkpoints.
    pub const fn store_mut(&mut self) -> &mut S {
        &mut self.store
    }

    /// Ends the node and hands its store back, for closing.
    pub fn into_store(self) -> S {
        self.store
    }

    pub(crate) fn is_reachable(&self, node: NodeId) -> bool {
        node == self.config.me || self.peers.get(&node).is_some_and(|peer| peer.is_linked)
    }

    pub(crate) const fn new_request(&mut self) -> wire::RequestId {
        self.next_request += 1;
        wire::RequestId(self.next_request)
    }

    pub(crate) fn send(&self, to: NodeId, message: Message, out: &mut Outbox) {
        if self.is_reachable(to) {
            out.sends.push((to, message));
        }
    }

    fn link_up(&mut self, now: Millis, peer: NodeId, out: &mut Outbox) {
        if let Some(held) = self.peers.get_mut(&peer) {
            held.is_linked = true;
            held.last_heard = now;
            self.beat_to(peer, out);
        }
    }

    fn link_down(&mut self, peer: NodeId) {
        if let Some(held) = self.peers.get_mut(&peer) {
            held.is_linked = false;
        }
        self.give_up_takeovers_from(peer);
    }
}
