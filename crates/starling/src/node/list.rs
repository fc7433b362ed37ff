//! `starling node list`: the members, and how far the moving shards are.

use clap::Args;
use serde_json::{Value, json};

use super::ask;
use crate::address::{Endpoint, NodeAddress};
use crate::table::Table;
use crate::{Ending, output};

/// Show who the members are, and how far those on the way are
#[derive(Args, Debug)]
#[command(after_help = "Exits with 4 while members are on the way, or when one is down.\n\n\
                        Example:\n  starling node list --json")]
pub(super) struct List {
    #[command(flatten)]
    address: NodeAddress,
    /// Show those that were removed, too
    #[arg(long)]
    all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) fn run(&self) -> anyhow::Result<Ending> {
        let node = self.address.endpoint()?;
        let mut seen = ask(&node, &["LIST"])?;
        let members = seen["members"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let shown = members.into_iter().filter(|one| self.all || one["state"] != "removed");
        let members: Vec<Value> = shown.map(|one| with_progress(&node, one)).collect();
        let is_down = |member: &Value| member["state"] != "removed" && member["liveness"] == "down";
        let is_well = seen["at_rest"] == true && !members.iter().any(is_down);
        seen["members"] = json!(members);
        match self.json {
            true => output::line(seen.to_string())?,
            false => output::line(table(&members).text())?,
        };
        Ok(if is_well { Ending::Done } else { Ending::NotWhole })
    }
}

/// Asks the member itself how far it is.
fn with_progress(node: &Endpoint, mut member: Value) -> Value {
    let address = member["redis"].as_str().and_then(|text| node.at(text).ok());
    let own = address.and_then(|address| ask(&address, &["LIST"]).ok());
    member["progress"] = own.map_or(Value::Null, |own| own["progress"].clone());
    member
}

fn table(members: &[Value]) -> Table {
    let mut table = Table::new(&[
        "node",
        "state",
        "liveness",
        "datacenter",
        "rack",
        "redis",
        "shards",
        "on the way",
    ]);
    for member in members {
        let keys = ["node", "state", "liveness", "datacenter", "rack", "redis", "shards"];
        let moving = json!(moving(&member["progress"]));
        table.row(keys.iter().map(|key| &member[*key]).chain([&moving]));
    }
    table
}

/// How far a member is, in words.
fn moving(progress: &Value) -> String {
    let number = |key: &str| progress[key].as_u64().unwrap_or(0);
    let (done, total) = (number("shards_done"), number("shards_total"));
    let mut words = Vec::new();
    if done < total {
        let eta = progress["eta_ms"].as_u64().map(|ms| format!(", {} s left", ms.div_ceil(1000)));
        words.push(format!(
            "fetched {done} of {total} shards, {} bytes{}",
            number("bytes_done"),
            eta.unwrap_or_default()
        ));
    }
    if number("shards_to_drop") > 0 {
        words.push(format!("{} shards to give up", number("shards_to_drop")));
    }
    words.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_only_while_there_is_some() {
        assert_eq!(moving(&Value::Null), "");
        let mut progress = json!({ "shards_done": 3, "shards_total": 3, "shards_to_drop": 0 });
        assert_eq!(moving(&progress), "");
        progress["shards_done"] = json!(1);
        progress["eta_ms"] = json!(1_500);
        progress["bytes_done"] = json!(70);
        progress["shards_to_drop"] = json!(2);
        let expected = "fetched 1 of 3 shards, 70 bytes, 2 s left; 2 shards to give up";
        assert_eq!(moving(&progress), expected);
    }
}
