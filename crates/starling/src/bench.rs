//! `starling bench`: load over the Redis protocol, measured; ours or any other server.

mod report;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use ::bench::{Choice, Keys, Measured, Mix, Plan};
use anyhow::{Context as _, bail, ensure};
use api::Level;
use clap::Args;

use crate::address::{Credentials, NodeAddress};
use crate::{Ending, output};

/// Load servers over the Redis protocol and measure what they answer
///
/// Without --rate every connection sends as soon as it was answered: that finds what servers can
/// take. With --rate requests are due at fixed moments, and latency counts from there, also for
/// those that a stalled server kept from being sent: that finds what clients feel.
#[derive(Args, Debug)]
#[command(after_help = "\
Mixes: get, set, insert, modify, scan, index, incr, hset, sadd, zadd, lpush; several with their
shares, as in get:80,set:20; or ycsb-a to ycsb-f.

Example:
  starling bench --mix ycsb-b --choice zipfian --save before.json
  starling bench --servers 127.0.0.1:7001,127.0.0.1:7002 --rate 20000 --duration 30s
  starling bench --compare before.json after.json")]
pub(crate) struct Bench {
    #[command(flatten)]
    address: NodeAddress,
    /// Servers to load, joined by commas; connections are spread over them [default: --node]
    #[arg(long, value_name = "ADDRESSES", value_delimiter = ',')]
    servers: Vec<String>,
    /// Which requests, and how often each
    #[arg(long, default_value = "get:50,set:50")]
    mix: Mix,
    /// Connections
    #[arg(long, default_value_t = 50)]
    connections: usize,
    /// Requests that a connection sends in one go
    #[arg(long, default_value_t = 1)]
    pipeline: usize,
    /// Requests a second, all connections together, whether or not answers come
    #[arg(long)]
    rate: Option<u64>,
    /// How long to measure
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = crate::up::parse_millis)]
    duration: u64,
    /// How long to load before measuring
    #[arg(long, value_name = "SPAN", default_value = "1s", value_parser = crate::up::parse_millis)]
    warmup: u64,
    /// How many keys
    #[arg(long, default_value_t = 100_000)]
    keys: u64,
    /// How keys are drawn: uniform, zipfian or latest
    #[arg(long, default_value = "uniform", value_parser = parse_choice)]
    choice: Choice,
    /// Bytes of each value
    #[arg(long, value_name = "BYTES", default_value_t = 100)]
    value: usize,
    /// Do not write the keys first
    #[arg(long)]
    no_fill: bool,
    /// The level of reads (Starling only)
    #[arg(long, value_name = "LEVEL")]
    read: Option<Level>,
    /// The level of writes (Starling only)
    #[arg(long, value_name = "LEVEL")]
    write: Option<Level>,
    /// What all choices depend on
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep the figures in a file
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Compare two kept runs instead of loading anything
    #[arg(long, num_args = 2, value_names = ["BEFORE", "AFTER"])]
    compare: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub(crate) fn run(&self) -> anyhow::Result<Ending> {
        if let [before, after] = &self.compare[..] {
            let (before, after) = (kept(before)?, kept(after)?);
            let compared = report::compared(&before, &after);
            return output::line(if self.json { compared.json() } else { compared.text() });
        }
        let measured = ::bench::run(&self.plan()?)?;
        let json = serde_json::to_string_pretty(&measured)?;
        if let Some(path) = &self.save {
            let written = fs::write(path, &json);
            written.with_context(|| format!("cannot write {}", path.display()))?;
        }
        output::line(if self.json { json } else { report::text(&measured) })
    }

    fn plan(&self) -> anyhow::Result<Plan> {
        ensure!(self.connections > 0, "--connections must be at least 1");
        ensure!(self.duration >= 100, "--duration must be at least 100ms");
        ensure!(self.value <= 64 << 20, "--value must be at most 64 MiB");
        let node = self.address.endpoint()?;
        if node.access.tls.is_some() {
            bail!("bench loads servers over plain connections only");
        }
        let mut greeting = Vec::new();
        let mut greet = |words: &[&str]| {
            greeting.push(words.iter().map(|word| (*word).to_owned()).collect());
        };
        if let Some(Credentials { user, password }) = &node.access.credentials {
            greet(&["AUTH", user, password]);
        }
        for (what, level) in [("READ", self.read), ("WRITE", self.write)] {
            level.iter().for_each(|level| greet(&["STARLING", "LEVEL", what, level.name()]));
        }
        let servers = match self.servers.is_empty() {
            true => vec![node.to_string()],
            false => self.servers.clone(),
        };
        Ok(Plan {
            servers,
            greeting,
            connections: self.connections,
            pipeline: self.pipeline,
            rate: self.rate,
            warmup: Duration::from_millis(self.warmup),
            duration: Duration::from_millis(self.duration),
            mix: self.mix.clone(),
            keys: Keys::new(self.choice, self.keys),
            value_size: self.value,
            is_filled: !self.no_fill,
            seed: self.seed,
        })
    }
}

fn kept(path: &PathBuf) -> anyhow::Result<Measured> {
    let text = fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} holds no figures", path.display()))
}

fn parse_choice(text: &str) -> Result<Choice, String> {
    match text {
        "uniform" => Ok(Choice::Uniform),
        "zipfian" => Ok(Choice::Zipfian),
        "latest" => Ok(Choice::Latest),
        _ => Err("keys are drawn uniform, zipfian or latest".into()),
    }
}
