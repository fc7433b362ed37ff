//! `starling top`: the cluster in a terminal, once a second.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::address::{Endpoint, NodeAddress};
use crate::table::Table;
use crate::{Ending, lag, output, web};

const INTERVAL: Duration = Duration::from_secs(1);
/// Goes to the corner and clears what is there.
const CLEAR: &str = "\x1b[H\x1b[J";

/// Watch a cluster in the terminal; Ctrl-C ends
#[derive(Args, Debug)]
#[command(after_help = "Without a terminal, or with --once, it prints once.\n\n\
                        Example:\n  starling top --node 127.0.0.1:7002")]
pub(crate) struct Top {
    #[command(flatten)]
    address: NodeAddress,
    /// Print once and end
    #[arg(long)]
    once: bool,
    /// Print JSON, once
    #[arg(long)]
    json: bool,
}

impl Top {
    pub(crate) fn run(&self) -> anyhow::Result<Ending> {
        let address = web::address_of(&self.address)?;
        if self.json {
            return output::line(web::get(&address, "/v1/convergence")?.to_string());
        }
        if self.once || !std::io::stdout().is_terminal() {
            return output::line(screen(&web::get(&address, "/v1/convergence")?));
        }
        loop {
            // A node that does not answer may come back; the last screen is not worth keeping.
            let text = look(&address);
            output::line(format!("{CLEAR}{text}"))?;
            pause();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a person watches real time")]
fn pause() {
    std::thread::sleep(INTERVAL);
}

fn look(address: &Endpoint) -> String {
    match web::get(address, "/v1/convergence") {
        Ok(now) => screen(&now),
        Err(error) => format!("{error:#}\ntrying again"),
    }
}

/// Everything worth a screen.
fn screen(now: &Value) -> String {
    let mut text = headline(now);
    text.push('\n');
    for (name, value) in latest(now) {
        // Writing to memory cannot fail.
        let _ = write!(text, "{name} {value}   ");
    }
    let parts = [nodes(now).text(), lag::table(now).text()];
    for part in parts {
        text.push_str("\n\n");
        text.push_str(&part);
    }
    text
}

fn headline(now: &Value) -> String {
    let count = lag::nodes(now).count();
    let answering = lag::nodes(now).filter(|node| lag::is_fresh(node)).count();
    let fresh = lag::nodes(now).filter(|node| lag::is_fresh(node));
    let rows: Vec<&Value> = fresh.flat_map(lag::peers).collect();
    let down = rows.iter().filter(|row| row[1] != "up").count();
    let apart = rows.iter().filter(|row| row[1] == "up" && row[3] != 0).count();
    let state = match (count - answering, down, apart) {
        (0, 0, 0) => "converged",
        (0, 0, _) => "converging",
        _ => "NOT WHOLE",
    };
    format!(
        "{state}: {answering} of {count} nodes answer node {}, {down} of {} links down, \
         {apart} pairs differ",
        now["node"],
        rows.len()
    )
}

/// The last second of the asked node's history, by name.
fn latest(now: &Value) -> Vec<(String, String)> {
    let series = now["history"]["series"].as_array().into_iter().flatten();
    let last = now["history"]["seconds"].as_array().and_then(|rows| rows.last());
    let value = |index: usize| match last.map(|row| &row[index + 1]) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(value) => value.to_string(),
    };
    series
        .enumerate()
        .map(|(index, name)| (name.as_str().unwrap_or_default().to_owned(), value(index)))
        .collect()
}

fn nodes(now: &Value) -> Table {
    let mut table = Table::new(&[
        "node",
        "datacenter",
        "answered",
        "shards",
        "versions",
        "clients",
        "by write",
        "by exchange",
    ]);
    for node in lag::nodes(now) {
        let report = &node["report"];
        let age = match node["age_ms"].as_u64() {
            None => json!("never"),
            Some(_) if lag::is_fresh(node) => json!("now"),
            Some(age) => json!(format!("{} s ago", age / 1000)),
        };
        let delivered = &report["delivered"];
        table.row([
            &node["node"],
            &node["datacenter"],
            &age,
            &report["shards"],
            &report["elements"],
            &report["clients"],
            &delivered["write"],
            &delivered["exchange"],
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_says_first_whether_all_is_well() {
        let peers = |link: &str| json!({ "peers": [[2, link, 5, 0, 0, "alive"]] });
        let now = |link: &str, age: u64| {
            json!({
                "node": 1,
                "nodes": [
                    { "node": 1, "datacenter": "a", "age_ms": 0, "report": peers(link) },
                    { "node": 2, "datacenter": "a", "age_ms": age, "report": null },
                ],
                "history": { "series": ["links_down"], "seconds": [[7, 0], [8, 3]] },
            })
        };
        assert!(screen(&now("up", 0)).starts_with("converged: 2 of 2 nodes answer node 1, 0 of 1"));
        assert!(screen(&now("cut", 0)).starts_with("NOT WHOLE: 2 of 2"));
        let text = screen(&now("up", 60_000));
        assert!(text.starts_with("NOT WHOLE: 1 of 2") && text.contains("60 s ago"), "{text}");
        assert!(text.contains("links_down 3"), "{text}");
    }
}
