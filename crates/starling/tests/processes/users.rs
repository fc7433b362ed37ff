//! Users at real nodes: who gets in, by which door, and who does not.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use resp::Reply;
use tempfile::TempDir;

use crate::client::Client;
use crate::cluster::{Cluster, PATIENCE, starling};
use crate::lone::Lone;
use crate::waiting::until;

const PASSWORD: &str = "correct-horse";

fn guarded() -> (TempDir, Lone) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("password");
    fs::write(&path, format!("{PASSWORD}\n")).unwrap();
    let node = Lone::start(&format!("password_file = {path:?}\n"));
    (directory, node)
}

fn connect(address: &str) -> Client {
    Client::connect(address.parse().unwrap()).unwrap()
}

fn text(reply: &Reply) -> String {
    match reply {
        Reply::Integer(number) => number.to_string(),
        reply => String::from_utf8_lossy(reply.as_bytes().unwrap_or_default()).into_owned(),
    }
}

#[track_caller]
fn check(client: &mut Client, line: &str, expected: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    let reply = text(&client.call(&words).unwrap());
    assert!(reply.starts_with(expected), "{line}: {reply:?}, not {expected:?}");
}

fn admin(node: &Lone) -> Client {
    let mut admin = connect(&node.address);
    check(&mut admin, &format!("AUTH {PASSWORD}"), "OK");
    admin
}

#[test]
fn without_a_password_nothing_is_served_over_any_door() {
    let (_directory, node) = guarded();
    let mut client = connect(&node.address);
    for line in [
        "GET k",
        "SET k v",
        "MULTI",
        "EXEC",
        "PING",
        "STARLING STATUS",
        "STARLING NODE LIST",
        "STARLING NODE PLAN LEAVE 1",
        "ACL WHOAMI",
        "CLIENT ID",
        "COMMAND COUNT",
        "CONFIG GET *",
        "SELECT 1",
        "HELLO 3",
        "SUBSCRIBE c",
        "PSUBSCRIBE *",
        "PUBLISH c x",
        "BLPOP k 1",
        "MONITOR",
        "CLIENT LIST",
        "CLIENT REPLY OFF",
    ] {
        check(&mut client, line, "NOAUTH ");
    }
    check(&mut client, "STARLING NODE ADMIT {} 00", "ERR ");
    check(&mut client, "AUTH wrong", "WRONGPASS ");
    check(&mut client, "AUTH default wrong", "WRONGPASS ");
    check(&mut client, "AUTH nobody correct-horse", "WRONGPASS ");
    check(&mut client, "HELLO 3 AUTH default wrong", "WRONGPASS ");
    check(&mut client, "GET k", "NOAUTH ");
    check(&mut client, &format!("AUTH {PASSWORD}"), "OK");
    check(&mut client, "SET k v", "OK");
    check(&mut client, "ACL WHOAMI", "default");
    check(&mut client, "RESET", "RESET");
    check(&mut client, "GET k", "NOAUTH ");

    // Everything that was sent behind a login waits for it, in order.
    let mut client = connect(&node.address);
    let auth = ["AUTH", "default", PASSWORD];
    [&auth[..], &["GET", "k"], &["PING"]].iter().for_each(|args| client.send(args).unwrap());
    let replies: Vec<String> = (0..3).map(|_| text(&client.receive().unwrap())).collect();
    assert_eq!(replies, ["OK", "v", "PONG"]);
}

#[test]
fn whoever_listens_or_waits_is_disconnected_when_it_may_no_more() {
    let (_directory, node) = guarded();
    let mut admin = admin(&node);
    check(&mut admin, "ACL SETUSER u on >p ~q +blpop +subscribe &news", "OK");
    let mut listener = connect(&node.address);
    check(&mut listener, "AUTH u p", "OK");
    check(&mut listener, "SUBSCRIBE other", "NOPERM No permissions to access a channel");
    listener.call(&["SUBSCRIBE", "news"]).unwrap();
    let mut waiter = connect(&node.address);
    check(&mut waiter, "AUTH u p", "OK");
    check(&mut waiter, "BLPOP other 0", "NOPERM No permissions to access a key");
    waiter.send(&["BLPOP", "q", "0"]).unwrap();
    check(&mut admin, "PUBLISH news first", "1");
    listener.receive().unwrap();
    until("the client waits", PATIENCE, || {
        let reply = text(&admin.call(&["CLIENT", "LIST"]).unwrap());
        let mut lines = reply.lines();
        lines.find(|line| line.contains(" flags=b ") && line.contains(" user=u ")).map(drop)
    });

    check(&mut admin, "ACL DELUSER u", "1");
    check(&mut admin, "PUBLISH news second", "1");
    check(&mut admin, "RPUSH q element", "1");
    assert!(listener.receive().is_err(), "it is told nothing more");
    assert!(waiter.receive().is_err(), "it is given nothing more");
    check(&mut admin, "LLEN q", "1");
}

