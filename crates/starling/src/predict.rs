//! `starling predict`: what each level would cost here, and how fresh its reads would be.

use clap::Args;
use serde_json::{Value, json};

use crate::address::NodeAddress;
use crate::table::Table;
use crate::{Ending, output, web};

/// Predict what each level would cost, and how fresh its reads would be
///
/// By the model of probabilistically bounded staleness, from the round trips that the node has
/// measured with its own writes, for a key that it owns; beside what it has measured. The model
/// knows no read repair, hints or exchange, so it is pessimistic.
#[derive(Args, Debug)]
#[command(after_help = "Exits with 3 before the node has measured anything.\n\n\
                        Example:\n  starling predict --node 127.0.0.1:7002")]
pub(crate) struct Predict {
    #[command(flatten)]
    address: NodeAddress,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Predict {
    pub(crate) fn run(&self) -> anyhow::Result<Ending> {
        let predicted = web::get(&web::address_of(&self.address)?, "/v1/predict")?;
        match self.json {
            true => output::line(predicted.to_string())?,
            false => output::line(show(&predicted))?,
        };
        let is_there = predicted["rows"].as_array().is_some_and(|rows| !rows.is_empty());
        Ok(if is_there { Ending::Done } else { Ending::NothingThere })
    }
}

fn show(predicted: &Value) -> String {
    let titles =
        ["read", "write", "fresh at once", "99.9 % after", "write p50", "write p99", "read p99"];
    let mut table = Table::new(&titles);
    for row in predicted["rows"].as_array().into_iter().flatten() {
        let times = ["wait_ms_for_99_9_percent", "write_p50_ms", "write_p99_ms", "read_p99_ms"];
        let fresh = row["fresh_at_once"].as_f64().map(|part| format!("{:.2} %", part * 100.0));
        let cells = [row["read"].clone(), row["write"].clone(), json!(fresh)];
        let times = times.map(|name| json!(row[name].as_f64().map(|ms| format!("{ms:.1} ms"))));
        table.row(cells.iter().chain(&times));
    }
    let measured = &predicted["measured"];
    let number = |name: &str| measured[name].as_f64().unwrap_or_default();
    format!(
        "{}\nmeasured over {} writes: answered after p50 {:.1} ms, p99 {:.1} ms; at every owner \
         after p50 {:.1} ms, p99 {:.1} ms; {} of {} compared reads were behind",
        table.text(),
        measured["writes"],
        number("answered_p50_ms"),
        number("answered_p99_ms"),
        number("everywhere_p50_ms"),
        number("everywhere_p99_ms"),
        measured["reads_stale"],
        measured["reads_compared"],
    )
}
