//! The process behind `starling up`: starts the nodes, obeys other terminals, stops all cleanly.
//!
//! Invariant: nodes are started, ended and paused by this process only, which knows them as its
//! children; other terminals ask over the control socket. A node that dies is reported and stays
//! down until someone starts it.

use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, timeout};

use super::layout::Layout;
use super::process::{LOOK_INTERVAL, Process, last_words};
use crate::{output, status};

const READY_PATIENCE: Duration = Duration::from_secs(30);
const STOP_PATIENCE: Duration = Duration::from_secs(20);
const REQUEST_PATIENCE: Duration = Duration::from_secs(1);

/// A running local cluster.
pub(super) struct Supervisor {
    layout: Layout,
    processes: Vec<Process>,
    interrupted: Signal,
    terminated: Signal,
}

impl Supervisor {
    pub(super) fn new(layout: Layout) -> anyhow::Result<Self> {
        let processes = layout.nodes().map(Process::new).collect();
        let interrupted = signal(SignalKind::interrupt())?;
        let terminated = signal(SignalKind::terminate())?;
        Ok(Self { layout, processes, interrupted, terminated })
    }

    /// Runs the cluster until it is told to stop; `ready` is called once it is.
    pub(super) async fn run(
        mut self,
        ready: impl FnOnce(&Layout) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let control = listen(&self.layout)?;
        let ran = self.run_nodes(&control, ready).await;
        let stopped = self.stop().await;
        // A socket that stays behind is replaced by the next run.
        let _ = fs::remove_file(self.layout.control());
        ran.and(stopped)
    }

    async fn run_nodes(
        &mut self,
        control: &UnixListener,
        ready: impl FnOnce(&Layout) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for process in &mut self.processes {
            check_free(self.layout.redis(process.node))?;
            check_free(self.layout.http(process.node))?;
            check_free(self.layout.peers(process.node))?;
        }
        for process in &mut self.processes {
            process.start(&self.layout)?;
        }
        if !self.wait_until_ready().await? {
            return Ok(());
        }
        ready(&self.layout)?;
        self.supervise(control).await
    }

    /// Waits until every node is ready; false when told to stop before.
    async fn wait_until_ready(&mut self) -> anyhow::Result<bool> {
        let deadline = Instant::now() + READY_PATIENCE;
        loop {
            for process in &mut self.processes {
                if process.ended(&self.layout).is_some() {
                    let node = process.node;
                    bail!("node {node} did not start: {}", last_words(&self.layout, node));
                }
            }
            if self.layout.nodes().all(|node| is_ready(&self.layout, node)) {
                return Ok(true);
            }
            ensure!(Instant::now() < deadline, "the nodes did not find each other in time");
            if timeout(LOOK_INTERVAL, self.told_to_stop()).await.is_ok() {
                return Ok(false);
            }
        }
    }

