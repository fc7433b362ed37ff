//! `starling config`: the defaults, what a file means, and what all layers come to.

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
    /// Print what a node would use: defaults, file, environment and flags together
    #[command(after_help = "Example:\n  starling config show --config starling.toml --node-id 2")]
    Show(Box<Show>),
    /// Say what a node with this configuration would do, or what is wrong with it
    Check {
        /// The file; without it, what the environment says
        file: Option<PathBuf>,
        #[command(flatten)]
        settings: Box<Settings>,
    },
}

#[derive(Args, Debug)]
struct Show {
    /// The configuration file
    #[arg(long, value_name = "FILE", env = "STARLING_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

impl Config {
    pub(crate) fn run(self) -> anyhow::Result<Ending> {
        match self.action {
            Action::Show(show) => {
                let file = match &show.config {
                    None => Settings::default(),
                    Some(path) => {
                        Settings::from_file(path).with_context(|| path.display().to_string())?
                    }
                };
                let settings = show.settings.over(file).over(Settings::defaults());
                output::line(settings.show().trim_end())
            }
            Action::Default => output::line(DEFAULT_TOML.trim_end()),
            Action::Check { file, settings } => {
                let name = || file.as_ref().map_or("it".into(), |file| file.display().to_string());
                let said =
                    file.as_ref().map_or(Ok(Settings::default()), |one| Settings::from_file(one));
                let config = said.and_then(|said| settings.over(said).into_config());
                let config = config.with_context(name)?;
                output::line(explain(&config).trim_end())
            }
        }
    }
}
