//! `faults`: real nodes, real sockets, real files, real crashes; every promise counted.
//!
//! Each scenario starts a cluster of processes, writes to it while something breaks, and then reads
//! everything back from every node. What was acknowledged must be there, what was deleted must stay
//! gone, and all nodes must say the same. The simulator does this a million times in a world of its
//! own; here it is done in ours.

mod client;
mod clock;
mod cluster;
mod load;
mod promises;
mod report;
mod scenario;
mod scenarios;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;

use report::Report;
use scenario::Scenario;

/// Run fault scenarios against real processes and count what they lose: nothing, or it says so
#[derive(Debug, Parser)]
#[command(after_help = "Example:\n  cargo run --release -p e2e -- kill-one wipe-one\n  \
                        cargo run --release -p e2e -- --table docs/reliability.md")]
struct Arguments {
    /// The scenarios to run; all of them when none is named
    names: Vec<String>,
    /// Say which scenarios there are
    #[arg(long)]
    list: bool,
    /// How long writers write while things break, in seconds
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Writes a second, all writers together
    #[arg(long, default_value_t = 1000)]
    rate: u64,
    /// What scenarios choose by
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Write the table between the marks of this file
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// Leave the directories of the clusters behind, with the nodes' logs
    #[arg(long)]
    keep: bool,
    /// The program under test
    #[arg(long, value_name = "FILE", default_value = "target/release/starling")]
    binary: PathBuf,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let chosen = choose(&arguments)?;
    if arguments.list {
        report::list(&chosen);
        return Ok(ExitCode::SUCCESS);
    }
    let binary = arguments.binary.canonicalize().with_context(|| {
        format!("{} is not there: cargo build --release --bin starling", arguments.binary.display())
    })?;
    let settings = scenario::Settings {
        binary,
        seconds: arguments.seconds,
        rate: arguments.rate,
        seed: arguments.seed,
        keep: arguments.keep,
    };
    let mut reports = Vec::new();
    for scenario in chosen {
        let report = Report::of(scenario, &settings);
        report::show(&report, arguments.json);
        reports.push(report);
    }
    if let Some(path) = &arguments.table {
        report::write_table(path, &reports)?;
    }
    let is_kept = reports.iter().all(Report::is_kept);
    Ok(if is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn choose(arguments: &Arguments) -> anyhow::Result<Vec<&'static Scenario>> {
    let all = || scenarios::ALL.iter().copied();
    if arguments.names.is_empty() {
        return Ok(all().collect());
    }
    let find = |name: &String| {
        let found = all().find(|scenario| scenario.name == *name);
        found.with_context(|| format!("there is no scenario `{name}`; --list names them"))
    };
    arguments.names.iter().map(find).collect()
}
