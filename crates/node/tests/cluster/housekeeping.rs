//! What a cluster keeps does not grow with the number of lives its nodes have had.

use api::{Lifetime, Operation, Outcome, SetCondition};
use node::Mutation;

use crate::net::{Net, call, id};

/// What a check found.
type Found = Result<(), String>;

fn set(value: u64) -> Operation {
    let (lifetime, condition) = (Lifetime::Forever, SetCondition::Always);
    Operation::Set { value: value.to_le_bytes().into(), lifetime, condition }
}

fn check(holds: bool, what: impl Fn() -> String) -> Found {
    if holds { Ok(()) } else { Err(what()) }
}

/// What a node keeps beside values: actors in open clocks, frozen ones among them, log entries.
fn kept(net: &mut Net) -> (usize, usize) {
    let (mut actors, mut entries) = (0, 0);
    for node in net.nodes.values_mut() {
        actors += node.open_clocks().iter().map(|(_, clock)| clock.iter().count()).sum::<usize>();
        entries += (0..16).map(|shard| node.store_mut().entry_count(shard)).sum::<usize>();
    }
    (actors, entries)
}

/// Nodes are restarted under new incarnations again and again, while keys are written, counted,
/// removed and expire.
fn many_lives(seed: u64, mutation: Option<Mutation>) -> Found {
    let mut net = Net::start(&[3], seed);
    net.mutate(mutation);
    let mut most = (0, 0);
    for life in 2..14u32 {
        for at in 0..40u64 {
            let node = id(u32::try_from(net.random(0..3)).unwrap() + 1);
            let key = format!("k{}", at % 20);
            let operation = match at % 4 {
                0 => set(u64::from(life)),
                1 => Operation::Delete,
                _ => Operation::Increment { by: 1 },
            };
            let key = if at % 4 > 1 { format!("n{}", at % 8) } else { key };
            let outcome = net.ask(node, call(&key, operation));
            check(!matches!(outcome, Outcome::Failed(_)), || format!("life {life}: {outcome:?}"))?;
        }
        net.restart_as(id(life % 3 + 1), life);
        net.run(8_000);
        let now = kept(&mut net);
        most = (most.0.max(now.0), most.1.max(now.1));
    }
    net.run(20_000);
    check(net.is_converged(), || "not converged".into())?;
    let (actors, entries) = kept(&mut net);
    // Three owners of each of 16 shards at three nodes, and nobody else.
    check(actors <= 3 * 3 * 16, || format!("{actors} actors in clocks"))?;
    check(entries == 0, || format!("{entries} log entries that everybody has"))?;
    let total: i64 = (0..8u64)
        .filter(|at| at % 4 > 1)
        .map(|at| match net.ask(id(1), call(&format!("n{at}"), Operation::Get)) {
            Outcome::Value(value) => String::from_utf8(value).unwrap().parse::<i64>().unwrap(),
            _ => 0,
        })
        .sum();
    check(total == 12 * 20, || format!("{total} of {} increments", 12 * 20))
}

/// The members change, and the actors of who is gone are retired.
#[test]
fn clocks_and_logs_do_not_grow_with_the_lives_of_nodes() {
    (0..2).for_each(|seed| assert_eq!(many_lives(seed, None), Ok(())));
}

#[test]
fn rules_that_are_wrong_on_purpose_are_noticed() {
    for mutation in Mutation::OF_HOUSEKEEPING {
        let caught = (0..3).any(|seed| many_lives(seed, Some(mutation)).is_err());
        assert!(caught, "nothing notices {mutation:?}");
    }
}
