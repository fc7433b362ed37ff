//! What is refused so that a node stays small, and how it is said.

use resp::Reply;

use crate::cluster::{Cluster, PATIENCE};
use crate::waiting::until;

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
