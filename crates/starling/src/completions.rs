//! `starling completions`: what a shell needs to complete our command lines.

use std::io;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::{Cli, Ending};

/// Print completions for a shell
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  starling completions bash > starling.bash\n  \
                        source starling.bash")]
pub(crate) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self) -> anyhow::Result<Ending> {
        clap_complete::generate(self.shell, &mut Cli::command(), "starling", &mut io::stdout());
        Ok(Ending::Done)
    }
}
