//! Measures what a beat costs: `cargo run --release -p node --example beat`.
//!
//! Three nodes with 1,024 shards each; one beat of one node towards both others, at rest and when
//! every shard has been written since the last beat.

#![expect(clippy::print_stdout, reason = "it reports")]
#![expect(clippy::unwrap_used, reason = "it stops when something is wrong")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::time::Instant;

use api::{Call, Level, Lifetime, Operation, SetCondition};
use causality::{ContextKey, Incarnation, Millis, NodeId};
use cells::Keyspace;
use node::{Config, Event, GossipConfig, MemberConfig, Node, Outbox, RequestId};
use storage::MemoryStore;

const BEATS: u64 = 50;

fn config() -> Config {
    let member =
        |id| MemberConfig { id: NodeId(id), datacenter: "a".to_owned(), rack: format!("r{id}") };
    Config {
        me: NodeId(1),
        incarnation: Incarnation(1),
        datacenter: "a".to_owned(),
        members: (1..=3).map(member).collect(),
        cluster: 1,
        secret: ContextKey::new([1; 16]),
        shard_count: 1_024,
        replication: 3,
        request_timeout_ms: 500,
        exchange_interval_ms: 1_000,
        gossip: GossipConfig::default(),
        coordination: node::CoordinationConfig::default(),
        verification: node::VerificationConfig::default(),
    }
}

fn write(node: &mut Node<MemoryStore>, now: Millis, key: u64) {
    let call = Call {
        keyspace: Keyspace(1),
        key: key.to_le_bytes().into(),
        read: Level::One,
        write: Level::One,
        session: None,
        staleness: None,
        operation: Operation::Set {
            value: vec![0; 100],
            lifetime: Lifetime::Forever,
            condition: SetCondition::Always,
        },
    };
    let mut out = Outbox::default();
    node.handle(now, Event::Called { request: RequestId(key), call }, &mut out);
}

/// Beats once a second after so many writes; returns microseconds per beat.
fn measure(node: &mut Node<MemoryStore>, now: &mut Millis, writes: u64) -> u128 {
    let mut spent = 0;
    for beat in 0..BEATS {
        for key in 0..writes {
            write(node, now.plus(10 + key % 900), beat * writes + key);
        }
        *now = now.plus(1_000);
        let mut out = Outbox::default();
        let before = Instant::now();
        node.handle(*now, Event::Woken, &mut out);
        spent += before.elapsed().as_micros();
    }
    spent / u128::from(BEATS)
}

fn main() {
    let mut now = Millis(1_000_000);
    let mut node = Node::open(config(), MemoryStore::new(), &[], now).unwrap();
    for peer in [2, 3] {
        node.handle(now, Event::LinkUp(NodeId(peer)), &mut Outbox::default());
    }
    println!("1,024 shards, two peers: microseconds per beat");
    println!("at rest, nothing stored   {}", measure(&mut node, &mut now, 0));
    println!("10,000 writes per second  {}", measure(&mut node, &mut now, 10_000));
    println!("at rest, 500,000 keys     {}", measure(&mut node, &mut now, 0));
}