#[test]
fn rules_hold_over_redis_and_http_and_through_restarts() {
    let (_directory, mut node) = guarded();
    let mut admin = admin(&node);
    check(
        &mut admin,
        "ACL SETUSER reader on >peek ~news:* &none +@read +multi +exec +select db=0",
        "OK",
    );
    check(&mut admin, "ACL SETUSER writer on >poke %W~news:* +set +del", "OK");
    check(&mut admin, "ACL SETUSER bad +nothing", "ERR Error in ACL SETUSER modifier '+nothing': ");
    check(
        &mut admin,
        "ACL SETUSER reader <other",
        "ERR Error in ACL SETUSER modifier '<': The pass",
    );
    check(&mut admin, "SET news:1 hello", "OK");
    check(&mut admin, "SET secret hidden", "OK");

    let mut reader = connect(&node.address);
    check(&mut reader, "AUTH reader peek", "OK");
    check(&mut reader, "GET news:1", "hello");
    for (line, expected) in [
        ("GET secret", "NOPERM No permissions to access a key"),
        ("MGET news:1 secret", "NOPERM No permissions to access a key"),
        ("SET news:1 x", "NOPERM User reader has no permissions to run the 'set' command"),
        ("SELECT 1", "NOPERM No permissions to access database"),
        ("ACL SETUSER reader allkeys", "NOPERM User reader has no permissions to run the 'acl|"),
        ("STARLING NODE LIST", "NOPERM User reader"),
        ("STARLING SIBLINGS secret", "NOPERM No permissions to access a key"),
    ] {
        check(&mut reader, line, expected);
    }
    check(&mut reader, "MULTI", "OK");
    check(&mut reader, "GET secret", "NOPERM ");
    check(&mut reader, "EXEC", "EXECABORT ");

    let mut writer = connect(&node.address);
    check(&mut writer, "AUTH writer poke", "OK");
    check(&mut writer, "SET news:1 again", "OK");
    check(&mut writer, "SET news:1 x GET", "NOPERM No permissions to access a key");
    check(&mut writer, "GET news:1", "NOPERM User writer");

    let key = |name: &str| format!("/v1/keyspaces/db0/keys/{name}");
    for (who, method, path, expected) in [
        (None, "GET", key("news%3A1"), 401),
        (Some("reader:wrong"), "GET", key("news%3A1"), 401),
        (Some("reader:peek"), "GET", key("news%3A1"), 200),
        (Some("reader:peek"), "GET", key("secret"), 403),
        (Some("reader:peek"), "GET", key("secret/trace"), 403),
        (Some("reader:peek"), "PUT", key("news%3A1"), 403),
        (Some("reader:peek"), "DELETE", key("news%3A1"), 403),
        (Some("reader:peek"), "GET", key("news%3A1").replace("db0", "db1"), 403),
        (Some("reader:peek"), "GET", "/v1/cluster".into(), 403),
        (Some("reader:peek"), "GET", "/metrics".into(), 403),
        (None, "GET", "/metrics".into(), 401),
        (None, "GET", "/v1/convergence".into(), 401),
        (None, "GET", "/health/ready".into(), 200),
        (Some("writer:poke"), "PUT", key("news%3A1"), 204),
        (Some(&format!("default:{PASSWORD}")), "GET", "/v1/cluster".into(), 200),
    ] {
        assert_eq!(http(&node.http, method, &path, who), expected, "{who:?} {method} {path}");
    }

    node.restart();
    let mut reader = connect(&node.address);
    check(&mut reader, "AUTH reader peek", "OK");
    check(&mut reader, "GET secret", "NOPERM ");
    for hidden in [PASSWORD, "peek", "poke"] {
        assert!(!node.log().contains(hidden), "{hidden} stands in the log");
        check_absent(&node.directory.path().join("data"), hidden);
    }
}

/// Looks into every file.
fn check_absent(directory: &Path, hidden: &str) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            check_absent(&path, hidden);
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let found = bytes.windows(hidden.len()).any(|part| part == hidden.as_bytes());
        assert!(!found, "{hidden} stands in {}", path.display());
    }
}

/// Asks once; returns the status.
fn http(address: &str, method: &str, path: &str, who: Option<&str>) -> u16 {
    let mut socket = TcpStream::connect(address).unwrap();
    let who = who.map(|pair| format!("Authorization: Bearer {pair}\r\n")).unwrap_or_default();
    let request =
        format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: 0\r\n{who}\r\n");
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_change_counts_on_every_node_and_for_those_who_are_in() {
    let cluster = Cluster::start();
    let mut admin = cluster.client(1);
    check(&mut admin, "ACL SETUSER alice on >secret allkeys +@all", "OK");
    let mut alice = until("node 3 knows alice", PATIENCE, || {
        let mut alice = cluster.client(3);
        let reply = alice.call(&["AUTH", "alice", "secret"]).unwrap();
        (text(&reply) == "OK").then_some(alice)
    });
    check(&mut alice, "SET k v", "OK");
    check(&mut admin, "ACL SETUSER alice -set", "OK");
    until("alice may not any more", PATIENCE, || {
        text(&alice.call(&["SET", "k", "v"]).unwrap()).starts_with("NOPERM ").then_some(())
    });
    check(&mut admin, "ACL DELUSER alice nobody", "1");
    until("alice is nobody", PATIENCE, || {
        text(&alice.call(&["GET", "k"]).unwrap()).starts_with("NOAUTH ").then_some(())
    });
    let mut late = cluster.client(2);
    until("and cannot come back", PATIENCE, || {
        let reply = late.call(&["AUTH", "alice", "secret"]).unwrap();
        text(&reply).starts_with("WRONGPASS ").then_some(())
    });
    check(&mut admin, "ACL DELUSER default", "ERR The 'default' user cannot be removed");
}

#[test]
fn the_command_line_says_who_asks() {
    let (directory, node) = guarded();
    let password = directory.path().join("password");
    let run = |words: &[&str], file: Option<&Path>| {
        let mut command = starling();
        command.args(words).args(["--node", &node.address]);
        file.map(|file| command.arg("--password-file").arg(file));
        command.output().unwrap()
    };
    assert!(run(&["set", "k", "v"], Some(&password)).status.success());
    assert!(run(&["lag"], Some(&password)).status.success(), "over HTTP");
    let refused = run(&["get", "k"], None);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("NOAUTH"), "{refused:?}");
}
