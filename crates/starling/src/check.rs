//! `starling check`: tests eventual consistency of a running cluster, ours or any other that
//! speaks the Redis protocol, and judges histories from anywhere.

mod history;
mod spread;
mod verdicts;
mod workload;

use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufReader, BufWriter};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::{Value, json};

use crate::address::{Endpoint, NodeAddress};
use crate::table::Table;
use crate::{Ending, output, status};
use history::Record;
use spread::Spread;
use verdicts::Verdict;
use workload::Plan;

/// Test eventual consistency of a running cluster
///
/// One session at each endpoint writes a key of its own, reads all keys, and adds to one counter.
/// Then: how long writes take to be seen everywhere; whether every session reads its own writes and
/// never sees time go backwards; whether the counter counts exactly. Endpoints may be anything that
/// speaks the Redis protocol; a history may come from anyone.
#[derive(Args, Debug)]
#[command(after_help = "\
Exits with 5 when a guarantee is broken or writes spread slower than --within.

Example:
  starling check --duration 5s --within 100ms
  starling check --against 127.0.0.1:7001,127.0.0.1:7002 --save history.jsonl
  starling check --history history.jsonl")]
pub(crate) struct Check {
    #[command(flatten)]
    address: NodeAddress,
    /// Endpoints to test, joined by commas; without it, all nodes of the cluster of --node
    #[arg(long, value_name = "ADDRESSES", value_delimiter = ',')]
    against: Vec<String>,
    /// How long to write
    #[arg(long, value_name = "SPAN", default_value = "5s", value_parser = crate::up::parse_millis)]
    duration: u64,
    /// Between two writes of a session
    #[arg(long, value_name = "SPAN", default_value = "5ms", value_parser = crate::up::parse_millis)]
    pause: u64,
    /// 99 of 100 writes must be seen everywhere after so long
    #[arg(long, value_name = "SPAN", default_value = "5s", value_parser = crate::up::parse_millis)]
    within: u64,
    /// Write what was done and seen to a file, one line of JSON each
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Judge a history from a file instead of testing a cluster
    #[arg(long, value_name = "FILE", conflicts_with_all = ["against", "save"])]
    history: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(crate) fn run(&self) -> anyhow::Result<Ending> {
        let records = match &self.history {
            Some(path) => {
                let file = File::open(path).with_context(|| format!("{}", path.display()))?;
                history::read(BufReader::new(file))?
            }
            None => self.test()?,
        };
        if let Some(path) = &self.save {
            let file = File::create(path).with_context(|| format!("{}", path.display()))?;
            history::write(&records, BufWriter::new(file))?;
        }
        self.report(&records)
    }

    fn test(&self) -> anyhow::Result<Vec<Record>> {
        let node = self.address.endpoint()?;
        let endpoints = match self.against.is_empty() {
            true => members(&node)?,
            false => self.against.iter().map(|text| node.at(text)).collect::<Result<_, _>>()?,
        };
        ensure!(self.duration >= 100, "--duration must be at least 100ms");
        let name = RandomState::new().hash_one("prefix");
        workload::run(&Plan {
            endpoints,
            duration: Duration::from_millis(self.duration),
            pause: Duration::from_millis(self.pause),
            prefix: format!("starling-check:{name:016x}"),
        })
    }

    fn report(&self, records: &[Record]) -> anyhow::Result<Ending> {
        let verdicts = verdicts::judge(records)?;
        let spread = spread::measure(records);
        let is_in_time = spread.unseen == 0 && spread.p99_ms <= within_ms(self.within);
        let is_kept = verdicts.iter().all(|verdict| verdict.broken == 0);
        match self.json {
            true => output::line(
                json!({
                    "operations": records.len(),
                    "spread": spread,
                    "within_ms": self.within,
                    "is_in_time": is_in_time,
                    "guarantees": verdicts,
                })
                .to_string(),
            )?,
            false => output::line(text(records.len(), &spread, self.within, &verdicts))?,
        };
        Ok(if is_kept && is_in_time { Ending::Done } else { Ending::Broken })
    }
}

#[expect(clippy::cast_precision_loss, reason = "a minute at most")]
const fn within_ms(span: u64) -> f64 {
    span as f64
}

/// The addresses of all nodes that one node knows, itself too.
fn members(node: &Endpoint) -> anyhow::Result<Vec<Endpoint>> {
    let status = status::ask(node)?;
    let peers = status["peers"].as_array().into_iter().flatten();
    let texts = peers.map(|peer| &peer["redis"]).chain([&status["redis"]]);
    let mut members: Vec<&str> = texts.filter_map(Value::as_str).collect();
    members.sort_unstable();
    members.into_iter().map(|text| node.at(text)).collect()
}

fn text(operations: usize, spread: &Spread, within_ms: u64, verdicts: &[Verdict]) -> String {
    let Spread { writes, unseen, p50_ms, p95_ms, p99_ms, max_ms, polling_ms } = spread;
    let mut table = Table::new(&["guarantee", "checked", "broken"]);
    for verdict in verdicts {
        let cells = [json!(verdict.guarantee), json!(verdict.checked), json!(verdict.broken)];
        table.row(cells.iter().collect::<Vec<&Value>>());
    }
    let mut text = format!(
        "{operations} operations\n{writes} writes seen everywhere after p50 {p50_ms:.1} ms, \
         p95 {p95_ms:.1} ms, p99 {p99_ms:.1} ms, at most {max_ms:.1} ms (wanted: p99 within \
         {within_ms} ms; polled every {polling_ms:.1} ms); {unseen} not seen everywhere\n{}",
        table.text()
    );
    for example in verdicts.iter().flat_map(|verdict| &verdict.examples) {
        text.push_str("\nbroken: ");
        text.push_str(example);
    }
    text
}
