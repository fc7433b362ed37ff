//! The little world: nodes, links with a delay, and a clock that jumps to the next thing due.

use std::collections::{BTreeMap, BTreeSet};

use api::{Call, Level, Operation, Outcome};
use causality::{Actor, ContextKey, Dot, Incarnation, Millis, NodeId};
use cells::{Keyspace, OwnedOp};
use node::{Config, Event, MemberConfig, Mutation, Node, Notice, Outbox, RequestId};
use storage::MemoryStore;
use wire::{Encoder, FrameLimit, Kind, Message, ProtocolVersion, ShardId};

/// A message under way, ordered by when it arrives and then by when it was sent.
type Flight = (Millis, u64);

pub struct Net {
    pub nodes: BTreeMap<NodeId, Node<MemoryStore>>,
    pub now: Millis,
    flights: BTreeMap<Flight, (NodeId, NodeId, Message)>,
    cuts: BTreeSet<(NodeId, NodeId)>,
    frozen: BTreeSet<NodeId>,
    /// How much longer messages from a node take.
    slow: BTreeMap<NodeId, u64>,
    forwards_sent_to: BTreeMap<NodeId, u64>,
    /// Between whom everything is lost, with the links open.
    silent: BTreeSet<(NodeId, NodeId)>,
    replies: BTreeMap<RequestId, Outcome>,
    sloppy: BTreeSet<RequestId>,
    configs: BTreeMap<NodeId, Config>,
    /// Messages that carry operations, by whom they were for.
    batches_sent_to: BTreeMap<NodeId, u64>,
    /// Those of coordinators that went from one datacenter to another.
    pub batches_far: u64,
    /// Nodes to which everything is lost, with their links open.
    muted: BTreeSet<NodeId>,
    /// The part of messages that arrive twice.
    repeats: f64,
    mutation: Option<Mutation>,
    sent: u64,
    /// Of everything that was sent, when and between whom.
    trace: u64,
    asked: u64,
    /// The part of replicated writes that gets lost.
    loss: f64,
    /// The sizes of the messages that compare clocks, by kind.
    pub sizes: BTreeMap<Kind, Vec<usize>>,
    /// The questions of verification: when, and who asked.
    pub verifying: Vec<(Millis, NodeId)>,
    /// Which operation each name stands for, of all that coordinators have sent.
    named: BTreeMap<(ShardId, Dot), OwnedOp>,
    /// Names that have stood for two.
    pub named_twice: BTreeSet<(ShardId, Dot)>,
    /// What the nodes wanted people to know.
    pub notices: Vec<(NodeId, Notice)>,
    rng: fastrand::Rng,
}

pub const fn id(number: u32) -> NodeId {
    NodeId(number)
}

pub fn call(key: &str, operation: Operation) -> Call {
    Call {
        keyspace: Keyspace(1),
        key: key.into(),
        read: Level::LocalOne,
        write: Level::LocalQuorum,
        session: None,
        staleness: None,
        operation,
    }
}

/// Whether a message brings a write, directly or through a relay.
const fn is_batch(message: &Message) -> bool {
    matches!(message, Message::Replicate { .. } | Message::Relay { .. } | Message::Relayed { .. })
}

impl Net {
    /// Starts nodes in datacenters `a`, `b`, ...: as many in each as the list says.
    pub fn start(datacenters: &[u32], seed: u64) -> Self {
        Self::start_with(datacenters, seed, |_| {})
    }

