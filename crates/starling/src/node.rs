//! `starling node`: who the members of a cluster are, and who comes and goes.
//!
//! Nothing is changed without `--yes`: the command shows what a change would do, and stops.

mod list;
mod plan;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::Value;
use server::Join;
use server::config::{Config, Settings};

use crate::address::{Endpoint, NodeAddress};
use crate::client::Client;
use crate::{Ending, output};

const PATIENCE: Duration = Duration::from_secs(3);
const POLL_INTERVAL: Duration = Duration::from_millis(300);

/// See who the members of a cluster are, and change it
///
/// A change shows first what it would do: which shards move, how many bytes, how long it takes
/// about, and what is at risk. With --yes it is made.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  starling node list\n  starling node leave 3         # shows \
                        what it would do\n  starling node leave 3 --yes --wait")]
pub(crate) struct Node {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(list::List),
    Join(Arrival),
    Leave(Leave),
    Remove(Remove),
    Replace(Replace),
}

/// How a change is shown and made.
#[derive(Args, Debug)]
struct Manner {
    #[command(flatten)]
    address: NodeAddress,
    /// Make the change instead of only showing it
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show what a new node would take over; with --yes, run it
#[derive(Args, Debug)]
#[command(after_help = "With --yes this is `starling serve --config FILE --join ADDRESS`.\n\n\
                        Example:\n  starling node join --config new.toml --node 127.0.0.1:7001")]
struct Arrival {
    /// The configuration file of the new node
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    manner: Manner,
}

/// Let a node hand over its shards and leave
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  starling node leave 3 --yes --wait")]
struct Leave {
    /// The node
    #[arg(value_name = "ID")]
    id: u32,
    /// Wait until it has handed everything over
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    manner: Manner,
}

/// Remove a node that does not come back
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  starling node remove 3 --yes --wait")]
struct Remove {
    /// The node
    #[arg(value_name = "ID")]
    id: u32,
    /// Remove it at once, and accept that what only it holds is lost
    #[arg(long)]
    force: bool,
    /// Wait until others have its shards
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    manner: Manner,
}

/// Show what a new node in the place of a lost one would take over; with --yes, run it
#[derive(Args, Debug)]
#[command(
    after_help = "With --yes this is `starling serve --config FILE --join ADDRESS --replace \
                        ID`.\n\nExample:\n  starling node replace 3 --config new.toml"
)]
struct Replace {
    /// The node that is lost
    #[arg(value_name = "ID")]
    id: u32,
    /// The configuration file of the new node
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    manner: Manner,
}

impl Node {
    pub(crate) fn run(self) -> anyhow::Result<Ending> {
        match self.action {
            Action::List(list) => list.run(),
            Action::Join(Arrival { config, manner }) => arrive(&config, None, &manner),
            Action::Replace(Replace { id, config, manner }) => arrive(&config, Some(id), &manner),
            Action::Leave(Leave { id, wait, manner }) => {
                let words = ["LEAVE", &id.to_string()];
                let ending = manner.order(&words, &format!("node {id} leaves"))?;
                manner.finish(wait, ending, id)
            }
            Action::Remove(Remove { id, force, wait, manner }) => {
                let text = id.to_string();
                let words: &[&str] =
                    if force { &["REMOVE", &text, "FORCE"] } else { &["REMOVE", &text] };
                let ending = manner.order(words, &format!("node {id} is removed"))?;
                manner.finish(wait, ending, id)
            }
        }
    }
}

impl Manner {
    /// Shows what an order would do, and gives it with `--yes`.
    fn order(&self, words: &[&str], title: &str) -> anyhow::Result<Ending> {
        let node = self.address.endpoint()?;
        let plan: Vec<&str> = [&["PLAN"], words].concat();
        let forecast = ask(&node, if self.yes { words } else { &plan })?;
        plan::show(&forecast, title, self.yes, self.json)
    }

    /// Waits, if it is asked for, until the members are at rest and a node has given all up.
    fn finish(&self, wait: bool, ending: Ending, id: u32) -> anyhow::Result<Ending> {
        if !wait || !self.yes {
            return Ok(ending);
        }
        let node = self.address.endpoint()?;
        loop {
            let seen = ask(&node, &["LIST"])?;
            let members = seen["members"].as_array().into_iter().flatten();
            let gone = members.clone().find(|member| member["node"] == id);
            let address = gone.and_then(|member| node.at(member["redis"].as_str()?).ok());
            // A node that does not answer has nothing left to give.
            let own = address.and_then(|address| ask(&address, &["LIST"]).ok());
            let left = own.map_or(0, |own| own["progress"]["shards_to_drop"].as_u64().unwrap_or(0));
            let is_removed = gone.is_some_and(|member| member["state"] == "removed");
            if seen["at_rest"] == true && is_removed && left == 0 {
                if !self.json {
                    output::line(format!("node {id} is out: it can be stopped and deleted"))?;
                }
                return Ok(Ending::Done);
            }
            #[expect(clippy::disallowed_methods, reason = "a command waits for a real cluster")]
            std::thread::sleep(POLL_INTERVAL);
        }
    }
}

/// Shows what a new node would take over, and runs it with `--yes`.
fn arrive(path: &Path, replaces: Option<u32>, manner: &Manner) -> anyhow::Result<Ending> {
    let settings = Settings::from_file(path).with_context(|| path.display().to_string())?;
    let config: Config = settings.into_config()?;
    let [request, proof] = server::join_request(&config, replaces);
    let node = manner.address.endpoint()?;
    let forecast = ask(&node, &["PLAN", "ADMIT", &request, &proof])?;
    let title = match replaces {
        Some(lost) => format!("node {} takes the place of node {lost}", config.me.0),
        None => format!("node {} joins", config.me.0),
    };
    let ending = plan::show(&forecast, &title, manner.yes, manner.json)?;
    if manner.yes {
        let join = Join { address: node.to_string(), replaces };
        server::serve(&config, Some(join), None, |ready| {
            // A node serves even when nobody can read that it does.
            let _ = output::line(ready);
        })?;
    }
    Ok(ending)
}

/// Says words behind `STARLING NODE` to a node.
fn ask(node: &Endpoint, words: &[&str]) -> anyhow::Result<Value> {
    let words = words.iter().map(|word| word.as_bytes());
    let args: Vec<&[u8]> = [&b"STARLING"[..], b"NODE"].into_iter().chain(words).collect();
    let reply = Client::connect(node, PATIENCE)?.call(&args)?;
    let text = reply.as_bytes().context("the node's answer is no text")?;
    serde_json::from_slice(text).context("the node's answer is no JSON")
}
