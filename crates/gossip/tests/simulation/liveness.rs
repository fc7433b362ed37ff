//! Opinions: deaths are noticed by all, lives are not denied, errors are taken back.

use gossip::{Liveness, Millis, NodeId};

use crate::world::{Net, Opinion, World};
use crate::{is_large_run, seeds};

fn warm(seed: u64, count: u32) -> World {
    let mut world = World::cluster(seed, count);
    let took = world.run_until(Millis(300_000), Millis(500), World::all_alive);
    assert!(took.is_some(), "seed {seed}: {count} nodes never saw each other alive");
    world.opinions.clear();
    world
}

fn is_down(opinion: &&Opinion) -> bool {
    opinion.liveness == Liveness::Down
}

#[test]
fn a_death_is_known_to_all_within_15_seconds() {
    let counts: &[u32] = if is_large_run() { &[3, 10, 100, 1_000] } else { &[3, 10, 100] };
    for &count in counts {
        let mut slowest = Millis(0);
        for seed in if count <= 100 { seeds(10) } else { 0..3 } {
            let mut world = warm(seed, count);
            world.stop(count);
            let took = world.run_until(Millis(15_000), Millis(100), |world| {
                world.all_think(count, Liveness::Down)
            });
            assert!(took.is_some(), "seed {seed}: {count} nodes do not all know");
            slowest = slowest.max(took.unwrap());
            let wrong = world.opinions.iter().filter(is_down).find(|o| o.subject.node.0 != count);
            assert_eq!(wrong, None, "seed {seed}: a live node was declared down");
        }
        println!("{count} nodes: a death is known to all after {slowest} ms at most");
    }
}

#[test]
fn nobody_alive_is_declared_down_at_five_percent_loss() {
    for seed in seeds(2) {
        let mut world = warm(seed, 100);
        world.net = Net { loss_percent: 5, duplicate_percent: 1, ..Net::CALM };
        world.run(Millis(600_000));
        let suspicions = world.opinions.iter().filter(|o| o.liveness == Liveness::Suspect).count();
        println!("seed {seed}: {suspicions} opinions of suspicion, all refuted or pending");
        assert!(suspicions > 0, "the loss was too mild to test anything");
        assert_eq!(world.opinions.iter().find(is_down), None, "seed {seed}");
    }
}

#[test]
fn a_slow_node_is_suspected_at_most_and_accuses_nobody_to_death() {
    for seed in seeds(6) {
        for count in [3, 5, 30] {
            let mut world = warm(seed, count);
            // A round trip of three seconds: six times the probe's timeout.
            world.slow_down(2, 1_500);
            let doubts_itself = |world: &World| world.gossip(2).snapshot().health >= 2;
            assert!(world.run_until(Millis(60_000), Millis(500), doubts_itself).is_some());
            world.run(Millis(60_000));
            let healthy = world.gossip(1).snapshot().health;
            assert!(healthy <= 1, "seed {seed}, {count} nodes: {healthy}, by the fault of another");
            assert!(world.opinions.iter().any(|o| o.liveness == Liveness::Suspect));
            assert_eq!(world.opinions.iter().find(is_down), None, "seed {seed}, {count} nodes");
        }
    }
}

#[test]
fn a_paused_node_refutes_when_it_wakes_and_accuses_nobody() {
    for seed in seeds(10) {
        let mut world = warm(seed, 10);
        world.pause(4, Millis(60_000));
        world.run(Millis(59_000));
        assert!(world.all_think(4, Liveness::Down), "seed {seed}");
        let back = world.run_until(Millis(12_000), Millis(100), World::all_alive);
        assert!(back.is_some(), "seed {seed}: it does not come back");
        let accused = world.opinions.iter().filter(is_down).find(|o| o.observer == NodeId(4));
        assert_eq!(accused, None, "seed {seed}: it blames others for its own sleep");
        let snapshot = world.gossip(4).snapshot();
        assert!(snapshot.counters.refutations >= 1);
        assert_eq!(snapshot.counters.stalls, 1);
    }
}

#[test]
fn both_sides_of_a_cut_find_back_to_each_other() {
    for seed in seeds(5) {
        let mut world = warm(seed, 20);
        world.cut(|node| u8::from(node % 2 == 0));
        world.run(Millis(60_000));
        assert!(world.gossip(1).liveness(NodeId(2)) == Liveness::Down);
        assert!(world.gossip(1).liveness(NodeId(3)) == Liveness::Alive);
        world.heal();
        let took = world.run_until(Millis(60_000), Millis(500), World::all_alive);
        assert!(took.is_some(), "seed {seed}: still apart");
    }
}

#[test]
fn a_node_that_lost_everybody_returns() {
    let mut world = warm(1, 5);
    world.cut(|node| u8::from(node == 3));
    world.run(Millis(120_000));
    assert!(
        (1..=5).filter(|n| *n != 3).all(|n| world.gossip(3).liveness(NodeId(n)) == Liveness::Down)
    );
    world.heal();
    assert!(world.run_until(Millis(30_000), Millis(500), World::all_alive).is_some());
}

#[test]
fn a_single_heartbeat_does_not_make_a_stranger_alive() {
    let mut world = World::cluster(2, 2);
    // One message of node 1 gets through, again and again: an echo, not a life.
    world.tap = Some(Vec::new());
    world.cut(|node| u8::try_from(node).unwrap());
    world.run(Millis(1_500));
    let first = world.tap.take().unwrap().into_iter().find(|m| m.sender.node == NodeId(1)).unwrap();
    for _ in 0..10 {
        world.give(NodeId(2), gossip::Event::Received(first.clone()));
    }
    assert_eq!(world.gossip(2).liveness(NodeId(1)), Liveness::Unknown);
    let mut second = first;
    second.heartbeat.0 += 1;
    world.give(NodeId(2), gossip::Event::Received(second));
    assert_eq!(world.gossip(2).liveness(NodeId(1)), Liveness::Alive);
}
