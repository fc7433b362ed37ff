//! Random calls at random levels under cuts, losses, repeated messages and restarts: every answer
//! is held to what its level promises, and the end to what all answers promised.

use std::collections::{BTreeMap, BTreeSet};

use api::{CallError, Level, Operation, Outcome};
use causality::NodeId;
use node::{Mutation, QuorumMode, RequestId};

use crate::net::{Net, call, id};

/// One member of a set that somebody wanted to add, and what became of that.
#[derive(Clone, Debug)]
struct Join {
    member: Vec<u8>,
    level: Level,
    asked: NodeId,
    was_calm: bool,
}

/// A read of the set, and the members it has to show.
#[derive(Clone, Debug)]
struct Look {
    expected: BTreeSet<Vec<u8>>,
}

#[derive(Clone, Debug)]
enum Deed {
    Join(Join),
    Look(Look),
    Add { was_calm: bool },
}

/// What a world is made of.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub datacenters: &'static [u32],
    pub quorum: QuorumMode,
    pub mutation: Option<Mutation>,
}

struct World {
    net: Net,
    plan: Plan,
    /// What was asked whom.
    open: BTreeMap<RequestId, (NodeId, Deed)>,
    /// Members whose adding was answered with success.
    promised: BTreeSet<Vec<u8>>,
    /// Those of them that a majority of owners has promised.
    promised_by_quorum: BTreeSet<Vec<u8>>,
    adds_promised: u64,
    adds_attempted: u64,
    is_calm: bool,
    deed_count: u64,
}

const SET: &str = "set";
const COUNTER: &str = "counter";

const LEVELS: [Level; 9] = [
    Level::Any,
    Level::One,
    Level::Two,
    Level::Three,
    Level::Quorum,
    Level::LocalOne,
    Level::LocalQuorum,
    Level::EachQuorum,
    Level::All,
];

/// Runs one seed; says what was broken.
pub fn run(seed: u64, plan: Plan) -> Result<(), String> {
    let net = Net::start_with(plan.datacenters, seed, |config| {
        config.coordination.quorum = plan.quorum;
        config.coordination.hint_ttl_ms = 3_000;
    });
    let mut world = World {
        net,
        plan,
        open: BTreeMap::new(),
        promised: BTreeSet::new(),
        promised_by_quorum: BTreeSet::new(),
        adds_promised: 0,
        adds_attempted: 0,
        is_calm: true,
        deed_count: 0,
    };
    world.net.mutate(plan.mutation);
    world.net.repeat_messages(0.1);
    for _ in 0..100 {
        world.step()?;
    }
    world.finish()
}

impl World {
    fn step(&mut self) -> Result<(), String> {
        let node = self.random_node();
        match self.net.random(0..40) {
            0 => self.trouble(|net| net.isolate(node)),
            1 => {
                let other = self.random_node();
                if node != other {
                    self.trouble(|net| net.cut(node, other));
                }
            }
            2 => self.trouble(|net| net.mute(node)),
            6 => self.trouble(|net| net.isolate_within_datacenter(node)),
            3 => {
                // What a process had taken on goes with it.
                self.open.retain(|_, (asked, _)| *asked != node);
                self.trouble(|net| net.restart(node));
            }
            4 | 5 => self.calm_down()?,
            7..=12 => self.look(node),
            13..=20 => self.add(node),
            _ => self.join(node),
        }
        let pause = if self.net.random(0..8) == 0 { 700 } else { self.net.random(1..20) };
        self.pass(pause)
    }

    fn trouble(&mut self, make: impl FnOnce(&mut Net)) {
        make(&mut self.net);
        self.is_calm = false;
    }

    fn calm_down(&mut self) -> Result<(), String> {
        self.net.heal();
        self.net.unmute_all();
        self.pass(12_000)?;
        self.is_calm = true;
        Ok(())
    }

    fn random_node(&mut self) -> NodeId {
        let count = u64::from(self.plan.datacenters.iter().sum::<u32>());
        id(u32::try_from(self.net.random(0..count)).unwrap() + 1)
    }

