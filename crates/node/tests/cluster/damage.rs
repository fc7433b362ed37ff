//! Shards whose rows are not to be trusted: nobody is told that something is not there, nothing is
//! lost that the log still tells, and the shard is fetched again from whoever has all of it.

use api::{Level, Lifetime, Operation, Outcome, SetCondition};
use node::{Mutation, Notice};
use wire::shard::LostVersion;

use crate::net::{Net, call, id};

/// What a check found.
type Found = Result<(), String>;

const KEYS: u64 = 60;

fn check(holds: bool, what: impl Fn() -> String) -> Found {
    if holds { Ok(()) } else { Err(what()) }
}

fn set(value: u64) -> Operation {
    let (lifetime, condition) = (Lifetime::Forever, SetCondition::Always);
    Operation::Set { value: value.to_le_bytes().into(), lifetime, condition }
}

fn at(level: Level, key: &str, operation: Operation) -> api::Call {
    let mut call = call(key, operation);
    (call.read, call.write) = (level, level);
    call
}

fn value(value: u64) -> Outcome {
    Outcome::Value(value.to_le_bytes().into())
}

/// Three owners with some keys.
fn start(seed: u64, mutation: Option<Mutation>) -> Net {
    let mut net = Net::start_with(&[3], seed, |config| config.verification.period_ms = 10_000);
    net.mutate(mutation);
    for at in 0..KEYS {
        let node = id(u32::try_from(at % 3).unwrap() + 1);
        assert_eq!(net.ask(node, call(&format!("k{at}"), set(at))), Outcome::Done);
    }
    net.run(3_000);
    net
}

/// Loses a row of a shard at a node, and makes another senseless.
fn damage(net: &mut Net, node: u32, shard: u16) {
    let node = net.nodes.get_mut(&id(node)).unwrap();
    let live: Vec<LostVersion> = node.live_versions(shard);
    node.lose_row(shard, live[0].cell.borrow(), live[0].dot);
    node.garble(shard, &live[1]);
}

/// A shard with a few keys, and those.
fn shard_with_keys(net: &Net) -> (u16, Vec<u64>) {
    let keys_of = |shard: u16| -> Vec<u64> {
        (0..KEYS).filter(|at| net.shard_of(&format!("k{at}")) == shard).collect()
    };
    let shards = (0..16).map(|shard| (shard, keys_of(shard)));
    shards.into_iter().find(|(_, keys)| keys.len() > 3).expect("sixty keys in sixteen shards")
}

fn nothing_is_said_to_be_absent(net: &mut Net, node: u32, keys: &[u64]) -> Found {
    for at in keys {
        let outcome = net.ask(id(node), call(&format!("k{at}"), Operation::Get));
        let is_true = outcome == value(*at) || matches!(outcome, Outcome::Failed(_));
        check(is_true, || format!("k{at} at node {node}: {outcome:?}"))?;
    }
    Ok(())
}

fn all_is_there(net: &mut Net) -> Found {
    check(net.is_converged(), || "the owners do not hold the same".into())?;
    check(net.named_twice.is_empty(), || format!("named twice: {:?}", net.named_twice))?;
    for at in 0..KEYS {
        for node in 1..=3 {
            let outcome = net.ask(id(node), call(&format!("k{at}"), Operation::Get));
            check(outcome == value(at), || format!("k{at} at node {node}: {outcome:?}"))?;
        }
    }
    let damaged = net.nodes.values().map(|node| node.verification().damaged_count);
    let damaged: usize = damaged.sum();
    check(damaged == 0, || format!("{damaged} shards are damaged still"))
}

/// Keys of a shard that are not among the usual ones.
fn other_keys(net: &Net, shard: u16, count: usize) -> Vec<String> {
    let keys = (0..).map(|at| format!("alone{at}"));
    keys.filter(|key| net.shard_of(key) == shard).take(count).collect()
}

/// What only the damaged owner has takes several rounds to be given away.
fn much_is_known_to_the_damaged_alone(seed: u64, mutation: Option<Mutation>) -> Found {
    let mut net = start(seed, mutation);
    let (shard, _) = shard_with_keys(&net);
    net.isolate(id(2));
    let alone = other_keys(&net, shard, 6);
    let (lifetime, condition) = (Lifetime::Forever, SetCondition::Always);
    let large = Operation::Set { value: vec![7; 1 << 20], lifetime, condition };
    for key in &alone {
        let written = net.ask(id(2), at(Level::One, key, large.clone()));
        check(written == Outcome::Done, || format!("{written:?}"))?;
    }
    damage(&mut net, 2, shard);
    net.restart(id(2));
    net.slow_down(id(2), 400);
    net.heal();
    net.run(30_000);
    for key in &alone {
        for node in 1..=3 {
            let outcome = net.ask(id(node), call(key, Operation::Get));
            let is_there = matches!(&outcome, Outcome::Value(value) if value.len() == 1 << 20);
            check(is_there, || format!("{key} at node {node} is not there"))?;
        }
    }
    all_is_there(&mut net)
}

