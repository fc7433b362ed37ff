//! The machine: state, deadlines and the one entry for events.
//!
//! Each concern has its file: `receive` takes messages apart, `reconcile` runs rounds and
//! exchanges, `detect` probes and judges. None of them touches anything but this state and the
//! outbox.

mod detect;
mod receive;
mod reconcile;
mod roster;

use std::collections::BTreeSet;

use reconcile::pick;

use crate::config::{Config, ConfigError};
use crate::ids::{
    Generation, Heartbeat, Identity, Incarnation, Millis, NodeId, StateHash, Version,
};
use crate::introspect::{Counters, NodeReport, Snapshot};
use crate::liveness::{Health, Liveness, Peers, Probe, Relays, Rumors};
use crate::message::{Body, Key, Message, Value};
use crate::outbox::{Event, Outbox, Output};
use crate::store::{Contents, Store, WriteError};
use crate::timers::{Timer, Timers};

/// One node's part in the gossip of its cluster.
#[derive(Debug)]
pub struct Gossip {
    me: Identity,
    config: Config,
    rng: fastrand::Rng,
    now: Millis,
    incarnation: Incarnation,
    heartbeat: Heartbeat,
    timers: Timers,
    store: Store,
    peers: Peers,
    removed: BTreeSet<NodeId>,
    rumors: Rumors,
    health: Health,
    probe: Option<Probe>,
    relays: Relays,
    /// Before this, urgent news waits for the next messages that leave anyway.
    urgent_after: Millis,
    /// The highest generation of this node seen elsewhere that it never was; reported once.
    taken: Option<Generation>,
    counters: Counters,
}

impl Gossip {
    /// Starts a node. Every start needs a generation above all earlier ones of this node.
    ///
    /// # Errors
    /// The settings do not fit each other; nothing was started.
    pub fn new(now: Millis, config: Config, me: Identity, seed: u64) -> Result<Self, ConfigError> {
        config.check()?;
        let mut gossip = Self {
            me,
            rng: fastrand::Rng::with_seed(seed),
            now,
            incarnation: Incarnation(0),
            heartbeat: Heartbeat(0),
            timers: Timers::default(),
            store: Store::new(me, &config),
            peers: Peers::default(),
            removed: BTreeSet::new(),
            rumors: Rumors::default(),
            health: Health::new(config.health_max),
            probe: None,
            relays: Relays::new(config.relay_open_max),
            urgent_after: now,
            taken: None,
            counters: Counters::default(),
            config,
        };
        // Nodes that start together must not speak together for ever.
        let round_in = gossip.rng.u64(..gossip.config.round_interval.0);
        let probe_in = gossip.rng.u64(..gossip.config.probe_interval.0);
        gossip.timers.set(Timer::Round, now.plus(Millis(round_in)));
        gossip.timers.set(Timer::Probe, now.plus(Millis(probe_in)));
        Ok(gossip)
    }

    /// Takes in an event, runs every deadline that has come, and says what must be done.
    ///
    /// Time that goes backwards is taken as standing still.
    pub fn handle(&mut self, now: Millis, event: Event, out: &mut Outbox) {
        self.now = self.now.max(now);
        self.absorb_stall();
        match event {
            Event::Woken => {}
            Event::Received(message) => self.receive(message, out),
            Event::PeerAdded(node) => self.add_peer(node, out),
            Event::PeerRemoved(node) => self.remove_peer(node, out),
        }
        // Firing sets new deadlines later than now, save at the end of time: hence the count.
        for _ in 0..self.timers.count() {
            let Some(timer) = self.timers.pop_due(self.now) else { break };
            self.fire(timer, out);
        }
    }

    /// Writes a key of this node's own map; writing the value it has takes no version.
    ///
    /// # Errors
    /// A bound would be broken; nothing was written.
    pub fn set(&mut self, key: &str, value: &[u8]) -> Result<Version, WriteError> {
        self.store.set(key, value)
    }

    /// Deletes a key of this node's own map; nothing when it was not there. The next deadline may
    /// be an earlier one afterwards.
    pub fn delete(&mut self, now: Millis, key: &str) -> Option<Version> {
        self.now = self.now.max(now);
        let version = self.store.delete(self.now, key)?;
        self.schedule_collect();
        Some(version)
    }

