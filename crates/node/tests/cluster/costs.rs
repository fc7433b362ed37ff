//! What one command costs in rows that are read, written or passed over, in small collections and
//! in large ones: writes of elements and counts must cost the same.

use api::{
    Amount, Call, Counted, Level, ListEnd, ListOperation, Operation, Order, Outcome, Pick,
    PushRule, Score, ScoreRule, ZsetOperation, ZsetRange,
};
use causality::{ContextKey, Incarnation, Millis, NodeId};
use cells::Keyspace;
use node::{
    Config, CoordinationConfig, Event, GossipConfig, MemberConfig, Node, Outbox, RequestId,
};
use storage::{EntryId, MemoryStore, Row, ScanControl, Store, StoreError};

/// How many elements the large collections have.
const LARGE: u32 = 4_000;

/// A store that counts the rows it touches.
#[derive(Debug)]
struct Counting {
    inner: MemoryStore,
    touched: u64,
}

impl Store for Counting {
    fn get(&mut self, row: Row<'_>) -> Result<Option<&[u8]>, StoreError> {
        self.touched += 1;
        self.inner.get(row)
    }

    fn put(&mut self, row: Row<'_>, value: &[u8]) -> Result<(), StoreError> {
        self.touched += 1;
        self.inner.put(row, value)
    }

    fn delete(&mut self, row: Row<'_>) -> Result<(), StoreError> {
        self.touched += 1;
        self.inner.delete(row)
    }

    fn scan_group(
        &mut self,
        from: Row<'_>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ScanControl,
    ) -> Result<(), StoreError> {
        let touched = &mut self.touched;
        self.inner.scan_group(from, &mut |column, row| {
            *touched += 1;
            visit(column, row)
        })
    }

    fn scan_group_back(
        &mut self,
        from: Row<'_>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ScanControl,
    ) -> Result<(), StoreError> {
        let touched = &mut self.touched;
        self.inner.scan_group_back(from, &mut |column, row| {
            *touched += 1;
            visit(column, row)
        })
    }

    fn scan_shard(
        &mut self,
        shard: u16,
        from_group: &[u8],
        visit: &mut dyn FnMut(Row<'_>, &[u8]) -> ScanControl,
    ) -> Result<(), StoreError> {
        let touched = &mut self.touched;
        self.inner.scan_shard(shard, from_group, &mut |row, value| {
            *touched += 1;
            visit(row, value)
        })
    }

    fn append(&mut self, shard: u16, id: EntryId, record: &[u8]) -> Result<(), StoreError> {
        self.inner.append(shard, id, record)
    }

    fn entry(&mut self, shard: u16, id: EntryId, record: &mut Vec<u8>) -> Result<bool, StoreError> {
        self.inner.entry(shard, id, record)
    }

    fn forget(&mut self, shard: u16, actor: u64, through: u64) -> Result<(), StoreError> {
        self.inner.forget(shard, actor, through)
    }

    fn set_state(&mut self, shard: u16, state: &[u8]) -> Result<(), StoreError> {
        self.inner.set_state(shard, state)
    }

    fn state(&mut self, shard: u16) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.state(shard)
    }

    fn drop_groups(&mut self, shard: u16, from: &[u8], to: &[u8]) -> Result<(), StoreError> {
        self.inner.drop_groups(shard, from, to)
    }

    fn drop_shard(&mut self, shard: u16) -> Result<(), StoreError> {
        self.inner.drop_shard(shard)
    }
}

/// One node that owns everything.
struct Lone {
    node: Node<Counting>,
    asked: u64,
}

impl Lone {
    fn start() -> Self {
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
            coordination: CoordinationConfig::default(),
            verification: node::VerificationConfig::default(),
        };
        let store = Counting { inner: MemoryStore::new(), touched: 0 };
        Self { node: Node::open(config, store, &[], Millis(1_000_000)).unwrap(), asked: 0 }
    }

    /// Carries an operation out; returns how many rows it touched.
    fn cost(&mut self, operation: Operation) -> u64 {
        self.asked += 1;
        let request = RequestId(self.asked);
        let call = Call {
            keyspace: Keyspace(1),
            key: b"k".to_vec(),
            read: Level::One,
            write: Level::One,
            session: None,
            staleness: None,
            operation,
        };
        let before = self.node.store_mut().touched;
        let mut out = Outbox::default();
        self.node.handle(Millis(1_000_000), Event::Called { request, call }, &mut out);
        let failed = out.replies.iter().any(|(_, reply)| matches!(reply, Outcome::Failed(_)));
        assert!(!failed && out.replies.len() == 1, "{:?}", out.replies);
        self.node.store_mut().touched - before
    }
}