    /// Starts nodes whose configurations differ from the usual one.
    pub fn start_with(datacenters: &[u32], seed: u64, change: impl Fn(&mut Config)) -> Self {
        let mut members = Vec::new();
        for (at, count) in (0u8..).zip(datacenters) {
            for _ in 0..*count {
                let datacenter = char::from(b'a' + at).to_string();
                let number = u32::try_from(members.len()).unwrap() + 1;
                members.push(MemberConfig { id: id(number), datacenter, rack: "r".into() });
            }
        }
        let now = Millis(1_000_000);
        let config_of = |member: &MemberConfig| {
            let mut config = Config {
                me: member.id,
                incarnation: Incarnation(1),
                datacenter: member.datacenter.clone(),
                members: members.clone(),
                cluster: 1,
                secret: ContextKey::new([1; 16]),
                shard_count: 16,
                replication: 3,
                request_timeout_ms: 500,
                exchange_interval_ms: 1_000,
                gossip: node::GossipConfig::default(),
                coordination: node::CoordinationConfig::default(),
                verification: node::VerificationConfig::default(),
            };
            change(&mut config);
            config
        };
        let configs: BTreeMap<NodeId, Config> =
            members.iter().map(|member| (member.id, config_of(member))).collect();
        let open = |config: &Config| Node::open(config.clone(), MemoryStore::new(), &[], now);
        let nodes = configs.iter().map(|(id, config)| (*id, open(config).unwrap())).collect();
        let mut net = Self {
            nodes,
            now,
            flights: BTreeMap::new(),
            cuts: BTreeSet::new(),
            frozen: BTreeSet::new(),
            slow: BTreeMap::new(),
            forwards_sent_to: BTreeMap::new(),
            silent: BTreeSet::new(),
            replies: BTreeMap::new(),
            sloppy: BTreeSet::new(),
            configs,
            batches_sent_to: BTreeMap::new(),
            batches_far: 0,
            muted: BTreeSet::new(),
            repeats: 0.0,
            mutation: None,
            sent: 0,
            trace: 0,
            asked: 0,
            loss: 0.0,
            sizes: BTreeMap::new(),
            verifying: Vec::new(),
            named: BTreeMap::new(),
            named_twice: BTreeSet::new(),
            notices: Vec::new(),
            rng: fastrand::Rng::with_seed(seed),
        };
        let all: Vec<NodeId> = members.iter().map(|member| member.id).collect();
        for left in &all {
            for right in all.iter().filter(|right| *right != left) {
                net.event(*left, Event::LinkUp(*right));
            }
        }
        net
    }

    /// Cuts both ways between two nodes; what is under way is lost.
    pub fn cut(&mut self, left: NodeId, right: NodeId) {
        for (from, to) in [(left, right), (right, left)] {
            if self.cuts.insert((from, to)) {
                self.event(from, Event::LinkDown(to));
            }
        }
        let cuts = &self.cuts;
        self.flights.retain(|_, (from, to, _)| !cuts.contains(&(*from, *to)));
    }

    /// Ends a node's process for ever, with its disk.
    pub fn kill(&mut self, node: NodeId) {
        self.isolate(node);
        self.nodes.remove(&node);
    }

    pub fn heal(&mut self) {
        let gone = |node: &NodeId| !self.nodes.contains_key(node);
        let (dead, cuts) =
            std::mem::take(&mut self.cuts).into_iter().partition(|(l, r)| gone(l) || gone(r));
        self.cuts = dead;
        let healed: BTreeSet<(NodeId, NodeId)> = cuts;
        for (from, to) in healed {
            self.event(from, Event::LinkUp(to));
        }
    }

    /// Ends the cut between two nodes.
    pub fn rejoin(&mut self, left: NodeId, right: NodeId) {
        for (from, to) in [(left, right), (right, left)] {
            if self.cuts.remove(&(from, to)) {
                self.event(from, Event::LinkUp(to));
            }
        }
    }

    /// Stops a node's process with its links open: it neither takes nor says anything.
    pub fn freeze(&mut self, node: NodeId) {
        self.frozen.insert(node);
    }

    /// Lets a frozen node go on; what was sent to it meanwhile waits for it.
    pub fn thaw(&mut self, node: NodeId) {
        self.frozen.remove(&node);
    }

    /// Lets everything that a node says take longer.
    pub fn slow_down(&mut self, node: NodeId, by_ms: u64) {
        self.slow.insert(node, by_ms);
    }

    /// How many calls were handed to a node.
    pub fn forwards_sent_to(&self, node: NodeId) -> u64 {
        self.forwards_sent_to.get(&node).copied().unwrap_or(0)
    }

