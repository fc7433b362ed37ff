//! HTTP as clients see it, against real nodes.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use serde_json::Value;

use crate::cluster::{Cluster, PATIENCE};
use crate::waiting::until;

/// A response taken apart.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// Sends bytes, then reads until the node closes the connection.
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    answer
}

/// Makes one request on a connection of its own.
pub(crate) fn ask(address: SocketAddr, line: &str, headers: &str, body: &[u8]) -> Answer {
    let mut request = format!(
        "{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\
         Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    let bytes = exchange(address, &request);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: bytes[end + 4..].to_vec() }
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    ask(address, &format!("GET {path}"), "", b"")
}

const KEY: &str = "/v1/keyspaces/db0/keys/a%2Fb";

#[test]
fn what_is_written_at_one_node_is_read_at_another() {
    let cluster = Cluster::start();
    let [first, second, third] = [1, 2, 3].map(|id| cluster.http(id));
    let put = ask(first, &format!("PUT {KEY}?level=all&ttl=1h"), "", b"\0bytes\r\n");
    assert_eq!(put.status, 204, "{}", put.text());
    assert_eq!(get(second, KEY).body, b"\0bytes\r\n");
    assert_eq!(cluster.client(3).get("a/b").as_deref(), Some("\0bytes\r\n"));

    let document = ask(third, &format!("GET {KEY}"), "Accept: application/json\r\n", b"").json();
    assert_eq!(document["key"], "a/b");
    assert_eq!(document["versions"].as_array().unwrap().len(), 1);
    assert!(document["expires_ms"].as_u64().unwrap() > 1_700_000_000_000);

    let head = ask(third, &format!("HEAD {KEY}"), "", b"");
    assert!(head.head.contains("Content-Length: 8") && head.body.is_empty(), "{}", head.head);
    assert_eq!(ask(second, &format!("DELETE {KEY}?level=all"), "", b"").status, 204);
    assert_eq!(get(first, KEY).status, 404);
    cluster.client(1).call(&["SADD", "s", "x"]).unwrap();
    assert_eq!(get(first, "/v1/keyspaces/db0/keys/s").status, 409);
}

#[test]
fn a_level_that_cannot_be_met_says_how_many_answered() {
    let mut cluster = Cluster::start();
    cluster.kill(3);
    let address = cluster.http(1);
    let answer = until("the link is down", PATIENCE, || {
        let answer = ask(address, &format!("PUT {KEY}?level=all"), "", b"x");
        (answer.status == 503).then_some(answer)
    });
    let problem = answer.json();
    assert_eq!(problem["type"], "/problems/not-enough-replicas");
    assert_eq!((problem["needed"].as_u64(), problem["answered"].as_u64()), (Some(3), Some(2)));
    assert!(answer.head.contains("Retry-After: 1"), "{}", answer.head);
    let ready = until("the node has compared what it holds", PATIENCE, || {
        let ready = get(address, "/health/ready");
        (ready.status == 200).then_some(ready)
    });
    assert_eq!(ready.json()["status"], "warn");
}

#[test]
fn health_metrics_and_documents_are_served() {
    let cluster = Cluster::start();
    let address = cluster.http(1);
    assert_eq!(get(address, "/health/live").json()["status"], "pass");
    until("the node has compared what it holds", PATIENCE, || {
        (get(address, "/health/ready").json()["status"] == "pass").then_some(())
    });
    assert_eq!(get(address, "/v1/node").json()["peers"].as_array().unwrap().len(), 2);
    assert_eq!(get(address, "/openapi.json").json()["openapi"], "3.1.0");
    let metrics = get(address, "/metrics");
    assert!(metrics.head.contains("text/plain; version=0.0.4"), "{}", metrics.head);
    assert!(metrics.text().contains("starling_link_up{peer=\"2\"} 1\n"), "{}", metrics.text());
    let open = ask(address, "GET /metrics", "Accept: application/openmetrics-text\r\n", b"");
    assert!(open.text().ends_with("# EOF\n"));
}

#[test]
fn a_connection_is_kept_and_requests_may_follow_each_other_at_once() {
    let cluster = Cluster::start();
    let request = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let last = "GET /health/live HTTP/1.0\r\n\r\n";
    let answers = exchange(cluster.http(1), format!("{request}{request}{last}").as_bytes());
    let text = String::from_utf8(answers).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 3, "{text}");
    assert_eq!(text.matches("Connection: close").count(), 1);
}

#[test]
fn what_is_too_much_or_makes_no_sense_ends_the_connection_with_a_reason() {
    let cluster = Cluster::start_with("request_size_max = 1024");
    let address = cluster.http(1);
    let status = |bytes: &[u8]| {
        let answer = String::from_utf8(exchange(address, bytes)).unwrap();
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    let large = "PUT /v1/keyspaces/db0/keys/k HTTP/1.1\r\nHost: localhost\r\n";
    assert_eq!(status(format!("{large}Content-Length: 1025\r\n\r\n").as_bytes()), "413");
    assert_eq!(status(b"PING\r\n\r\n"), "400");
    assert_eq!(status(b"GET / HTTP/3.0\r\n\r\n"), "505");
    let head = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(300_000));
    assert_eq!(status(head.as_bytes()), "431");
    let foreign = "GET /health/live HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n";
    assert_eq!(status(foreign.as_bytes()), "403");
}

