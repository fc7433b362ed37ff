//! The little world: nodes, links with a delay, and a clock that jumps to the next thing due.

use std::collections::{BTreeMap, BTreeSet};

use api::{Call, Level, Operation, Outcome};
use causality::{Incarnation, Millis, NodeId};
use cells::Keyspace;
use node::{Config, Event, MemberConfig, Node, Outbox, RequestId};
use storage::MemoryStore;
use wire::Message;

/// A message under way, ordered by when it arrives and then by when it was sent.
type Flight = (Millis, u64);

pub struct Net {
    pub nodes: BTreeMap<NodeId, Node<MemoryStore>>,
    pub now: Millis,
    flights: BTreeMap<Flight, (NodeId, NodeId, Message)>,
    cuts: BTreeSet<(NodeId, NodeId)>,
    replies: BTreeMap<RequestId, Outcome>,
    sent: u64,
    asked: u64,
    rng: fastrand::Rng,
}

pub fn id(number: u32) -> NodeId {
    NodeId(number)
}

pub fn call(key: &str, operation: Operation) -> Call {
    Call {
        keyspace: Keyspace(1),
        key: key.into(),
        read: Level::LocalOne,
        write: Level::LocalQuorum,
        operation,
    }
}

impl Net {
    /// Starts nodes in datacenters `a`, `b`, ...: as many in each as the list says.
    pub fn start(datacenters: &[u32], seed: u64) -> Self {
        let mut members = Vec::new();
        for (at, count) in (0u8..).zip(datacenters) {
            for _ in 0..*count {
                let datacenter = char::from(b'a' + at).to_string();
                let number = u32::try_from(members.len()).unwrap() + 1;
                members.push(MemberConfig { id: id(number), datacenter, rack: "r".into() });
            }
        }
        let now = Millis(1_000_000);
        let open = |member: &MemberConfig| {
            let config = Config {
                me: member.id,
                incarnation: Incarnation(1),
                datacenter: member.datacenter.clone(),
                members: members.clone(),
                shard_count: 16,
                replication: 3,
                request_timeout_ms: 500,
                exchange_interval_ms: 1_000,
            };
            Node::open(config, MemoryStore::new(), &[], now).unwrap()
        };
        let nodes = members.iter().map(|member| (member.id, open(member))).collect();
        let mut net = Self {
            nodes,
            now,
            flights: BTreeMap::new(),
            cuts: BTreeSet::new(),
            replies: BTreeMap::new(),
            sent: 0,
            asked: 0,
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

    pub fn heal(&mut self) {
        for (from, to) in std::mem::take(&mut self.cuts) {
            self.event(from, Event::LinkUp(to));
        }
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

    fn next_due(&self) -> Millis {
        let flight = self.flights.keys().next().map(|(at, _)| *at);
        let wakes = self.nodes.values().filter_map(Node::next_deadline);
        wakes.chain(flight).min().expect("nodes always want to be woken").max(self.now)
    }

    fn step(&mut self) {
        self.now = self.next_due();
        if let Some(entry) = self.flights.first_entry()
            && entry.key().0 <= self.now
        {
            let (from, to, message) = entry.remove();
            self.event(to, Event::Received { from, message });
            return;
        }
        let is_due = |node: &Node<MemoryStore>| node.next_deadline().is_some_and(|d| d <= self.now);
        let due = self.nodes.iter().find(|(_, node)| is_due(node)).map(|(id, _)| *id);
        if let Some(due) = due {
            self.event(due, Event::Woken);
        }
    }

    fn event(&mut self, to: NodeId, event: Event) {
        let mut out = Outbox::default();
        let Some(node) = self.nodes.get_mut(&to) else { return };
        node.handle(self.now, event, &mut out);
        self.replies.extend(out.replies);
        for (peer, message) in out.sends {
            if self.cuts.contains(&(to, peer)) {
                continue;
            }
            self.sent += 1;
            let arrives = self.now.plus(self.rng.u64(1..8));
            self.flights.insert((arrives, self.sent), (to, peer, message));
        }
    }
}
