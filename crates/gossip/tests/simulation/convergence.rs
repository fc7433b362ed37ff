//! Maps: they become equal everywhere, fast and cheaply, whatever happened before.

use std::collections::BTreeMap;

use gossip::{Body, Config, Generation, Millis, NodeId, Output, Version};

use crate::world::{CLUSTER, Net, World};
use crate::{is_large_run, seeds};

/// Small bounds, so that every split, page and floor is exercised by a handful of nodes.
fn tight_config() -> Config {
    Config {
        key_count_max: 8,
        key_bytes_max: 16,
        value_bytes_max: 64,
        rumor_count_max: 4,
        message_bytes_max: 700,
        deleted_keep: Millis(3_000),
        ..Config::new(CLUSTER)
    }
}

/// What must never fall on any observer, per observer and subject.
#[derive(Default)]
struct Progress {
    seen: BTreeMap<(u32, Generation, NodeId), (Generation, Version)>,
}

impl Progress {
    fn check(&mut self, world: &World, seed: u64) {
        for observer in world.nodes() {
            let gossip = world.gossip(observer);
            for report in gossip.snapshot().nodes {
                let Some(generation) = report.generation else { continue };
                let key = (observer, gossip.identity().generation, report.node);
                let position = (generation, report.version);
                let before = self.seen.insert(key, position);
                assert!(before <= Some(position), "seed {seed}: {key:?} fell");
                assert!(report.floor <= report.version, "seed {seed}: {key:?} shows a torn map");
            }
        }
    }
}

fn misbehave(world: &mut World, generations: &mut BTreeMap<u32, u64>) {
    let nodes = world.nodes();
    let node = nodes[world.rng.usize(..nodes.len())];
    let key = format!("key{}", world.rng.u8(..8));
    match world.rng.u8(..20) {
        0..8 => {
            let value = vec![world.rng.u8(..); world.rng.usize(..64)];
            world.set(node, &key, &value);
        }
        8..13 => world.delete(node, &key),
        13 => {
            let salt = world.rng.u32(..);
            world.cut(|node| u8::from((node ^ salt).count_ones().is_multiple_of(2)));
        }
        14 | 15 => world.heal(),
        16 => {
            let span = Millis(world.rng.u64(..20_000));
            world.pause(node, span);
        }
        17 => {
            let generation = generations.entry(node).or_insert(1);
            *generation += 1;
            let peers: Vec<NodeId> = nodes.into_iter().map(NodeId).collect();
            world.start(node, *generation, &peers);
        }
        18 => world.net.loss_percent = world.rng.u8(..40),
        _ => world.net.delay_max = world.rng.u64(20..2_000),
    }
}

fn assert_equal_to_owners(world: &World, seed: u64) {
    for owner in world.nodes() {
        let node = NodeId(owner);
        let truth: Vec<_> = world.gossip(owner).values(node).collect();
        for observer in world.nodes() {
            let seen: Vec<_> = world.gossip(observer).values(node).collect();
            assert_eq!(seen, truth, "seed {seed}: {observer} differs about {owner}");
        }
    }
}

#[test]
fn state_always_converges_after_healing() {
    for seed in seeds(40) {
        let mut world = World::new(seed, tight_config());
        let count = 3 + world.rng.u32(..18);
        world.start_all(count);
        let mut generations = BTreeMap::new();
        let mut progress = Progress::default();
        for _ in 0..100 {
            world.net.duplicate_percent = 10;
            world.net.stray_percent = 2;
            misbehave(&mut world, &mut generations);
            let span = Millis(world.rng.u64(..1_500));
            world.run(span);
            progress.check(&world, seed);
        }
        world.heal();
        world.net = Net { loss_percent: 5, duplicate_percent: 5, ..Net::CALM };
        let healed = world.run_until(Millis(180_000), Millis(1_000), |world| {
            world.all_equal() && world.all_alive()
        });
        assert!(healed.is_some(), "seed {seed}: {count} nodes do not agree");
        progress.check(&world, seed);
        assert_equal_to_owners(&world, seed);
    }
}

