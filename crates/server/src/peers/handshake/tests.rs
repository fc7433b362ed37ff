//! Greetings: who is let in, and what those are told who are not.

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use super::*;

fn introduction(me: u32, cluster: u64, secret: &str) -> Introduction {
    Introduction {
        me: NodeId(me),
        incarnation: Cell::new(Incarnation(7)),
        cluster: ClusterId(cluster),
        secret: secret.into(),
    }
}

async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dialled = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (dialled, listener.accept().await.unwrap().0)
}

type Both = (Result<Greeted, GreetError>, Result<Greeted, GreetError>);

/// Lets two nodes greet each other over a real connection.
fn meet(a: &Introduction, b: &Introduction) -> Both {
    run(async {
        let (dialled, accepted) = sockets().await;
        let is_expected = |node: NodeId| node.0 <= 2;
        tokio::join!(a.greet(dialled.into(), is_expected), b.greet(accepted.into(), is_expected))
    })
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn members_of_one_cluster_with_one_secret_meet() {
    let (a, b) = meet(&introduction(1, 9, "s"), &introduction(2, 9, "s"));
    assert_eq!((a.unwrap().node, b.unwrap().node), (NodeId(2), NodeId(1)));
}

#[track_caller]
fn check_refused((a, b): Both, expected: &str) {
    let (a, b) = (a.unwrap_err().to_string(), b.unwrap_err().to_string());
    assert!(a.contains(expected) || b.contains(expected), "{a:?} and {b:?}: no {expected:?}");
}

#[test]
fn strangers_do_not() {
    let us = introduction(1, 9, "s");
    check_refused(meet(&us, &introduction(2, 8, "s")), "another cluster");
    check_refused(meet(&us, &introduction(2, 9, "t")), "secret");
    check_refused(meet(&us, &introduction(3, 9, "s")), "node 3 is not expected");
}

#[test]
fn a_proof_is_good_for_one_direction_only() {
    let us = introduction(1, 9, "s");
    let challenge = Challenge([5; 16]);
    let (a, b) = (NodeId(1), NodeId(2));
    let proof = us.prove(challenge, a, b, None);
    assert_eq!(proof, introduction(2, 9, "s").prove(challenge, a, b, None));
    assert_ne!(proof, us.prove(challenge, b, a, None));
    assert_ne!(proof, us.prove(Challenge([6; 16]), a, b, None));
    assert_ne!(proof, introduction(1, 9, "t").prove(challenge, a, b, None));
    assert_ne!(proof, us.prove(challenge, a, b, Some([0; 32])), "another connection");
    assert_ne!(super::challenge(), super::challenge());
}

#[test]
fn whoever_speaks_something_else_is_turned_away() {
    let refusal = |bytes: &'static [u8]| {
        run(async move {
            let (mut dialled, accepted) = sockets().await;
            dialled.write_all(bytes).await.unwrap();
            dialled.shutdown().await.unwrap();
            let us = introduction(1, 9, "s");
            us.greet(accepted.into(), |_| true).await.unwrap_err().to_string()
        })
    };
    assert!(refusal(b"GET / HTTP/1.1\r\n\r\n").contains("does not speak our protocol"));
    assert!(refusal(b"").contains("end of file"));
}
