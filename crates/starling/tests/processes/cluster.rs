//! Nodes as processes of their own, each with a configuration file on free loopback ports.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;
use crate::waiting::until;

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn starling() -> Command {
    Command::new(env!("CARGO_BIN_EXE_starling"))
}

/// Three nodes in one datacenter; whatever runs is killed when this is dropped.
pub(crate) struct Cluster {
    directory: TempDir,
    nodes: Vec<Node>,
}

struct Node {
    redis: SocketAddr,
    http: SocketAddr,
    config: PathBuf,
    child: Option<Child>,
}

impl Cluster {
    /// Writes the configurations and starts every node.
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// The same with more lines at the front of each configuration.
    pub(crate) fn start_with(lines: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let addresses: Vec<[SocketAddr; 3]> = free_addresses();
        let members: String = (1..)
            .zip(&addresses)
            .map(|(id, [redis, peers, http])| {
                format!(
                    "[[members]]\nid = {id}\ndatacenter = \"dc1\"\nrack = \"r{id}\"\n\
                     redis = \"{redis}\"\npeers = \"{peers}\"\nhttp = \"{http}\"\n"
                )
            })
            .collect();
        let node = |(id, [redis, _, http]): (u32, &[SocketAddr; 3])| {
            let config = directory.path().join(format!("n{id}.toml"));
            let data = directory.path().join(format!("n{id}"));
            let text = format!(
                "{lines}\nnode_id = {id}\ncluster_secret = \"s\"\nexchange_interval_ms = 100\n\
                 data_directory = {data:?}\n{members}"
            );
            fs::write(&config, text).unwrap();
            Node { redis: *redis, http: *http, config, child: None }
        };
        let nodes = (1..).zip(&addresses).map(node).collect();
        let mut cluster = Self { directory, nodes };
        cluster.start_all();
        cluster
    }

    /// Adds lines at the front of each configuration; nodes read them when they start next.
    pub(crate) fn reconfigure(&self, lines: &str) {
        for node in &self.nodes {
            let text = fs::read_to_string(&node.config).unwrap();
            fs::write(&node.config, format!("{lines}\n{text}")).unwrap();
        }
    }

    /// Replaces text in the configuration of one node, which reads it when it starts next.
    pub(crate) fn edit(&self, id: usize, from: &str, to: &str) {
        let path = &self.nodes[id - 1].config;
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    /// Waits until a node has logged a text.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, id: usize, text: &str) {
        let path = self.directory.path().join(format!("n{id}.log"));
        until(&format!("node {id} logs {text:?}"), PATIENCE, || {
            fs::read_to_string(&path).ok().filter(|log| log.contains(text))
        });
    }

    pub(crate) fn start_all(&mut self) {
        for id in 1..=3 {
            self.start_node(id);
        }
        self.wait_for_links();
    }

    pub(crate) fn start_node(&mut self, id: usize) {
        let log = self.directory.path().join(format!("n{id}.log"));
        let log = fs::File::options().create(true).append(true).open(log).unwrap();
        let node = &mut self.nodes[id - 1];
        assert!(node.child.is_none(), "node {id} runs already");
        let child = starling()
            .args(["serve", "--config"])
            .arg(&node.config)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        node.child = Some(child.unwrap());
    }

    /// Starts a node that joins the cluster of node 1, with more arguments; returns its id.
    pub(crate) fn join(&mut self, lines: &str, args: &[&str]) -> usize {
        let id = self.nodes.len() + 1;
        let [redis, peers, http] = free_addresses()[0];
        let config = self.directory.path().join(format!("n{id}.toml"));
        let data = self.directory.path().join(format!("n{id}"));
        let text = format!(
            "{lines}\nnode_id = {id}\ncluster_secret = \"s\"\nexchange_interval_ms = 100\n\
             data_directory = {data:?}\n[[members]]\nid = {id}\ndatacenter = \"dc1\"\n\
             rack = \"r{id}\"\nredis = \"{redis}\"\npeers = \"{peers}\"\nhttp = \"{http}\"\n"
        );
        fs::write(&config, text).unwrap();
        let log = fs::File::create(self.directory.path().join(format!("n{id}.log"))).unwrap();
        let child = starling()
            .args(["serve", "--join", &self.nodes[0].redis.to_string(), "--config"])
            .arg(&config)
            .args(args)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.nodes.push(Node { redis, http, config, child: Some(child.unwrap()) });
        id
    }

    /// Ends a node as a crash would.
    pub(crate) fn kill(&mut self, id: usize) {
        let mut child = self.nodes[id - 1].child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Ends every node in order.
    pub(crate) fn stop_all(&mut self) {
        self.nodes.iter().for_each(Node::ask_to_stop);
        self.nodes.iter_mut().for_each(Node::wait);
    }

    /// Ends one node in order.
    pub(crate) fn stop(&mut self, id: usize) {
        self.nodes[id - 1].ask_to_stop();
        self.nodes[id - 1].wait();
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.redis).collect()
    }

    pub(crate) fn http(&self, id: usize) -> SocketAddr {
        self.nodes[id - 1].http
    }

    pub(crate) fn client(&self, id: usize) -> Client {
        let address = self.nodes[id - 1].redis;
        until("a node answers", PATIENCE, || Client::connect(address).ok())
    }

    pub(crate) fn wait_for_links(&self) {
        for id in 1..=3 {
            until("every link is up", PATIENCE, || self.has_all_links(id).then_some(()));
        }
    }

    fn has_all_links(&self, id: usize) -> bool {
        let Ok(reply) = self.client(id).call(&["STARLING", "STATUS"]) else { return false };
        let status: Value = serde_json::from_slice(reply.as_bytes().unwrap()).unwrap();
        let peers = status["peers"].as_array().unwrap();
        peers.len() == 2 && peers.iter().all(|peer| peer["link"] == "up")
    }
}

impl Node {
    fn ask_to_stop(&self) {
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), Signal::TERM).unwrap();
    }

    fn wait(&mut self) {
        let mut child = self.child.take().unwrap();
        let ended = until("a node stops", PATIENCE, || child.try_wait().unwrap());
        assert!(ended.success(), "{ended}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.nodes.iter_mut().filter_map(|node| node.child.as_mut()) {
            // It may have ended by itself, which is what the test then failed for.
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            for id in 1..=self.nodes.len() {
                let log = self.directory.path().join(format!("n{id}.log"));
                println!("-- log of node {id}\n{}", fs::read_to_string(log).unwrap_or_default());
            }
        }
    }
}

/// Addresses that nobody listened on a moment ago.
pub(crate) fn free_addresses() -> Vec<[SocketAddr; 3]> {
    let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
    let listeners: Vec<[TcpListener; 3]> = (0..3).map(|_| [listen(), listen(), listen()]).collect();
    listeners.iter().map(|all| all.each_ref().map(|one| one.local_addr().unwrap())).collect()
}
