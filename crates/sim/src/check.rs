//! The checkers: one file for each kind of promise, each with its own memory. They see everything
//! that happens and change nothing.

mod converged;
mod equal;
mod ledger;
mod levels;
mod lost;
mod monotonic;
mod names;
mod quotas;
mod removal;
mod resurrected;
mod same;
mod sessions;
mod settled;
mod shows;
mod staleness;
mod transfers;
mod visitors;

use api::Outcome;
use causality::Millis;

use crate::deeds::{self, Place, Seen};
use crate::observed::Observed;
use crate::run::Violation;
use crate::world::World;

pub(crate) use converged::{digest, is_converged, what_is_left};

/// How often a read is tried in the end.
const TRIES: u32 = 20;

/// Whether a promise holds.
pub(crate) type Checking = Result<(), Violation>;

/// One kind of promise.
trait Checker {
    /// What it is called in reports.
    fn name(&self) -> &'static str;

    /// Looks at something that has just happened.
    fn observe(&mut self, _: &World<'_>, _: &Observed<'_>) -> Result<(), String> {
        Ok(())
    }

    /// Looks at what a place shows at a node when all is over.
    fn end(&mut self, _: &World<'_>, _: &Shown) -> Result<(), String> {
        Ok(())
    }
}

/// What a place shows at a node when all is over.
pub(crate) struct Shown {
    pub(crate) at: usize,
    pub(crate) place: Place,
    pub(crate) seen: Seen,
    pub(crate) outcome: Outcome,
    /// When it was asked.
    pub(crate) asked: Millis,
    /// When it was answered.
    pub(crate) answered: Millis,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Checkers {
    list: Vec<Box<dyn Checker>>,
}

impl Checkers {
    pub(crate) fn new() -> Self {
        let list: Vec<Box<dyn Checker>> = vec![
            Box::new(equal::Equal::default()),
            Box::new(names::Names::default()),
            Box::new(levels::Levels),
            Box::new(sessions::Sessions::default()),
            Box::new(staleness::Stale),
            Box::new(removal::Removal),
            Box::new(monotonic::Monotonic::default()),
            Box::new(ledger::Ledger::default()),
            Box::new(transfers::Transfers::default()),
            Box::new(quotas::Quotas::default()),
            Box::new(lost::Lost),
            Box::new(resurrected::Resurrected),
            Box::new(same::Same::default()),
            Box::new(visitors::Visitors),
            Box::new(settled::Settled),
        ];
        Self { list }
    }

    pub(crate) fn observe(&mut self, world: &World<'_>, observed: &Observed<'_>) -> Checking {
        self.list.iter_mut().try_for_each(|checker| {
            let found = checker.observe(world, observed);
            found.map_err(|text| world.violation(checker.name(), text))
        })
    }

    /// Reads every place at every node, and lets everybody look.
    pub(crate) fn end(&mut self, world: &mut World<'_>) -> Checking {
        let places: Vec<Place> = world.history.places().collect();
        let members: Vec<usize> =
            (0..world.machines.len()).filter(|at| world.is_member(*at)).collect();
        for at in members {
            for place in &places {
                let shown = look(world, at, *place)?;
                self.list.iter_mut().try_for_each(|checker| {
                    let found = checker.end(world, &shown);
                    found.map_err(|text| world.violation(checker.name(), text))
                })?;
            }
        }
        Ok(())
    }
}

/// Reads a place, more often than once if messages get lost.
fn look(world: &mut World<'_>, at: usize, place: Place) -> Result<Shown, Violation> {
    let mut outcome = None;
    for _ in 0..TRIES {
        let asked = world.now;
        let looked = world.look(at, deeds::look(place));
        outcome = looked.map_err(|text| world.violation("answers", text))?;
        let seen = outcome.as_ref().and_then(|outcome| deeds::seen(place, outcome));
        if let (Some(seen), Some(outcome)) = (seen, &outcome) {
            let (outcome, answered) = (outcome.clone(), world.now);
            return Ok(Shown { at, place, seen, outcome, asked, answered });
        }
    }
    let text = format!("{place} at n{} in the end: {outcome:?}", at + 1);
    Err(world.violation("answers", text))
}

impl World<'_> {
    pub(crate) fn violation(&self, checker: &'static str, text: String) -> Violation {
        Violation { checker, at_ms: self.now.0 - crate::world::START.0, text }
    }
}
