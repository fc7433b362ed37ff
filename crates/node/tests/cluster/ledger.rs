//! What the ledger says of a cluster against what is true of it.

use api::{Level, Lifetime, Operation, Outcome, SetCondition};
use causality::NodeId;
use node::{Introspection, LedgerReport};

use crate::net::{Net, call, id};

fn set(value: u64) -> Operation {
    let (lifetime, condition) = (Lifetime::Forever, SetCondition::Always);
    Operation::Set { value: value.to_le_bytes().into(), lifetime, condition }
}

fn write(net: &mut Net, node: u32, key: &str) {
    let value = net.random(0..u64::MAX);
    let mut write = call(key, set(value));
    write.write = Level::One;
    net.ask_later(id(node), write);
}

fn look(net: &Net, node: u32) -> Introspection {
    net.nodes[&id(node)].introspect(net.now)
}

fn ledgers(net: &Net) -> Vec<LedgerReport> {
    net.nodes.values().map(|node| node.introspect(net.now).ledger).collect()
}

/// How many operations a node minted, and how many of those every owner has applied.
fn truth(net: &Net, minter: NodeId) -> (u64, u64) {
    let (mut minted, mut everywhere) = (0, 0);
    let summaries: Vec<_> = net.nodes.values().map(node::Node::shard_summaries).collect();
    let own = net.nodes[&minter].shard_summaries();
    for (shard, summary) in &own {
        for (actor, counters) in summary.clock.iter().filter(|(actor, _)| actor.node() == minter) {
            minted += counters.count();
            let mut common = counters.clone();
            for owner in summaries.iter().flatten().filter(|(held, _)| held == shard) {
                common.intersect(&owner.1.clock.get(actor).cloned().unwrap_or_default());
            }
            everywhere += common.count();
        }
    }
    (minted, everywhere)
}

/// What is reported converged is on every owner; each write is reported at most once.
fn check(net: &Net, seed: u64) {
    for node in net.nodes.keys() {
        let (minted, everywhere) = truth(net, *node);
        let ledger = net.nodes[node].introspect(net.now).ledger;
        assert_eq!(ledger.minted, minted, "seed {seed}, {node:?}");
        let reported = ledger.converged;
        assert!(reported <= everywhere, "seed {seed}, {node:?}: {reported} of {everywhere}");
        assert_eq!(ledger.everywhere.count(), reported);
    }
}

/// A hostile minute: lost copies, cuts that come and go, writes at every node.
fn hostile(datacenters: &[u32], seed: u64) -> Net {
    let mut net = Net::start(datacenters, seed);
    net.lose_of_replication(0.2);
    let count = datacenters.iter().sum::<u32>();
    for _ in 0..300 {
        let (left, right) = (net.random(0..u64::from(count)), net.random(0..u64::from(count)));
        match net.random(0..40) {
            0 if left != right => net.cut(number(left), number(right)),
            1 => net.heal(),
            _ => {}
        }
        let key = format!("k{}", net.random(0..30));
        write(&mut net, u32::try_from(left).unwrap() + 1, &key);
        let span = net.random(1..60);
        net.run(span);
        check(&net, seed);
    }
    net
}

fn number(at: u64) -> NodeId {
    NodeId(u32::try_from(at).unwrap() + 1)
}

#[test]
fn nothing_is_reported_converged_that_an_owner_lacks_and_everything_is_in_the_end() {
    for (datacenters, seed) in [&[3][..], &[5], &[3, 3]].into_iter().zip(0..).cycle().take(6) {
        let mut net = hostile(datacenters, seed);
        net.heal();
        net.lose_of_replication(0.0);
        net.run(20_000);
        assert!(net.is_converged(), "seed {seed}");
        for ledger in ledgers(&net) {
            assert_eq!(ledger.open(), 0, "seed {seed}: {:?}", ledger.peers);
            assert!(ledger.peers.iter().all(|peer| peer.writes_behind == 0), "seed {seed}");
        }
    }
}