    /// Loses everything between two nodes, with their links open.
    pub fn drop_between(&mut self, left: NodeId, right: NodeId) {
        self.silent.extend([(left, right), (right, left)]);
    }

    /// Who was asked last to pass a write on, if that is still under way.
    pub fn relay_of_last_write(&self) -> Option<NodeId> {
        let mut flights = self.flights.values().rev();
        let relay = flights.find(|(_, _, message)| matches!(message, Message::Relay { .. }));
        relay.map(|(_, to, _)| *to)
    }

    /// Loses a part of the writes that coordinators send.
    pub fn lose_of_replication(&mut self, part: f64) {
        self.loss = part;
    }

    pub fn random(&mut self, range: std::ops::Range<u64>) -> u64 {
        self.rng.u64(range)
    }

    /// Asks and waits for the answer.
    pub fn ask(&mut self, node: NodeId, call: Call) -> Outcome {
        let request = self.ask_later(node, call);
        let end = self.now.plus(5_000);
        while !self.replies.contains_key(&request) && self.now < end {
            self.step();
        }
        self.replies.remove(&request).expect("every call is answered")
    }

    /// Asks, and says too whether stand-ins took part in the answer.
    pub fn ask_noting(&mut self, node: NodeId, call: Call) -> (Outcome, bool) {
        let outcome = self.ask(node, call);
        (outcome, self.sloppy.contains(&RequestId(self.asked)))
    }

    /// Ends a node's process in order and starts it again on its store.
    pub fn restart(&mut self, node: NodeId) {
        let mut held = self.nodes.remove(&node).unwrap();
        held.save_states().unwrap();
        self.open_again(node, held.into_store());
    }

    fn open_again(&mut self, node: NodeId, store: MemoryStore) {
        let config = self.configs[&node].clone();
        let mut again = Node::open(config, store, &[], self.now).unwrap();
        again.mutate(self.mutation);
        self.nodes.insert(node, again);
        let is_linked = |other: &NodeId| *other != node && !self.cuts.contains(&(node, *other));
        let others: Vec<NodeId> = self.nodes.keys().copied().filter(is_linked).collect();
        for other in others {
            self.event(other, Event::LinkDown(node));
            self.event(other, Event::LinkUp(node));
            self.event(node, Event::LinkUp(other));
        }
    }

    /// Copies what a node's disk holds, as a backup does.
    pub fn copy_of(&mut self, node: NodeId) -> (MemoryStore, Incarnation) {
        let held = self.nodes.get_mut(&node).unwrap();
        held.save_states().unwrap();
        (held.store_mut().clone(), self.configs[&node].incarnation)
    }

    /// Ends a node's process and starts it again on a copy that was made earlier, with everything
    /// that could have told that it is one.
    pub fn put_back(&mut self, node: NodeId, (store, incarnation): (MemoryStore, Incarnation)) {
        self.configs.get_mut(&node).unwrap().incarnation = incarnation;
        *self.nodes.get_mut(&node).unwrap().store_mut() = store;
        let held = self.nodes.remove(&node).unwrap();
        self.open_again(node, held.into_store());
    }

    /// The life that a node lives.
    pub fn life_of(&self, node: NodeId) -> u32 {
        self.configs[&node].incarnation.0
    }

    /// Ends a node's process in order and starts it again in a new life.
    pub fn restart_as(&mut self, node: NodeId, incarnation: u32) {
        self.configs.get_mut(&node).unwrap().incarnation = Incarnation(incarnation);
        self.restart(node);
    }

    /// The shard of a key.
    pub fn shard_of(&self, key: &str) -> u16 {
        placement::ShardCount::new(16).unwrap().shard_of_key(key.as_bytes()).0
    }

    /// How many messages with operations were sent to a node.
    pub fn batches_sent_to(&self, node: NodeId) -> u64 {
        self.batches_sent_to.get(&node).copied().unwrap_or(0)
    }

    /// Loses everything that is sent to a node, with its links open.
    pub fn mute(&mut self, node: NodeId) {
        self.muted.insert(node);
    }

    pub fn unmute_all(&mut self) {
        self.muted.clear();
    }

