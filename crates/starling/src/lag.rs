//! `starling lag`: how far each node is from each other one, as a table.

use clap::Args;
use serde_json::{Value, json};

use crate::address::NodeAddress;
use crate::table::Table;
use crate::{Ending, output, web};

/// Show how far the nodes are apart
///
/// A row is a node, and says how it sees each other node: `=` when nothing differed at the last
/// comparison, the number of shards that differ, `x` without a link, `?` when the row's node does
/// not answer the one that is asked.
#[derive(Args, Debug)]
#[command(after_help = "Exits with 4 when a link is down or a node does not answer.\n\n\
                        Example:\n  starling lag --json")]
pub(crate) struct Lag {
    #[command(flatten)]
    address: NodeAddress,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A report older than this says nothing about now, in milliseconds.
const FRESH_MS: u64 = 3500;

impl Lag {
    pub(crate) fn run(&self) -> anyhow::Result<Ending> {
        let cluster = web::get(&web::address_of(&self.address)?, "/v1/cluster")?;
        match self.json {
            true => output::line(pairs(&cluster).to_string())?,
            false => output::line(table(&cluster).text())?,
        };
        Ok(if is_whole(&cluster) { Ending::Done } else { Ending::NotWhole })
    }
}

/// Whether every node answers and every link is up.
pub(crate) fn is_whole(cluster: &Value) -> bool {
    let rows = nodes(cluster).flat_map(|node| peers(node).map(|peer| peer[1] == "up"));
    nodes(cluster).all(is_fresh) && rows.into_iter().all(|is_up| is_up)
}

/// The members, as the asked node tells of them.
pub(crate) fn nodes(cluster: &Value) -> impl Iterator<Item = &Value> {
    cluster["nodes"].as_array().into_iter().flatten()
}

/// How a node sees the others: rows of id, link, silence, differing shards, and more.
pub(crate) fn peers(node: &Value) -> impl Iterator<Item = &Value> {
    node["report"]["peers"].as_array().into_iter().flatten()
}

/// Whether a node has answered just now.
pub(crate) fn is_fresh(node: &Value) -> bool {
    node["age_ms"].as_u64().is_some_and(|age| age <= FRESH_MS)
}

/// One row and one column for each node.
pub(crate) fn table(cluster: &Value) -> Table {
    let name = |node: &Value| {
        format!("{} {}", node["datacenter"].as_str().unwrap_or_default(), node["node"])
    };
    let names: Vec<String> = nodes(cluster).map(name).collect();
    let titles: Vec<&str> = ["sees"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let mut table = Table::new(&titles);
    for (from, name) in nodes(cluster).zip(&names) {
        let cells: Vec<Value> = nodes(cluster).map(|to| json!(sign(from, to))).collect();
        table.row([&json!(name)].into_iter().chain(&cells));
    }
    table
}

fn sign(from: &Value, to: &Value) -> String {
    if from["node"] == to["node"] {
        return ".".into();
    }
    let row = peers(from).find(|peer| peer[0] == to["node"]).filter(|_| is_fresh(from));
    match row {
        None => "?".into(),
        Some(row) if row[1] != "up" => "x".into(),
        Some(row) if row[3] == 0 => "=".into(),
        Some(row) => row[3].to_string(),
    }
}

/// The same as one object for each pair.
fn pairs(cluster: &Value) -> Value {
    let pair = |from: &Value, row: &Value| {
        json!({
            "from": from["node"],
            "to": row[0],
            "link": row[1],
            "silence_ms": row[2],
            "shards_differing": row[3],
        })
    };
    let fresh = nodes(cluster).filter(|node| is_fresh(node));
    let pairs: Vec<Value> =
        fresh.flat_map(|from| peers(from).map(move |row| pair(from, row))).collect();
    let silent: Vec<&Value> =
        nodes(cluster).filter(|node| !is_fresh(node)).map(|node| &node["node"]).collect();
    json!({ "asked": cluster["node"], "pairs": pairs, "silent": silent })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> Value {
        json!({ "node": 1, "nodes": [
            { "node": 1, "datacenter": "a", "age_ms": 0,
              "report": { "peers": [[2, "up", 5, 0, 0, "alive"], [3, "up", 5, 7, 0, "alive"]] } },
            { "node": 2, "datacenter": "a", "age_ms": 10,
              "report": { "peers": [[1, "up", 5, 0, 0, "alive"], [3, "cut", 5, 0, 0, "dead"]] } },
            { "node": 3, "datacenter": "b", "age_ms": 9000,
              "report": { "peers": [[1, "up", 5, 0, 0, "alive"], [2, "up", 5, 0, 0, "alive"]] } },
        ]})
    }

    #[test]
    fn what_is_not_known_is_not_told_as_if_it_were() {
        let text = table(&cluster()).text();
        assert_eq!(
            text,
            "sees  a 1  a 2  b 3\na 1   .    =    7\na 2   =    .    x\nb 3   ?    ?    ."
        );
        assert!(!is_whole(&cluster()));
        let pairs = pairs(&cluster());
        assert_eq!(pairs["pairs"].as_array().unwrap().len(), 4);
        assert_eq!(pairs["silent"], json!([3]));
    }
}
