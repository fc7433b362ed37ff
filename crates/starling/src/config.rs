//! `starling config`: the defaults, and what a file means.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use server::config::{DEFAULT_TOML, Settings, explain};

use crate::{Ending, output};

/// Print the default configuration, or check a file
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  starling config default > starling.toml\n  \
                        starling config check starling.toml")]
pub(crate) struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print every key with its default and what it means
    Default,
    /// Say what a node with this configuration would do, or what is wrong with it
    Check {
        /// The file
        file: PathBuf,
    },
}

impl Config {
    pub(crate) fn run(self) -> anyhow::Result<Ending> {
        match self.action {
            Action::Default => output::line(DEFAULT_TOML.trim_end()),
            Action::Check { file } => {
                let config = Settings::from_file(&file).and_then(Settings::into_config);
                let config = config.with_context(|| file.display().to_string())?;
                output::line(explain(&config).trim_end())
            }
        }
    }
}
