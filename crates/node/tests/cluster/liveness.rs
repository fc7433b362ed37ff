//! Who seems to be alive: links, probes, suspicion; and that nobody loses membership by it.

use api::{Operation, Outcome};
use causality::NodeId;
use node::Liveness;

use crate::net::{Net, call, id};

fn seen_by_others(net: &Net, node: NodeId) -> Vec<Liveness> {
    let others = net.nodes.iter().filter(|(id, _)| **id != node);
    others.map(|(_, other)| other.liveness(node)).collect()
}

#[test]
fn nodes_that_run_are_up() {
    let mut net = Net::start(&[3, 2], 1);
    net.run(10_000);
    for node in 1..=5 {
        assert_eq!(seen_by_others(&net, id(node)), [Liveness::Up; 4], "node {node}");
        assert_eq!(net.nodes[&id(1)].load(id(node)), Some(0));
    }
}

#[test]
fn a_frozen_node_is_suspected_then_down_then_up_again() {
    for seed in 0..20 {
        let mut net = Net::start(&[5], seed);
        net.run(10_000);
        net.freeze(id(3));
        let mut has_been_suspect = false;
        for _ in 0..40 {
            net.run(500);
            has_been_suspect |= seen_by_others(&net, id(3)).contains(&Liveness::Suspect);
        }
        assert!(has_been_suspect, "seed {seed}");
        assert_eq!(seen_by_others(&net, id(3)), [Liveness::Down; 4], "seed {seed}");
        assert_eq!(seen_by_others(&net, id(4))[0], Liveness::Up, "seed {seed}");
        net.thaw(id(3));
        net.run(10_000);
        assert_eq!(seen_by_others(&net, id(3)), [Liveness::Up; 4], "seed {seed}");
    }
}

#[test]
fn a_cut_node_is_down_on_the_other_side_only_and_stays_an_owner() {
    let mut net = Net::start(&[3], 7);
    net.run(5_000);
    net.cut(id(1), id(2));
    assert_eq!(net.nodes[&id(1)].liveness(id(2)), Liveness::Down);
    assert_eq!(net.nodes[&id(3)].liveness(id(2)), Liveness::Up);
    net.run(600_000);
    assert_eq!(net.nodes[&id(1)].status().shard_count, 16);
    net.heal();
    net.run(5_000);
    assert_eq!(net.nodes[&id(1)].liveness(id(2)), Liveness::Up);
    assert_eq!(net.ask(id(2), call("k", Operation::Get)), Outcome::Nothing);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let trace = |seed| {
        let mut net = Net::start(&[4], seed);
        net.run(20_000);
        net.trace_hash()
    };
    assert_eq!(trace(5), trace(5));
    assert_ne!(trace(5), trace(6));
}
