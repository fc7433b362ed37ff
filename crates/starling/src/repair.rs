//! `starling repair`: reads every row again, and has every owner give back what others have lost.

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};

use crate::address::{Endpoint, NodeAddress};
use crate::{Ending, output, status, web};

const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Read every row again and give back what was lost
///
/// Each node of the cluster in its turn reads all its rows, compares every shard with every other
/// owner, and fetches and gives back versions that one of them has lost. Nothing is ever removed,
/// and the cluster serves meanwhile. Nodes do the same by themselves once in a period, reading the
/// rows apart: this is for when a disk is in doubt.
#[derive(Args, Debug)]
#[command(
    after_help = "Exits with 4 when an owner could not be reached or a difference is left.\n\n\
                        Example:\n  starling repair\n  starling repair --only --shards 0-15"
)]
pub(crate) struct Repair {
    #[command(flatten)]
    address: NodeAddress,
    /// Repair the asked node and no other one
    #[arg(long)]
    only: bool,
    /// Repair some shards, such as 0-15,20
    #[arg(long, value_name = "SHARDS")]
    shards: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Repair {
    pub(crate) fn run(&self) -> anyhow::Result<Ending> {
        let first = self.address.endpoint()?;
        let mut nodes = vec![first.clone()];
        if !self.only {
            let asked = status::ask(&first)?;
            let peers = asked["peers"].as_array().into_iter().flatten();
            nodes.extend(peers.filter_map(|peer| first.at(peer["redis"].as_str()?).ok()));
        }
        let (mut repairs, mut failed) = (Vec::new(), false);
        for node in nodes {
            match self.repair(&node) {
                Ok(repair) => repairs.push(repair),
                Err(error) => {
                    output::note(&format!("{node}: {error:#}"));
                    failed = true;
                }
            }
        }
        if self.json {
            output::line(json!({ "repairs": repairs }).to_string())?;
        }
        let is_clean = repairs.iter().all(|repair| repair["is_clean"] == true);
        Ok(if is_clean && !failed { Ending::Done } else { Ending::NotWhole })
    }

    /// Repairs one node, and shows how far it is.
    fn repair(&self, node: &Endpoint) -> anyhow::Result<Value> {
        let address = web::http_of(node)?;
        let query = self.shards.as_ref().map(|shards| format!("?shards={shards}"));
        let begun = web::post(&address, &format!("/v1/repairs{}", query.unwrap_or_default()))?;
        let id = begun["id"].as_u64().context("the node named no repair")?;
        let mut shown = 0;
        loop {
            let repair = web::get(&address, &format!("/v1/repairs/{id}"))?;
            if repair["state"] == "done" {
                if !self.json {
                    output::line(ended(&repair))?;
                }
                return Ok(repair);
            }
            let done = repair["shards_done"].as_u64().unwrap_or_default();
            if !self.json && done > shown {
                shown = done;
                output::note(&progress(&repair));
            }
            #[expect(clippy::disallowed_methods, reason = "a command waits for a real cluster")]
            std::thread::sleep(POLL_INTERVAL);
        }
    }
}

/// How far a repair is, in one line.
fn progress(repair: &Value) -> String {
    let left = repair["ends_in_ms"]
        .as_u64()
        .map_or_else(String::new, |left_ms| format!(", {} s left", left_ms.div_ceil(1_000)));
    format!(
        "node {}: {} of {} shards{left}",
        repair["node"], repair["shards_done"], repair["shards_total"]
    )
}

/// What a repair has found, in one line.
fn ended(repair: &Value) -> String {
    let count = |name: &str| repair[name].as_u64().unwrap_or_default();
    let took_ms = count("ended_ms").saturating_sub(count("began_ms"));
    let mut text = format!(
        "node {}: {} shards read and compared in {}.{} s; {} versions were lost and are back, {} \
         were given to others",
        repair["node"],
        count("shards_done"),
        took_ms / 1_000,
        took_ms % 1_000 / 100,
        count("mended"),
        count("given"),
    );
    for (name, what) in [
        ("unmended", "comparisons still differ"),
        ("skipped", "comparisons could not be made: an owner does not answer"),
        ("shards_damaged", "shards had rows that did not add up"),
    ] {
        if count(name) > 0 {
            text += &format!("; {} {what}", count(name));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_how_far_it_is_and_what_was_found() {
        let running = json!({
            "node": 2, "state": "running", "shards_total": 64, "shards_done": 16,
            "ends_in_ms": 2_400,
        });
        assert_eq!(progress(&running), "node 2: 16 of 64 shards, 3 s left");
        let done = json!({
            "node": 2, "state": "done", "began_ms": 1_000, "ended_ms": 2_250, "shards_done": 64,
            "mended": 3, "given": 0, "skipped": 7, "unmended": 0, "shards_damaged": 1,
        });
        assert_eq!(
            ended(&done),
            "node 2: 64 shards read and compared in 1.2 s; 3 versions were lost and are back, 0 \
             were given to others; 7 comparisons could not be made: an owner does not answer; 1 \
             shards had rows that did not add up"
        );
    }
}
