//! `starling up`: a real cluster on one machine, one process per node, and ways to play with it.

mod control;
mod layout;
mod process;
mod supervisor;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::table::Table;
use crate::{Ending, output, status};
use layout::Layout;
use supervisor::Supervisor;

/// Run a cluster on this machine, one process per node; Ctrl-C stops it
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Example:\n  starling up --nodes 6 --dcs 2 --dc-latency 80ms\n  \
                        starling up cut 1 4      # from another terminal; then: starling up heal")]
pub(crate) struct Up {
    #[command(subcommand)]
    action: Option<Action>,
    /// Nodes in all datacenters together
    #[arg(long, default_value_t = 3)]
    nodes: u16,
    /// Datacenters
    #[arg(long, default_value_t = 1)]
    dcs: u16,
    /// Port of the first node for clients; HTTP is 1000 above, peers are 2000 above
    #[arg(long, default_value_t = 7001)]
    port: u16,
    /// Hold messages between datacenters back for so long
    #[arg(long, value_name = "MS", default_value = "0ms", value_parser = parse_millis)]
    dc_latency: u64,
    /// Encrypt everything, with certificates made for it in the directory
    #[arg(long)]
    tls: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Args, Debug)]
struct Place {
    /// Directory of the cluster
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// End a node at once, as a crash would
    Kill(OneNode),
    /// Start a node that is down
    Start(OneNode),
    /// Stop a node in its tracks; it does not answer, but is still there
    Pause(OneNode),
    /// Let a paused node go on
    Resume(OneNode),
    /// Cut the links between two nodes
    Cut {
        /// One node
        a: String,
        /// The other node
        b: String,
        #[command(flatten)]
        place: Place,
    },
    /// Mend all links that were cut
    Heal {
        #[command(flatten)]
        place: Place,
    },
    /// Show the nodes
    Status {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Args, Debug)]
struct OneNode {
    /// The node's number
    node: String,
    #[command(flatten)]
    place: Place,
}

impl Up {
    pub(crate) fn run(self) -> anyhow::Result<Ending> {
        match self.action {
            None => self.run_cluster(),
            Some(Action::Kill(one)) => one.request("kill"),
            Some(Action::Pause(one)) => one.request("pause"),
            Some(Action::Resume(one)) => one.request("resume"),
            Some(Action::Start(one)) => one.start(),
            Some(Action::Cut { a, b, place }) => place.request(&format!("cut {a} {b}")),
            Some(Action::Heal { place }) => place.request("heal"),
            Some(Action::Status { place }) => place.status(),
        }
    }

    fn run_cluster(self) -> anyhow::Result<Ending> {
        let layout = Layout {
            root: absolute(&self.place.data)?,
            nodes_count: self.nodes,
            datacenters_count: self.dcs,
            port: self.port,
            latency_ms: self.dc_latency,
            is_tls: self.tls,
        };
        layout.check()?;
        layout.write()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let is_json = self.place.json;
        runtime.block_on(async {
            Supervisor::new(layout)?.run(|layout| announce(layout, is_json)).await
        })?;
        Ok(Ending::Done)
    }
}

impl OneNode {
    fn request(&self, verb: &str) -> anyhow::Result<Ending> {
        self.place.request(&format!("{verb} {}", self.node))
    }

    fn start(&self) -> anyhow::Result<Ending> {
        let root = absolute(&self.place.data)?;
        let answer = control::request(&root, &format!("start {}", self.node))?;
        control::wait_until_answering(&root, &self.node)?;
        self.place.print(&answer)
    }
}

impl Place {
    fn request(&self, text: &str) -> anyhow::Result<Ending> {
        let answer = control::request(&absolute(&self.data)?, text)?;
        self.print(&answer)
    }

    fn print(&self, answer: &Value) -> anyhow::Result<Ending> {
        match self.json {
            true => output::line(answer.to_string()),
            false => Ok(Ending::Done),
        }
    }

    fn status(&self) -> anyhow::Result<Ending> {
        let root = absolute(&self.data)?;
        let layout = Layout::read(&root)?;
        let answer = control::request(&root, "status")?;
        if self.json {
            return output::line(answer.to_string());
        }
        let mut table = Table::new(&["node", "state", "pid", "datacenter", "redis", "links down"]);
        for node in answer["nodes"].as_array().into_iter().flatten() {
            let number = node["node"].as_u64().and_then(|number| u16::try_from(number).ok());
            let number = number.filter(|_| node["state"] == "running");
            let endpoint = layout.as_ref().zip(number).map(|(layout, node)| layout.endpoint(node));
            let asked = endpoint.and_then(|endpoint| status::ask(&endpoint.ok()?).ok());
            let down = asked.map(|status| status::links_down_count(&status));
            let down = json!(down);
            let cells = ["node", "state", "pid", "datacenter", "redis"].map(|key| &node[key]);
            table.row(cells.into_iter().chain([&down]));
        }
        output::line(table.text())
    }
}

/// Says that every node is ready, in one line.
fn announce(layout: &Layout, is_json: bool) -> anyhow::Result<()> {
    let texts = |address: fn(&Layout, u16) -> SocketAddr| -> Vec<String> {
        layout.nodes().map(|node| address(layout, node).to_string()).collect()
    };
    let (redis, http) = (texts(Layout::redis), texts(Layout::http));
    let ca = layout.is_tls.then(|| layout.certificates().join("ca.pem"));
    let line = match is_json {
        true => json!({
            "ready": true,
            "redis": redis,
            "http": http,
            "peers": texts(Layout::peers),
            "data": layout.root,
            "tls_ca": ca,
        })
        .to_string(),
        false => format!(
            "ready: {} node(s) in {} datacenter(s); redis {}; http {}; {}data {}; Ctrl-C stops",
            layout.nodes_count,
            layout.datacenters_count,
            redis.join(" "),
            http.join(" "),
            ca.as_ref().map(|ca| format!("--tls-ca {}; ", ca.display())).unwrap_or_default(),
            layout.root.display(),
        ),
    };
    output::line(line).map(|_| ())
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("`{}` is no directory", path.display()))
}

/// Reads a span like `80ms`, `2s` or `80`.
pub(crate) fn parse_millis(text: &str) -> Result<u64, String> {
    let (number, factor) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1),
        (None, Some(number)) => (number, 1000),
        (None, None) => (text, 1),
    };
    let millis = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    millis.filter(|millis| *millis <= 60_000).ok_or_else(|| "expected 0ms to 60s, like 80ms".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (text, expected) in [("80ms", Some(80)), ("2s", Some(2000)), ("7", Some(7))] {
            assert_eq!(parse_millis(text).ok(), expected, "{text}");
        }
        for text in ["", "s", "ms", "-1ms", "61s", "1h", "99999999999999999999s"] {
            assert!(parse_millis(text).is_err(), "{text}");
        }
    }
}
