//! Batches: order, isolation at one coordinator, checks, and through other nodes.

use api::{Batch, CallError, Check, Lifetime, Operation, Outcome, Part, SetCondition};
use cells::Keyspace;

use crate::net::{Net, call, id};

const KEYSPACE: Keyspace = Keyspace(1);

fn set(value: &str) -> Operation {
    let (lifetime, condition) = (Lifetime::Forever, SetCondition::Always);
    Operation::Set { value: value.into(), lifetime, condition }
}

fn part(key: &str, operation: Operation) -> Part {
    Part { keyspace: KEYSPACE, key: key.into(), operation }
}

fn batch(net: &mut Net, node: u32, checks: Vec<Check>, parts: Vec<Part>) -> Outcome {
    net.ask(id(node), call("{a}", Operation::Batch(Batch { checks, parts })))
}

fn version(net: &mut Net, node: u32, key: &str) -> i64 {
    match net.ask(id(node), call(key, Operation::Version)) {
        Outcome::Integer(version) => version,
        other => panic!("{other:?}"),
    }
}

#[test]
fn parts_see_what_the_parts_before_them_did() {
    for node in 1..=5 {
        let mut net = Net::start(&[5], u64::from(node));
        let parts = vec![
            part("{a}1", set("5")),
            part("{a}1", Operation::Increment { by: 2 }),
            part("{a}2", set("x")),
            part("{a}2", Operation::Increment { by: 1 }),
            part("{a}1", Operation::Get),
            part("{a}2", Operation::Get),
        ];
        let expected = vec![
            Outcome::Done,
            Outcome::Integer(7),
            Outcome::Done,
            Outcome::Failed(CallError::NotAnInteger),
            Outcome::Value(b"7".to_vec()),
            Outcome::Value(b"x".to_vec()),
        ];
        assert_eq!(batch(&mut net, node, vec![], parts), Outcome::Batch(expected), "{node}");
        net.run(3_000);
        assert!(net.is_converged());
    }
}

#[test]
fn a_key_that_has_changed_stops_everything() {
    let mut net = Net::start(&[3], 1);
    let changes = [
        set("v"),
        set("v"),
        Operation::Increment { by: 0 },
        Operation::Delete,
        Operation::SetAdd { members: vec![b"m".to_vec()] },
        Operation::SetAdd { members: vec![b"n".to_vec()] },
        Operation::SetRemove { members: vec![b"m".to_vec()] },
        Operation::ExpireAt { at: causality::Millis(1 << 40) },
    ];
    assert_eq!(version(&mut net, 1, "{a}"), 0, "no key");
    for change in changes {
        let before = version(&mut net, 1, "{a}");
        let check = || vec![Check { keyspace: KEYSPACE, key: b"{a}".to_vec(), version: before }];
        let done = batch(&mut net, 1, check(), vec![part("{a}other", set("done"))]);
        assert_eq!(done, Outcome::Batch(vec![Outcome::Done]), "before {change:?}");
        let outcome = net.ask(id(1), call("{a}", change.clone()));
        if matches!(outcome, Outcome::Failed(_)) {
            continue;
        }
        let stopped = batch(&mut net, 1, check(), vec![part("{a}other", Operation::Delete)]);
        assert_eq!(stopped, Outcome::Nothing, "after {change:?}");
        let kept = net.ask(id(1), call("{a}other", Operation::Exists));
        assert_eq!(kept, Outcome::Integer(1), "after {change:?}");
    }
}

/// Every owner names the same version once it has the same operations.
#[test]
fn owners_that_hold_the_same_name_the_same_version() {
    let mut net = Net::start(&[3], 2);
    net.ask(id(1), call("{a}", Operation::SetAdd { members: vec![b"m".to_vec()] }));
    net.run(100);
    let versions: Vec<i64> = (1..=3).map(|node| version(&mut net, node, "{a}")).collect();
    assert_ne!(versions[0], 0);
    assert!(versions.iter().all(|one| *one == versions[0]), "{versions:?}");
}

/// Two clients of one node that check and write: one of two goes through, always.
#[test]
fn of_two_that_checked_the_same_one_writes() {
    let mut net = Net::start(&[3], 3);
    net.ask(id(1), call("{a}", set("0")));
    for round in 0..50 {
        let before = version(&mut net, 1, "{a}");
        let check = Check { keyspace: KEYSPACE, key: b"{a}".to_vec(), version: before };
        let increment = part("{a}", Operation::Increment { by: 1 });
        let both = Batch { checks: vec![check], parts: vec![increment] };
        let first = net.ask_later(id(1), call("{a}", Operation::Batch(both.clone())));
        let second = net.ask(id(1), call("{a}", Operation::Batch(both)));
        net.run(500);
        let replies = net.take_replies();
        let (_, first, _) = replies.into_iter().find(|(one, ..)| *one == first).unwrap();
        // Either may be the first to have looked at what the other owners have.
        let refused = [first, second].iter().filter(|one| **one == Outcome::Nothing).count();
        assert_eq!(refused, 1, "round {round}");
    }
    let sum = net.ask(id(1), call("{a}", Operation::Get));
    assert_eq!(sum, Outcome::Value(b"50".to_vec()));
}

#[test]
fn what_is_no_part_of_the_shard_is_refused_and_the_rest_is_done() {
    let mut net = Net::start(&[3], 4);
    let elsewhere = (0..100).map(|number| format!("key-{number}"));
    let parts: Vec<Part> = elsewhere.map(|key| part(&key, set("v"))).collect();
    let Outcome::Batch(outcomes) = batch(&mut net, 1, vec![], parts) else { panic!("a batch") };
    let refused = Outcome::Failed(CallError::NoOwner);
    assert!(outcomes.contains(&refused) && outcomes.contains(&Outcome::Done));
    let nested = Operation::Batch(Batch::default());
    let outcome = batch(&mut net, 1, vec![], vec![part("{a}", nested), part("", set("v"))]);
    let empty = || Outcome::Failed(CallError::EmptyKey);
    assert_eq!(outcome, Outcome::Batch(vec![empty(), empty()]));
}
