//! `starling get`, `set` and `del`: one key at a time, for people and scripts.

use std::time::Duration;

use anyhow::bail;
use api::Level;
use clap::Args;
use resp::Reply;
use serde_json::json;

use crate::address::NodeAddress;
use crate::client::Client;
use crate::{Ending, output};

/// Longer than a coordinator waits for its owners.
const PATIENCE: Duration = Duration::from_secs(10);

/// Print the string under a key
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  starling get greeting --level quorum")]
pub(crate) struct Get {
    /// The key
    key: String,
    #[command(flatten)]
    how: How,
}

/// Write a string under a key
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  starling set greeting hello --node 127.0.0.1:7002")]
pub(crate) struct Set {
    /// The key
    key: String,
    /// The value
    value: String,
    #[command(flatten)]
    how: How,
}

/// Remove a key
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  starling del greeting --level each_quorum")]
pub(crate) struct Del {
    /// The key
    key: String,
    #[command(flatten)]
    how: How,
}

/// Where and how the request is made.
#[derive(Args, Debug)]
struct How {
    #[command(flatten)]
    address: NodeAddress,
    /// How many owners take part: one, local_quorum, quorum, all, ...
    #[arg(long)]
    level: Option<Level>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Get {
    pub(crate) fn run(&self) -> anyhow::Result<Ending> {
        let mut client = self.how.client("READ")?;
        match client.call(&[b"GET", self.key.as_bytes()])? {
            Reply::Bulk(value) if self.how.json => {
                // Bytes that are no text are shown as well as they can be.
                let value = String::from_utf8_lossy(&value);
                output::line(json!({ "key": self.key, "value": value }).to_string())
            }
            Reply::Bulk(value) => output::bytes(&value),
            Reply::Null => {
                if self.how.json {
                    output::line(json!({ "key": self.key, "value": null }).to_string())?;
                }
                Ok(Ending::NothingThere)
            }
            reply => bail!("the node answered something odd: {reply:?}"),
        }
    }
}

impl Set {
    pub(crate) fn run(&self) -> anyhow::Result<Ending> {
        let mut client = self.how.client("WRITE")?;
        client.call(&[b"SET", self.key.as_bytes(), self.value.as_bytes()])?;
        match self.how.json {
            true => output::line(json!({ "key": self.key, "written": true }).to_string()),
            false => Ok(Ending::Done),
        }
    }
}

impl Del {
    pub(crate) fn run(&self) -> anyhow::Result<Ending> {
        let mut client = self.how.client("WRITE")?;
        let reply = client.call(&[b"DEL", self.key.as_bytes()])?;
        let was_there = reply.as_integer() == Some(1);
        if self.how.json {
            output::line(json!({ "key": self.key, "removed": was_there }).to_string())?;
        }
        Ok(if was_there { Ending::Done } else { Ending::NothingThere })
    }
}

impl How {
    /// Connects, and sets the level of what follows; `kind` is `READ` or `WRITE`.
    fn client(&self, kind: &str) -> anyhow::Result<Client> {
        let mut client = Client::connect(&self.address.endpoint()?, PATIENCE)?;
        if let Some(level) = self.level {
            client.call(&[b"STARLING", b"LEVEL", kind.as_bytes(), level.name().as_bytes()])?;
        }
        Ok(client)
    }
}