#[test]
fn times_are_bounds_of_the_true_ones() {
    let mut net = Net::start(&[3], 4);
    for n in 0..500 {
        write(&mut net, 1 + n % 3, &format!("k{n}"));
        net.run(3);
    }
    net.run(50);
    for ledger in ledgers(&net) {
        assert_eq!(ledger.open(), 0);
        // One way takes 1 to 7 ms here, so there and back 2 to 14, within a bucket's width.
        let (least, most) = (ledger.everywhere.quantile(0.0), ledger.everywhere.max());
        assert!(least >= 2_000 && most <= 14_000, "{least} to {most}");
        let ages = &ledger.arrivals["a"].ages;
        assert!(ages.quantile(0.0) >= 1_000 && ages.max() <= 7_000);
        assert_eq!((ledger.closed_by_clock, ledger.answered.max()), (0, 0));
    }
}

#[test]
fn a_peer_away_is_behind_by_what_it_misses_and_since_when() {
    let mut net = Net::start(&[3], 5);
    net.cut(id(3), id(1));
    for n in 0..40 {
        write(&mut net, 1, &format!("k{n}"));
        net.run(100);
    }
    let ledger = look(&net, 1).ledger;
    let lag = |ledger: &LedgerReport, peer: u32| {
        ledger.peers.iter().find(|lag| lag.id == id(peer)).cloned().unwrap()
    };
    assert_eq!(lag(&ledger, 3).writes_behind, 40);
    assert_eq!(lag(&ledger, 3).behind_micros, Some(4_000_000));
    assert_eq!(lag(&ledger, 2).writes_behind, 0);
    assert_eq!((ledger.open(), ledger.converged), (40, 0));
    net.heal();
    // Hints of up to two seconds of age have stretched the lag.
    net.run(4_000);
    let ledger = look(&net, 1).ledger;
    assert_eq!(lag(&ledger, 3).writes_behind, 0);
    assert_eq!(ledger.closed_by_clock, 40);
    assert!(ledger.everywhere.quantile(1.0) >= 4_000_000);
}

#[test]
fn conflicts_are_counted_where_values_meet_unseen() {
    let mut net = Net::start(&[3], 6);
    write(&mut net, 1, "calm");
    net.run(100);
    write(&mut net, 2, "calm");
    net.run(100);
    assert_eq!(look(&net, 1).conflicts, 0, "a write that has seen the other is no conflict");
    write(&mut net, 1, "torn");
    write(&mut net, 2, "torn");
    net.run(100);
    for node in 1..=3 {
        assert_eq!((look(&net, node).conflicts, look(&net, node).losers_removed), (1, 0));
    }
    write(&mut net, 3, "torn");
    net.run(100);
    assert_eq!((look(&net, 1).conflicts, look(&net, 1).losers_removed), (1, 1));
}

#[test]
fn reads_that_compare_owners_tell_what_was_stale_and_for_how_long() {
    let mut net = Net::start(&[3], 7);
    let mut read = call("k", Operation::Get);
    read.read = Level::All;
    write(&mut net, 1, "k");
    net.run(500);
    net.ask(id(2), read.clone());
    net.run(50);
    let reads = look(&net, 2).ledger.reads;
    assert_eq!((reads.compared, reads.stale), (2, 0));
    // Its copies get lost; the read is what finds out.
    net.lose_of_replication(1.0);
    write(&mut net, 1, "k");
    net.run(40);
    assert!(matches!(net.ask(id(2), read), Outcome::Value(_)));
    let reads = look(&net, 2).ledger.reads;
    assert_eq!((reads.compared, reads.stale), (4, 1));
    assert!((40_000..=60_000).contains(&reads.age.max()), "{reads:?}");
}

#[test]
fn a_node_that_starts_again_finishes_what_it_had_begun() {
    let mut net = Net::start(&[3], 8);
    net.cut(id(1), id(2));
    net.cut(id(1), id(3));
    for n in 0..20 {
        write(&mut net, 1, &format!("k{n}"));
        net.run(10);
    }
    net.restart(id(1));
    let ledger = look(&net, 1).ledger;
    assert_eq!((ledger.minted, ledger.converged), (20, 0), "taken up from the log");
    net.heal();
    net.run(4_000);
    let ledger = look(&net, 1).ledger;
    assert_eq!((ledger.open(), ledger.converged), (0, 20));
    check(&net, 8);
}
