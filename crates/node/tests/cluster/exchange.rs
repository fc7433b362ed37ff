//! The exchange under load and at rest: what is shipped twice, what a beat costs, how fast it
//! mends.

use api::{Level, Lifetime, Operation, SetCondition};
use node::ExchangeCounts;

use crate::net::{Net, call, id};

fn set(value: u64) -> Operation {
    let (lifetime, condition) = (Lifetime::Forever, SetCondition::Always);
    Operation::Set { value: value.to_le_bytes().into(), lifetime, condition }
}

/// Every node writes once per millisecond, at ONE.
fn write_for(net: &mut Net, node_count: u32, span_ms: u64) -> u64 {
    let mut writes = 0;
    for _ in 0..span_ms {
        for node in 1..=node_count {
            let mut write = call(&format!("k{}", net.random(0..5_000)), set(writes));
            write.write = Level::One;
            net.ask_later(id(node), write);
            writes += 1;
        }
        net.run(1);
    }
    writes
}

fn counts(net: &Net) -> ExchangeCounts {
    let mut sum = ExchangeCounts::default();
    for node in net.nodes.values() {
        let counts = node.status().exchange;
        sum.taken += counts.taken;
        sum.known += counts.known;
        sum.beats_differing += counts.beats_differing;
    }
    sum
}

#[test]
fn writes_under_way_are_not_shipped_twice() {
    for seed in 0..2 {
        let mut net = Net::start(&[3], seed);
        write_for(&mut net, 3, 2_500);
        net.run(3_000);
        assert!(net.is_converged(), "seed {seed}");
        assert_eq!(counts(&net), ExchangeCounts::default(), "seed {seed}");
    }
}

#[test]
fn what_is_lost_under_load_is_shipped_once() {
    for seed in 0..2 {
        let mut net = Net::start(&[3], seed);
        net.lose_of_replication(0.02);
        let writes = write_for(&mut net, 3, 2_500);
        net.run(3_000);
        assert!(net.is_converged(), "seed {seed}");
        let counts = counts(&net);
        // Two copies of each write were sent, and one in fifty lost.
        assert!(counts.taken > writes / 50, "seed {seed}: {counts:?}");
        assert!(counts.known * 100 <= counts.taken, "seed {seed}: {counts:?}");
    }
}

#[test]
fn a_beat_between_equal_nodes_is_one_small_message() {
    let mut net = Net::start(&[3], 1);
    write_for(&mut net, 3, 500);
    net.run(5_000);
    net.sizes.clear();
    net.run(10_000);
    let beats = &net.sizes[&wire::Kind::Beat];
    assert!(beats.iter().all(|size| *size <= 32), "{beats:?}");
    // One per second and direction, for three pairs.
    assert!((54..=66).contains(&beats.len()), "{}", beats.len());
    assert_eq!(net.sizes.get(&wire::Kind::BeatShards), None);
    assert_eq!(net.sizes.get(&wire::Kind::Wanted), None);
}

#[test]
fn a_healed_cut_is_mended_within_a_beat_and_the_lag() {
    for seed in 0..8 {
        let mut net = Net::start(&[3], seed);
        net.cut(id(3), id(1));
        net.cut(id(3), id(2));
        write_for(&mut net, 3, 300);
        net.heal();
        let lag_and_beat_ms = 200 + 100 + 1_000;
        net.run(lag_and_beat_ms + 50);
        assert!(net.is_converged(), "seed {seed}");
        assert_eq!(counts(&net).known, 0, "seed {seed}");
    }
}

#[test]
fn across_datacenters_one_pair_mends_a_shard_for_all() {
    for seed in 0..4 {
        let mut net = Net::start(&[3, 3], seed);
        for left in 1..=3 {
            for right in 4..=6 {
                net.cut(id(left), id(right));
            }
        }
        write_for(&mut net, 6, 300);
        net.heal();
        net.run(4_000);
        assert!(net.is_converged(), "seed {seed}");
    }
}

#[test]
fn a_single_open_link_between_datacenters_suffices() {
    for seed in 0..3 {
        let mut net = Net::start(&[3, 3], seed);
        let links = (1..=3).flat_map(|left| (4..=6).map(move |right| (left, right)));
        for (left, right) in links.filter(|link| *link != (2, 5)) {
            net.cut(id(left), id(right));
        }
        write_for(&mut net, 6, 300);
        net.run(15_000);
        assert!(net.is_converged(), "seed {seed}: the one pair has its turn too");
    }
}