    /// Cuts a node off from all others.
    pub fn isolate(&mut self, node: NodeId) {
        let others: Vec<NodeId> = self.nodes.keys().copied().filter(|id| *id != node).collect();
        others.into_iter().for_each(|other| self.cut(node, other));
    }

    /// Cuts a node off from those of its datacenter.
    pub fn isolate_within_datacenter(&mut self, node: NodeId) {
        let near = |other: &NodeId| {
            *other != node && self.datacenter_of(*other) == self.datacenter_of(node)
        };
        let near: Vec<NodeId> = self.nodes.keys().copied().filter(near).collect();
        near.into_iter().for_each(|other| self.cut(node, other));
    }

    /// Lets some messages arrive twice, apart from calls: links repeat nothing, only nodes do.
    pub fn repeat_messages(&mut self, part: f64) {
        self.repeats = part;
    }

    /// Breaks a rule at every node.
    pub fn mutate(&mut self, mutation: Option<Mutation>) {
        self.mutation = mutation;
        self.nodes.values_mut().for_each(|node| node.mutate(mutation));
    }

    /// Takes the answers that have come, with whether stand-ins took part.
    pub fn take_replies(&mut self) -> Vec<(RequestId, Outcome, bool)> {
        let replies = std::mem::take(&mut self.replies).into_iter();
        let sloppy = &self.sloppy;
        replies.map(|(request, outcome)| (request, outcome, sloppy.contains(&request))).collect()
    }

    /// The owners of a key.
    pub fn owners(&self, key: &str) -> Vec<NodeId> {
        let shard = self.shard_of(key);
        let owns = |node: &Node<MemoryStore>| {
            node.shard_summaries().iter().any(|(held, _)| *held == shard)
        };
        self.nodes.iter().filter(|(_, node)| owns(node)).map(|(id, _)| *id).collect()
    }

    pub fn datacenter_of(&self, node: NodeId) -> String {
        self.configs[&node].datacenter.clone()
    }

    /// The actors of visits that some owner still counts as able to mint.
    pub fn visitor_actors(&self) -> Vec<Actor> {
        let clocks = self.nodes.values().flat_map(Node::open_clocks);
        let actors =
            clocks.flat_map(|(_, clock)| clock.iter().map(|(actor, _)| actor).collect::<Vec<_>>());
        actors.filter(|actor| actor.incarnation().0 >> 31 == 1).collect()
    }

    /// Asks and does not wait.
    pub fn ask_later(&mut self, node: NodeId, call: Call) -> RequestId {
        self.asked += 1;
        let request = RequestId(self.asked);
        self.event(node, Event::Called { request, call });
        request
    }

    pub fn run(&mut self, span_ms: u64) {
        let end = self.now.plus(span_ms);
        while self.next_due() <= end {
            self.step();
        }
        self.now = end;
    }

    /// Says whether all owners of every shard hold the same.
    pub fn is_converged(&mut self) -> bool {
        let summaries: Vec<_> = self.nodes.values().map(Node::shard_summaries).collect();
        let mut first = BTreeMap::new();
        summaries.into_iter().flatten().all(|(shard, summary)| {
            let held = first.entry(shard).or_insert_with(|| summary.clone());
            held.clock == summary.clock && held.digest == summary.digest
        })
    }

    /// Equal runs have equal ones.
    pub fn trace_hash(&self) -> u64 {
        self.trace
    }

    fn next_due(&self) -> Millis {
        let flight = self.flights.iter().find(|(_, (_, to, _))| !self.frozen.contains(to));
        let flight = flight.map(|((at, _), _)| *at);
        let running = self.nodes.iter().filter(|(id, _)| !self.frozen.contains(id));
        let wakes = running.filter_map(|(_, node)| node.next_deadline());
        wakes.chain(flight).min().expect("nodes always want to be woken").max(self.now)
    }