fn name(number: u32) -> Vec<u8> {
    format!("element:{number}").into_bytes()
}

fn score(number: u32) -> Score {
    Score::new(f64::from(number % 100)).unwrap()
}

/// A type's name, a write of its numbered element, and how its elements are counted.
type Kind = (&'static str, fn(u32) -> Operation, Option<Operation>);

/// What writes one element of each kind of collection, and what counts them.
fn kinds() -> [Kind; 6] {
    let list_count = Operation::List(ListOperation::Count);
    let zset_count = || Operation::Zset(ZsetOperation::Count);
    [
        ("set", |n| Operation::SetAdd { members: vec![name(n)] }, Some(Operation::SetCount)),
        (
            "map",
            |n| Operation::MapSet { fields: vec![(name(n), name(n))] },
            Some(Operation::MapCount),
        ),
        ("counters in a map", |n| Operation::MapIncrement { field: name(n), by: 1 }, None),
        (
            "sorted set",
            |n| {
                let (members, rule) = (vec![(score(n), name(n))], ScoreRule::default());
                Operation::Zset(ZsetOperation::Add { members, rule, counted: Counted::New })
            },
            Some(zset_count()),
        ),
        (
            "sorted set of increments",
            |n| {
                let (member, by, rule) = (name(n), score(n + 1), ScoreRule::default());
                Operation::Zset(ZsetOperation::Increment { member, by, rule })
            },
            Some(zset_count()),
        ),
        (
            "list",
            |n| {
                let (end, rule) = (ListEnd::Back, PushRule::Always);
                Operation::List(ListOperation::Push { end, values: vec![name(n)], rule })
            },
            Some(list_count),
        ),
    ]
}

#[test]
fn elements_cost_the_same_in_a_large_collection_as_in_a_small_one() {
    for (kind, write, count) in kinds() {
        let mut lone = Lone::start();
        let costs: Vec<u64> = (0..LARGE).map(|number| lone.cost(write(number))).collect();
        // The very first elements find nothing, and cost less.
        let first: u64 = costs[100..600].iter().sum();
        let last: u64 = costs[costs.len() - 500..].iter().sum();
        assert!(last * 10 <= first * 11, "{kind}: 500 elements cost {first}, later {last}");
        if let Some(count) = count {
            let cost = lone.cost(count);
            assert!(cost < 12, "counting the elements of a {kind} touches {cost} rows");
        }
    }
}

#[test]
fn ends_of_a_large_sorted_set_and_members_at_random_cost_little() {
    let (_, write, _) = kinds()[3];
    let mut lone = Lone::start();
    (0..LARGE).for_each(|number| _ = lone.cost(write(number)));
    let range = |start, stop| {
        let range = ZsetRange::Rank { start, stop };
        let order = Order::Rising;
        Operation::Zset(ZsetOperation::Range { range, order, skip: 0, limit: u64::MAX })
    };
    for (start, stop) in [(0, 99), (-100, -1)] {
        let cost = lone.cost(range(start, stop));
        assert!(cost < 130, "a hundred members from {start} on touch {cost} rows");
    }
    let pick = Pick { amount: Amount::Distinct(1), seed: 3 };
    let cost = lone.cost(Operation::Zset(ZsetOperation::Pick { pick }));
    assert!(cost < 100, "one member at random touches {cost} rows");
}

#[test]
fn a_member_popped_at_random_costs_little() {
    let mut lone = Lone::start();
    (0..LARGE).for_each(|n| _ = lone.cost(Operation::SetAdd { members: vec![name(n)] }));
    for seed in 0..100 {
        let cost = lone.cost(Operation::SetPop { limit: 1, seed });
        assert!(cost < 100, "one member touches {cost} rows");
    }
}