#[test]
fn a_node_that_stops_does_not_wait_for_idle_connections() {
    let mut cluster = Cluster::start();
    let mut idle = TcpStream::connect(cluster.http(2)).unwrap();
    idle.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    idle.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut first = [0; 15];
    idle.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    cluster.stop(2);
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).unwrap();
    // It may have been closed by the node already.
    let _ = idle.shutdown(Shutdown::Both);
}

#[test]
fn any_node_tells_of_all_and_of_those_that_it_cannot_reach() {
    let mut cluster = Cluster::start();
    let address = cluster.http(2);
    let whole = until("every node has reported", PATIENCE, || {
        let whole = get(address, "/v1/cluster").json();
        let nodes = whole["nodes"].as_array().unwrap();
        nodes.iter().all(|node| node["report"].is_object()).then_some(whole)
    });
    assert_eq!((whole["node"].as_u64(), whole["nodes"][1]["age_ms"].as_u64()), (Some(2), Some(0)));
    let peers = whole["nodes"][0]["report"]["peers"].as_array().unwrap();
    assert_eq!((peers.len(), &peers[0][0], &peers[0][1]), (2, &2.into(), &"up".into()));

    cluster.kill(1);
    let late = until("the report of node 1 ages", PATIENCE, || {
        let node = get(address, "/v1/cluster").json()["nodes"][0].clone();
        (node["age_ms"].as_u64() > Some(300)).then_some(node)
    });
    assert!(late["report"].is_object(), "what it said last is still there: {late}");
    let history = get(address, "/v1/convergence").json()["history"].clone();
    assert!(history["series"].as_array().unwrap().contains(&"links_down".into()), "{history}");
    assert!(!history["seconds"].as_array().unwrap().is_empty());
}

#[test]
fn a_session_goes_on_at_another_node_and_collections_merge() {
    let cluster = Cluster::start();
    let [first, second] = [1, 2].map(|id| cluster.http(id));
    let path = "/v1/keyspaces/db0/keys/visits/counter?level=one";
    let begun = ask(first, &format!("POST {path}"), "Starling-Session: new\r\n", b"{\"by\":5}");
    assert_eq!(begun.json()["value"], 5, "{}", begun.text());
    let token = begun.head.split("Starling-Session: ").nth(1).unwrap();
    let session = format!("Starling-Session: {}\r\n", token.lines().next().unwrap());
    let read = ask(second, "GET /v1/keyspaces/db0/keys/visits", &session, b"");
    assert_eq!((read.status, read.text().as_str()), (200, "5"), "it reads its own write");
    let foreign = "Starling-Session: 00112233\r\n";
    let refused = ask(second, "GET /v1/keyspaces/db0/keys/visits", foreign, b"");
    assert_eq!((refused.status, &refused.json()["type"]), (400, &"/problems/bad-session".into()));

    let set = "/v1/keyspaces/db0/keys/flock/set";
    let changed = ask(first, &format!("POST {set}?level=all"), "", b"{\"add\":[\"a\",\"b\"]}");
    assert_eq!(changed.json()["added"], 2, "{}", changed.text());
    assert_eq!(get(second, set).json()["members"], serde_json::json!(["a", "b"]));
}

#[test]
fn a_trace_says_who_has_what_and_who_does_not_answer() {
    let mut cluster = Cluster::start();
    let address = cluster.http(1);
    assert_eq!(ask(address, &format!("PUT {KEY}?level=all"), "", b"one").status, 204);
    let path = format!("{KEY}/trace");
    let trace = get(address, &path).json();
    assert_eq!((&trace["key"], trace["owners"].as_array().unwrap().len()), (&"a/b".into(), 3));
    let version = &trace["versions"][0];
    assert_eq!((&version["value"], &version["node"]), (&"one".into(), &1.into()));
    let states = |version: &Value| -> Vec<String> {
        let at = version["at"].as_array().unwrap().iter();
        at.map(|one| one["state"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(states(version), ["live"; 3]);

    cluster.kill(3);
    until("the link is down", PATIENCE, || {
        let answer = ask(address, &format!("PUT {KEY}?level=quorum"), "", b"two");
        let trace = get(cluster.http(2), &path).json();
        let states = states(&trace["versions"][0]);
        let silent = states.iter().filter(|state| *state == "silent").count();
        (answer.status == 204 && silent == 1).then_some(())
    });
    cluster.client(1).call(&["SADD", "s", "x", "y"]).unwrap();
    let set = get(address, "/v1/keyspaces/db0/keys/s/trace").json();
    let places: Vec<&str> = set["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| version["place"].as_str().unwrap())
        .collect();
    assert_eq!(places, ["member x", "member y"]);
    let nothing = get(address, "/v1/keyspaces/db0/keys/none/trace").json();
    assert_eq!(nothing["versions"].as_array().unwrap().len(), 0);
}

#[test]
fn a_watcher_is_told_every_second_and_when_the_node_stops() {
    let mut cluster = Cluster::start();
    let address = cluster.http(1);
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let request =
        "GET /v1/convergence HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
    socket.write_all(request.as_bytes()).unwrap();
    until("three reports are gathered", PATIENCE, || {
        let rows = get(address, "/v1/convergence").json()["history"]["seconds"].clone();
        (rows.as_array().unwrap().len() > 4).then_some(())
    });
    cluster.stop(1);
    let mut told = String::new();
    socket.read_to_string(&mut told).unwrap();
    assert!(told.contains("Content-Type: text/event-stream"), "{told}");
    assert_eq!(told.matches("event: history\n").count(), 1);
    assert!(told.matches("event: cluster\n").count() > 2, "{told}");
    assert!(told.ends_with("0\r\n\r\n"), "the stream ends in order: {told}");
}