    /// When the machine wants to be woken at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Millis {
        self.timers.next().expect("the round is always due some time")
    }

    /// Who this node is.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        self.me
    }

    /// How a node seems to be; this node itself is alive.
    #[must_use]
    pub fn liveness(&self, node: NodeId) -> Liveness {
        if node == self.me.node {
            return Liveness::Alive;
        }
        self.peers.get(node).map_or(Liveness::Unknown, |peer| peer.status.liveness())
    }

    /// The value of a key in a node's map, as far as known here.
    #[must_use]
    pub fn get(&self, node: NodeId, key: &str) -> Option<&Value> {
        self.store.contents(node)?.get(key)
    }

    /// All keys and values of a node's map, as far as known here; the last written last.
    pub fn values(&self, node: NodeId) -> impl Iterator<Item = (&Key, &Value)> {
        self.store.contents(node).into_iter().flat_map(Contents::live)
    }

    /// Equal on two nodes that hold the same.
    #[must_use]
    pub fn state_hash(&self) -> StateHash {
        self.store.hash()
    }

    /// All this node knows; costs a copy of the table of peers.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            identity: self.me,
            incarnation: self.incarnation,
            heartbeat: self.heartbeat,
            health: self.health.score(),
            state_hash: self.store.hash(),
            rumor_count: self.rumors.len(),
            nodes: self.peers.iter().map(|(node, _)| self.report(node)).collect(),
            counters: self.counters,
        }
    }

    fn report(&self, node: NodeId) -> NodeReport {
        let peer = self.peers.get(node).expect("callers report peers of the table");
        let contents = self.store.contents(node);
        NodeReport {
            node,
            generation: peer.generation,
            liveness: peer.status.liveness(),
            since: peer.since,
            heard_at: peer.heard_at,
            incarnation: peer.incarnation,
            heartbeat: peer.heartbeat,
            version: contents.map_or(Version(0), |contents| contents.version),
            floor: contents.map_or(Version(0), |contents| contents.floor),
            key_count: contents.map_or(0, |contents| contents.live().count()),
        }
    }

    fn fire(&mut self, timer: Timer, out: &mut Outbox) {
        match timer {
            Timer::Round => self.run_round(out),
            Timer::Probe => self.run_probe(out),
            Timer::ProbeRelays => self.ask_relays(out),
            Timer::Relay(probe) => self.give_up_relay(probe, out),
            Timer::Suspicion(node) => self.condemn(node, out),
            Timer::Collect => {
                self.store.collect(self.now);
                self.schedule_collect();
            }
        }
    }

    fn schedule_collect(&mut self) {
        match self.store.collect_at() {
            Some(at) => self.timers.set(Timer::Collect, at),
            None => self.timers.clear(Timer::Collect),
        }
    }

    /// A node that slept past its deadlines knows nothing about that time: the answers may wait in
    /// a socket. It judges nobody for it, and lets every deadline begin where it stopped.
    fn absorb_stall(&mut self) {
        let late = self.now.since(self.next_deadline());
        if late <= self.config.probe_interval {
            return;
        }
        self.timers.delay_all(late);
        for peer in self.peers.iter_mut() {
            peer.delay_suspicion(late);
        }
        self.health.worsen();
        self.counters.stalls += 1;
    }

    /// Sends a message, with news, and with what is claimed of the receiver, if anything.
    fn send(&mut self, to: NodeId, body: Body, out: &mut Outbox) {
        let mut rumors: Vec<_> = self.claim_against(to).into_iter().collect();
        let node_count = self.node_count();
        rumors.extend(self.rumors.pick(to, self.config.rumor_count_max, node_count));
        let message = Message {
            cluster: self.config.cluster,
            sender: self.me,
            incarnation: self.incarnation,
            heartbeat: self.heartbeat,
            rumors,
            body,
        };
        let bytes = message.size_estimate();
        assert!(bytes <= self.config.message_bytes_max, "every body is packed to its bound");
        self.counters.messages_sent += 1;
        self.counters.bytes_sent += bytes as u64;
        out.push(Output::Send { to, message });
    }

    /// Tells some peers at once what cannot wait for the next round; not more often than a probe's
    /// timeout, so that neither a mass failure nor a liar makes a storm of it.
    fn tell_at_once(&mut self, out: &mut Outbox) {
        if self.now < self.urgent_after {
            return;
        }
        self.urgent_after = self.now.plus(self.config.probe_timeout);
        for node in pick(&mut self.rng, self.peers.reachable(), self.config.fanout) {
            self.send(node, Body::Notice, out);
        }
    }

    /// Live nodes, this one included: what logarithms are taken of.
    fn node_count(&self) -> usize {
        self.peers.reachable().len() + 1
    }

    /// Reports once that this node's id is used, or known, in a way that it never was.
    fn report_taken(&mut self, seen: Identity, out: &mut Outbox) {
        if self.taken < Some(seen.generation) {
            self.taken = Some(seen.generation);
            out.push(Output::IdentityTaken { seen });
        }
    }
}
