//! `starling up` and what another terminal can do to it.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Output, Stdio};

use resp::Reply;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;
use crate::cluster::{PATIENCE, starling};
use crate::waiting::until;

pub(crate) struct Up {
    pub(crate) directory: TempDir,
    child: Child,
    pub(crate) redis: Vec<SocketAddr>,
}

impl Up {
    /// Starts a cluster and waits for its ready line.
    pub(crate) fn start(flags: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        let mut child = starling()
            .args(["up", "--json", "--port", &free_port().to_string(), "--data"])
            .arg(directory.path())
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(ready["ready"], true);
        let address = |value: &Value| value.as_str().unwrap().parse().unwrap();
        let redis = ready["redis"].as_array().unwrap().iter().map(address).collect();
        Self { directory, child, redis }
    }

    /// Runs `starling up VERB ...` as another terminal would.
    fn ask(&self, words: &[&str]) -> Output {
        let mut command = starling();
        command.arg("up").args(words).arg("--data").arg(self.directory.path());
        command.output().unwrap()
    }

    #[track_caller]
    fn order(&self, words: &[&str]) {
        let output = self.ask(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn client(&self, node: usize) -> Client {
        Client::connect(self.redis[node - 1]).unwrap()
    }

    fn state(&self, node: usize) -> String {
        let output = self.ask(&["status", "--json"]);
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        status["nodes"][node - 1]["state"].as_str().unwrap().to_owned()
    }

    /// Stops the cluster as Ctrl-C does.
    pub(crate) fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let ended = until("the cluster stops", PATIENCE, || self.child.try_wait().unwrap());
        assert!(ended.success(), "{ended}");
        for node in 1..=self.redis.len() {
            let path = self.directory.path().join(format!("n{node}/pid"));
            assert!(!path.exists(), "node {node} was left behind");
            let free = until("its port is free", PATIENCE, || {
                Client::connect(self.redis[node - 1]).is_err().then_some(true)
            });
            assert!(free);
        }
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // Its nodes notice that they have lost their parent.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port from which on three are free, and three more 1000 and 2000 above.
fn free_port() -> u16 {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    until("ports are free", PATIENCE, || {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let port = port % 20_000 + 20_000;
        let all = [0, 1000, 2000].into_iter().flat_map(|above| port + above..port + above + 4);
        all.clone().all(is_free).then_some(port)
    })
}

fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(reply.as_bytes().unwrap_or_default()).into_owned()
}

#[test]
fn a_cluster_can_be_cut_and_healed() {
    let up = Up::start(&[]);
    assert!(up.client(1).set("k", "everywhere"));
    up.order(&["cut", "1", "2"]);
    up.order(&["cut", "1", "3"]);
    let refusal = until("node 1 is alone", PATIENCE, || {
        let reply = up.client(1).call(&["SET", "k", "alone"]).unwrap();
        reply.is_error().then(|| text(&reply))
    });
    assert!(refusal.contains("local_quorum") || refusal.contains("LOCAL_QUORUM"), "{refusal}");
    assert!(up.client(2).set("other side", "goes on"));
    assert_eq!(up.client(1).get("other side"), None);
    up.order(&["heal"]);
    until("both sides meet", PATIENCE, || {
        let seen = up.client(1).get("other side");
        (seen.as_deref() == Some("goes on")).then_some(())
    });
    up.stop();
}

#[test]
fn nodes_can_be_killed_started_paused_and_resumed() {
    let up = Up::start(&[]);
    up.order(&["kill", "2"]);
    assert_eq!(up.state(2), "stopped");
    assert!(up.client(1).set("k", "without two"));
    up.order(&["start", "n2"]);
    assert_eq!(up.state(2), "running");
    until("node 2 catches up", PATIENCE, || {
        (up.client(2).get("k").as_deref() == Some("without two")).then_some(())
    });
    up.order(&["pause", "3"]);
    assert_eq!(up.state(3), "paused");
    up.order(&["resume", "3"]);
    assert!(up.client(3).set("k", "by three"));

    let output = up.ask(&["kill", "9"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no node `9`"));
    up.stop();
}

#[test]
fn a_cluster_keeps_its_directory_to_itself() {
    let up = Up::start(&["--nodes", "1"]);
    let complain = |root: &Path, flags: &[&str]| {
        let output = starling().arg("up").args(flags).arg("--data").arg(root).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let port = up.redis[0].port().to_string();
    let said = complain(up.directory.path(), &["--nodes", "1", "--port", &port]);
    assert!(said.contains("is running in"), "{said}");
    let said = complain(up.directory.path(), &["--nodes", "3"]);
    assert!(said.contains("--nodes 1 --dcs 1"), "{said}");
    let elsewhere = TempDir::new().unwrap();
    let said = complain(elsewhere.path(), &["--nodes", "1", "--port", &port]);
    assert!(said.contains(&format!("port {port} is taken")), "{said}");
    up.stop();
}

#[test]
fn a_session_carried_to_another_node_reads_its_own_writes() {
    let up = Up::start(&["--nodes", "3"]);
    let (mut first, mut third) = (up.client(1), up.client(3));
    up.order(&["cut", "3", "1"]);
    up.order(&["cut", "3", "2"]);
    until("node 3 is alone", PATIENCE, || {
        third.call(&["SET", "probe", "v"]).unwrap().is_error().then_some(())
    });
    assert!(first.set("k", "mine"));
    let token = text(&first.call(&["STARLING", "TOKEN"]).unwrap());
    assert_eq!(third.get("k"), None, "without the token, node 3 shows what it has");
    assert_eq!(text(&third.call(&["STARLING", "TOKEN", "SET", &token]).unwrap()), "OK");
    let refused = text(&third.call(&["GET", "k"]).unwrap());
    assert!(refused.starts_with("TRYAGAIN"), "{refused}");
    up.order(&["heal"]);
    until("the session is served again", PATIENCE, || {
        (third.get("k").as_deref() == Some("mine")).then_some(())
    });
    up.stop();
}
