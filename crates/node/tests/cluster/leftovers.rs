//! What deleted and ended keys leave behind goes, and nothing that shows changes by it.

use api::{Level, Lifetime, Operation, Outcome, SetCondition};
use causality::NodeId;
use node::{Loss, MemberChange, Mutation, QuorumMode};
use storage::{ScanControl, Store as _};

use crate::net::{Net, call, id};

/// What a check found.
type Found = Result<(), String>;

const SECOND_MS: u64 = 1_000;
const HOUR_MS: u64 = 3_600 * SECOND_MS;

fn check(holds: bool, what: impl Fn() -> String) -> Found {
    if holds { Ok(()) } else { Err(what()) }
}

fn at(level: Level, key: &str, operation: Operation) -> api::Call {
    let mut call = call(key, operation);
    (call.read, call.write) = (level, level);
    call
}

fn add(members: &[&str]) -> Operation {
    Operation::SetAdd { members: members.iter().map(|one| one.as_bytes().to_vec()).collect() }
}

fn set(value: &str) -> Operation {
    let (lifetime, condition) = (Lifetime::Forever, SetCondition::Always);
    Operation::Set { value: value.into(), lifetime, condition }
}

/// The rows of keys, at all nodes.
fn rows(net: &mut Net) -> usize {
    let mut count = 0;
    for node in net.nodes.values_mut() {
        for shard in 0..16 {
            let rows = node.store_mut().scan_shard(shard, &[0, 0, 0, 1], &mut |_, _| {
                count += 1;
                ScanControl::Continue
            });
            rows.expect("a store in memory");
        }
    }
    count
}

/// Beats are rare, so that days pass quickly.
fn slow(seed: u64, mutation: Option<Mutation>) -> Net {
    let mut net = Net::start_with(&[3], seed, |config| {
        config.exchange_interval_ms = 30 * SECOND_MS;
        config.gossip.interval_ms = 30 * SECOND_MS;
        config.verification.period_ms = 0;
    });
    net.mutate(mutation);
    net
}

fn members(net: &mut Net, node: NodeId, key: &str) -> usize {
    match net.ask(node, at(Level::One, key, Operation::SetMembers)) {
        Outcome::Values(values) => values.len(),
        _ => 0,
    }
}

fn number(net: &mut Net, node: NodeId, key: &str) -> Option<i64> {
    match net.ask(node, at(Level::One, key, Operation::Get)) {
        Outcome::Value(value) => String::from_utf8(value).unwrap().parse().ok(),
        _ => None,
    }
}

