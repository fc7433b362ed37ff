//! The simulated network: delivers what machines send, late, twice, or never, as told.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use gossip::{
    ClusterHash, Config, Event, Generation, Gossip, Identity, Liveness, Message, Millis, NodeId,
    Outbox, Output,
};

pub(crate) const CLUSTER: ClusterHash = ClusterHash(7);

/// What the network does to messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Net {
    pub(crate) delay_min: u64,
    pub(crate) delay_max: u64,
    pub(crate) loss_percent: u8,
    pub(crate) duplicate_percent: u8,
    /// Of all messages, this share comes up to a minute late.
    pub(crate) stray_percent: u8,
}

impl Net {
    pub(crate) const CALM: Self = Self {
        delay_min: 1,
        delay_max: 20,
        loss_percent: 0,
        duplicate_percent: 0,
        stray_percent: 0,
    };
}

struct Machine {
    gossip: Gossip,
    deadline: Millis,
    paused_until: Option<Millis>,
    /// What arrived while it was paused.
    inbox: Vec<Message>,
    /// Added to every message to and from it.
    slowness: u64,
}

/// A change of opinion: when, who, about whom, what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opinion {
    pub(crate) at: Millis,
    pub(crate) observer: NodeId,
    pub(crate) subject: Identity,
    pub(crate) liveness: Liveness,
}

pub(crate) struct World {
    pub(crate) now: Millis,
    pub(crate) net: Net,
    pub(crate) config: Config,
    pub(crate) rng: fastrand::Rng,
    machines: BTreeMap<NodeId, Machine>,
    flying: BTreeMap<(Millis, u64), (NodeId, Message)>,
    wakes: BTreeSet<(Millis, NodeId)>,
    sent_count: u64,
    /// Nodes on different sides cannot reach each other.
    sides: BTreeMap<NodeId, u8>,
    pub(crate) opinions: Vec<Opinion>,
    /// Everything but sends and liveness, in order.
    pub(crate) others: Vec<(NodeId, Output)>,
    /// Messages, as they were sent, when somebody wants to see them.
    pub(crate) tap: Option<Vec<Message>>,
    trace: Option<DefaultHasher>,
}

impl World {
    pub(crate) fn new(seed: u64, config: Config) -> Self {
        Self {
            now: Millis(1_000_000),
            net: Net::CALM,
            config,
            rng: fastrand::Rng::with_seed(seed),
            machines: BTreeMap::new(),
            flying: BTreeMap::new(),
            wakes: BTreeSet::new(),
            sent_count: 0,
            sides: BTreeMap::new(),
            opinions: Vec::new(),
            others: Vec::new(),
            tap: None,
            trace: None,
        }
    }

    /// Starts nodes 1 to count, each told of all the others.
    pub(crate) fn cluster(seed: u64, count: u32) -> Self {
        let mut world = Self::new(seed, Config::new(CLUSTER));
        world.start_all(count);
        world
    }

    pub(crate) fn start_all(&mut self, count: u32) {
        for node in 1..=count {
            let peers: Vec<NodeId> = (1..=count).map(NodeId).collect();
            self.start(node, 1, &peers);
        }
    }

    pub(crate) fn start(&mut self, node: u32, generation: u64, peers: &[NodeId]) {
        let me = Identity { node: NodeId(node), generation: Generation(generation) };
        let seed = self.rng.u64(..);
        let gossip = Gossip::new(self.now, self.config.clone(), me, seed).unwrap();
        let deadline = gossip.next_deadline();
        self.stop(node);
        self.wakes.insert((deadline, me.node));
        let machine =
            Machine { gossip, deadline, paused_until: None, inbox: Vec::new(), slowness: 0 };
        self.machines.insert(me.node, machine);
        for peer in peers.iter().filter(|peer| **peer != me.node) {
            self.give(me.node, Event::PeerAdded(*peer));
        }
    }

    /// Kills a node at once.
    pub(crate) fn stop(&mut self, node: u32) {
        if let Some(machine) = self.machines.remove(&NodeId(node)) {
            self.wakes.remove(&(machine.deadline, NodeId(node)));
        }
    }

    /// A node does nothing for a while; what arrives waits.
    pub(crate) fn pause(&mut self, node: u32, span: Millis) {
        let until = self.now.plus(span);
        let machine = self.machines.get_mut(&NodeId(node)).unwrap();
        machine.paused_until = Some(until);
        self.reschedule(NodeId(node));
    }

    pub(crate) fn slow_down(&mut self, node: u32, slowness: u64) {
        self.machines.get_mut(&NodeId(node)).unwrap().slowness = slowness;
    }

    pub(crate) fn cut(&mut self, side: impl Fn(u32) -> u8) {
        let nodes = self.machines.keys();
        self.sides = nodes.map(|node| (*node, side(node.0))).collect();
    }

    pub(crate) fn heal(&mut self) {
        self.sides.clear();
    }

    pub(crate) fn record_trace(&mut self) {
        self.trace = Some(DefaultHasher::new());
    }

    pub(crate) fn trace_hash(&self) -> u64 {
        self.trace.as_ref().expect("recording was asked for").finish()
    }

    pub(crate) fn run(&mut self, span: Millis) {
        let end = self.now.plus(span);
        while self.step(end) {}
        self.now = end;
    }

