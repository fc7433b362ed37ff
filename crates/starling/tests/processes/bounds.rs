//! What is refused so that a node stays small, and how it is said.

use resp::Reply;

use crate::cluster::{Cluster, PATIENCE};
use crate::waiting::until;
use crate::web::get;

fn error(reply: &Reply) -> String {
    assert!(reply.is_error(), "{reply:?}");
    String::from_utf8_lossy(reply.as_bytes().unwrap()).into_owned()
}

#[test]
fn clients_and_requests_over_the_bounds_are_told_so() {
    let cluster = Cluster::start_with("clients_count_max = 2\nrequest_size_max = 4096");
    // Whoever asked for the links has left, which the node may not have noticed yet.
    let mut held = until("two clients are let in", PATIENCE, || {
        let mut pair = [cluster.client(1), cluster.client(1)];
        pair.iter_mut().all(|client| client.set("k", "v")).then_some(pair)
    });
    assert!(error(&cluster.client(1).receive().unwrap()).contains("max number of clients"));

    let refusal = held[0].call(&["SET", "k", &"x".repeat(8192)]).unwrap();
    assert!(error(&refusal).contains("invalid bulk length"), "{refusal:?}");
    assert!(held[0].receive().is_err(), "the node closes the connection");
    assert!(held[1].set("k", "others go on"));
}

#[test]
fn a_node_short_of_disk_reads_and_removes_and_refuses_writes() {
    let mut cluster = Cluster::start();
    assert!(cluster.client(1).set("k", "from before"));
    cluster.stop_all();
    // No disk is that large, so each node is short of space from now on.
    cluster.reconfigure("disk_free_min = 1152921504606846976");
    cluster.start_all();
    let mut client = cluster.client(2);
    assert_eq!(client.get("k").as_deref(), Some("from before"));
    for write in [["SET", "k", "v"].as_slice(), &["INCR", "n"], &["SADD", "s", "m"]] {
        let refusal = error(&client.call(write).unwrap());
        assert!(refusal.starts_with("OOM the node is short of disk"), "{refusal}");
    }
    assert_eq!(client.call(&["DEL", "k"]).unwrap(), Reply::Integer(1));
    assert_eq!(client.get("k"), None);

    let ready = until("the node has compared what it holds", PATIENCE, || {
        let ready = get(cluster.http(2), "/health/ready");
        (ready.status == 200).then_some(ready)
    });
    let document = ready.json();
    assert_eq!(document["status"], "warn");
    let checks = document["checks"].as_array().unwrap();
    let disk = checks.iter().find(|check| check["name"] == "disk").unwrap();
    assert_eq!(disk["status"], "warn", "{disk}");
    let metrics = get(cluster.http(2), "/metrics");
    assert!(metrics.text().contains("starling_disk_low 1\n"), "{}", metrics.text());
}
