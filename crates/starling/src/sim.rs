//! `starling sim`: the simulator on the command line: what happens to a cluster if...?

mod summary;

use std::fs;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use api::Level;
use clap::Args;
use sim::{Delay, Noise, Outage, Plan, Profile, Report, Setup, Violation};

use crate::{Ending, output};
use summary::Summary;

/// Simulate a cluster: production nodes in virtual time, with checked promises
///
/// Nothing is started and nothing is written but the page that `--html` names. The same flags and
/// the same seed give the same run. `--cut` and `--crash` take `FROM-TO`, in seconds, and the
/// numbers of the nodes: `--cut 10-20:1,2` cuts nodes 1 and 2 off from the others.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  starling sim --nodes 6 --dcs 2 --cut 10-20:1,2,3\n  \
                        starling sim --loss 5 --runs 10 --html report.html\n  \
                        starling sim --profile mixed --runs 300\n  \
                        starling sim --profile mixed --replay 17 --trace")]
pub(crate) struct Sim {
    /// Nodes in all datacenters together
    #[arg(long, default_value_t = 3)]
    nodes: u32,
    /// Datacenters
    #[arg(long, default_value_t = 1)]
    dcs: u32,
    /// Copies of everything in each datacenter
    #[arg(long, default_value_t = 3)]
    rf: u8,
    /// Messages that are lost, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0)]
    loss: f64,
    /// The longest way of a message within a datacenter
    #[arg(long, value_name = "MS", default_value_t = 2)]
    latency: u64,
    /// The longest way of a message between datacenters
    #[arg(long, value_name = "MS", default_value_t = 80)]
    dc_latency: u64,
    /// Cut nodes off from the others for a while
    #[arg(long, value_name = "FROM-TO[:NODES]", value_parser = parse_outage)]
    cut: Vec<Outage>,
    /// Let nodes be down for a while
    #[arg(long, value_name = "FROM-TO[:NODES]", value_parser = parse_outage)]
    crash: Vec<Outage>,
    /// Clients that ask, each one thing after the other
    #[arg(long, default_value_t = 10)]
    clients: u32,
    /// Commands a second, all clients together
    #[arg(long, default_value_t = 100)]
    rate: u64,
    /// The level of reads
    #[arg(long, default_value = "local_one")]
    read: Level,
    /// The level of writes
    #[arg(long, default_value = "local_quorum")]
    write: Level,
    /// Seconds during which clients ask
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    duration: u64,
    /// Draw worlds from a family (mixed, small, true_clocks, calm) instead of these flags
    #[arg(long, value_parser = parse_profile)]
    profile: Option<Profile>,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds
    #[arg(long, default_value_t = 1)]
    runs: u64,
    /// Run one seed, and make it smaller if it fails
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seed", "runs"])]
    replay: Option<u64>,
    /// Tell every event of the replayed seed, one line each
    #[arg(long, requires = "replay")]
    trace: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Write the report as a page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Sim {
    pub(crate) fn run(self) -> anyhow::Result<Ending> {
        self.check()?;
        if let Some(seed) = self.replay {
            return self.replay(seed);
        }
        let mut summary = Summary::new(self.describe());
        for seed in self.seeds() {
            let plan = self.plan(seed);
            let (outcome, measures) = sim::measure(&plan);
            summary.add(seed, &plan, outcome, measures);
        }
        summary.finish();
        if let Some(path) = &self.html {
            let page = summary.page(&self.command_line());
            fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))?;
        }
        output::line(if self.json { summary.json().to_string() } else { summary.text() })?;
        match summary.violation() {
            None => Ok(Ending::Done),
            Some((seed, violation)) => bail!("seed {seed} broke a promise: {violation}"),
        }
    }

    fn seeds(&self) -> RangeInclusive<u64> {
        self.seed..=self.seed.saturating_add(self.runs.max(1) - 1)
    }

    /// Runs one seed and tells it; if it fails, the least of it that still does.
    fn replay(&self, seed: u64) -> anyhow::Result<Ending> {
        let plan = self.plan(seed);
        let Err(violation) = self.follow(&plan) else {
            return output::line(format!("seed {seed}: every promise was kept"));
        };
        output::note(&format!("seed {seed}: {violation}"));
        let (small, _) = sim::shrink(&plan, &violation, 300);
        let (asks, faults) = (small.ask_count(), small.fault_count());
        output::note(&format!("{asks} commands and {faults} faults are enough:"));
        match self.follow(&small) {
            Err(violation) => bail!("{violation}"),
            Ok(_) => bail!("{violation}"),
        }
    }

    fn follow(&self, plan: &Plan) -> Result<Report, Violation> {
        if !self.trace {
            return sim::carry_out(plan);
        }
        sim::replay(plan, |line| {
            // Whoever reads along may have seen enough.
            let _ = output::line(line);
        })
    }

    fn check(&self) -> anyhow::Result<()> {
        let outages = self.cut.iter().chain(&self.crash);
        let named = outages.flat_map(|outage| &outage.nodes).max().copied().unwrap_or(1);
        if self.nodes == 0 || self.dcs == 0 || self.rf == 0 {
            bail!("a cluster has at least one node, one datacenter and one copy");
        }
        if self.dcs > self.nodes {
            bail!("{} datacenters need at least as many nodes, not {}", self.dcs, self.nodes);
        }
        if named == 0 || named > self.nodes {
            bail!("nodes are numbered from 1 to {}, not {named}", self.nodes);
        }
        if self.rate == 0 || self.rate > 1_000 || self.duration == 0 || self.clients == 0 {
            bail!("there must be clients, a duration, and a rate of 1 to 1000");
        }
        if !(0.0..=100.0).contains(&self.loss) {
            bail!("a loss is a percentage, not {}", self.loss);
        }
        Ok(())
    }

    fn plan(&self, seed: u64) -> Plan {
        if let Some(profile) = &self.profile {
            return Plan::draw(seed, profile.setup(seed));
        }
        let mut plan = Plan::draw(seed, self.setup());
        self.cut.iter().for_each(|outage| plan.cut(outage));
        self.crash.iter().for_each(|outage| plan.crash(outage));
        plan
    }

    fn setup(&self) -> Setup {
        let in_datacenter =
            |index: u32| self.nodes / self.dcs + u32::from(index < self.nodes % self.dcs);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
        let lost_permille = (self.loss * 10.0).round() as u32;
        Setup {
            datacenters: (0..self.dcs).map(in_datacenter).collect(),
            replication: self.rf,
            shards: 16,
            clients: self.clients,
            sessions: self.clients,
            duration_ms: self.duration * 1_000,
            ask_every_ms: 1_000 / self.rate,
            fault_every_ms: None,
            near: Delay::between((self.latency / 2).max(1), self.latency),
            far: Delay::between((self.dc_latency / 2).max(1), self.dc_latency),
            noise: Noise { lost_permille, ..Noise::default() },
            notice_ms: 1_000,
            request_timeout_ms: 1_000,
            levels: vec![(self.read, self.write)],
            ..Setup::default()
        }
    }

    fn describe(&self) -> String {
        if let Some(profile) = &self.profile {
            return format!("worlds of `{}`", profile.name);
        }
        let plural =
            |count: u32, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        format!(
            "{} in {}, {} of everything in each; {} at {} commands/s for {} s; {}/{}",
            plural(self.nodes, "node"),
            plural(self.dcs, "datacenter"),
            if self.rf == 1 { "1 copy".into() } else { format!("{} copies", self.rf) },
            plural(self.clients, "client"),
            self.rate,
            self.duration,
            self.read,
            self.write,
        )
    }

    /// The command, for whoever reads the report.
    fn command_line(&self) -> String {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        format!("starling {}", arguments.join(" "))
    }
}

