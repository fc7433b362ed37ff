//! Messages nobody would send: the machine neither panics nor grows, and keeps its bounds.

use gossip::{
    Body, Claim, Config, Delta, Digest, Entry, Event, Generation, Gossip, Heartbeat, Identity,
    Incarnation, Message, Millis, NodeId, Outbox, Output, Page, ProbeId, Rumor, Start, StateHash,
    Version,
};

use crate::seeds;
use crate::world::CLUSTER;

struct Enemy {
    rng: fastrand::Rng,
    /// Probe ids seen, so that answers sometimes match.
    probes: Vec<ProbeId>,
}

impl Enemy {
    /// Small, huge or any: where arithmetic breaks.
    fn number(&mut self) -> u64 {
        match self.rng.u8(..6) {
            0 => u64::MAX,
            1 => u64::MAX - self.rng.u64(..3),
            2 => self.rng.u64(..),
            _ => self.rng.u64(..12),
        }
    }

    fn node(&mut self) -> NodeId {
        NodeId(match self.rng.u8(..8) {
            0 => u32::MAX,
            1 => self.rng.u32(..),
            _ => self.rng.u32(..12),
        })
    }

    fn identity(&mut self) -> Identity {
        Identity { node: self.node(), generation: Generation(self.number()) }
    }

    fn list<T>(&mut self, count_max: usize, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.rng.usize(..=count_max)).map(|_| item(self)).collect()
    }

    fn digest(&mut self) -> Digest {
        let identity = self.identity();
        Digest { identity, version: Version(self.number()), floor: Version(self.number()) }
    }

    fn entry(&mut self) -> Entry {
        let key = "k".repeat(self.rng.usize(..80)) + &self.rng.u8(..).to_string();
        let value = self.rng.bool().then(|| vec![1; self.rng.usize(..3_000)].into());
        Entry { key: key.into(), version: Version(self.number()), value }
    }

    fn delta(&mut self) -> Delta {
        let base = Version(self.number());
        let mut entries = self.list(80, Self::entry);
        if self.rng.u8(..3) > 0 {
            // Mostly in order, or nothing would ever get past the first check.
            entries.sort_by_key(|entry| entry.version);
            entries.dedup_by_key(|entry| entry.version);
        }
        Delta {
            identity: self.identity(),
            start: if self.rng.bool() { Start::Afresh } else { Start::After(base) },
            through: Version(self.number()),
            latest: Version(self.number()),
            floor: Version(self.number()),
            entries,
        }
    }

    fn rumor(&mut self) -> Rumor {
        let claim = match self.rng.u8(..3) {
            0 => Claim::Alive { heartbeat: Heartbeat(self.number()) },
            1 => Claim::Suspect { accusers: self.list(30, Self::node) },
            _ => Claim::Down,
        };
        Rumor { subject: self.identity(), incarnation: Incarnation(self.number()), claim }
    }

    fn probe(&mut self) -> ProbeId {
        let seen = self.probes.len();
        if seen > 0 { self.probes[self.rng.usize(..seen)] } else { ProbeId(self.number()) }
    }

    fn body(&mut self) -> Body {
        let hash = StateHash(self.number());
        match self.rng.u8(..11) {
            0 => Body::Syn { hash, page: None },
            1 => {
                let digests = self.list(100, Self::digest);
                let page = Page { digests, first: self.node(), last: self.node() };
                Body::Syn { hash, page: Some(page) }
            }
            2 => {
                let deltas = self.list(4, Self::delta);
                Body::SynAck { deltas, wanted: self.list(50, Self::digest) }
            }
            3 | 4 => Body::Ack { deltas: self.list(4, Self::delta) },
            5 => Body::Ping { probe: self.probe() },
            6 => Body::Pong { probe: self.probe() },
            7 => Body::Relay { probe: self.probe(), target: self.node() },
            8 => Body::Relayed {
                probe: self.probe(),
                target: self.identity(),
                incarnation: Incarnation(self.number()),
                heartbeat: Heartbeat(self.number()),
            },
            9 => Body::Unreached { probe: self.probe() },
            _ => Body::Notice,
        }
    }

    fn message(&mut self) -> Message {
        Message {
            cluster: CLUSTER,
            sender: self.identity(),
            incarnation: Incarnation(self.number()),
            heartbeat: Heartbeat(self.number()),
            rumors: self.list(40, Self::rumor),
            body: self.body(),
        }
    }

    fn event(&mut self) -> Event {
        match self.rng.u8(..60) {
            0 => Event::PeerAdded(self.node()),
            1 => Event::PeerRemoved(self.node()),
            2 | 3 => Event::Woken,
            _ => Event::Received(self.message()),
        }
    }
}