/// One owner is damaged, and has taken a write that no other owner has.
fn one_owner_is_damaged(seed: u64, mutation: Option<Mutation>) -> Found {
    let mut net = start(seed, mutation);
    let (shard, keys) = shard_with_keys(&net);
    net.isolate(id(2));
    let alone = other_keys(&net, shard, 1).remove(0);
    let written = net.ask(id(2), at(Level::One, &alone, set(7)));
    check(written == Outcome::Done, || format!("{written:?}"))?;
    damage(&mut net, 2, shard);
    net.restart(id(2));
    nothing_is_said_to_be_absent(&mut net, 2, &keys)?;
    net.run(5_000);
    nothing_is_said_to_be_absent(&mut net, 2, &keys)?;
    net.heal();
    for _ in 0..20 {
        nothing_is_said_to_be_absent(&mut net, 2, &keys)?;
        net.run(200);
    }
    net.run(10_000);
    for node in 1..=3 {
        let outcome = net.ask(id(node), call(&alone, Operation::Get));
        check(outcome == value(7), || format!("{alone} at node {node}: {outcome:?}"))?;
    }
    // What is minted there from now on has names that were never given.
    for at in &keys {
        net.ask(id(2), call(&format!("k{at}"), set(*at)));
    }
    net.run(5_000);
    all_is_there(&mut net)?;
    let rebuilt = net.nodes[&id(2)].verification().counts.rebuilt;
    check(rebuilt == 1, || format!("{rebuilt} shards rebuilt"))?;
    let is_told = |notice: &Notice| matches!(notice, Notice::Emptied { shard: at } if *at == shard);
    let told = net.notices.iter().filter(|(who, notice)| *who == id(2) && is_told(notice)).count();
    check(told == 1, || format!("told {told} times"))
}

/// Damage that is met by a read is found, and the shard is fetched again while the node runs.
fn found_while_it_runs(seed: u64, mutation: Option<Mutation>) -> Found {
    let mut net = start(seed, mutation);
    let (shard, keys) = shard_with_keys(&net);
    let node = net.nodes.get_mut(&id(2)).unwrap();
    let live = node.live_versions(shard);
    node.garble(shard, &live[1]);
    let outcomes: Vec<Outcome> =
        keys.iter().map(|at| net.ask(id(2), call(&format!("k{at}"), Operation::Get))).collect();
    let failed = outcomes.iter().filter(|one| matches!(one, Outcome::Failed(_))).count();
    check(failed == 1, || format!("{outcomes:?}"))?;
    net.run(15_000);
    all_is_there(&mut net)?;
    let counts = net.nodes[&id(2)].verification().counts;
    check(counts.rebuilt == 1, || format!("{counts:?}"))
}

/// Every owner is damaged: nothing is emptied, nothing is answered, until a person decides.
fn every_owner_is_damaged(seed: u64, mutation: Option<Mutation>) -> Found {
    let mut net = start(seed, mutation);
    let (shard, keys) = shard_with_keys(&net);
    for node in 1..=3 {
        damage(&mut net, node, shard);
        net.restart(id(node));
    }
    for _ in 0..10 {
        for node in 1..=3 {
            nothing_is_said_to_be_absent(&mut net, node, &keys)?;
        }
        net.run(3_000);
    }
    for node in net.nodes.values() {
        let status = node.verification();
        check(status.damaged_count == 1 && status.counts.rebuilt == 0, || format!("{status:?}"))?;
    }
    // Somebody takes what is left at one node for the truth; the others follow.
    let now = net.now;
    let node = net.nodes.get_mut(&id(2)).unwrap();
    check(node.accept_rows(now, shard + 1).is_err(), || "that shard is not damaged".into())?;
    let left = node.accept_rows(now, shard).map_err(|error| error.to_string())?;
    net.run(20_000);
    check(net.is_converged(), || "the owners do not hold the same".into())?;
    let mut shown = 0;
    for at in &keys {
        let first = net.ask(id(1), call(&format!("k{at}"), Operation::Get));
        shown += u64::from(first == value(*at));
        for node in 2..=3 {
            let outcome = net.ask(id(node), call(&format!("k{at}"), Operation::Get));
            check(outcome == first, || format!("k{at}: {outcome:?} and {first:?}"))?;
        }
    }
    check(shown == left && left == keys.len() as u64 - 2, || format!("{shown} of {left}"))?;
    let damaged = net.nodes.values().map(|node| node.verification().damaged_count);
    check(damaged.sum::<usize>() == 0, || "damaged still".into())
}

const SCENARIOS: [fn(u64, Option<Mutation>) -> Found; 4] = [
    one_owner_is_damaged,
    much_is_known_to_the_damaged_alone,
    found_while_it_runs,
    every_owner_is_damaged,
];

#[test]
fn a_damaged_shard_is_emptied_only_when_all_that_it_knew_is_elsewhere() {
    assert_eq!(much_is_known_to_the_damaged_alone(1, None), Ok(()));
}

#[test]
fn a_damaged_shard_is_not_used_and_fetched_again_with_nothing_lost() {
    (0..4).for_each(|seed| assert_eq!(one_owner_is_damaged(seed, None), Ok(()), "seed {seed}"));
}

#[test]
fn damage_that_a_read_meets_is_mended_while_the_node_runs() {
    (0..4).for_each(|seed| assert_eq!(found_while_it_runs(seed, None), Ok(()), "seed {seed}"));
}

#[test]
fn where_every_owner_is_damaged_a_person_decides() {
    (0..4).for_each(|seed| assert_eq!(every_owner_is_damaged(seed, None), Ok(()), "seed {seed}"));
}

#[test]
fn rules_that_are_wrong_on_purpose_are_noticed() {
    for mutation in Mutation::OF_DAMAGE {
        let noticed = SCENARIOS.iter().find_map(|run| run(1, Some(mutation)).err());
        println!("{mutation:?}: {}", noticed.expect("a wrong rule is noticed"));
    }
}