fn parse_profile(text: &str) -> Result<Profile, String> {
    let names: Vec<&str> = Profile::ALL.iter().map(|profile| profile.name).collect();
    Profile::named(text).ok_or_else(|| format!("there are {}", names.join(", ")))
}

/// Reads a span in seconds and the nodes concerned, the first if none is named.
fn parse_outage(text: &str) -> Result<Outage, String> {
    let problem = || "expected FROM-TO or FROM-TO:NODES in seconds, like 10-20:1,2".to_owned();
    let (span, nodes) = text.split_once(':').unwrap_or((text, "1"));
    let (from, to) = span.split_once('-').ok_or_else(problem)?;
    let millis = |text: &str| {
        let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..1e6).contains(seconds));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "just checked")]
        seconds.map(|seconds| (seconds * 1000.0).round() as u64).ok_or_else(problem)
    };
    let (from_ms, to_ms) = (millis(from)?, millis(to)?);
    let nodes = nodes.split(',').map(|node| node.parse::<u32>().map_err(|_| problem()));
    let nodes = nodes.collect::<Result<Vec<u32>, _>>()?;
    if from_ms >= to_ms {
        return Err(problem());
    }
    Ok(Outage { from_ms, to_ms, nodes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outages() {
        let outage =
            |from_ms, to_ms, nodes: &[u32]| Some(Outage { from_ms, to_ms, nodes: nodes.to_vec() });
        for (text, expected) in [
            ("10-20", outage(10_000, 20_000, &[1])),
            ("0.5-1:3", outage(500, 1_000, &[3])),
            ("1-2:1,2,3", outage(1_000, 2_000, &[1, 2, 3])),
        ] {
            assert_eq!(parse_outage(text).ok(), expected, "{text}");
        }
        for text in ["", "5", "20-10", "-1-2", "a-b", "1-2:", "1-2:x", "1-1e99"] {
            assert!(parse_outage(text).is_err(), "{text}");
        }
    }
}