    fn step(&mut self) {
        self.now = self.next_due();
        let arrived = self.flights.range(..=(self.now, u64::MAX));
        let first = arrived.map(|(flight, (_, to, _))| (*flight, *to));
        let first = first.filter(|(_, to)| !self.frozen.contains(to)).map(|(flight, _)| flight);
        if let Some(flight) = first.min()
            && let Some((from, to, message)) = self.flights.remove(&flight)
        {
            if let Some(node) = self.nodes.get_mut(&to) {
                node.set_waited(self.now.0.saturating_sub(flight.0.0));
            }
            self.event(to, Event::Received { from, message });
            return;
        }
        let is_due = |node: &Node<MemoryStore>| node.next_deadline().is_some_and(|d| d <= self.now);
        let mut running = self.nodes.iter().filter(|(id, _)| !self.frozen.contains(id));
        let due = running.find(|(_, node)| is_due(node)).map(|(id, _)| *id);
        if let Some(due) = due {
            self.event(due, Event::Woken);
        }
    }

    /// Notes the size of a message that compares clocks; others are not worth the time.
    fn weigh(&mut self, message: &Message) {
        let kind = message.kind();
        let kinds = [Kind::Beat, Kind::BeatShards, Kind::Wanted, Kind::KeysWanted];
        if kinds.contains(&kind) {
            let mut bytes = Vec::new();
            let mut encoder = Encoder::new(ProtocolVersion::CURRENT, FrameLimit::default());
            encoder.message(message, &mut bytes).unwrap();
            self.sizes.entry(kind).or_default().push(bytes.len());
        }
    }

    /// Notes what operations are called.
    fn note_names(&mut self, message: &Message) {
        let (Message::Replicate { shard, ops, .. } | Message::Relay { shard, ops, .. }) = message
        else {
            return;
        };
        for op in ops {
            let name = (*shard, op.dot);
            if self.named.entry(name).or_insert_with(|| op.clone()) != op {
                self.named_twice.insert(name);
            }
        }
    }

    pub fn event(&mut self, to: NodeId, event: Event) {
        let mut out = Outbox::default();
        let Some(node) = self.nodes.get_mut(&to) else { return };
        node.handle(self.now, event, &mut out);
        self.replies.extend(out.replies);
        self.sloppy.extend(out.sloppy);
        if let Some(life) = out.life {
            self.configs.get_mut(&to).unwrap().incarnation = life;
        }
        self.notices.extend(out.notices.into_iter().map(|notice| (to, notice)));
        for (peer, message) in out.sends {
            if self.cuts.contains(&(to, peer)) {
                continue;
            }
            if is_batch(&message) && self.rng.f64() < self.loss {
                continue;
            }
            if is_batch(&message) && self.datacenter_of(to) != self.datacenter_of(peer) {
                self.batches_far += 1;
            }
            self.note_names(&message);
            self.weigh(&message);
            if matches!(message.kind(), Kind::Summary | Kind::Ask | Kind::CellsWanted) {
                self.verifying.push((self.now, to));
            }
            if is_batch(&message) || matches!(message, Message::Keep { .. }) {
                *self.batches_sent_to.entry(peer).or_default() += 1;
            }
            if matches!(message, Message::Forward { .. }) {
                *self.forwards_sent_to.entry(peer).or_default() += 1;
            }
            if self.muted.contains(&peer) || self.silent.contains(&(to, peer)) {
                continue;
            }
            let line = format!("{:?} {to:?} {peer:?} {message:?}", self.now);
            let hash = xxhash_rust::xxh3::xxh3_64(line.as_bytes());
            self.trace = self.trace.rotate_left(1) ^ hash;
            let is_exact = matches!(message, Message::Forward { .. } | Message::Forwarded { .. });
            if !is_exact && self.repeats > 0.0 && self.rng.f64() < self.repeats {
                self.fly(to, peer, message.clone());
            }
            self.fly(to, peer, message);
        }
    }

    fn fly(&mut self, from: NodeId, to: NodeId, message: Message) {
        self.sent += 1;
        let delay = self.rng.u64(1..8) + self.slow.get(&from).copied().unwrap_or(0);
        let arrives = self.now.plus(delay);
        self.flights.insert((arrives, self.sent), (from, to, message));
    }
}