    /// Runs until something holds, looking once per step; when it did, if it did.
    pub(crate) fn run_until(
        &mut self,
        span: Millis,
        step: Millis,
        mut holds: impl FnMut(&Self) -> bool,
    ) -> Option<Millis> {
        let start = self.now;
        while self.now.since(start) < span {
            self.run(step);
            if holds(self) {
                return Some(self.now.since(start));
            }
        }
        None
    }

    pub(crate) fn gossip(&self, node: u32) -> &Gossip {
        &self.machines[&NodeId(node)].gossip
    }

    pub(crate) fn nodes(&self) -> Vec<u32> {
        self.machines.keys().map(|node| node.0).collect()
    }

    pub(crate) fn set(&mut self, node: u32, key: &str, value: &[u8]) {
        let machine = self.machines.get_mut(&NodeId(node)).unwrap();
        machine.gossip.set(key, value).unwrap();
    }

    pub(crate) fn delete(&mut self, node: u32, key: &str) {
        let now = self.now;
        let machine = self.machines.get_mut(&NodeId(node)).unwrap();
        machine.gossip.delete(now, key);
        self.reschedule(NodeId(node));
    }

    pub(crate) fn give(&mut self, node: NodeId, event: Event) {
        let mut out = Outbox::new();
        let Some(machine) = self.machines.get_mut(&node) else { return };
        machine.gossip.handle(self.now, event, &mut out);
        self.reschedule(node);
        for output in out.drain() {
            self.take(node, output);
        }
    }

    pub(crate) fn all_equal(&self) -> bool {
        let mut hashes = self.machines.values().map(|machine| machine.gossip.state_hash());
        let first = hashes.next();
        hashes.all(|hash| Some(hash) == first)
    }

    /// Whether every live node thinks so of a node.
    pub(crate) fn all_think(&self, node: u32, liveness: Liveness) -> bool {
        let others = self.machines.iter().filter(|(observer, _)| observer.0 != node);
        others.map(|(_, m)| m.gossip.liveness(NodeId(node))).all(|seen| seen == liveness)
    }

    pub(crate) fn all_alive(&self) -> bool {
        self.machines.keys().all(|node| self.all_think(node.0, Liveness::Alive))
    }

    fn step(&mut self, end: Millis) -> bool {
        let wake = self.wakes.first().copied();
        let arrival = self.flying.first_key_value().map(|(key, _)| *key);
        let wake_at = wake.map_or(Millis(u64::MAX), |(at, _)| at);
        let arrival_at = arrival.map_or(Millis(u64::MAX), |(at, _)| at);
        if wake_at.min(arrival_at) > end {
            return false;
        }
        self.now = self.now.max(wake_at.min(arrival_at));
        match (wake, arrival) {
            (Some((_, node)), _) if wake_at <= arrival_at => self.wake(node),
            (_, Some(key)) => {
                let (to, message) = self.flying.remove(&key).unwrap();
                self.deliver(to, message);
            }
            (_, None) => unreachable!("one of the two comes first"),
        }
        true
    }

    fn wake(&mut self, node: NodeId) {
        let machine = self.machines.get_mut(&node).unwrap();
        machine.paused_until = None;
        let inbox = std::mem::take(&mut machine.inbox);
        // As a driver does: timers are looked at before the sockets are.
        self.give(node, Event::Woken);
        for message in inbox {
            self.give(node, Event::Received(message));
        }
    }

    fn deliver(&mut self, to: NodeId, message: Message) {
        let Some(machine) = self.machines.get_mut(&to) else { return };
        if machine.paused_until.is_some() {
            machine.inbox.push(message);
        } else {
            self.give(to, Event::Received(message));
        }
    }

    fn reschedule(&mut self, node: NodeId) {
        let machine = self.machines.get_mut(&node).unwrap();
        self.wakes.remove(&(machine.deadline, node));
        let wanted = machine.gossip.next_deadline();
        machine.deadline = machine.paused_until.unwrap_or(wanted);
        self.wakes.insert((machine.deadline, node));
    }

    fn take(&mut self, from: NodeId, output: Output) {
        if let Some(trace) = &mut self.trace {
            format!("{} {from} {output:?}", self.now).hash(trace);
        }
        match output {
            Output::Send { to, message } => self.send(from, to, &message),
            Output::LivenessChanged { identity, liveness } => {
                let (at, subject) = (self.now, identity);
                self.opinions.push(Opinion { at, observer: from, subject, liveness });
            }
            output => self.others.push((from, output)),
        }
    }

    fn send(&mut self, from: NodeId, to: NodeId, message: &Message) {
        assert!(message.size_estimate() <= self.config.message_bytes_max);
        if let Some(tap) = &mut self.tap {
            tap.push(message.clone());
        }
        let net = self.net;
        let is_cut = self.sides.get(&from) != self.sides.get(&to);
        if is_cut || self.rng.u8(..100) < net.loss_percent {
            return;
        }
        let copies = if self.rng.u8(..100) < net.duplicate_percent { 2 } else { 1 };
        let slowness = |node| self.machines.get(&node).map_or(0, |machine| machine.slowness);
        let slowness = slowness(from) + slowness(to);
        for _ in 0..copies {
            let is_stray = self.rng.u8(..100) < net.stray_percent;
            let stray = if is_stray { self.rng.u64(..60_000) } else { 0 };
            let delay = self.rng.u64(net.delay_min..=net.delay_max) + slowness + stray;
            self.sent_count += 1;
            let key = (self.now.plus(Millis(delay)), self.sent_count);
            self.flying.insert(key, (to, message.clone()));
        }
    }
}