/// Sets, strings and counters end, are deleted, and begin anew.
fn everything_goes(seed: u64, mutation: Option<Mutation>) -> Found {
    let mut net = slow(seed, mutation);
    for at in 0..60u64 {
        let node = id(u32::try_from(net.random(0..3)).unwrap() + 1);
        let key = format!("k{}", at % 20);
        let operation = match at % 20 {
            0..=6 => add(&[&format!("m{at}"), &format!("n{at}")]),
            7..=12 => Operation::Increment { by: 3 },
            13..=15 => set("x"),
            _ => add(&["a", "b", "c", "d", "e", "f", "g"]),
        };
        net.ask(node, call(&key, operation));
    }
    // More cells than one beat empties.
    for chunk in 0..8 {
        let many: Vec<String> = (0..100).map(|at| format!("{chunk}-{at}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        net.ask(id(1), call("large", add(&many)));
    }
    let end = net.now.plus(60 * SECOND_MS);
    net.ask(id(2), call("large", Operation::ExpireAt { at: end }));
    for at in 0..20u64 {
        let node = id(u32::try_from(net.random(0..3)).unwrap() + 1);
        let operation =
            if at % 2 == 0 { Operation::ExpireAt { at: end } } else { Operation::Delete };
        net.ask(node, call(&format!("k{at}"), operation));
    }
    net.run(90 * SECOND_MS);
    // One of those that have ended, and one that was reset, begin anew.
    net.ask(id(1), call("k0", add(&["again"])));
    net.ask(id(2), call("k9", Operation::Increment { by: 5 }));
    net.run(26 * HOUR_MS);
    for node in 1..=3 {
        check(members(&mut net, id(node), "k0") == 1, || format!("node {node}: k0 changed"))?;
        let nine = number(&mut net, id(node), "k9");
        check(nine == Some(5), || format!("node {node}: {nine:?}"))?;
        let large = members(&mut net, id(node), "large");
        check(large == 0, || format!("node {node}: {large} members came back"))?;
    }
    check(net.is_converged(), || "not converged".into())?;
    // A member with its head, and an entry with its head.
    let left = rows(&mut net);
    check(left == 3 * 4, || format!("{left} rows are left"))?;
    net.ask(id(1), call("k0", Operation::Delete));
    net.ask(id(1), call("k9", Operation::Delete));
    net.run(HOUR_MS);
    let left = rows(&mut net);
    check(left == 0, || format!("{left} rows are left in the end"))
}

/// A key ends on one side of a cut and is given a longer life on the other, before its end.
fn a_longer_life_beyond_a_cut(seed: u64, mutation: Option<Mutation>) -> Found {
    let mut net = slow(seed, mutation);
    let owners = [1, 2, 3].map(id);
    let end = net.now.plus(120 * SECOND_MS);
    for key in ["a", "b"] {
        net.ask(id(1), call(key, add(&["x", "y"])));
        net.ask(id(1), call(key, Operation::ExpireAt { at: end }));
    }
    net.run(60 * SECOND_MS);
    net.isolate(id(3));
    let persisted = net.ask(id(3), at(Level::One, "a", Operation::Persist));
    check(persisted == Outcome::Integer(1), || format!("{persisted:?}"))?;
    // An element that nobody else hears of before the key has ended there.
    net.ask(id(3), at(Level::One, "b", add(&["late"])));
    net.run(HOUR_MS);
    check(members(&mut net, id(3), "a") == 2, || "it ended where it must not".into())?;
    net.heal();
    net.run(HOUR_MS);
    for node in owners {
        let shown = members(&mut net, node, "a");
        check(shown == 2, || format!("{node:?} shows {shown} of 2 members"))?;
        check(members(&mut net, node, "b") == 0, || format!("{node:?}: b came back"))?;
    }
    check(net.is_converged(), || "not converged".into())
}

/// An increment is kept by a stand-in alone when its owner is lost and removed, and the counter is
/// reset meanwhile. The increment counts when it comes, and what was reset does not. Nothing when
/// the placement does not give the roles that this takes.
fn an_increment_outlives_its_actor(
    key: &str,
    (gone, keeper): (usize, usize),
    mutation: Option<Mutation>,
) -> Result<Option<()>, String> {
    let mut net = Net::start_with(&[5], 1, |config| {
        config.coordination.quorum = QuorumMode::Sloppy;
        config.verification.period_ms = 0;
    });
    net.mutate(mutation);
    net.run(3_000);
    let owners = net.owners(key);
    let gone = owners[gone];
    let others: Vec<NodeId> = owners.into_iter().filter(|owner| *owner != gone).collect();
    let is_stranger = |node: &NodeId| *node != gone && !others.contains(node);
    let strangers: Vec<NodeId> = net.nodes.keys().copied().filter(is_stranger).collect();
    let (keeper, gainer) = (strangers[keeper], strangers[1 - keeper]);
    net.ask(gone, at(Level::All, key, Operation::Increment { by: 5 }));
    net.run(2_000);
    // Its owner sees the keeper alone, which stands in for somebody, and is lost then.
    for other in [others[0], others[1], gainer] {
        net.cut(gone, other);
        net.cut(keeper, other);
    }
    let outcome = net.ask(gone, at(Level::Quorum, key, Operation::Increment { by: 2 }));
    check(outcome == Outcome::Integer(7), || format!("{outcome:?}"))?;
    net.kill(gone);
    let reset = net.ask(others[0], at(Level::One, key, Operation::Delete));
    check(reset == Outcome::Integer(1), || format!("{reset:?}"))?;
    net.run(60_000);
    let order = MemberChange::Remove(gone, Loss::Accepted);
    let now = net.now;
    let node = net.nodes.get_mut(&others[0]).unwrap();
    node.change_members(now, &order).map_err(|error| error.to_string())?;
    net.run(300_000);
    let shard = net.shard_of(key);
    if net.nodes[&others[0]].owners()[usize::from(shard)].contains(&keeper) {
        return Ok(None);
    }
    // The actor of who was removed is retired, and what is left of the counter is tidied up.
    for node in [others[0], others[1], gainer] {
        let clocks = net.nodes[&node].open_clocks().into_iter().filter(|(held, _)| *held == shard);
        let mut named =
            clocks.flat_map(|(_, clock)| clock.iter().map(|(actor, _)| actor).collect::<Vec<_>>());
        check(named.all(|actor| actor.node() != gone), || {
            format!("a clock of {node:?} names who was removed")
        })?;
    }
    net.heal();
    net.run(120_000);
    for node in [others[0], others[1], gainer] {
        let shown = number(&mut net, node, key);
        check(shown == Some(2), || format!("{node:?} shows {shown:?} instead of 2"))?;
    }
    check(net.is_converged(), || "not converged".into())?;
    Ok(Some(()))
}

/// Tries keys and roles until the placement fits.
fn any_increment_outlives_its_actor(_: u64, mutation: Option<Mutation>) -> Found {
    for at in 0..6 {
        for roles in [(0, 0), (1, 1), (2, 0), (0, 1), (1, 0), (2, 1)] {
            if an_increment_outlives_its_actor(&format!("c{at}"), roles, mutation)?.is_some() {
                return Ok(());
            }
        }
    }
    Err("no placement fits".into())
}

const SCENARIOS: [fn(u64, Option<Mutation>) -> Found; 3] =
    [a_longer_life_beyond_a_cut, any_increment_outlives_its_actor, everything_goes];

#[test]
fn nothing_is_left_of_what_has_ended_or_was_reset() {
    assert_eq!(everything_goes(1, None), Ok(()));
}

#[test]
fn a_longer_life_given_beyond_a_cut_holds() {
    (0..3).for_each(|seed| assert_eq!(a_longer_life_beyond_a_cut(seed, None), Ok(())));
}

#[test]
fn an_increment_counts_also_when_its_actor_was_removed_and_retired() {
    assert_eq!(any_increment_outlives_its_actor(0, None), Ok(()));
}

#[test]
fn rules_that_are_wrong_on_purpose_are_noticed() {
    for mutation in Mutation::OF_LEFTOVERS {
        let noticed = SCENARIOS.iter().find_map(|run| run(1, Some(mutation)).err());
        println!("{mutation:?}: {}", noticed.expect("a wrong rule is noticed"));
    }
}
