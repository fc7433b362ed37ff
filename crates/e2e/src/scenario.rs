//! One scenario: a cluster, something that breaks while writers write, and what may be expected.

use std::path::PathBuf;
use std::time::Duration;

use crate::cluster::{Cluster, Shape};
use crate::{clock, load, verify};

/// What all scenarios of a run have in common.
pub(crate) struct Settings {
    pub(crate) binary: PathBuf,
    pub(crate) seconds: u64,
    pub(crate) rate: u64,
    pub(crate) seed: u64,
    pub(crate) keep: bool,
}

/// What is done to a cluster, step by step.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What happens, in a few words.
    pub(crate) what: &'static str,
    pub(crate) shape: Shape,
    /// Runs while writers write; afterwards everything must be up and healed.
    pub(crate) during: fn(&mut Stage<'_>) -> anyhow::Result<()>,
}

/// What a scenario works with.
pub(crate) struct Stage<'a> {
    pub(crate) cluster: &'a mut Cluster,
    pub(crate) rng: fastrand::Rng,
    /// How long all of it takes, waiting for nodes apart.
    pub(crate) span: Duration,
}

impl Stage<'_> {
    /// Lets the writers write for a part of the time.
    pub(crate) fn wait(&self, part: f64) {
        clock::sleep(self.span.mul_f64(part));
    }

    /// The same cluster, for a scenario within this one.
    pub(crate) fn part(&mut self, span: Duration) -> Stage<'_> {
        Stage { cluster: self.cluster, rng: self.rng.fork(), span }
    }

    /// Chooses a node.
    pub(crate) fn any_node(&mut self) -> usize {
        self.rng.usize(..self.cluster.len())
    }
}

/// What came of a scenario.
pub(crate) struct Outcome {
    pub(crate) acknowledged: u64,
    pub(crate) in_doubt: u64,
    pub(crate) unavailable: Duration,
    pub(crate) findings: verify::Findings,
    /// Operations that nodes got otherwise than by the write itself.
    pub(crate) by_exchange: u64,
    pub(crate) shards_taken_over: u64,
}

/// Plays a scenario.
pub(crate) fn play(scenario: &Scenario, settings: &Settings) -> anyhow::Result<Outcome> {
    let mut cluster = Cluster::start(&settings.binary, scenario.shape)?;
    let addresses = cluster.addresses();
    let (load, played) = load::run(&addresses, settings.rate, settings.seed, || {
        let rng = fastrand::Rng::with_seed(settings.seed);
        let span = Duration::from_secs(settings.seconds);
        (scenario.during)(&mut Stage { cluster: &mut cluster, rng, span })
    });
    if settings.keep {
        cluster.keep();
    }
    played?;
    let findings = verify::check(&addresses, &load.promises)?;
    let sum = |path: &str| {
        let statuses = (0..cluster.len()).filter_map(|node| cluster.status(node).ok());
        statuses.filter_map(|status| status["delivered"][path].as_u64()).sum()
    };
    Ok(Outcome {
        acknowledged: load.promises.iter().map(|one| one.acknowledged_count).sum(),
        in_doubt: load.promises.iter().map(|one| one.in_doubt_count).sum(),
        unavailable: load.unavailable,
        findings,
        by_exchange: sum("exchange"),
        shards_taken_over: sum("takeover"),
    })
}
