//! One node of a local cluster as a process of this machine.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::layout::Layout;

/// A node's process and what we did to it.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) node: u16,
    child: Option<Child>,
    is_paused: bool,
}

impl Process {
    pub(super) const fn new(node: u16) -> Self {
        Self { node, child: None, is_paused: false }
    }

    /// Starts the node; it stops by itself if this process is gone.
    pub(super) fn start(&mut self, layout: &Layout) -> anyhow::Result<()> {
        ensure!(self.child.is_none(), "node {} runs already", self.node);
        let directory = layout.directory(self.node);
        let log = File::options().create(true).append(true).open(directory.join("log"))?;
        let child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .args(["--parent", &std::process::id().to_string()])
            .arg("--config")
            .arg(directory.join("starling.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("node {} cannot be started", self.node))?;
        fs::write(directory.join("pid"), format!("{}\n", child.id()))?;
        self.child = Some(child);
        self.is_paused = false;
        Ok(())
    }

    /// Ends the process at once, as a crash would.
    pub(super) fn kill(&mut self, layout: &Layout) -> anyhow::Result<()> {
        self.child()?.kill()?;
        self.child()?.wait()?;
        self.forget(layout);
        Ok(())
    }

    pub(super) fn pause(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)?;
        self.is_paused = true;
        Ok(())
    }

    pub(super) fn resume(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)?;
        self.is_paused = false;
        Ok(())
    }

    /// Asks the process to end in order; does nothing when there is none.
    pub(super) fn ask_to_stop(&mut self) {
        if self.child.is_some() {
            // One that is gone already has done what it is asked.
            let _ = self.signal(Signal::TERM).and_then(|()| self.signal(Signal::CONT));
        }
    }

    /// Notices that the process ended; returns how, once.
    pub(super) fn ended(&mut self, layout: &Layout) -> Option<String> {
        let status = self.child.as_mut()?.try_wait().ok()??;
        self.forget(layout);
        Some(status.to_string())
    }

    pub(super) const fn state(&self) -> &'static str {
        match (&self.child, self.is_paused) {
            (None, _) => "stopped",
            (Some(_), true) => "paused",
            (Some(_), false) => "running",
        }
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    fn forget(&mut self, layout: &Layout) {
        self.child = None;
        self.is_paused = false;
        // Nobody reads it but people; a stale one misleads them no further than this run.
        let _ = fs::remove_file(layout.directory(self.node).join("pid"));
    }

    fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        let pid = Pid::from_child(self.child()?);
        Ok(kill_process(pid, signal)?)
    }

    fn child(&mut self) -> anyhow::Result<&mut Child> {
        self.child.as_mut().with_context(|| format!("node {} does not run", self.node))
    }
}

/// The last line of a node's log: what it said before it ended.
pub(super) fn last_words(layout: &Layout, node: u16) -> String {
    let text = fs::read_to_string(layout.directory(node).join("log")).unwrap_or_default();
    text.lines().last().unwrap_or("it said nothing").trim_start_matches("starling: ").into()
}

/// How often processes are looked at.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(50);
