//! One run: a while of work and faults, then peace, then the checks.

use std::fmt;

use crate::check;
use crate::measures::Measures;
use crate::plan::Plan;
use crate::profile::Profile;
use crate::trace::Trace;
use crate::world::{START, World};

/// What was found wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which promise.
    pub checker: &'static str,
    /// When it was noticed, since the start.
    pub at_ms: u64,
    /// What was seen.
    pub text: String,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Commands that were answered with success.
    pub promised_count: usize,
    /// Commands that were sent.
    pub attempted_count: usize,
    /// Events that nodes handled.
    pub event_count: u64,
    /// How long the run took in its own time.
    pub span_ms: u64,
    /// How long after the last fault all nodes were equal.
    pub converged_after_ms: u64,
    /// Sums what every node holds at the end: equal runs have equal ones.
    pub digest: u128,
    /// Sums every event: equal runs have equal ones.
    pub trace_hash: u64,
}

/// A seed that failed, and everything that is needed to see it again.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The family of worlds.
    pub profile: &'static str,
    /// What happened.
    pub plan: Plan,
    /// What was broken.
    pub violation: Violation,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.at_ms / 1000, self.at_ms % 1000);
        write!(f, "{}: {} (at {seconds}.{millis:03} s)", self.checker, self.text)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { profile, plan, violation } = self;
        let (asks, faults) = (plan.ask_count(), plan.fault_count());
        writeln!(f, "{violation}")?;
        writeln!(f, "  seed {} of `{profile}`; {asks} commands, {faults} faults", plan.seed)?;
        write!(
            f,
            "  again: STARLING_PROFILE={profile} STARLING_SEED={} cargo test -p sim seed -- \
             --nocapture",
            plan.seed
        )
    }
}

/// Runs one seed of a family.
///
/// # Errors
/// The first promise that was broken, and how to see it again.
pub fn run(seed: u64, profile: Profile) -> Result<Report, Box<Failure>> {
    let plan = Plan::draw(seed, profile.setup(seed));
    carry_out(&plan)
        .map_err(|violation| Box::new(Failure { profile: profile.name, plan, violation }))
}

/// Carries a plan out.
///
/// # Errors
/// The first promise that was broken.
pub fn carry_out(plan: &Plan) -> Result<Report, Violation> {
    follow(plan, Trace::new(START, None), None)
}

/// Carries a plan out and measures it, as far as it goes.
pub fn measure(plan: &Plan) -> (Result<Report, Violation>, Measures) {
    let mut measures = Measures::default();
    let outcome = follow(plan, Trace::new(START, None), Some(&mut measures));
    (outcome, measures)
}

/// Carries a plan out and tells every event, one line each.
///
/// # Errors
/// The first promise that was broken.
pub fn replay(plan: &Plan, lines: impl FnMut(&str)) -> Result<Report, Violation> {
    follow(plan, Trace::new(START, Some(Box::new(lines))), None)
}

fn follow(
    plan: &Plan,
    trace: Trace<'_>,
    measures: Option<&mut Measures>,
) -> Result<Report, Violation> {
    let setup = &plan.setup;
    let stuck = |text| Violation { checker: "nodes start", at_ms: 0, text };
    let mut world = World::start(plan.seed, setup, trace).map_err(stuck)?;
    if measures.is_some() {
        world.measure();
    }
    let outcome = live(&mut world, plan);
    if let (Some(measures), Some(meter)) = (measures, world.meter.take()) {
        *measures = meter.finish(world.network.fates.lost);
    }
    outcome
}

/// The run from the first command to the last check.
fn live(world: &mut World<'_>, plan: &Plan) -> Result<Report, Violation> {
    let setup = &plan.setup;
    for step in &plan.steps {
        let at = START.plus(step.at_ms);
        let outcome = world.run_until(at).and_then(|()| world.act(step));
        outcome.map_err(|text| world.violation("nodes start", text))?;
        broken(world)?;
    }
    let outcome = world.run_until(START.plus(setup.duration_ms));
    outcome.map_err(|text| world.violation("nodes start", text))?;
    broken(world)?;
    let converged_after_ms = calm(world)?;
    world.check_end()?;
    broken(world)?;
    Ok(Report {
        promised_count: world.history.promised_count(),
        attempted_count: world.history.records().len(),
        event_count: world.event_count,
        span_ms: world.now.0 - START.0,
        converged_after_ms,
        digest: check::digest(world),
        trace_hash: world.trace.hash(),
    })
}

fn broken(world: &mut World<'_>) -> Result<(), Violation> {
    world.violation.take().map_or(Ok(()), Err)
}

/// Ends all faults and waits until the nodes are equal.
fn calm(world: &mut World<'_>) -> Result<u64, Violation> {
    let outcome = world.end_all_faults();
    outcome.map_err(|text| world.violation("nodes start", text))?;
    let start = world.now;
    let patience_ms = world.setup.patience_ms;
    let mut left = None;
    while world.now.0 - start.0 < patience_ms {
        let outcome = world.run_for(250);
        outcome.map_err(|text| world.violation("nodes start", text))?;
        broken(world)?;
        // What is under way, and what is asked, is over first.
        left = match world.is_asked() {
            true => Some("a command is not answered".into()),
            false => check::what_is_left(world),
        };
        if left.is_none() {
            return Ok(world.now.0 - start.0);
        }
        if world.now.0 - start.0 >= patience_ms / 2 {
            world.decide();
        }
    }
    let left = left.unwrap_or_default();
    let text = format!("{left}, {patience_ms} ms after the last fault");
    Err(world.violation("everything comes to rest", text))
}
