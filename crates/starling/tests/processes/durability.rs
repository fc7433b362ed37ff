//! What was acknowledged stays, whatever happens to the processes.

use crate::cluster::{Cluster, PATIENCE};
use crate::waiting::until;

const KEYS_COUNT: usize = 200;

/// Writes `KEYS_COUNT` keys through one node, each of which must be acknowledged.
fn write(cluster: &Cluster, node: usize, phase: &str) {
    let mut client = cluster.client(node);
    for index in 0..KEYS_COUNT {
        let key = format!("{phase}-{index}");
        assert!(client.set(&key, &format!("value of {key}")), "node {node} refused {key}");
    }
}

/// Waits until a node knows every key of a phase.
#[track_caller]
fn find(cluster: &Cluster, node: usize, phase: &str) {
    let mut client = cluster.client(node);
    for index in 0..KEYS_COUNT {
        let key = format!("{phase}-{index}");
        let expected = Some(format!("value of {key}"));
        until(&format!("node {node} knows {key}"), PATIENCE, || {
            (client.get(&key) == expected).then_some(())
        });
    }
}

#[test]
fn acknowledged_writes_survive_crashes_and_restarts() {
    let mut cluster = Cluster::start();
    write(&cluster, 1, "before");
    for node in 1..=3 {
        find(&cluster, node, "before");
    }

    // One node of three is gone: LOCAL_QUORUM is two, so writing goes on.
    cluster.kill(3);
    write(&cluster, 1, "without three");
    write(&cluster, 2, "without three, by two");
    cluster.start_node(3);
    for phase in ["before", "without three", "without three, by two"] {
        find(&cluster, 3, phase);
    }

    cluster.wait_for_links();
    write(&cluster, 3, "healed");
    cluster.stop_all();
    cluster.start_all();
    let phases = ["before", "without three", "without three, by two", "healed"];
    for node in 1..=3 {
        phases.iter().for_each(|phase| find(&cluster, node, phase));
    }

    // All crash at once, right after the last acknowledgement.
    write(&cluster, 2, "last");
    (1..=3).for_each(|node| cluster.kill(node));
    cluster.start_all();
    for node in 1..=3 {
        phases.iter().chain(&["last"]).for_each(|phase| find(&cluster, node, phase));
    }
}

#[test]
fn pipelined_replies_keep_their_order() {
    let cluster = Cluster::start();
    let mut client = cluster.client(1);
    for index in 0..500 {
        client.send(&["SET", &format!("p{index}"), &index.to_string()]).unwrap();
        client.send(&["GET", &format!("p{index}")]).unwrap();
        client.send(&["PING", &index.to_string()]).unwrap();
    }
    for index in 0..500 {
        assert_eq!(client.receive().unwrap().as_bytes(), Some(b"OK".as_slice()));
        assert_eq!(client.receive().unwrap().as_bytes(), Some(index.to_string().as_bytes()));
        assert_eq!(client.receive().unwrap().as_bytes(), Some(index.to_string().as_bytes()));
    }
}

#[test]
fn a_client_that_says_no_more_still_gets_its_replies() {
    let cluster = Cluster::start();
    let mut client = cluster.client(2);
    // More than may be open at a time, so that reading stops and goes on in between.
    for index in 0..3000 {
        client.send(&["SET", &format!("e{index}"), "x"]).unwrap();
    }
    client.end().unwrap();
    for index in 0..3000 {
        let reply = client.receive().unwrap();
        assert_eq!(reply.as_bytes(), Some(b"OK".as_slice()), "reply {index}");
    }
    assert!(client.receive().is_err(), "the node closes the connection");
}