    fn random_level(&mut self) -> Level {
        LEVELS[usize::try_from(self.net.random(0..LEVELS.len() as u64)).unwrap()]
    }

    fn ask(&mut self, node: NodeId, key: &str, level: Level, operation: Operation, deed: Deed) {
        let mut asked = call(key, operation);
        (asked.read, asked.write) = (level, level);
        let request = self.net.ask_later(node, asked);
        self.open.insert(request, (node, deed));
    }

    fn join(&mut self, node: NodeId) {
        self.deed_count += 1;
        let member = self.deed_count.to_string().into_bytes();
        let level = self.random_level();
        let join = Join { member: member.clone(), level, asked: node, was_calm: self.is_calm };
        let operation = Operation::SetAdd { members: vec![member] };
        self.ask(node, SET, level, operation, Deed::Join(join));
    }

    fn add(&mut self, node: NodeId) {
        self.adds_attempted += 1;
        let level = self.random_level();
        let deed = Deed::Add { was_calm: self.is_calm };
        self.ask(node, COUNTER, level, Operation::Increment { by: 1 }, deed);
    }

    fn look(&mut self, node: NodeId) {
        let expected = self.promised_by_quorum.clone();
        let deed = Deed::Look(Look { expected });
        self.ask(node, SET, Level::Quorum, Operation::SetMembers, deed);
    }

    fn pass(&mut self, span_ms: u64) -> Result<(), String> {
        let end = self.net.now.plus(span_ms);
        while self.net.now < end {
            self.net.run(1);
            for (request, outcome, is_sloppy) in self.net.take_replies() {
                if let Some((_, deed)) = self.open.remove(&request) {
                    self.answered(deed, &outcome, is_sloppy)?;
                }
            }
        }
        Ok(())
    }

    fn answered(&mut self, deed: Deed, outcome: &Outcome, is_sloppy: bool) -> Result<(), String> {
        if let Outcome::Failed(error) = outcome {
            return self.failed(&deed, error);
        }
        match deed {
            Deed::Add { .. } => self.adds_promised += 1,
            Deed::Join(join) => {
                if !is_sloppy {
                    self.check_level(&join)?;
                } else if self.plan.quorum == QuorumMode::Strict && join.level != Level::Any {
                    return Err(format!("a stand-in took part in {join:?}"));
                }
                let is_by_quorum = matches!(join.level, Level::Quorum | Level::All);
                if is_by_quorum && !is_sloppy {
                    self.promised_by_quorum.insert(join.member.clone());
                }
                self.promised.insert(join.member);
            }
            Deed::Look(look) => {
                let Outcome::Values(members) = outcome else {
                    return Err(format!("{outcome:?}"));
                };
                let shown: BTreeSet<Vec<u8>> = members.iter().cloned().collect();
                if self.plan.quorum == QuorumMode::Strict && !look.expected.is_subset(&shown) {
                    return Err("a quorum read does not see a quorum write".into());
                }
            }
        }
        Ok(())
    }

    /// Whatever fails, fails for a reason that was there.
    fn failed(&self, deed: &Deed, error: &CallError) -> Result<(), String> {
        let (was_calm, level) = match deed {
            Deed::Join(join) => (join.was_calm, Some(join.level)),
            Deed::Add { was_calm } => (*was_calm, None),
            Deed::Look(_) => (false, None),
        };
        let is_possible = level.is_some_and(|level| level != Level::Any);
        if was_calm && self.is_calm && is_possible && !matches!(error, CallError::Unanswered) {
            return Err(format!("refused without a reason: {deed:?}: {error}"));
        }
        Ok(())
    }

