//! A cluster of one node in this process: the real data types over a store in memory.

use api::{Call, Outcome};
use causality::{ContextKey, Incarnation, Millis, NodeId};
use node::{Config, Event, GossipConfig, MemberConfig, Node, Outbox, RequestId};
use storage::MemoryStore;

/// The node, and its clock.
pub(crate) struct Lone {
    node: Node<MemoryStore>,
    now: Millis,
    asked: u64,
}

impl Lone {
    /// Starts with nothing, at a moment.
    pub(crate) fn start(now: Millis) -> Self {
        let me = NodeId(1);
        let member = MemberConfig { id: me, datacenter: "d".into(), rack: "r".into() };
        let config = Config {
            me,
            incarnation: Incarnation(1),
            datacenter: "d".into(),
            members: vec![member],
            cluster: 1,
            secret: ContextKey::new([1; 16]),
            shard_count: 16,
            replication: 1,
            request_timeout_ms: 500,
            exchange_interval_ms: 1_000,
            gossip: GossipConfig::default(),
            coordination: node::CoordinationConfig::default(),
            verification: node::VerificationConfig::default(),
        };
        let node = Node::open(config, MemoryStore::new(), &[], now).expect("an empty store");
        Self { node, now, asked: 0 }
    }

    /// Carries a call out.
    pub(crate) fn carry_out(&mut self, call: Call) -> Outcome {
        self.asked += 1;
        let request = RequestId(self.asked);
        let mut out = Outbox::default();
        self.node.handle(self.now, Event::Called { request, call }, &mut out);
        let answered = out.replies.into_iter().find(|(replied, _)| *replied == request);
        answered.expect("a node that waits for nobody answers at once").1
    }
}
