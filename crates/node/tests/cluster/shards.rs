//! Operations on whole shards: walking keys and clearing, at owners and through other nodes.

use std::collections::BTreeSet;

use api::{CallError, Lifetime, Operation, Outcome, Position, SetCondition, ShardOperation};
use causality::Millis;
use cells::Keyspace;

use crate::net::{Net, call, id};

const SHARDS: u16 = 16;

fn set(lifetime: Lifetime) -> Operation {
    Operation::Set { value: b"v".to_vec(), lifetime, condition: SetCondition::Always }
}

fn on_shard(net: &mut Net, node: u32, shard: u16, operation: ShardOperation) -> Outcome {
    net.ask(id(node), call("", Operation::OnShard { shard, operation }))
}

/// Walks every shard with small steps, each asked of another node; `between` runs between steps.
fn walk(net: &mut Net, count_max: u32, mut between: impl FnMut(&mut Net)) -> Vec<String> {
    let mut found = Vec::new();
    let nodes = u32::try_from(net.nodes.len()).unwrap();
    for shard in 0..SHARDS {
        let mut from = Some(Position::default());
        while let Some(at) = from {
            let node = 1 + u32::try_from(found.len()).unwrap() % nodes;
            let operation = ShardOperation::Keys { from: at, count_max };
            let outcome = on_shard(net, node, shard, operation);
            let Outcome::Keys { keys, next } = outcome else { panic!("{outcome:?}") };
            assert!(keys.len() <= count_max as usize, "keys do not share places here");
            assert!(next.is_none_or(|next| next > at), "a walk goes on");
            found.extend(keys.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()));
            from = next;
            between(net);
        }
    }
    found
}

fn count(net: &mut Net, node: u32) -> u64 {
    let mut sum = 0;
    for shard in 0..SHARDS {
        let mut from = Some(Position::default());
        while let Some(at) = from {
            let operation = ShardOperation::Count { from: at, count_max: 3 };
            let outcome = on_shard(net, node, shard, operation);
            let Outcome::Counted { count, next } = outcome else { panic!("{outcome:?}") };
            sum += count;
            from = next;
        }
    }
    sum
}

#[test]
fn a_walk_meets_every_key_once_whichever_nodes_it_asks() {
    for seed in 0..5 {
        let mut net = Net::start(&[5], seed);
        let keys: BTreeSet<String> = (0..200).map(|number| format!("key-{number}")).collect();
        for key in &keys {
            let outcome = net.ask(id(1), call(key, set(Lifetime::Forever)));
            assert_eq!(outcome, Outcome::Done, "seed {seed}");
        }
        net.run(100);
        let found = walk(&mut net, 7, |_| {});
        assert_eq!(found.len(), 200, "seed {seed}");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), keys, "seed {seed}");
        for node in 1..=5 {
            assert_eq!(count(&mut net, node), 200, "seed {seed}");
        }
    }
}

/// Others come and go between any two steps, and collections have many rows for one key.
#[test]
fn keys_that_stay_are_found_while_others_come_and_go() {
    for seed in 0..5 {
        let mut net = Net::start(&[3], seed);
        let stays = |number: u32| format!("stays-{number}");
        for number in 0..60 {
            let members = (0..100_u32).map(|member| member.to_be_bytes().to_vec()).collect();
            let operation = match number % 2 {
                0 => set(Lifetime::Forever),
                _ => Operation::SetAdd { members },
            };
            net.ask(id(1), call(&stays(number), operation));
        }
        let mut rng = fastrand::Rng::with_seed(seed);
        let found = walk(&mut net, 2, |net| {
            let other = format!("other-{}", rng.u32(..50));
            let operation = if rng.bool() { set(Lifetime::Forever) } else { Operation::Delete };
            net.ask(id(rng.u32(1..=3)), call(&other, operation));
        });
        for number in 0..60 {
            let times = found.iter().filter(|key| **key == stays(number)).count();
            assert_eq!(times, 1, "seed {seed}: {}", stays(number));
        }
    }
}

#[test]
fn what_has_expired_or_was_deleted_is_no_key_of_the_walk() {
    let mut net = Net::start(&[3], 1);
    let end = Millis(net.now.0 + 400);
    net.ask(id(1), call("ends", set(Lifetime::Until(end))));
    net.ask(id(1), call("deleted", set(Lifetime::Forever)));
    net.ask(id(1), call("stays", set(Lifetime::Forever)));
    net.ask(id(1), call("deleted", Operation::Delete));
    net.run(50);
    assert_eq!(count(&mut net, 2), 2);
    net.run(500);
    assert_eq!(walk(&mut net, 10, |_| {}), ["stays"]);
}

#[test]
fn a_clear_takes_what_was_there_and_only_of_its_keyspaces() {
    let mut net = Net::start(&[5], 2);
    for number in 0..100 {
        net.ask(id(1), call(&format!("key-{number}"), set(Lifetime::Forever)));
        let mut other = call(&format!("key-{number}"), set(Lifetime::Forever));
        other.keyspace = Keyspace(2);
        net.ask(id(1), other);
    }
    for shard in 0..SHARDS {
        let operation = ShardOperation::Clear { keyspaces: vec![Keyspace(1), Keyspace(3)] };
        assert_eq!(on_shard(&mut net, 4, shard, operation), Outcome::Done);
    }
    net.ask(id(1), call("new", set(Lifetime::Forever)));
    net.run(3_000);
    assert!(net.is_converged());
    assert_eq!(walk(&mut net, 10, |_| {}), ["new"]);
    let mut other = call("key-7", Operation::Exists);
    other.keyspace = Keyspace(2);
    assert_eq!(net.ask(id(3), other), Outcome::Integer(1));
}

#[test]
fn a_shard_that_is_none_and_a_key_that_is_none_are_refused() {
    let mut net = Net::start(&[3], 3);
    let outcome = on_shard(&mut net, 1, SHARDS, ShardOperation::Clear { keyspaces: vec![] });
    assert_eq!(outcome, Outcome::Failed(CallError::NoOwner));
    let outcome = net.ask(id(1), call("", Operation::Get));
    assert_eq!(outcome, Outcome::Failed(CallError::EmptyKey));
}
