//! What is kept for owners that are absent: bounded, handed over, never lost, never a storm.

use api::{CallError, Level, Lifetime, Operation, Outcome, SetCondition};
use causality::NodeId;
use node::{Config, HintCounts, Kept, QuorumMode};

use crate::net::{Net, call, id};

const MINUTE_MS: u64 = 60 * 1_000;

fn set(value: &str) -> Operation {
    let (lifetime, condition) = (Lifetime::Forever, SetCondition::Always);
    Operation::Set { value: value.into(), lifetime, condition }
}

fn at(level: Level, key: &str, operation: Operation) -> api::Call {
    let mut call = call(key, operation);
    (call.read, call.write) = (level, level);
    call
}

/// Clocks are compared so seldom that only hints can bring anything.
fn rarely_compared(config: &mut Config) {
    config.exchange_interval_ms = 1_000 * MINUTE_MS;
}

/// Hints live for a minute, which is cheaper to wait for than three hours.
fn brief(config: &mut Config) {
    config.coordination.hint_ttl_ms = MINUTE_MS;
}

fn sloppy(config: &mut Config) {
    config.coordination.quorum = QuorumMode::Sloppy;
}

fn kept(net: &Net, node: NodeId) -> Kept {
    net.nodes[&node].status().kept
}

fn hints(net: &Net, node: NodeId) -> HintCounts {
    kept(net, node).hints
}

/// The owners of a key, and the other nodes.
fn split(net: &Net, key: &str) -> (Vec<NodeId>, Vec<NodeId>) {
    let owners = net.owners(key);
    net.nodes.keys().copied().partition(|node| owners.contains(node))
}

#[test]
fn an_owner_that_lost_operations_gets_what_was_kept_for_it_without_a_storm() {
    for seed in 0..20 {
        let mut net = Net::start_with(&[3], seed, rarely_compared);
        net.mute(id(3));
        for number in 0..50 {
            let key = format!("k{number}");
            assert_eq!(net.ask(id(1), call(&key, set("v"))), Outcome::Done);
        }
        net.run(1_500);
        assert_eq!(hints(&net, id(1)).stored, 50);
        assert!(!net.is_converged());
        let before = net.batches_sent_to(id(3));
        net.run(2 * MINUTE_MS);
        let sent = net.batches_sent_to(id(3)) - before;
        assert!(sent <= 8 * 16, "seed {seed}: {sent} batches to a silent node in two minutes");
        net.unmute_all();
        net.run(2 * MINUTE_MS);
        assert_eq!(hints(&net, id(1)).replayed, 50, "seed {seed}");
        assert_eq!(net.nodes[&id(3)].status().delivered.by_hint, 50);
        assert_eq!(kept(&net, id(1)).hint_count, 0);
        assert!(net.is_converged(), "seed {seed}");
    }
}

#[test]
fn hints_that_clocks_have_made_needless_are_not_handed_over() {
    let mut net = Net::start(&[3], 2);
    net.isolate(id(3));
    for number in 0..50 {
        assert_eq!(net.ask(id(1), call(&format!("k{number}"), set("v"))), Outcome::Done);
    }
    net.heal();
    net.run(10_000);
    let HintCounts { stored, covered, replayed, .. } = hints(&net, id(1));
    assert_eq!((stored, covered, replayed), (50, 50, 0));
    assert!(net.is_converged());
}

#[test]
fn hints_are_bounded_in_bytes_and_in_time_and_exchange_brings_the_rest() {
    let mut net = Net::start_with(&[3], 3, |config| {
        brief(config);
        config.coordination.hint_bytes_max = 1_000;
    });
    net.isolate(id(3));
    for number in 0..50 {
        assert_eq!(net.ask(id(1), call(&format!("k{number}"), set("v"))), Outcome::Done);
    }
    let HintCounts { stored, dropped, .. } = hints(&net, id(1));
    assert!(kept(&net, id(1)).hint_bytes <= 1_000 && stored >= 10, "{stored}");
    assert_eq!(stored + dropped, 50);
    net.run(MINUTE_MS + 5_000);
    assert_eq!(hints(&net, id(1)).expired, stored);
    assert_eq!(kept(&net, id(1)).hint_count, 0);
    net.heal();
    net.run(5_000);
    assert!(net.is_converged());
}