fn assert_bounds(gossip: &Gossip, config: &Config, seed: u64) {
    let snapshot = gossip.snapshot();
    assert!(snapshot.nodes.len() <= config.node_count_max, "seed {seed}");
    assert!(snapshot.rumor_count <= config.node_count_max + 1, "seed {seed}");
    assert!(snapshot.health <= config.health_max, "seed {seed}");
    for report in &snapshot.nodes {
        assert!(report.key_count <= config.key_count_max, "seed {seed}");
        assert!(report.floor <= report.version, "seed {seed}");
        for (key, value) in gossip.values(report.node) {
            assert!(key.len() <= config.key_bytes_max, "seed {seed}");
            assert!(value.len() <= config.value_bytes_max, "seed {seed}");
        }
    }
}

#[test]
fn hostile_messages_neither_panic_nor_grow_anything() {
    for seed in seeds(30) {
        let config = Config { node_count_max: 10, removed_count_max: 3, ..Config::new(CLUSTER) };
        let me = Identity { node: NodeId(1), generation: Generation(5) };
        let mut gossip = Gossip::new(Millis(0), config.clone(), me, seed).unwrap();
        gossip.set("mine", b"truth").unwrap();
        let mut enemy = Enemy { rng: fastrand::Rng::with_seed(seed), probes: Vec::new() };
        let mut now = Millis(0);
        let mut out = Outbox::new();
        for _ in 0..2_000 {
            let jump = if enemy.rng.u8(..100) == 0 { enemy.rng.u64(..100_000) } else { 40 };
            now = now.plus(Millis(enemy.rng.u64(..=jump)));
            let event = enemy.event();
            gossip.handle(now, event, &mut out);
            let outputs: Vec<Output> = out.drain().collect();
            assert!(outputs.len() < 2_000, "seed {seed}: {} outputs at once", outputs.len());
            for output in outputs {
                let Output::Send { message, .. } = output else { continue };
                assert!(message.size_estimate() <= config.message_bytes_max, "seed {seed}");
                if let Body::Ping { probe } = message.body {
                    enemy.probes.truncate(20);
                    enemy.probes.insert(0, probe);
                }
            }
            assert!(gossip.next_deadline() > now, "seed {seed}: a deadline was left behind");
            assert_bounds(&gossip, &config, seed);
        }
        let own: Vec<_> = gossip.values(me.node).collect();
        assert_eq!(own.len(), 1, "seed {seed}: only the owner writes its map");
        assert_eq!(&**own[0].1, b"truth", "seed {seed}");
        gossip.handle(Millis(u64::MAX), Event::Woken, &mut out);
    }
}

#[test]
fn foreign_and_oversized_messages_are_dropped_and_counted() {
    let me = Identity { node: NodeId(1), generation: Generation(1) };
    let sender = Identity { node: NodeId(2), generation: Generation(1) };
    let mut gossip = Gossip::new(Millis(0), Config::new(CLUSTER), me, 1).unwrap();
    let mut out = Outbox::new();
    let message = |cluster, body| Message {
        cluster,
        sender,
        incarnation: Incarnation(0),
        heartbeat: Heartbeat(1),
        rumors: Vec::new(),
        body,
    };
    let foreign = message(gossip::ClusterHash(8), Body::Notice);
    let identity = sender;
    let digest = Digest { identity, version: Version(0), floor: Version(0) };
    let page = Page { digests: vec![digest; 40_000], first: NodeId(0), last: NodeId(u32::MAX) };
    let oversized = message(CLUSTER, Body::Syn { hash: StateHash(0), page: Some(page) });
    for message in [foreign, oversized] {
        gossip.handle(Millis(0), Event::Received(message), &mut out);
        assert!(out.is_empty());
    }
    let counters = gossip.snapshot().counters;
    assert_eq!((counters.dropped_foreign, counters.dropped_oversized), (1, 1));
    assert!(gossip.snapshot().nodes.is_empty(), "they are not even met");
}
