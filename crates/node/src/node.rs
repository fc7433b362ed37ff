//! The node's state and its one entrance.

use std::collections::{BTreeMap, BTreeSet};

use causality::{Actor, Millis, NodeId};
use placement::ViewHash;
use replica::{Replica, ReplicaError, Settings};
use storage::{Entry, Store};
use thiserror::Error;
use wire::Message;

use crate::calls::Calls;
use crate::config::Config;
use crate::event::{Event, Outbox};
use crate::exchange::Exchange;
use crate::forwarding::{Forwards, TAKEN_BIT};
use crate::freshness::Freshness;
use crate::hints::Hints;
use crate::housekeeping::Housekeeping;
use crate::ledger::{Ledger, Micros};
use crate::membership::Membership;
use crate::membership::roster::Known;
use crate::mutation::Mutation;
use crate::relays::Relays;
use crate::repairs::Repairs;
use crate::sealing::Rounds;
use crate::sessions::Sessions;
use crate::status::Delivered;
use crate::takeover::Takeover;
use crate::topology::Topology;
use crate::transfers::Transfers;
use crate::verification::Verification;
use crate::visits::Visits;

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
    /// The view by which it acts, as it has said on the present link.
    pub(crate) view: Option<ViewHash>,
    /// Since when it has seemed to be down.
    pub(crate) absent_since: Option<Millis>,
}

/// One node. It owns its store; the driver reaches it through [`Node::store_mut`].
#[derive(Debug)]
pub struct Node<S> {
    pub(crate) config: Config,
    pub(crate) topology: Topology,
    pub(crate) store: S,
    pub(crate) replicas: BTreeMap<u16, Replica>,
    pub(crate) peers: BTreeMap<NodeId, Peer>,
    pub(crate) membership: Membership,
    pub(crate) calls: Calls,
    pub(crate) forwards: Forwards,
    pub(crate) hints: Hints,
    pub(crate) relays: Relays,
    pub(crate) repairs: Repairs,
    pub(crate) visits: Visits,
    pub(crate) rounds: Rounds,
    pub(crate) housekeeping: Housekeeping,
    pub(crate) sessions: Sessions,
    pub(crate) freshness: Freshness,
    pub(crate) takeovers: BTreeMap<u16, Takeover>,
    pub(crate) transfers: Transfers,
    pub(crate) verification: Verification,
    /// Shards whose log may hold operations that not every owner has reported.
    pub(crate) unstable: BTreeSet<u16>,
    pub(crate) delivered: Delivered,
    pub(crate) exchange: Exchange,
    pub(crate) ledger: Ledger,
    /// What the driver says of how long the next event has waited.
    pub(crate) waited_ms: u64,
    /// Requests of peers that were left undone, because nobody waited for them any more.
    pub(crate) late_count: u64,
    /// Lives begun since the start, each because peers knew more of the one before.
    pub(crate) lives_begun: u64,
    /// What the driver says of its steady clock.
    pub(crate) steady: Option<Micros>,
    pub(crate) next_request: u64,
    pub(crate) next_beat: Millis,
    #[cfg(feature = "mutation")]
    pub(crate) mutation: Option<Mutation>,
}

