//! `starling serve`: one node, in the foreground.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use server::Join;
use server::config::Settings;

use crate::{Ending, output};

/// Run one node
#[derive(Args, Debug)]
#[command(after_help = "Every key of the configuration is also a flag and an environment \
                        variable; flags win over the environment, the environment over the \
                        file.\n\nExample:\n  starling serve --config starling.toml\n  \
                        starling serve --node-id 1 --data-directory data\n  \
                        starling serve --config new.toml --join 127.0.0.1:7001")]
pub(crate) struct Serve {
    /// The configuration file
    #[arg(long, value_name = "FILE", env = "STARLING_CONFIG")]
    config: Option<PathBuf>,
    /// Stop when this process is no longer the parent
    #[arg(long, value_name = "PID", hide = true)]
    parent: Option<u32>,
    /// Join the cluster of the node at this address for clients
    #[arg(long, value_name = "ADDRESS")]
    join: Option<String>,
    /// Take the place of this node, which does not come back
    #[arg(long, value_name = "ID", requires = "join")]
    replace: Option<u32>,
    #[command(flatten)]
    settings: Settings,
}

impl Serve {
    pub(crate) fn run(self) -> anyhow::Result<Ending> {
        let file = match &self.config {
            None => Settings::default(),
            Some(path) => Settings::from_file(path).with_context(|| path.display().to_string())?,
        };
        let config = self.settings.over(file).into_config()?;
        let join = self.join.map(|address| Join { address, replaces: self.replace });
        server::serve(&config, join, self.parent, |ready| {
            // A node serves even when nobody can read that it does.
            let _ = output::line(ready);
        })?;
        Ok(Ending::Done)
    }
}
