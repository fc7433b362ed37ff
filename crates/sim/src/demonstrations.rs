//! Every level, in every state of a cluster: with three owners in each of two datacenters, so many
//! of them up here and so many there, a call is carried out exactly when its level can be met.
//! What was answered is on as many disks as the level says; what was refused was not written.

use api::{CallError, Level, Outcome};
use storage::Crash;

use crate::check;
use crate::deeds::{self, Deed, Place};
use crate::setup::{Delay, Setup};
use crate::trace::Trace;
use crate::world::{START, World};

const PLACE: Place = Place::Register(0);
const WRITE: Deed = Deed::Write { place: PLACE, number: 7 };

/// The first datacenter has a node more than there are copies; it owns nothing and is asked.
fn setup() -> Setup {
    Setup {
        datacenters: vec![4, 3],
        shards: 1,
        clients: 0,
        fault_every_ms: None,
        near: Delay::between(1, 2),
        far: Delay::between(5, 10),
        ..Setup::default()
    }
}

/// Whether a level can be met with so many owners here and there.
fn can_be_met(level: Level, local: usize, remote: usize) -> bool {
    match level {
        Level::Any => true,
        Level::One => local + remote >= 1,
        Level::Two => local + remote >= 2,
        Level::Three => local + remote >= 3,
        Level::Quorum => local + remote >= 4,
        Level::LocalOne => local >= 1,
        Level::LocalQuorum => local >= 2,
        Level::EachQuorum => local >= 2 && remote >= 2,
        Level::All => local + remote == 6,
    }
}

/// A cluster of which only some owners are up.
struct Demonstration<'a> {
    world: World<'a>,
    asked: usize,
    owners: Vec<usize>,
    is_up: Vec<bool>,
}

impl<'a> Demonstration<'a> {
    fn new(setup: &'a Setup) -> Self {
        let world = World::start(1, setup, Trace::new(START, None)).expect("it starts");
        let process = world.machines[0].process.as_ref().expect("it is up");
        let owners: Vec<usize> = process.owners()[0].iter().map(|id| world.index(*id)).collect();
        let asked = (0..4).find(|at| !owners.contains(at)).expect("three of four own it");
        let is_up = vec![true; owners.len()];
        let mut this = Self { world, asked, owners, is_up };
        this.run(2_000);
        this
    }

    fn run(&mut self, span_ms: u64) {
        self.world.run_for(span_ms).expect("nodes start");
        assert_eq!(self.world.violation, None);
    }

    /// Lets only so many owners be up in the first datacenter, and in the second.
    fn leave(&mut self, local: usize, remote: usize) {
        let mut left = [local, remote];
        for index in 0..self.owners.len() {
            let at = self.owners[index];
            let left = &mut left[usize::from(at >= 4)];
            self.is_up[index] = *left > 0;
            match left.checked_sub(1) {
                Some(less) => *left = less,
                None => self.world.crash(at, Crash::Power),
            }
        }
        self.run(100);
    }

    fn ask(&mut self, at: usize, deed: &Deed, levels: (Level, Level)) -> Outcome {
        let call = deeds::command(deed, levels, None);
        self.world.look(at, call).expect("nodes start").expect("every call is answered")
    }

    /// On how many disks it is, of owners that are up.
    fn copies(&mut self) -> usize {
        let up: Vec<usize> =
            self.owners.iter().zip(&self.is_up).filter(|(_, up)| **up).map(|(at, _)| *at).collect();
        let look = Deed::Look { place: PLACE };
        let mut shows = |at| self.ask(at, &look, (Level::One, Level::One)) == shown();
        up.into_iter().filter(|at| shows(*at)).count()
    }

    /// Everybody comes back and becomes equal; then what is there?
    fn heal(&mut self) -> Outcome {
        for at in self.owners.clone() {
            self.world.boot(at).expect("it starts");
        }
        for _ in 0..200 {
            self.run(500);
            if check::what_is_left(&self.world).is_none() {
                return self.ask(
                    self.asked,
                    &Deed::Look { place: PLACE },
                    (Level::All, Level::All),
                );
            }
        }
        panic!("not equal after 100 seconds: {:?}", check::what_is_left(&self.world));
    }
}

fn shown() -> Outcome {
    Outcome::Value(b"7".into())
}

fn is_refused(outcome: &Outcome) -> bool {
    let Outcome::Failed(error) = outcome else { return false };
    match error {
        CallError::NotEnoughReplicas { .. } | CallError::NoOwner => true,
        // Handed to an owner, which says it in words.
        CallError::Elsewhere(text) => text.starts_with("level "),
        _ => false,
    }
}

fn every_state(check: impl Fn(Level, usize, usize)) {
    for level in Level::all() {
        for local in 0..=3 {
            for remote in 0..=3 {
                check(level, local, remote);
            }
        }
    }
}

#[test]
fn writes_are_taken_exactly_when_their_level_can_be_met() {
    every_state(|level, local, remote| {
        let (setup, what) = (setup(), format!("{level}, {local} and {remote} owners up"));
        let mut demonstration = Demonstration::new(&setup);
        demonstration.leave(local, remote);
        let asked = demonstration.asked;
        let outcome = demonstration.ask(asked, &WRITE, (Level::One, level));
        if can_be_met(level, local, remote) {
            assert_eq!(outcome, Outcome::Done, "{what}");
            let needed = if level == Level::Any { 0 } else { setup.copies(level) as usize };
            assert!(demonstration.copies() >= needed, "{what}");
            assert_eq!(demonstration.heal(), shown(), "{what}");
        } else {
            assert!(is_refused(&outcome), "{what}: {outcome:?}");
            assert_eq!(demonstration.heal(), Outcome::Nothing, "{what}");
        }
    });
}

#[test]
fn reads_are_answered_exactly_when_their_level_can_be_met() {
    every_state(|level, local, remote| {
        // `any` is for writes alone.
        if level == Level::Any {
            return;
        }
        let (setup, what) = (setup(), format!("{level}, {local} and {remote} owners up"));
        let mut demonstration = Demonstration::new(&setup);
        let asked = demonstration.asked;
        let written = demonstration.ask(asked, &WRITE, (Level::One, Level::All));
        assert_eq!(written, Outcome::Done, "{what}");
        demonstration.leave(local, remote);
        let look = Deed::Look { place: PLACE };
        let outcome = demonstration.ask(asked, &look, (level, Level::One));
        if can_be_met(level, local, remote) {
            assert_eq!(outcome, shown(), "{what}");
        } else {
            assert!(is_refused(&outcome), "{what}: {outcome:?}");
        }
    });
}
