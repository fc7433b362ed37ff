//! Nodes as processes of their own, and everything that can be done to them from outside.
//!
//! Whatever runs is killed when the cluster is dropped; its directory goes with it.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;
use crate::clock::{seconds, until};

/// How long a node may take to start, stop or link up.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is under way between nodes that have caught up, in milliseconds.
const LAG_MS_MAX: u64 = 1_000;

/// What a cluster is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) nodes: usize,
    pub(crate) datacenters: usize,
    /// When bytes are made durable.
    pub(crate) flush: &'static str,
}

impl Shape {
    pub(crate) const THREE: Self = Self { nodes: 3, datacenters: 1, flush: "always" };
    pub(crate) const TWO_BY_TWO: Self = Self { nodes: 4, datacenters: 2, flush: "always" };
}

pub(crate) struct Cluster {
    directory: TempDir,
    binary: PathBuf,
    nodes: Vec<Node>,
}

struct Node {
    redis: SocketAddr,
    peers: SocketAddr,
    child: Option<Child>,
}

impl Cluster {
    /// Writes the configurations and starts every node; nodes count from 0.
    pub(crate) fn start(binary: &Path, shape: Shape) -> anyhow::Result<Self> {
        let directory = TempDir::new()?;
        let addresses = free_addresses(shape.nodes)?;
        let datacenter = |node: usize| node * shape.datacenters / shape.nodes + 1;
        let members: String = (0..)
            .zip(&addresses)
            .map(|(node, [redis, peers])| {
                format!(
                    "[[members]]\nid = {}\ndatacenter = \"dc{}\"\nrack = \"r{node}\"\n\
                     redis = \"{redis}\"\npeers = \"{peers}\"\n",
                    node + 1,
                    datacenter(node),
                )
            })
            .collect();
        for node in 0..shape.nodes {
            let (data, cuts) = (directory.path().join(format!("n{node}")), cuts(&directory, node));
            fs::write(&cuts, "")?;
            let text = format!(
                "node_id = {}\ncluster_secret = \"s\"\nflush = \"{}\"\n\
                 data_directory = {data:?}\nsimulated_cuts = {cuts:?}\n{members}",
                node + 1,
                shape.flush,
            );
            fs::write(config(&directory, node), text)?;
        }
        let nodes = addresses.iter().map(|[redis, peers]| Node {
            redis: *redis,
            peers: *peers,
            child: None,
        });
        let mut cluster = Self { binary: binary.into(), nodes: nodes.collect(), directory };
        cluster.start_all()?;
        Ok(cluster)
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.redis).collect()
    }

    pub(crate) fn peer_address(&self, node: usize) -> SocketAddr {
        self.nodes[node].peers
    }

    /// Leaves the directory behind when the cluster is gone.
    pub(crate) fn keep(&mut self) {
        self.directory.disable_cleanup(true);
    }

    /// How many bytes of memory a node's process holds.
    pub(crate) fn memory(&self, node: usize) -> anyhow::Result<u64> {
        let child = self.nodes[node].child.as_ref().context("the node is down")?;
        let status = fs::read_to_string(format!("/proc/{}/status", child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kilobytes.context("the system says how much")?.trim().parse::<u64>()? * 1024)
    }

    /// Starts every node that is down and waits until all are linked.
    pub(crate) fn start_all(&mut self) -> anyhow::Result<()> {
        for node in 0..self.len() {
            if self.nodes[node].child.is_none() {
                self.begin(node)?;
            }
        }
        self.wait_for_links()
    }

    /// Starts a node and waits until it answers.
    pub(crate) fn start_one(&mut self, node: usize) -> anyhow::Result<()> {
        self.begin(node)?;
        let what = format!("node {node} answers");
        let answered = until(&what, PATIENCE, || {
            let Node { redis, child, .. } = &mut self.nodes[node];
            if child.as_mut()?.try_wait().ok()?.is_some() {
                return Some(false);
            }
            Client::connect(*redis, seconds(1)).ok()?.call(&["PING"]).is_ok().then_some(true)
        });
        let answered = answered.with_context(|| self.log(node))?;
        ensure!(answered, "node {node} does not start: {}", self.log(node));
        Ok(())
    }

    fn begin(&mut self, node: usize) -> anyhow::Result<()> {
        assert!(self.nodes[node].child.is_none(), "node {node} runs already");
        self.nodes[node].child = Some(self.spawn(node)?);
        Ok(())
    }

    fn spawn(&self, node: usize) -> anyhow::Result<Child> {
        let log = fs::File::options().create(true).append(true).open(self.log_path(node))?;
        let child = Command::new(&self.binary)
            .args(["serve", "--config"])
            .arg(config(&self.directory, node))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        Ok(child)
    }

    /// Starts a second process over a node's directory; returns how it ended and what it said.
    pub(crate) fn start_again(&self, node: usize) -> anyhow::Result<(ExitStatus, String)> {
        let mut child = self.spawn(node)?;
        let ended = until("the second process ends", PATIENCE, || child.try_wait().ok().flatten());
        let Ok(status) = ended else {
            child.kill()?;
            child.wait()?;
            bail!("a second process runs over the directory of node {node}");
        };
        Ok((status, self.log(node)))
    }

    /// Tries to start a node that is down; returns what it says when it does not start.
    pub(crate) fn try_start(&mut self, node: usize) -> anyhow::Result<Result<(), String>> {
        match self.start_one(node) {
            Ok(()) => Ok(Ok(())),
            Err(_) => {
                let mut child = self.nodes[node].child.take().context("it was begun")?;
                child.kill()?;
                child.wait()?;
                Ok(Err(self.log(node)))
            }
        }
    }

    /// Ends a node as a crash would.
    pub(crate) fn kill(&mut self, node: usize) -> anyhow::Result<()> {
        let mut child = self.nodes[node].child.take().context("the node is down already")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Ends a node in order.
    pub(crate) fn stop(&mut self, node: usize) -> anyhow::Result<()> {
        self.signal(node, Signal::TERM)?;
        let mut child = self.nodes[node].child.take().context("the node is down already")?;
        let ended = until("a node stops", PATIENCE, || child.try_wait().ok().flatten())?;
        ensure!(ended.success(), "node {node} ended with {ended}: {}", self.log(node));
        Ok(())
    }

    pub(crate) fn pause(&self, node: usize) -> anyhow::Result<()> {
        self.signal(node, Signal::STOP)
    }

    pub(crate) fn resume(&self, node: usize) -> anyhow::Result<()> {
        self.signal(node, Signal::CONT)
    }

    fn signal(&self, node: usize, signal: Signal) -> anyhow::Result<()> {
        let child = self.nodes[node].child.as_ref().context("the node is down")?;
        Ok(kill_process(Pid::from_child(child), signal)?)
    }

    /// Cuts the links between each node of one side and each of the other.
    pub(crate) fn cut(&self, left: &[usize], right: &[usize]) -> anyhow::Result<()> {
        for (side, others) in [(left, right), (right, left)] {
            for node in side {
                let names: Vec<String> = others.iter().map(|one| (one + 1).to_string()).collect();
                fs::write(cuts(&self.directory, *node), names.join("\n"))?;
            }
        }
        Ok(())
    }

    pub(crate) fn heal(&self) -> anyhow::Result<()> {
        for node in 0..self.len() {
            fs::write(cuts(&self.directory, node), "")?;
        }
        Ok(())
    }

    /// Waits until every node is linked to every other.
    pub(crate) fn wait_for_links(&self) -> anyhow::Result<()> {
        for node in 0..self.len() {
            let what = format!("node {node} is linked to all others");
            until(&what, PATIENCE, || self.has_all_links(node)).with_context(|| self.log(node))?;
        }
        Ok(())
    }

    /// Waits until no node lacks what another one wrote more than a moment ago: then whatever one
    /// of them loses next, the others have.
    pub(crate) fn wait_until_caught_up(&self) -> anyhow::Result<()> {
        for node in 0..self.len() {
            let what = format!("all others have what node {node} wrote");
            until(&what, PATIENCE, || self.is_told(node)).with_context(|| self.log(node))?;
        }
        Ok(())
    }

    fn is_told(&self, node: usize) -> Option<()> {
        let status = self.status(node).ok()?;
        let behind = |peer: &Value| {
            let is_late = peer["behind_ms"].as_u64().is_none_or(|ms| ms > LAG_MS_MAX);
            is_late && peer["writes_behind"] != 0
        };
        let is_told = !status["peers"].as_array()?.iter().any(behind);
        (is_told && self.has_all_links(node).is_some()).then_some(())
    }

    fn has_all_links(&self, node: usize) -> Option<()> {
        let status = self.status(node).ok()?;
        let peers = status["peers"].as_array()?;
        let is_all = peers.len() == self.len() - 1 && peers.iter().all(|peer| peer["link"] == "up");
        is_all.then_some(())
    }

    /// Returns what a node says about itself.
    pub(crate) fn status(&self, node: usize) -> anyhow::Result<Value> {
        let mut client = Client::connect(self.nodes[node].redis, seconds(2))?;
        let reply = client.call(&["STARLING", "STATUS"])?;
        let text = reply.as_bytes().context("the status is a string")?;
        Ok(serde_json::from_slice(text)?)
    }

    /// Where a node keeps everything.
    pub(crate) fn data(&self, node: usize) -> PathBuf {
        self.directory.path().join(format!("n{node}"))
    }

    /// A place for copies, empty.
    pub(crate) fn scratch(&self, name: &str) -> anyhow::Result<PathBuf> {
        let place = self.directory.path().join(name);
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        Ok(place)
    }

    /// What a node has logged so far.
    pub(crate) fn log(&self, node: usize) -> String {
        fs::read_to_string(self.log_path(node)).unwrap_or_default()
    }

    fn log_path(&self, node: usize) -> PathBuf {
        self.directory.path().join(format!("n{node}.log"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.nodes.iter_mut().filter_map(|node| node.child.as_mut()) {
            // A paused process dies as well; one that has ended is what the report is about.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn config(directory: &TempDir, node: usize) -> PathBuf {
    directory.path().join(format!("n{node}.toml"))
}

fn cuts(directory: &TempDir, node: usize) -> PathBuf {
    directory.path().join(format!("n{node}.cuts"))
}

/// Addresses that nobody listened on a moment ago.
fn free_addresses(count: usize) -> anyhow::Result<Vec<[SocketAddr; 2]>> {
    let listen = || TcpListener::bind("127.0.0.1:0");
    let pairs: Vec<[TcpListener; 2]> =
        (0..count).map(|_| Ok([listen()?, listen()?])).collect::<std::io::Result<_>>()?;
    let address = |listener: &TcpListener| listener.local_addr();
    pairs.iter().map(|[a, b]| Ok([address(a)?, address(b)?])).collect()
}
