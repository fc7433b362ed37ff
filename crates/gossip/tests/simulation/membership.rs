//! Who is known: restarts replace, removals last, strangers give way, and gossip decides nothing.

use gossip::{
    Body, Claim, Config, Event, Generation, Heartbeat, Identity, Incarnation, Liveness, Message,
    Millis, NodeId, Output, Refusal, Rumor,
};

use crate::seeds;
use crate::world::{CLUSTER, Net, World};

fn peers(count: u32) -> Vec<NodeId> {
    (1..=count).map(NodeId).collect()
}

#[test]
fn a_restart_replaces_the_old_generation_for_good() {
    for seed in seeds(5) {
        let mut world = World::cluster(seed, 8);
        world.net = Net { stray_percent: 10, duplicate_percent: 20, ..Net::CALM };
        world.set(3, "old", b"1");
        world.run(Millis(20_000));
        world.start(3, 2, &peers(8));
        world.set(3, "new", b"2");
        world.opinions.clear();
        // Messages of the first life keep arriving for a minute.
        world.run(Millis(90_000));
        let settled = world
            .run_until(Millis(30_000), Millis(100), |world| world.all_equal() && world.all_alive());
        assert!(settled.is_some(), "seed {seed}");
        for node in world.nodes() {
            let gossip = world.gossip(node);
            assert_eq!(gossip.get(NodeId(3), "old"), None, "seed {seed}");
            assert_eq!(gossip.get(NodeId(3), "new").map(|v| &**v), Some(&b"2"[..]), "seed {seed}");
        }
        let old = Identity { node: NodeId(3), generation: Generation(1) };
        let ghost = world.opinions.iter().find(|o| {
            o.subject == old && o.liveness == Liveness::Alive && o.at > Millis(1_030_000)
        });
        assert_eq!(ghost, None, "seed {seed}: the first life came back");
    }
}

#[test]
fn messages_of_an_older_life_count_for_nothing() {
    let identity = |generation| Identity { node: NodeId(2), generation: Generation(generation) };
    let message = |generation, heartbeat, rumors| Message {
        cluster: CLUSTER,
        sender: identity(generation),
        incarnation: Incarnation(generation),
        heartbeat: Heartbeat(heartbeat),
        rumors,
        body: Body::Notice,
    };
    let mut world = World::new(1, Config::new(CLUSTER));
    world.start(1, 1, &[]);
    world.give(NodeId(1), Event::Received(message(7, 1, Vec::new())));
    for heartbeat in 50..60 {
        world.give(NodeId(1), Event::Received(message(6, heartbeat, Vec::new())));
    }
    assert_eq!(world.gossip(1).liveness(NodeId(2)), Liveness::Unknown);
    assert_eq!(world.gossip(1).snapshot().counters.dropped_stale, 10);
    // A claim about the first life does not touch the second, whoever brings it.
    let claim = |generation| Rumor {
        subject: identity(generation),
        incarnation: Incarnation(90),
        claim: Claim::Down,
    };
    world.give(NodeId(1), Event::Received(message(7, 2, vec![claim(6)])));
    assert_eq!(world.gossip(1).liveness(NodeId(2)), Liveness::Alive);
    world.give(NodeId(1), Event::Received(message(7, 3, vec![claim(7)])));
    assert_eq!(world.gossip(1).liveness(NodeId(2)), Liveness::Down);
}

#[test]
fn a_removed_node_is_never_taught_again() {
    let mut world = World::cluster(4, 6);
    world.set(6, "key", b"value");
    assert!(world.run_until(Millis(30_000), Millis(500), World::all_alive).is_some());
    world.stop(6);
    world.run(Millis(20_000));
    for node in 1..=4 {
        world.give(NodeId(node), Event::PeerRemoved(NodeId(6)));
    }
    world.others.clear();
    // Node 5 has not heard of the removal and tells everybody about node 6.
    world.tap = Some(Vec::new());
    world.run(Millis(120_000));
    let wants = |message: &Message| {
        let Body::SynAck { wanted, .. } = &message.body else { return false };
        wanted.iter().any(|digest| digest.identity.node == NodeId(6))
    };
    assert!(!world.tap.take().unwrap().iter().any(wants), "nobody asks for what is gone");
    for node in 1..=4 {
        assert_eq!(world.gossip(node).get(NodeId(6), "key"), None);
        assert!(world.gossip(node).snapshot().nodes.iter().all(|report| report.node != NodeId(6)));
    }
    assert!(!world.others.iter().any(|(_, o)| matches!(o, Output::Met(i) if i.node == NodeId(6))));
    // Not even its own return in a new life changes that.
    world.start(6, 2, &peers(6));
    world.run(Millis(30_000));
    let counters = world.gossip(1).snapshot().counters;
    assert!(counters.dropped_removed > 0);
    assert_eq!(world.gossip(1).liveness(NodeId(6)), Liveness::Unknown);
    world.give(NodeId(1), Event::PeerAdded(NodeId(6)));
    let refused = Output::Refused { node: NodeId(6), refusal: Refusal::Removed };
    assert!(world.others.contains(&(NodeId(1), refused)));
}

#[test]
fn failure_detection_never_forgets_a_member() {
    let mut world = World::cluster(6, 4);
    world.set(4, "key", b"value");
    assert!(world.run_until(Millis(30_000), Millis(500), World::all_alive).is_some());
    world.stop(4);
    world.run(Millis(3_600_000));
    assert!(world.all_think(4, Liveness::Down));
    assert_eq!(world.gossip(1).get(NodeId(4), "key").map(|v| &**v), Some(&b"value"[..]));
}

#[test]
fn a_joiner_that_knows_one_seed_meets_everybody() {
    let mut world = World::cluster(7, 30);
    assert!(world.run_until(Millis(60_000), Millis(500), World::all_alive).is_some());
    world.start(31, 1, &[NodeId(9)]);
    let took = world.run_until(Millis(30_000), Millis(500), |w| w.all_alive() && w.all_equal());
    println!("a joiner is alive to all, and all to it, after {took:?} ms");
    assert!(took.is_some());
}

#[test]
fn members_take_the_places_of_strangers() {
    let config = Config { node_count_max: 4, ..Config::new(CLUSTER) };
    let mut world = World::new(8, config);
    world.start(1, 1, &peers(3));
    for stranger in 100..110 {
        world.start(stranger, 1, &[NodeId(1)]);
    }
    world.run(Millis(500));
    for stranger in 100..110 {
        world.stop(stranger);
    }
    world.run(Millis(60_000));
    assert_eq!(world.gossip(1).snapshot().nodes.len(), 4);
    for member in [4, 5] {
        world.give(NodeId(1), Event::PeerAdded(NodeId(member)));
    }
    let known: Vec<u32> = world.gossip(1).snapshot().nodes.iter().map(|n| n.node.0).collect();
    assert_eq!(known.len(), 4);
    assert_eq!(known[..3], [2, 3, 4], "told ones stay");
    let full = Output::Refused { node: NodeId(5), refusal: Refusal::PeersFull };
    assert_eq!(world.others.contains(&(NodeId(1), full)), known[3] != 5);
}

#[test]
fn a_second_process_with_the_same_id_is_reported() {
    let mut world = World::cluster(10, 3);
    world.run(Millis(10_000));
    world.start(4, 2, &peers(3));
    world.run(Millis(5_000));
    // The same node id starts again with an older generation: a restored disk, say.
    world.start(4, 1, &peers(3));
    world.run(Millis(10_000));
    let seen = Identity { node: NodeId(4), generation: Generation(2) };
    assert!(world.others.contains(&(NodeId(4), Output::IdentityTaken { seen })));
}
