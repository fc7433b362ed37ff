//! `starling serve`: one node, in the foreground.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use server::config::Settings;

use crate::{Ending, output};

/// Run one node
#[derive(Args, Debug)]
#[command(after_help = "Every key of the configuration is also a flag and an environment \
                        variable; flags win over the environment, the environment over the \
                        file.\n\nExample:\n  starling serve --config starling.toml\n  \
                        starling serve --node-id 1 --data-directory data")]
pub(crate) struct Serve {
    /// The configuration file
    #[arg(long, value_name = "FILE", env = "STARLING_CONFIG")]
    config: Option<PathBuf>,
    /// Stop when this process is no longer the parent
    #[arg(long, value_name = "PID", hide = true)]
    parent: Option<u32>,
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
        server::serve(&config, self.parent, |ready| {
            // A node serves even when nobody can read that it does.
            let _ = output::line(ready);
        })?;
        Ok(Ending::Done)
    }
}
