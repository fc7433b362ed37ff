//! `starling trace`: where each version of a key came from, and which owners have it.

use clap::Args;
use serde_json::{Value, json};

use crate::address::NodeAddress;
use crate::table::Table;
use crate::{Ending, output, web};

/// Show where a key is
///
/// Asks every owner: every live version, who wrote it and when, and whether each owner has it,
/// knows a newer one, or has not heard of it yet.
#[derive(Args, Debug)]
#[command(after_help = "Exits with 3 when no owner has a live version.\n\n\
                        Example:\n  starling trace greeting --node 127.0.0.1:7002")]
pub(crate) struct Trace {
    /// The key
    key: String,
    /// The keyspace, db0 to db15
    #[arg(long, default_value = "db0")]
    keyspace: String,
    #[command(flatten)]
    address: NodeAddress,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Trace {
    pub(crate) fn run(&self) -> anyhow::Result<Ending> {
        let (keyspace, key) = (&self.keyspace, web::path_part(self.key.as_bytes()));
        let path = format!("/v1/keyspaces/{keyspace}/keys/{key}/trace");
        let found = web::get(&web::address_of(&self.address)?, &path)?;
        match self.json {
            true => output::line(found.to_string())?,
            false => output::line(show(&found))?,
        };
        let is_there = found["versions"].as_array().is_some_and(|all| !all.is_empty());
        Ok(if is_there { Ending::Done } else { Ending::NothingThere })
    }
}

fn show(found: &Value) -> String {
    let owners: Vec<&Value> = found["owners"].as_array().into_iter().flatten().collect();
    let names: Vec<String> = owners.iter().map(|owner| format!("node {}", owner["node"])).collect();
    let mut titles = vec!["what", "dot", "written at", "value"];
    titles.extend(names.iter().map(String::as_str));
    let mut table = Table::new(&titles);
    for version in found["versions"].as_array().into_iter().flatten() {
        let value = match &version["value"] {
            Value::String(text) => json!(text),
            coded => json!(format!("base64 {}", coded["base64"].as_str().unwrap_or_default())),
        };
        let at = json!(format!("node {}", version["node"]));
        let states: Vec<Value> = owners.iter().map(|owner| state(version, owner)).collect();
        let fixed = [&version["place"], &version["dot"], &at, &value];
        table.row(fixed.into_iter().chain(&states));
    }
    format!("shard {}\n{}", found["shard"], table.text())
}

/// What an owner has of a version, in words.
fn state(version: &Value, owner: &Value) -> Value {
    let all = version["at"].as_array().into_iter().flatten();
    let found = all.clone().find(|one| one["node"] == owner["node"]);
    json!(match found.and_then(|one| one["state"].as_str()) {
        Some("live") => "has it",
        Some("gone") => "knows a newer one",
        Some("missing") => "not yet",
        _ => "does not answer",
    })
}
