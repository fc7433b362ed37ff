//! What a small cluster must do: levels, convergence, forwarding, taking over state.

use api::{CallError, Level, Lifetime, Operation, Outcome, SetCondition};

use crate::net::{Net, call, id};

fn set(value: &str) -> Operation {
    let (lifetime, condition) = (Lifetime::Forever, SetCondition::Always);
    Operation::Set { value: value.into(), lifetime, condition }
}

fn value(text: &str) -> Outcome {
    Outcome::Value(text.into())
}

#[test]
fn what_a_quorum_wrote_every_node_shows() {
    let mut net = Net::start(&[3], 1);
    assert_eq!(net.ask(id(1), call("k", set("v"))), Outcome::Done);
    net.run(50);
    for node in 1..=3 {
        assert_eq!(net.ask(id(node), call("k", Operation::Get)), value("v"));
    }
    assert!(net.is_converged());
}

#[test]
fn a_quorum_read_sees_a_quorum_write_at_once() {
    for seed in 0..200 {
        let mut net = Net::start(&[3], seed);
        assert_eq!(net.ask(id(1), call("k", set("v"))), Outcome::Done);
        let mut read = call("k", Operation::Get);
        read.read = Level::Quorum;
        assert_eq!(net.ask(id(3), read), value("v"), "seed {seed}");
    }
}

#[test]
fn a_cut_node_still_serves_one_and_says_what_quorum_lacks() {
    let mut net = Net::start(&[3], 2);
    net.cut(id(3), id(1));
    net.cut(id(3), id(2));
    assert_eq!(net.ask(id(1), call("k", set("majority"))), Outcome::Done);
    let refused = net.ask(id(3), call("k", set("minority")));
    let expected = CallError::NotEnoughReplicas {
        level: Level::LocalQuorum,
        needed: 2,
        owners: 3,
        answered: 1,
    };
    assert_eq!(refused, Outcome::Failed(expected));
    let mut at_one = call("k", set("alone"));
    at_one.write = Level::One;
    assert_eq!(net.ask(id(3), at_one), Outcome::Done);
    net.heal();
    net.run(3_000);
    assert!(net.is_converged());
    let siblings = net.ask(id(2), call("k", Operation::Siblings));
    let Outcome::Siblings(siblings) = siblings else { panic!("{siblings:?}") };
    assert_eq!(siblings.versions.len(), 2, "the loser of the tie stays inspectable");
    assert_eq!(siblings.versions[0].value, b"alone");
}

#[test]
fn increments_on_both_sides_of_a_cut_all_count() {
    let mut net = Net::start(&[3], 3);
    net.cut(id(1), id(2));
    net.cut(id(1), id(3));
    net.cut(id(2), id(3));
    for node in 1..=3 {
        for _ in 0..10 {
            let mut add = call("n", Operation::Increment { by: i64::from(node) });
            add.write = Level::One;
            assert!(matches!(net.ask(id(node), add), Outcome::Integer(_)));
        }
    }
    net.heal();
    net.run(3_000);
    for node in 1..=3 {
        assert_eq!(net.ask(id(node), call("n", Operation::Get)), value("60"));
    }
}

#[test]
fn adds_survive_a_concurrent_removal() {
    let mut net = Net::start(&[3], 4);
    let add = |member: &str| Operation::SetAdd { members: vec![member.into()] };
    assert_eq!(net.ask(id(1), call("s", add("a"))), Outcome::Integer(1));
    net.run(50);
    net.cut(id(1), id(2));
    net.cut(id(1), id(3));
    let mut again = call("s", add("a"));
    again.write = Level::One;
    assert_eq!(net.ask(id(1), again), Outcome::Integer(0));
    assert_eq!(net.ask(id(2), call("s", Operation::Delete)), Outcome::Integer(1));
    assert_eq!(net.ask(id(2), call("s", Operation::SetMembers)), Outcome::Values(vec![]));
    net.heal();
    net.run(3_000);
    let members = Outcome::Values(vec![b"a".to_vec()]);
    for node in 1..=3 {
        assert_eq!(net.ask(id(node), call("s", Operation::SetMembers)), members);
    }
}

#[test]
fn a_node_that_owns_nothing_of_a_key_hands_the_call_on() {
    let mut net = Net::start(&[6], 5);
    for number in 0..40 {
        let key = format!("key{number}");
        let writer = id(number % 6 + 1);
        let reader = id((number + 3) % 6 + 1);
        assert_eq!(net.ask(writer, call(&key, set("v"))), Outcome::Done, "{key}");
        let mut read = call(&key, Operation::Get);
        read.read = Level::Quorum;
        assert_eq!(net.ask(reader, read), value("v"), "{key}");
    }
    net.run(3_000);
    assert!(net.is_converged());
}

#[test]
fn each_quorum_needs_every_datacenter_and_local_quorum_only_its_own() {
    let mut net = Net::start(&[3, 3], 6);
    for left in 1..=3 {
        for right in 4..=6 {
            net.cut(id(left), id(right));
        }
    }
    assert_eq!(net.ask(id(1), call("k", set("near"))), Outcome::Done);
    let mut everywhere = call("k", set("far"));
    everywhere.write = Level::EachQuorum;
    let refused = net.ask(id(1), everywhere);
    assert!(matches!(refused, Outcome::Failed(CallError::NotEnoughReplicas { .. })));
    net.heal();
    net.run(3_000);
    assert_eq!(net.ask(id(5), call("k", Operation::Get)), value("near"));
    assert!(net.is_converged());
}

#[test]
fn an_expired_key_is_gone_everywhere_and_stays_gone() {
    let mut net = Net::start(&[3], 7);
    let until = Lifetime::Until(net.now.plus(2_000));
    let (value_, condition) = (b"v".to_vec(), SetCondition::Always);
    let brief = Operation::Set { value: value_, lifetime: until, condition };
    assert_eq!(net.ask(id(1), call("k", brief)), Outcome::Done);
    assert_eq!(net.ask(id(1), call("k", Operation::Get)), value("v"));
    net.run(30_000);
    for node in 1..=3 {
        assert_eq!(net.ask(id(node), call("k", Operation::Get)), Outcome::Nothing);
        assert_eq!(net.ask(id(node), call("k", Operation::Exists)), Outcome::Integer(0));
    }
    assert!(net.is_converged());
}

#[test]
fn logs_are_pruned_once_everybody_has_everything() {
    let mut net = Net::start(&[3], 8);
    for number in 0..200 {
        assert_eq!(net.ask(id(1), call(&format!("k{number}"), set("v"))), Outcome::Done);
    }
    net.run(5_000);
    for (node, held) in &mut net.nodes {
        let entries: usize = (0..16).map(|shard| held.store_mut().entry_count(shard)).sum();
        assert_eq!(entries, 0, "node {node:?} keeps what nobody needs");
    }
}

#[test]
fn one_seed_twice_is_the_same_run() {
    let run = || {
        let mut net = Net::start(&[3], 9);
        for number in 0..50u32 {
            let _ = net.ask_later(id(number % 3 + 1), call("k", set(&number.to_string())));
            net.run(3);
        }
        net.run(2_000);
        net.nodes.values().map(|node| format!("{:?}", node.shard_summaries())).collect::<String>()
    };
    assert_eq!(run(), run());
}
