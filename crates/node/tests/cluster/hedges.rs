//! Calls that are handed on: to whom, and when to a second owner besides.

use api::{Call, Level, Operation, Outcome};
use causality::NodeId;
use node::Mutation;

use crate::net::{Net, call};

fn at_one(operation: Operation) -> Call {
    let mut call = call("k", operation);
    (call.read, call.write) = (Level::One, Level::One);
    call
}

/// A cluster, a node that owns nothing of the key, and it knows how fast the owners are.
fn warm(seed: u64, mutation: Option<Mutation>) -> (Net, NodeId, Vec<NodeId>) {
    let mut net = Net::start(&[6], seed);
    net.mutate(mutation);
    net.run(2_000);
    let owners = net.owners("k");
    let other = net.nodes.keys().copied().find(|node| !owners.contains(node)).unwrap();
    for _ in 0..150 {
        net.ask(other, at_one(Operation::Get));
    }
    (net, other, owners)
}

fn hedges(net: &Net, node: NodeId) -> node::HedgeCounts {
    net.nodes[&node].status().hedges
}

#[test]
fn a_read_does_not_wait_for_an_owner_that_stands_still() {
    for seed in 0..6 {
        let (mut net, other, owners) = warm(seed, None);
        let before = hedges(&net, other);
        net.freeze(owners[0]);
        for _ in 0..6 {
            let started = net.now;
            assert_eq!(net.ask(other, at_one(Operation::Get)), Outcome::Nothing);
            let took = net.now.0 - started.0;
            assert!(took < 60, "seed {seed}: {took} ms");
        }
        let now = hedges(&net, other);
        assert!(now.asked > before.asked && now.won > before.won, "{before:?}, {now:?}");
    }
}

#[test]
fn second_questions_are_a_small_part_of_all() {
    let (net, other, _) = warm(1, None);
    let asked = hedges(&net, other).asked;
    assert!(asked * 20 <= 150, "{asked} of 150");
}

#[test]
fn the_owner_that_answers_fast_is_asked() {
    for seed in 0..4 {
        let mut net = Net::start(&[6], seed);
        net.run(2_000);
        let owners = net.owners("k");
        let other = net.nodes.keys().copied().find(|node| !owners.contains(node)).unwrap();
        net.slow_down(owners[0], 60);
        for _ in 0..200 {
            net.ask(other, at_one(Operation::Get));
        }
        let before = net.forwards_sent_to(owners[0]);
        for _ in 0..100 {
            net.ask(other, at_one(Operation::Get));
        }
        assert_eq!(net.forwards_sent_to(owners[0]), before, "seed {seed}: it is slow");
        net.slow_down(owners[0], 0);
        net.run(25_000);
        for _ in 0..100 {
            net.ask(other, at_one(Operation::Get));
        }
        assert!(net.forwards_sent_to(owners[0]) > before, "seed {seed}: it is tried again");
    }
}

/// The owner that carries a write out stands still for a while.
pub fn a_slow_write_is_carried_out_once(
    seed: u64,
    mutation: Option<Mutation>,
) -> Result<(), String> {
    let (mut net, other, owners) = warm(seed, mutation);
    let slow = owners[usize::try_from(seed % 3).unwrap()];
    net.freeze(slow);
    for _ in 0..3 {
        net.ask_later(other, at_one(Operation::Increment { by: 1 }));
    }
    net.run(200);
    net.thaw(slow);
    net.run(20_000);
    let sum = net.ask(owners[0], at_one(Operation::Get));
    let most = Outcome::Value(b"3".to_vec());
    if sum == most { Ok(()) } else { Err(format!("{sum:?} after three increments")) }
}

/// The owner stands still until the client was told that it did not answer.
pub fn what_nobody_waits_for_is_left_undone(
    seed: u64,
    mutation: Option<Mutation>,
) -> Result<(), String> {
    let (mut net, other, owners) = warm(seed, mutation);
    owners.iter().for_each(|owner| net.freeze(*owner));
    let outcome = net.ask(other, at_one(Operation::Increment { by: 1 }));
    if outcome != Outcome::Failed(api::CallError::Unanswered) {
        return Err(format!("{outcome:?}"));
    }
    owners.iter().for_each(|owner| net.thaw(*owner));
    net.run(5_000);
    let value = net.ask(owners[0], at_one(Operation::Get));
    let late: u64 = net.nodes.values().map(|node| node.status().late_count).sum();
    if value == Outcome::Nothing && late == 1 { Ok(()) } else { Err(format!("{value:?}, {late}")) }
}
