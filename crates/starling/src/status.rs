//! `starling status`: every node of a cluster, as it sees itself.

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};

use crate::address::{Endpoint, NodeAddress};
use crate::client::Client;
use crate::table::Table;
use crate::{Ending, output};

const PATIENCE: Duration = Duration::from_millis(500);

/// Show every node of a cluster
///
/// Asks one node who the others are, then each of them how it is.
#[derive(Args, Debug)]
#[command(after_help = "Exits with 4 when a node does not answer or a link is down.\n\n\
                        Example:\n  starling status --node 127.0.0.1:7002 --json")]
pub(crate) struct Status {
    #[command(flatten)]
    address: NodeAddress,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(crate) fn run(&self) -> anyhow::Result<Ending> {
        let node = self.address.endpoint()?;
        let first = ask(&node)?;
        let others = first["peers"].as_array().into_iter().flatten().map(|peer| {
            let address = peer["redis"].as_str().and_then(|text| node.at(text).ok());
            let answer = address.and_then(|address| ask(&address).ok());
            answer.unwrap_or_else(|| json!({ "node": peer["node"], "redis": peer["redis"] }))
        });
        let mut nodes: Vec<Value> = others.collect();
        nodes.push(first);
        nodes.sort_by_key(|node| node["node"].as_u64());
        match self.json {
            true => output::line(json!({ "nodes": nodes }).to_string())?,
            false => output::line(table(&nodes).text())?,
        };
        let is_well = |node: &Value| is_answering(node) && links_down_count(node) == 0;
        Ok(if nodes.iter().all(is_well) { Ending::Done } else { Ending::NotWhole })
    }
}

/// Asks a node how it is.
pub(crate) fn ask(address: &Endpoint) -> anyhow::Result<Value> {
    let reply = Client::connect(address, PATIENCE)?.call(&[b"STARLING", b"STATUS"])?;
    let text = reply.as_bytes().context("the node's status is no text")?;
    serde_json::from_slice(text).context("the node's status is no JSON")
}

/// How many of a node's links are down.
pub(crate) fn links_down_count(status: &Value) -> usize {
    let peers = status["peers"].as_array();
    peers.map_or(0, |peers| peers.iter().filter(|peer| peer["link"] != "up").count())
}

/// Whether a node said more than others know about it.
fn is_answering(status: &Value) -> bool {
    status["peers"].is_array()
}

/// How many of its writes some owner may lack, and after which time the rest was everywhere.
fn convergence(node: &Value) -> (Value, Value) {
    let times = &node["convergence"]["everywhere_us"];
    let p99 = times["p99"].as_u64().filter(|_| times["count"] != 0);
    let text = p99.map(|micros| format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100));
    (node["convergence"]["open"].clone(), json!(text))
}

fn table(nodes: &[Value]) -> Table {
    let mut table = Table::new(&[
        "node",
        "state",
        "datacenter",
        "redis",
        "links down",
        "shards",
        "elements",
        "clients",
        "open writes",
        "p99 to all",
    ]);
    for node in nodes {
        let is_answering = is_answering(node);
        let state = json!(if is_answering { "up" } else { "does not answer" });
        let links_down = json!(is_answering.then(|| links_down_count(node)));
        let keys = ["datacenter", "redis"].map(|key| &node[key]);
        let counts = ["shards", "elements", "clients"].map(|key| &node[key]);
        let (open, p99) = convergence(node);
        let state = [&node["node"], &state].into_iter().chain(keys).chain([&links_down]);
        table.row(state.chain(counts).chain([&open, &p99]));
    }
    table
}
