//! The other terminal: asks the process that runs a local cluster to do something to it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::layout::Layout;
use super::process;
use crate::status;

const PATIENCE: Duration = Duration::from_secs(5);
const START_PATIENCE: Duration = Duration::from_secs(30);

/// Sends one request to the running cluster in `root` and returns its answer.
pub(super) fn request(root: &Path, text: &str) -> anyhow::Result<Value> {
    let no_cluster = || format!("no cluster is running in {}", root.display());
    let mut stream = UnixStream::connect(root.join("control")).with_context(no_cluster)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{text}\n").as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).context("the cluster does not answer")?;
    let answer: Value =
        serde_json::from_str(&line).context("the cluster answered something odd")?;
    match answer["error"].as_str() {
        Some(error) => bail!("{error}"),
        None => Ok(answer),
    }
}

/// Waits until a node that was started answers.
pub(super) fn wait_until_answering(root: &Path, name: &str) -> anyhow::Result<()> {
    let layout = Layout::read(root)?.context("the cluster's description is gone")?;
    let node: u16 = name.strip_prefix('n').unwrap_or(name).parse()?;
    let deadline = now() + START_PATIENCE;
    while layout.endpoint(node).and_then(|one| status::ask(&one)).is_err() {
        ensure!(
            is_running(root, node)?,
            "node {node} ended: {}",
            process::last_words(&layout, node)
        );
        ensure!(now() < deadline, "node {node} runs, but does not answer");
        #[expect(clippy::disallowed_methods, reason = "a command line may wait")]
        std::thread::sleep(process::LOOK_INTERVAL);
    }
    Ok(())
}

fn is_running(root: &Path, node: u16) -> anyhow::Result<bool> {
    let status = request(root, "status")?;
    let nodes = status["nodes"].as_array().context("the cluster answered something odd")?;
    Ok(nodes.iter().any(|one| one["node"] == node && one["state"] == "running"))
}

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a command line knows the time")]
    Instant::now()
}