/// Where the numbers of requests begin. Peers may still answer what an earlier process of this
/// node has asked, and must not be taken to answer this one: numbers go with the clock, and take
/// five bytes at most for the first hours.
const fn first_request(now: Millis) -> u64 {
    (now.0 % (1 << 25)) << 10
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
        let kept = Known::read(&mut store, config.shard_count).map_err(OpenError::Config)?;
        let filling = kept.as_ref().map(|kept| kept.filling.clone());
        let known = kept.map(|kept| (kept.roster, kept.base));
        let membership = Membership::new(now, &config, known).map_err(OpenError::Config)?;
        let topology = membership.topology(&config).map_err(OpenError::Config)?;
        let held = held_shards(&mut store, &topology, config.me, entries)?;
        let me = Actor::new(config.me, config.incarnation);
        let mut replicas = BTreeMap::new();
        for shard in held {
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
        let owners = |shard| topology.owners(shard).iter().map(|owner| owner.node).collect();
        let whose = (config.me, config.incarnation, config.shard_count);
        let (visits, left_over) = Visits::open(whose, owners, &mut store, entries, now)?;
        let peers = membership.others(config.me);
        let peers = peers.into_iter().map(|peer| (peer, Peer::default())).collect();
        let unstable = replicas.keys().copied().collect();
        let mut node = Self {
            topology,
            store,
            replicas,
            peers,
            membership,
            calls: Calls::default(),
            forwards: Forwards::default(),
            hints: Hints::default(),
            relays: Relays::default(),
            repairs: Repairs::default(),
            visits,
            rounds: Rounds::default(),
            housekeeping: Housekeeping::default(),
            sessions: Sessions::default(),
            freshness: Freshness::default(),
            takeovers: BTreeMap::new(),
            unstable,
            delivered: Delivered::default(),
            exchange: Exchange::default(),
            ledger: Ledger::default(),
            waited_ms: 0,
            late_count: 0,
            lives_begun: 0,
            steady: None,
            next_request: first_request(now),
            next_beat: now,
            transfers: Transfers::default(),
            verification: Verification::default(),
            #[cfg(feature = "mutation")]
            mutation: None,
            config,
        };
        node.resume_transfers(now, filling);
        left_over.into_iter().for_each(|(owner, named)| node.hint(now, owner, named));
        node.watch_again(now);
        node.take_stock();
        Ok(node)
    }

    /// Takes one event.
    pub fn handle(&mut self, now: Millis, event: Event, out: &mut Outbox) {
        let replies_before = out.replies.len();
        self.follow_orders(now, out);
        match event {
            Event::Called { request, call } => {
                assert!(request.0 & TAKEN_BIT == 0, "drivers leave the top bit to the node");
                self.called(now, request, call, out);
            }
            Event::Received { from, message } => self.received(now, from, message, out),
            Event::LinkUp(peer) => self.link_up(now, peer, out),
            Event::LinkDown(peer) => self.link_down(now, peer, out),
            Event::Woken => {}
        }
        if now >= self.next_beat {
            self.next_beat = now.plus(self.config.exchange_interval_ms);
            self.beat(now, out);
            self.advance_view(now, out);
            self.move_shards(now, out);
        }
        self.gossip(now, out);
        self.replace_slow_relays(now, out);
        self.hedge_forwards(now, out);
        self.ask_late(now, out);
        self.replay_hints(now, out);
        self.verify(now, out);
        self.give_up_late(now, out);
        self.give_up_forwards(now, out);
        self.return_forwarded(replies_before, out);
    }

    /// Tells how long the next events have waited before they are handed in. What peers ask for
    /// says for how long they wait; what is over when it is taken is left undone.
    pub const fn set_waited(&mut self, waited_ms: u64) {
        self.waited_ms = waited_ms;
    }

    /// How much longer a peer waits for what it asked; nothing when it does not.
    pub(crate) fn patience_left(&mut self, patience_ms: u64) -> Option<u64> {
        if self.is_mutated(Mutation::DeadlineIgnored) {
            return Some(patience_ms);
        }
        let left = patience_ms.checked_sub(self.waited_ms).filter(|left| *left > 0);
        self.late_count += u64::from(left.is_none());
        left
    }

    /// Returns when the node wants to be woken.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        let waits = [
            self.calls.next_deadline(),
            self.next_forward_deadline(),
            self.hints.next_deadline(),
            self.relays.next_deadline(),
        ];
        let dues = [self.next_beat, self.membership.next_deadline(), self.next_verification()];
        waits.into_iter().flatten().chain(dues).min()
    }

    /// Writes every shard's state, so that a checkpoint of the store covers it.
    ///
    /// # Errors
    /// The store failed.
    pub fn save_states(&mut self) -> Result<(), ReplicaError> {
        for replica in self.replicas.values_mut() {
            replica.save_state(&mut self.store)?;
        }
        self.known().write(&mut self.store, self.config.shard_count)?;
        if self.is_mutated(Mutation::VisitsForgotten) {
            return self.visits.save_names(&mut self.store);
        }
        self.visits.save(&mut self.store)
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
            self.tell_view(peer, out);
            self.hints.link_up(now, peer, self.hint_patience_ms());
            self.beat_to(now, peer, out);
        }
    }

    fn link_down(&mut self, now: Millis, peer: NodeId, out: &mut Outbox) {
        if let Some(held) = self.peers.get_mut(&peer) {
            held.is_linked = false;
            held.view = None;
        }
        self.exchange.asks.forget(peer);
        self.replace_relay(peer, out);
        self.ask_without(now, peer, out);
        self.lose_forwards(now, peer, out);
        self.give_up_takeovers_from(peer);
    }
}

/// The shards that are owned, and those of which anything is left here.
fn held_shards<S: Store>(
    store: &mut S,
    topology: &Topology,
    me: NodeId,
    entries: &[Entry],
) -> Result<BTreeSet<u16>, OpenError> {
    let mut held: BTreeSet<u16> = topology.shards_of(me).into_iter().collect();
    held.extend(
        entries.iter().map(|entry| entry.shard).filter(|shard| *shard < topology.shard_count()),
    );
    for shard in 0..topology.shard_count() {
        let state = store
            .state(shard)
            .map_err(|source| OpenError::Shard { shard, source: source.into() })?;
        if state.is_some() {
            held.insert(shard);
        }
    }
    Ok(held)
}
