//! One node that is its own cluster, ready when it is returned.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use tempfile::TempDir;

use crate::cluster::{free_addresses, starling};

/// Killed when this is dropped.
pub(crate) struct Lone {
    pub(crate) directory: TempDir,
    /// Where clients connect.
    pub(crate) address: String,
    /// Where HTTP is spoken.
    pub(crate) http: String,
    child: Child,
}

impl Lone {
    /// Starts a node with more lines in its configuration.
    pub(crate) fn start(lines: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let [address, http, peers] = free_addresses()[0].map(|address| address.to_string());
        let text = format!(
            "node_id = 1\nredis_address = {address:?}\nhttp_address = {http:?}\n\
             peer_address = {peers:?}\ndata_directory = {:?}\n{lines}",
            directory.path().join("data")
        );
        fs::write(directory.path().join("starling.toml"), text).unwrap();
        let child = begin(&directory);
        Self { directory, address, http, child }
    }
}

impl Lone {
    /// Ends the node as a crash would, and starts it again.
    pub(crate) fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = begin(&self.directory);
    }

    /// Everything that the node has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }
}

impl Drop for Lone {
    fn drop(&mut self) {
        // It may have ended by itself, which is what the test then failed for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the process and waits for its ready line.
fn begin(directory: &TempDir) -> Child {
    let log = directory.path().join("log");
    let log = fs::File::options().create(true).append(true).open(log).unwrap();
    let mut child = starling()
        .args(["serve", "--config"])
        .arg(directory.path().join("starling.toml"))
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("ready: "), "{line:?}");
    child
}