    async fn supervise(&mut self, control: &UnixListener) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                // First: nodes that end because all are told to stop are no deaths to report.
                biased;
                () = told_to_stop(&mut self.interrupted, &mut self.terminated) => return Ok(()),
                Ok((stream, _)) = control.accept() => self.obey(stream).await,
                () = tokio::time::sleep(LOOK_INTERVAL) => self.report_deaths(),
            }
        }
    }

    fn report_deaths(&mut self) {
        for process in &mut self.processes {
            if let Some(how) = process.ended(&self.layout) {
                let (node, root) = (process.node, self.layout.root.display());
                output::note(&format!(
                    "node {node} died ({how}); its log is {root}/n{node}/log; \
                     `starling up start {node} --data {root}` brings it back"
                ));
            }
        }
    }

    /// Answers one request of another terminal; a terminal that is slow or gone is left alone.
    async fn obey(&mut self, stream: UnixStream) {
        let (reading, mut writing) = stream.into_split();
        let mut line = String::new();
        let mut reading = BufReader::new(tokio::io::AsyncReadExt::take(reading, 1024));
        if !matches!(timeout(REQUEST_PATIENCE, reading.read_line(&mut line)).await, Ok(Ok(_))) {
            return;
        }
        let answer = match self.carry_out(line.trim()) {
            Ok(done) => done,
            Err(error) => json!({ "error": format!("{error:#}") }),
        };
        let answer = format!("{answer}\n");
        let _ = timeout(REQUEST_PATIENCE, writing.write_all(answer.as_bytes())).await;
    }

    fn carry_out(&mut self, request: &str) -> anyhow::Result<Value> {
        let words: Vec<&str> = request.split(' ').collect();
        match words[..] {
            ["status"] => return Ok(self.status()),
            ["heal"] => self.heal()?,
            ["cut", a, b] => self.cut(a, b)?,
            ["kill", node] => {
                let layout = self.layout.clone();
                self.process(node)?.kill(&layout)?;
            }
            ["start", node] => {
                let layout = self.layout.clone();
                self.process(node)?.start(&layout)?;
            }
            ["pause", node] => self.process(node)?.pause()?,
            ["resume", node] => self.process(node)?.resume()?,
            _ => bail!("`{request}` is no request"),
        }
        Ok(json!({ "done": request }))
    }

    fn status(&self) -> Value {
        let node = |process: &Process| {
            json!({
                "node": process.node,
                "datacenter": self.layout.datacenter(process.node),
                "redis": self.layout.redis(process.node).to_string(),
                "peers": self.layout.peers(process.node).to_string(),
                "state": process.state(),
                "pid": process.pid(),
            })
        };
        json!({ "nodes": self.processes.iter().map(node).collect::<Vec<_>>() })
    }

    /// Cuts the links between two nodes; each is told about the other.
    fn cut(&mut self, a: &str, b: &str) -> anyhow::Result<()> {
        let (a, b) = (self.process(a)?.node, self.process(b)?.node);
        ensure!(a != b, "a node cannot be cut off from itself");
        for (node, other) in [(a, b), (b, a)] {
            let path = self.layout.directory(node).join("cut");
            let mut text = fs::read_to_string(&path)?;
            text.push_str(&format!("{other}\n"));
            fs::write(&path, text)?;
        }
        Ok(())
    }

    fn heal(&self) -> anyhow::Result<()> {
        for node in self.layout.nodes() {
            fs::write(self.layout.directory(node).join("cut"), "")?;
        }
        Ok(())
    }

    /// Finds a node by its number, or by its number behind an `n`.
    fn process(&mut self, name: &str) -> anyhow::Result<&mut Process> {
        let number = name.strip_prefix('n').unwrap_or(name).parse::<u16>();
        let count = self.layout.nodes_count;
        let found = self.processes.iter_mut().find(|process| Ok(process.node) == number);
        found.with_context(|| format!("there is no node `{name}`: nodes are 1 to {count}"))
    }

    /// Stops every node cleanly, and those that will not by force.
    async fn stop(&mut self) -> anyhow::Result<()> {
        for process in &mut self.processes {
            process.ask_to_stop();
        }
        let deadline = Instant::now() + STOP_PATIENCE;
        while Instant::now() < deadline {
            let is_running = |process: &mut Process| {
                process.pid().is_some() && process.ended(&self.layout).is_none()
            };
            if self.processes.iter_mut().filter_map(|one| is_running(one).then_some(())).count()
                == 0
            {
                return Ok(());
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        for process in &mut self.processes {
            // Those that ended in time have nothing to be killed.
            let _ = process.kill(&self.layout);
        }
        bail!("not every node stopped in {} seconds; the rest was killed", STOP_PATIENCE.as_secs())
    }

    async fn told_to_stop(&mut self) {
        told_to_stop(&mut self.interrupted, &mut self.terminated).await;
    }
}

async fn told_to_stop(interrupted: &mut Signal, terminated: &mut Signal) {
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
}

/// Opens the control socket, which also keeps a second run out of the directory.
fn listen(layout: &Layout) -> anyhow::Result<UnixListener> {
    let path = layout.control();
    let root = layout.root.display();
    if std::os::unix::net::UnixStream::connect(&path).is_ok() {
        bail!("a cluster is running in {root} already: stop it, or choose another --data");
    }
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot replace {}", path.display()));
        }
        _ => {}
    }
    UnixListener::bind(&path).with_context(|| format!("cannot listen on {}", path.display()))
}

/// Whether a node answers and has links to all others.
fn is_ready(layout: &Layout, node: u16) -> bool {
    let status = layout.endpoint(node).and_then(|endpoint| status::ask(&endpoint));
    status.is_ok_and(|status| status::links_down_count(&status) == 0)
}

fn check_free(address: SocketAddr) -> anyhow::Result<()> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            bail!("port {} is taken: stop what uses it, or choose another --port", address.port())
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {address}")),
    }
}