#[test]
fn equal_state_costs_a_constant_number_of_bytes() {
    let quiet_bytes_max = |count: u32, keys: u32| {
        let mut world = World::cluster(u64::from(count), count);
        for node in 1..=count {
            (0..keys).for_each(|key| world.set(node, &format!("key{key}"), &[7; 500]));
        }
        let settled = world.run_until(Millis(120_000), Millis(1_000), |world| {
            let told = |node: &u32| world.gossip(*node).snapshot().rumor_count == 0;
            world.all_equal() && world.all_alive() && world.nodes().iter().all(told)
        });
        assert!(settled.is_some(), "{count} nodes never became quiet");
        world.tap = Some(Vec::new());
        world.run(Millis(10_000));
        let sent = world.tap.take().unwrap();
        let is_syn = |body: &Body| matches!(body, Body::Syn { .. });
        let syns = sent.iter().filter(|message| is_syn(&message.body)).count();
        assert_eq!(syns, 10 * 3 * count as usize, "three openings per node and round, no answer");
        assert!(sent.iter().all(|m| !matches!(m.body, Body::SynAck { .. } | Body::Ack { .. })));
        sent.iter().map(gossip::Message::size_estimate).max().unwrap()
    };
    let small = quiet_bytes_max(5, 1);
    assert_eq!(small, quiet_bytes_max(60, 20));
    assert!(small <= 64, "{small} bytes");
}

#[test]
fn a_change_reaches_nearly_all_within_two_log_rounds() {
    let counts: &[u32] = if is_large_run() { &[10, 100, 1_000] } else { &[10, 100, 300] };
    for &count in counts {
        let rounds_max = 2 * u64::from(count.next_power_of_two().ilog2());
        let mut world = World::cluster(3, count);
        world.run_until(Millis(120_000), Millis(1_000), World::all_equal).expect("warm");
        for change in 0..3_u8 {
            world.set(1, "key", &[change]);
            let reached = |world: &World| {
                let knows = |node: &&u32| {
                    world.gossip(**node).get(NodeId(1), "key").is_some_and(|v| v[0] == change)
                };
                let known = world.nodes().iter().filter(knows).count();
                known * 1_000 >= count as usize * 999
            };
            let took = world.run_until(Millis(rounds_max * 1_000), Millis(100), reached);
            println!("{count} nodes, change {change}: {took:?} ms of {rounds_max} rounds");
            assert!(took.is_some(), "{count} nodes: not reached in {rounds_max} rounds");
        }
    }
}

#[test]
fn a_large_state_reaches_a_joiner_in_bounded_messages() {
    let mut world = World::new(5, tight_config());
    world.start_all(30);
    for node in 1..=30 {
        (0..8).for_each(|key| world.set(node, &format!("key{key}"), &[key; 60]));
    }
    assert!(world.run_until(Millis(300_000), Millis(1_000), World::all_equal).is_some());
    world.start(31, 1, &[NodeId(1)]);
    let took = world.run_until(Millis(120_000), Millis(1_000), World::all_equal);
    println!("joiner complete after {took:?} ms");
    assert!(took.is_some(), "the joiner starves");
}

fn total_resets(world: &World) -> u64 {
    world.nodes().iter().map(|node| world.gossip(*node).snapshot().counters.resets).sum()
}

#[test]
fn the_owners_floor_resets_nobody_who_keeps_up() {
    // Long enough to be heard of in spite of the loss, shorter than until the key is used again.
    let config = Config { deleted_keep: Millis(5_000), ..tight_config() };
    let mut world = World::new(9, config);
    world.start_all(6);
    world.net.loss_percent = 5;
    for turn in 0..300_u32 {
        let key = format!("key{}", turn % 7);
        world.set(1, &key, &turn.to_be_bytes());
        world.run(Millis(500));
        world.delete(1, &key);
        world.run(Millis(500));
    }
    let floor = world.gossip(2).snapshot().nodes[0].floor;
    assert!(floor > Version(300), "deletions were forgotten: {floor}");
    assert_eq!(total_resets(&world), 0);
}

#[test]
fn who_missed_forgotten_deletions_begins_afresh_once() {
    let mut world = World::new(11, tight_config());
    world.start_all(5);
    (0..8).for_each(|key| world.set(1, &format!("key{key}"), &[key; 60]));
    assert!(world.run_until(Millis(60_000), Millis(1_000), World::all_equal).is_some());
    world.cut(|node| u8::from(node >= 4));
    world.run(Millis(1_000));
    (0..5).for_each(|key| world.delete(1, &format!("key{key}")));
    world.run(Millis(30_000));
    world.others.clear();
    world.heal();
    assert!(world.run_until(Millis(60_000), Millis(1_000), World::all_equal).is_some());
    assert_equal_to_owners(&world, 11);
    assert_eq!(total_resets(&world), 2, "nodes 4 and 5, once each");
    let changes = world.others.iter().filter(|(_, o)| matches!(o, Output::ValueChanged { .. }));
    assert_eq!(changes.count(), 2 * 5, "five keys vanish on two nodes, the others stay put");
}
