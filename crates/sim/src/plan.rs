//! A plan: what clients and faults do, and when. It is data, so that parts of it can be left out.
//!
//! Every step carries its own randomness: leaving one out does not change the others.

use std::rc::Rc;

use crate::faults::{self, Fault};
use crate::setup::Setup;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// When, since the start.
    pub(crate) at_ms: u64,
    pub(crate) act: Act,
}

/// What happens.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// A client asks; the seed says what.
    Ask { client: u32, seed: u64 },
    /// Something breaks, for a while.
    Strike(Rc<dyn Fault>),
}

/// Nodes that are cut off or down for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Since the start.
    pub from_ms: u64,
    /// Since the start.
    pub to_ms: u64,
    /// The numbers of the nodes, from 1.
    pub nodes: Vec<u32>,
}

/// A whole run, before it has happened.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Seeds everything that is not a step: delays, what survives a power failure.
    pub seed: u64,
    /// The world it happens in.
    pub setup: Setup,
    pub(crate) steps: Vec<Step>,
}

impl Plan {
    /// Draws the steps of a world.
    #[must_use]
    pub fn draw(seed: u64, setup: Setup) -> Self {
        let mut steps = asks(&mut fastrand::Rng::with_seed(seed), &setup);
        steps.extend(strikes(&mut fastrand::Rng::with_seed(!seed), &setup));
        steps.sort_by_key(|step| step.at_ms);
        Self { seed, setup, steps }
    }

    /// One node is away for thirty days. Every other one restarts meanwhile, more than once, and
    /// clients go on writing and deleting.
    #[must_use]
    pub fn away(seed: u64) -> Self {
        const HOUR_MS: u64 = 3_600_000;
        const DAY_MS: u64 = 24 * HOUR_MS;
        let setup = Setup {
            clients: 3,
            duration_ms: 32 * DAY_MS,
            ask_every_ms: 2 * HOUR_MS,
            fault_every_ms: None,
            exchange_interval_ms: HOUR_MS / 6,
            gossip_interval_ms: HOUR_MS / 6,
            patience_ms: 4 * HOUR_MS,
            ..Setup::default()
        };
        let mut plan = Self::draw(seed, setup);
        plan.crash(&Outage { from_ms: DAY_MS, to_ms: 31 * DAY_MS, nodes: vec![1] });
        for day in 2..30 {
            let (from_ms, node) = (day * DAY_MS, if day % 2 == 0 { 2 } else { 3 });
            plan.crash(&Outage { from_ms, to_ms: from_ms + HOUR_MS, nodes: vec![node] });
        }
        plan
    }

    /// Cuts nodes off from all others for a while.
    pub fn cut(&mut self, outage: &Outage) {
        let nodes = faults::indices(outage);
        let fault = faults::cut_off(&nodes, &self.setup, outage.to_ms - outage.from_ms);
        self.strike(outage.from_ms, fault);
    }

    /// Lets nodes be down for a while.
    pub fn crash(&mut self, outage: &Outage) {
        let nodes = faults::indices(outage);
        let fault = faults::kill(nodes, outage.to_ms - outage.from_ms);
        self.strike(outage.from_ms, fault);
    }

    fn strike(&mut self, at_ms: u64, fault: Rc<dyn Fault>) {
        self.steps.push(Step { at_ms, act: Act::Strike(fault) });
        self.steps.sort_by_key(|step| step.at_ms);
    }

    /// How many commands the plan has.
    #[must_use]
    pub fn ask_count(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step.act, Act::Ask { .. })).count()
    }

    /// How many faults the plan has.
    #[must_use]
    pub fn fault_count(&self) -> usize {
        self.steps.len() - self.ask_count()
    }
}

fn asks(rng: &mut fastrand::Rng, setup: &Setup) -> Vec<Step> {
    let mut steps = Vec::new();
    for at_ms in moments(rng, setup.ask_every_ms, setup.duration_ms) {
        let act = Act::Ask { client: rng.u32(0..setup.clients.max(1)), seed: rng.u64(..) };
        steps.push(Step { at_ms, act });
    }
    steps
}

fn strikes(rng: &mut fastrand::Rng, setup: &Setup) -> Vec<Step> {
    let (Some(every_ms), false) = (setup.fault_every_ms, setup.faults.is_empty()) else {
        return Vec::new();
    };
    let moments = moments(rng, every_ms, setup.duration_ms);
    let strike = |at_ms| Step { at_ms, act: Act::Strike(faults::draw(rng, setup)) };
    moments.into_iter().map(strike).collect()
}

/// Moments with a mean distance, within a span.
fn moments(rng: &mut fastrand::Rng, every_ms: u64, within_ms: u64) -> Vec<u64> {
    let mut moments = Vec::new();
    let mut at_ms = 0;
    loop {
        at_ms += rng.u64(1..=(2 * every_ms).max(1));
        if at_ms >= within_ms {
            return moments;
        }
        moments.push(at_ms);
    }
}
