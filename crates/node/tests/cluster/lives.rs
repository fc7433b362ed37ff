//! Nodes that are put back to their own past: they begin a new life, no name ever stands for two
//! operations, and what was acknowledged stays.

use std::collections::BTreeMap;

use api::{Level, Lifetime, Operation, Outcome, SetCondition};
use causality::Incarnation;
use node::{Mutation, Notice};
use storage::MemoryStore;

use crate::net::{Net, call, id};

/// What a check found.
type Found = Result<(), String>;

/// Every value that was acknowledged.
type Acknowledged = BTreeMap<String, u64>;

fn set(value: u64) -> Operation {
    let (lifetime, condition) = (Lifetime::Forever, SetCondition::Always);
    Operation::Set { value: value.to_le_bytes().into(), lifetime, condition }
}

fn check(holds: bool, what: impl Fn() -> String) -> Found {
    if holds { Ok(()) } else { Err(what()) }
}

fn start(seed: u64, mutation: Option<Mutation>) -> Net {
    let mut net = Net::start_with(&[3], seed, |config| config.verification.period_ms = 10_000);
    net.mutate(mutation);
    net
}

/// Writes some of a few keys through one node.
fn write(net: &mut Net, node: u32, count: u64, acknowledged: &mut Acknowledged) -> Found {
    for _ in 0..count {
        let (key, value) = (format!("k{}", net.random(0..40)), net.random(1..u64::MAX));
        let mut write = call(&key, set(value));
        write.write = Level::Quorum;
        let outcome = net.ask(id(node), write);
        check(outcome == Outcome::Done, || format!("{key} at node {node}: {outcome:?}"))?;
        acknowledged.insert(key, value);
    }
    Ok(())
}

fn all_is_there(net: &mut Net, acknowledged: &Acknowledged) -> Found {
    net.run(15_000);
    check(net.is_converged(), || "the owners do not hold the same".into())?;
    check(net.named_twice.is_empty(), || format!("named twice: {:?}", net.named_twice))?;
    for (key, value) in acknowledged {
        for node in 1..=3 {
            let expected = Outcome::Value(value.to_le_bytes().into());
            let outcome = net.ask(id(node), call(key, Operation::Get));
            check(outcome == expected, || format!("{key} at node {node}: {outcome:?}"))?;
        }
    }
    Ok(())
}

fn told(net: &Net, is: fn(&Notice) -> bool) -> usize {
    net.notices.iter().filter(|(who, notice)| *who == id(2) && is(notice)).count()
}

/// A copy of the data is put back, and nothing here tells that it is one.
fn a_copy_is_put_back(seed: u64, mutation: Option<Mutation>) -> Found {
    let (mut net, mut acknowledged) = (start(seed, mutation), Acknowledged::new());
    write(&mut net, 2, 40, &mut acknowledged)?;
    let copy = net.copy_of(id(2));
    (1..=3).try_for_each(|node| write(&mut net, node, 40, &mut acknowledged))?;
    net.put_back(id(2), copy);
    net.run(1_500);
    write(&mut net, 2, 60, &mut acknowledged)?;
    all_is_there(&mut net, &acknowledged)?;
    let life = net.life_of(id(2));
    check(life == 2, || format!("life {life}"))?;
    let begun = net.nodes[&id(2)].status().lives_begun;
    check(begun == 1, || format!("{begun} lives begun"))?;
    let count = told(&net, |notice| matches!(notice, Notice::BehindItself { .. }));
    check(count == 1, || format!("told {count} times: {:?}", net.notices))
}

/// The copy is of a life whose names are retired by now.
fn the_life_is_over(seed: u64, mutation: Option<Mutation>) -> Found {
    let (mut net, mut acknowledged) = (start(seed, mutation), Acknowledged::new());
    write(&mut net, 2, 40, &mut acknowledged)?;
    let copy = net.copy_of(id(2));
    net.restart_as(id(2), 5);
    (1..=3).try_for_each(|node| write(&mut net, node, 20, &mut acknowledged))?;
    // The earlier life is retired meanwhile.
    net.run(10_000);
    net.put_back(id(2), copy);
    net.run(1_500);
    write(&mut net, 2, 60, &mut acknowledged)?;
    all_is_there(&mut net, &acknowledged)?;
    let life = net.life_of(id(2));
    check(life > 5, || format!("life {life}"))
}

/// A node is put back again and again, also to copies of the same life.
fn again_and_again(seed: u64, mutation: Option<Mutation>) -> Found {
    let (mut net, mut acknowledged) = (start(seed, mutation), Acknowledged::new());
    let mut copies: Vec<(MemoryStore, Incarnation)> = Vec::new();
    let mut lives = vec![1];
    for _ in 0..5 {
        write(&mut net, 2, 20, &mut acknowledged)?;
        copies.push(net.copy_of(id(2)));
        write(&mut net, 2, 20, &mut acknowledged)?;
        write(&mut net, 3, 5, &mut acknowledged)?;
        let at = usize::try_from(net.random(0..copies.len() as u64)).unwrap();
        let copy = copies[at].clone();
        net.put_back(id(2), copy);
        net.run(2_500);
        let life = net.life_of(id(2));
        check(!lives.contains(&life), || format!("life {life} is lived twice: {lives:?}"))?;
        lives.push(life);
    }
    write(&mut net, 2, 20, &mut acknowledged)?;
    all_is_there(&mut net, &acknowledged)
}

const SCENARIOS: [fn(u64, Option<Mutation>) -> Found; 3] =
    [a_copy_is_put_back, the_life_is_over, again_and_again];

#[test]
fn who_is_put_back_to_its_past_begins_a_new_life() {
    (0..6).for_each(|seed| assert_eq!(a_copy_is_put_back(seed, None), Ok(()), "seed {seed}"));
}

#[test]
fn a_life_that_is_over_is_not_lived_again() {
    (0..6).for_each(|seed| assert_eq!(the_life_is_over(seed, None), Ok(()), "seed {seed}"));
}

#[test]
fn no_life_is_lived_twice_however_often_a_node_is_put_back() {
    (0..6).for_each(|seed| assert_eq!(again_and_again(seed, None), Ok(()), "seed {seed}"));
}

#[test]
fn what_is_put_back_is_not_read_before_it_has_caught_up() {
    let (mut net, mut acknowledged) = (start(9, None), Acknowledged::new());
    write(&mut net, 2, 40, &mut acknowledged).unwrap();
    let copy = net.copy_of(id(2));
    (1..=3).for_each(|node| write(&mut net, node, 100, &mut acknowledged).unwrap());
    net.put_back(id(2), copy);
    // It hears of its past with the first beats, and from then on hands reads on.
    while net.nodes[&id(2)].status().lives_begun == 0 {
        net.run(1);
    }
    let mut old = 0;
    for (key, value) in &acknowledged {
        let outcome = net.ask(id(2), call(key, Operation::Get));
        old += usize::from(outcome != Outcome::Value(value.to_le_bytes().into()));
    }
    assert_eq!(old, 0, "reads that were answered from the past");
}

#[test]
fn rules_that_are_wrong_on_purpose_are_noticed() {
    for mutation in Mutation::OF_LIVES {
        for (at, run) in SCENARIOS.iter().enumerate() {
            let caught = (0..3).any(|seed| run(seed, Some(mutation)).is_err());
            assert!(caught, "scenario {at} does not notice {mutation:?}");
        }
    }
}