#[test]
fn any_is_met_while_no_owner_can_be_reached_and_nothing_counts_twice() {
    for seed in 0..10 {
        let mut net = Net::start_with(&[6], seed, brief);
        let (owners, others) = split(&net, "n");
        assert_eq!((owners.len(), others.len()), (3, 3));
        owners.iter().for_each(|owner| net.isolate(*owner));
        let add = |level| at(level, "n", Operation::Increment { by: 1 });
        for _ in 0..10 {
            let asked = others[usize::try_from(net.random(0..3)).unwrap()];
            assert!(matches!(net.ask(asked, add(Level::Any)), Outcome::Integer(_)));
        }
        let refused = net.ask(others[0], add(Level::One));
        assert_eq!(refused, Outcome::Failed(CallError::NoOwner), "any is the only level met");
        net.restart(others[0]);
        net.run(3 * MINUTE_MS);
        net.heal();
        net.run(20_000);
        let get = || at(Level::One, "n", Operation::Get);
        for owner in &owners {
            assert_eq!(net.ask(*owner, get()), Outcome::Value(b"10".to_vec()), "seed {seed}");
        }
        assert!(net.is_converged());
        assert!(others.iter().all(|node| kept(&net, *node).visit_count == 0), "seed {seed}");
        let visitors = net.visitor_actors();
        assert!(visitors.is_empty(), "seed {seed}: not sealed: {visitors:?}");
    }
}

#[test]
fn two_visits_of_one_node_never_mint_the_same_names() {
    let mut net = Net::start(&[6], 7);
    let (owners, others) = split(&net, "n");
    for round in 1..=5 {
        owners.iter().for_each(|owner| net.isolate(*owner));
        let add = at(Level::Any, "n", Operation::Increment { by: 1 });
        assert!(matches!(net.ask(others[0], add), Outcome::Integer(_)));
        net.heal();
        net.run(20_000);
        assert_eq!(kept(&net, others[0]).visit_count, 0);
        let get = at(Level::One, "n", Operation::Get);
        let sum = Outcome::Value(round.to_string().into_bytes());
        assert_eq!(net.ask(owners[0], get), sum);
    }
}

#[test]
fn stand_ins_count_in_sloppy_mode_and_the_reply_says_so() {
    for seed in 0..20 {
        let mut net = Net::start_with(&[6], seed, sloppy);
        let (owners, others) = split(&net, "k");
        let write = |value: &str| at(Level::Quorum, "k", set(value));
        assert_eq!(net.ask_noting(owners[0], write("a")), (Outcome::Done, false));
        net.isolate(owners[1]);
        net.isolate(owners[2]);
        assert_eq!(net.ask_noting(owners[0], write("b")), (Outcome::Done, true), "seed {seed}");
        net.isolate(owners[0]);
        assert_eq!(net.ask_noting(others[0], write("c")), (Outcome::Done, true), "seed {seed}");
        let read = at(Level::Quorum, "k", Operation::Get);
        let c = Outcome::Value(b"c".to_vec());
        assert_eq!(net.ask_noting(others[1], read), (c.clone(), true), "seed {seed}");
        others.iter().for_each(|node| net.restart(*node));
        net.heal();
        net.run(20_000);
        for node in 1..=6 {
            assert_eq!(net.ask(id(node), at(Level::One, "k", Operation::Get)), c);
        }
        assert!(net.is_converged(), "seed {seed}");
        assert!(others.iter().all(|node| kept(&net, *node).visit_count == 0), "seed {seed}");
    }
}

#[test]
fn in_strict_mode_stand_ins_do_not_count() {
    let mut net = Net::start(&[6], 9);
    let (owners, others) = split(&net, "k");
    net.isolate(owners[1]);
    net.isolate(owners[2]);
    let write = at(Level::Quorum, "k", set("b"));
    let missed = |answered| {
        let (level, needed, owners) = (Level::Quorum, 2, 3);
        Outcome::Failed(CallError::NotEnoughReplicas { level, needed, owners, answered })
    };
    assert_eq!(net.ask(owners[0], write.clone()), missed(1));
    net.isolate(owners[0]);
    assert_eq!(net.ask(others[0], write), Outcome::Failed(CallError::NoOwner));
}

#[test]
fn an_operation_of_a_visitor_outlives_any_time_while_no_owner_has_it() {
    let mut net = Net::start_with(&[6], 11, brief);
    let (owners, others) = split(&net, "k");
    owners.iter().for_each(|owner| net.isolate(*owner));
    assert_eq!(net.ask(others[0], at(Level::Any, "k", set("v"))), Outcome::Done);
    net.run(10 * MINUTE_MS);
    net.heal();
    net.run(20_000);
    let get = at(Level::All, "k", Operation::Get);
    assert_eq!(net.ask(owners[2], get), Outcome::Value(b"v".to_vec()));
}