    /// As many distinct owners as the level asks for have the member.
    fn check_level(&mut self, join: &Join) -> Result<(), String> {
        let mut holders: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for owner in self.net.owners(SET) {
            let contains = Operation::SetContains { members: vec![join.member.clone()] };
            let mut read = call(SET, contains);
            read.read = Level::One;
            let has_it = self.net.ask(owner, read) == Outcome::Integers(vec![1]);
            let datacenter = self.net.datacenter_of(owner);
            let (held, count) = holders.entry(datacenter).or_default();
            *held += usize::from(has_it);
            *count += 1;
        }
        let held: usize = holders.values().map(|(held, _)| held).sum();
        let count: usize = holders.values().map(|(_, count)| count).sum();
        let local = holders[&self.net.datacenter_of(join.asked)];
        let is_kept = match join.level {
            Level::Any => true,
            Level::One => held >= 1,
            Level::Two => held >= 2,
            Level::Three => held >= 3,
            Level::Quorum => held > count / 2,
            Level::LocalOne => local.0 >= 1,
            Level::LocalQuorum => local.0 > local.1 / 2,
            Level::EachQuorum => holders.values().all(|(held, count)| *held > count / 2),
            Level::All => held == count,
        };
        if is_kept { Ok(()) } else { Err(format!("{join:?} is kept by {holders:?}")) }
    }

    fn finish(mut self) -> Result<(), String> {
        self.calm_down()?;
        self.pass(20_000)?;
        if !self.open.is_empty() {
            return Err(format!("never answered: {:?}", self.open));
        }
        if !self.net.is_converged() {
            return Err("the owners differ".into());
        }
        let visits: usize = self.net.nodes.values().map(|n| n.status().kept.visit_count).sum();
        if visits > 0 || !self.net.visitor_actors().is_empty() {
            return Err(format!("{visits} visits, visitors {:?}", self.net.visitor_actors()));
        }
        for owner in self.net.owners(SET) {
            let members = self.net.ask(owner, call(SET, Operation::SetMembers));
            let Outcome::Values(members) = members else { return Err(format!("{members:?}")) };
            let shown: BTreeSet<Vec<u8>> = members.into_iter().collect();
            if let Some(lost) = self.promised.difference(&shown).next() {
                return Err(format!(
                    "{:?} was promised and is lost",
                    String::from_utf8_lossy(lost)
                ));
            }
        }
        self.check_counter()
    }

    fn check_counter(&mut self) -> Result<(), String> {
        for owner in self.net.owners(COUNTER) {
            let sum = match self.net.ask(owner, call(COUNTER, Operation::Get)) {
                Outcome::Value(digits) => String::from_utf8(digits).unwrap().parse().unwrap(),
                Outcome::Nothing => 0u64,
                other => return Err(format!("{other:?}")),
            };
            let (least, most) = (self.adds_promised, self.adds_attempted);
            if !(least..=most).contains(&sum) {
                return Err(format!("the counter is {sum}, not from {least} to {most}"));
            }
        }
        Ok(())
    }
}

const STRICT: Plan = Plan { datacenters: &[4], quorum: QuorumMode::Strict, mutation: None };
const SLOPPY: Plan = Plan { quorum: QuorumMode::Sloppy, ..STRICT };
const TWO: Plan = Plan { datacenters: &[4, 4], ..STRICT };

/// How many seeds each world runs, unless the environment says more.
fn seeds() -> u64 {
    std::env::var("STARLING_PROMISE_SEEDS").map_or(4, |text| text.parse().unwrap())
}

#[test]
fn every_answer_keeps_what_its_level_promises() {
    for plan in [STRICT, SLOPPY, TWO] {
        for seed in 0..seeds() {
            if let Err(broken) = run(seed, plan) {
                panic!("seed {seed} of {plan:?}: {broken}");
            }
        }
    }
}

/// Says whether some seed of some world breaks with a wrong rule.
fn is_caught(mutation: Mutation) -> bool {
    let plans = [STRICT, SLOPPY, TWO].map(|plan| Plan { mutation: Some(mutation), ..plan });
    (0..30).any(|seed| plans.iter().any(|plan| run(seed, *plan).is_err()))
}

#[test]
fn every_known_wrong_rule_of_coordination_is_caught() {
    for mutation in Mutation::COORDINATION {
        let rare = crate::scenarios::SCENARIOS.iter().find(|(wrong, _)| *wrong == mutation);
        let is_caught = match rare {
            Some((_, scenario)) => (0..40).any(|seed| scenario(seed, Some(mutation)).is_err()),
            None => is_caught(mutation),
        };
        assert!(is_caught, "{mutation:?} is not caught");
    }
}
