//! The binary `starling`: one file per subcommand.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing there, 4 cluster not whole, 5 a promise
//! broken.

mod address;
mod bench;
mod cert;
mod check;
mod client;
mod completions;
mod config;
mod data;
mod lag;
mod node;
mod output;
mod predict;
mod repair;
mod serve;
mod sim;
mod status;
mod table;
mod top;
mod trace;
mod up;
mod web;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing there, 4 cluster not whole,
5 a promise broken.

Example:
  starling up              # a cluster of three nodes
  redis-cli -p 7001 set greeting hello";

/// A leaderless, multi-datacenter, eventually consistent database
#[derive(Debug, Parser)]
#[command(name = "starling", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Up),
    Serve(Box<serve::Serve>),
    Status(status::Status),
    Sim(Box<sim::Sim>),
    Node(node::Node),
    Get(data::Get),
    Set(data::Set),
    Del(data::Del),
    Trace(trace::Trace),
    Lag(lag::Lag),
    Top(top::Top),
    Check(check::Check),
    Bench(Box<bench::Bench>),
    Predict(predict::Predict),
    Repair(repair::Repair),
    Config(config::Config),
    Cert(cert::Cert),
    Completions(completions::Completions),
    /// Print the release
    Version,
}

/// How a command that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Done,
    NothingThere,
    NotWhole,
    Broken,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::NothingThere) => ExitCode::from(3),
        Ok(Ending::NotWhole) => ExitCode::from(4),
        Ok(Ending::Broken) => ExitCode::from(5),
        Err(error) => {
            output::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<Ending> {
    match command {
        Command::Up(up) => up.run(),
        Command::Serve(serve) => serve.run(),
        Command::Status(status) => status.run(),
        Command::Sim(sim) => sim.run(),
        Command::Node(node) => node.run(),
        Command::Get(get) => get.run(),
        Command::Set(set) => set.run(),
        Command::Del(del) => del.run(),
        Command::Trace(trace) => trace.run(),
        Command::Lag(lag) => lag.run(),
        Command::Top(top) => top.run(),
        Command::Check(check) => check.run(),
        Command::Bench(bench) => bench.run(),
        Command::Predict(predict) => predict.run(),
        Command::Repair(repair) => repair.run(),
        Command::Config(config) => config.run(),
        Command::Cert(cert) => cert.run(),
        Command::Completions(completions) => completions.run(),
        Command::Version => output::line(concat!("starling ", env!("CARGO_PKG_VERSION"))),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn every_command_line_is_well_formed_and_every_command_has_an_example() {
        let command = Cli::command();
        command.clone().debug_assert();
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "version") {
            let help = sub.clone().render_long_help().to_string();
            assert!(help.contains("Example"), "`starling {} --help` shows none", sub.get_name());
        }
    }
}
