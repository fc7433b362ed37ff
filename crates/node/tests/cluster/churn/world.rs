//! The world: machines, ordered links between them, clients, an operator, and time.

use std::collections::{BTreeMap, BTreeSet};

use api::{Call, Outcome};
use causality::{Incarnation, Millis, NodeId};
use fastrand::Rng;
use node::{
    Admission, Event, Liveness, Loss, MemberChange, MemberConfig, Mutation, Outbox, RequestId,
};
use placement::MemberState;
use storage::Crash;
use wire::Message;

use super::clients::Clients;
use super::machine::{Machine, Rules};

/// Requests of the checkers have this bit set.
const CHECK_BIT: u64 = 1 << 62;

/// How often links that could be are made.
const LINK_EVERY_MS: u64 = 200;

/// What happened, for judging whether a run was worth it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub attempted: u64,
    pub promised: u64,
    pub joined: u64,
    pub left: u64,
    pub removed: u64,
    pub replaced: u64,
    pub crashed: u64,
    pub events: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.attempted += other.attempted;
        self.promised += other.promised;
        self.joined += other.joined;
        self.left += other.left;
        self.removed += other.removed;
        self.replaced += other.replaced;
        self.crashed += other.crashed;
        self.events += other.events;
    }
}

pub struct World {
    pub rng: Rng,
    pub now: Millis,
    pub machines: Vec<Machine>,
    pub clients: Clients,
    pub tally: Tally,
    /// Whom the operator has told to go.
    pub dismissed: BTreeSet<NodeId>,
    flights: BTreeMap<(Millis, u64), (NodeId, NodeId, Message)>,
    arrivals: BTreeMap<(NodeId, NodeId), Millis>,
    links: BTreeSet<(NodeId, NodeId)>,
    cuts: BTreeSet<(NodeId, NodeId)>,
    broken: Option<String>,
    checked: Option<Outcome>,
    pub rules: Rules,
    sent: u64,
}

impl World {
    pub fn start(seed: u64, mutation: Option<Mutation>) -> Self {
        let mut rng = Rng::with_seed(seed);
        let datacenters = if rng.u8(..4) == 0 { 2 } else { 1 };
        let rules = Rules {
            replication: [1, 2, 3, 3, 3][rng.usize(..5)],
            exchange_interval_ms: [500, 2_000, 4_000][rng.usize(..3)],
            mutation,
        };
        let member = |id: u32| MemberConfig {
            id: NodeId(id),
            datacenter: format!("dc{}", id % datacenters),
            rack: "r".into(),
        };
        let founders: Vec<MemberConfig> = (1..=rng.u32(3..=4)).map(member).collect();
        let machine = |member: &MemberConfig| {
            let seed = rng.u64(..1 << 60);
            Machine::new(member.id, &member.datacenter, founders.clone(), rules, seed)
        };
        let machines = founders.iter().map(machine).collect();
        let mut world = Self {
            rng,
            now: Millis(1_700_000_000_000),
            machines,
            clients: Clients::default(),
            tally: Tally::default(),
            dismissed: BTreeSet::new(),
            flights: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            links: BTreeSet::new(),
            cuts: BTreeSet::new(),
            broken: None,
            checked: None,
            rules,
            sent: 0,
        };
        for at in 0..world.machines.len() {
            world.machines[at].start(world.now);
        }
        world
    }

    /// A while of work, faults and changes.
    pub fn churn(&mut self) -> Result<(), String> {
        let end = self.now.plus(self.rng.u64(60_000..150_000));
        while self.now < end {
            for _ in 0..self.rng.u8(1..4) {
                self.ask();
            }
            match self.rng.u8(..60) {
                0 => self.change(),
                1 => self.fault(),
                2 | 3 => self.cuts.clear(),
                4 | 5 => self.revive(),
                6..14 if self.is_under_way() => self.cut_at_random(),
                _ => {}
            }
            let pause = self.rng.u64(1..400);
            self.run_for(pause)?;
        }
        Ok(())
    }

    /// Ends all faults and waits until everybody is at rest.
    pub fn calm(&mut self) -> Result<(), String> {
        self.cuts.clear();
        for at in 0..self.machines.len() {
            // Some who were removed when they were dead come back after all.
            if self.machines[at].is_dead && self.rng.bool() {
                self.machines[at].is_dead = false;
            }
            if !self.machines[at].is_dead {
                self.crash(at, Crash::Process);
                self.machines[at].start(self.now);
            }
        }
        self.bury_the_dead()?;
        for _ in 0..600 {
            self.run_for(500)?;
            if self.is_at_rest() {
                return self.run_for(5_000);
            }
        }
        Err(format!("not at rest after five minutes of peace: {}", self.describe()))
    }

    /// Lets a span of time pass.
    pub fn run_for(&mut self, span_ms: u64) -> Result<(), String> {
        let end = self.now.plus(span_ms);
        let mut next_links = self.now;
        while let Some(due) = self.next_due(next_links)
            && due <= end
        {
            self.now = due.max(self.now);
            if self.now >= next_links {
                self.make_links();
                next_links = self.now.plus(LINK_EVERY_MS);
            } else {
                self.step();
            }
            if let Some(broken) = self.broken.take() {
                return Err(broken);
            }
        }
        self.now = end;
        (self.tally.attempted, self.tally.promised) =
            (self.clients.attempted, self.clients.promised);
        Ok(())
    }

    /// A checker asks a node and waits.
    pub fn look(&mut self, at: usize, call: Call) -> Result<Outcome, String> {
        self.checked = None;
        let request = RequestId(CHECK_BIT | self.tally.events);
        self.event(at, Event::Called { request, call });
        for _ in 0..200 {
            if let Some(outcome) = self.checked.take() {
                return Ok(outcome);
            }
            self.run_for(10)?;
        }
        Err("no answer in two seconds".into())
    }

    pub fn describe(&self) -> String {
        let line = |machine: &Machine| match &machine.process {
            None => format!("n{} down", machine.id.0),
            Some(node) => format!(
                "n{} {:?} {} {:?} {:?}",
                machine.id.0,
                node.own_state(),
                node.view_hash(),
                node.progress(),
                node.members().iter().map(|m| (m.id.0, m.state, m.agrees)).collect::<Vec<_>>()
            ),
        };
        self.machines.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// Nodes that take part.
    pub fn present(&self) -> Vec<usize> {
        let is_present = |at: &usize| {
            let node = self.machines[*at].process.as_ref();
            node.is_some_and(|node| node.own_state() == MemberState::Active)
        };
        (0..self.machines.len()).filter(is_present).collect()
    }

    fn is_at_rest(&self) -> bool {
        let processes = || self.machines.iter().filter_map(|machine| machine.process.as_ref());
        let Some(first) = processes().next().map(node::Node::view_hash) else { return false };
        let mut summaries = BTreeMap::new();
        processes().all(|node| {
            let members = node.members();
            let mut states = members.iter().map(|member| member.state);
            let progress = node.progress();
            let is_done = progress.shards_done == progress.shards_total;
            let is_resting =
                states.all(|state| matches!(state, MemberState::Active | MemberState::Removed));
            let mut held = node.shard_summaries().into_iter();
            let is_equal = held.all(|(shard, summary)| {
                let first = summaries.entry(shard).or_insert_with(|| summary.clone());
                first.clock == summary.clock && first.digest == summary.digest
            });
            is_resting
                && is_done
                && is_equal
                && progress.shards_to_drop == 0
                && node.view_hash() == first
        })
    }

    fn ask(&mut self) {
        let up: Vec<usize> =
            (0..self.machines.len()).filter(|at| self.machines[*at].process.is_some()).collect();
        let Some(at) = self.rng.choice(up.iter()).copied() else { return };
        let (request, call) = self.clients.ask(&mut self.rng);
        self.event(at, Event::Called { request, call });
    }

    /// The operator changes something, by way of a random member.
    fn change(&mut self) {
        let present = self.present();
        let Some(by) = self.rng.choice(present.iter()).copied() else { return };
        let dead: Vec<NodeId> =
            self.machines.iter().filter(|one| one.is_dead).map(|m| m.id).collect();
        let dead = dead.into_iter().find(|id| !self.dismissed.contains(id));
        match (self.rng.u8(..5), dead) {
            (0 | 1, Some(dead)) => self.remove(by, dead),
            (2.., Some(dead)) => self.join(by, Some(dead)),
            (0 | 1, None) if present.len() > 3 => {
                let at = *self.rng.choice(present.iter()).unwrap();
                let id = self.machines[at].id;
                if self.order(by, &MemberChange::Leave(id)) {
                    self.dismissed.insert(id);
                    self.tally.left += 1;
                }
            }
            (2, None) if present.len() > 3 && self.are_absent_ones_removed(by) => {
                let at = *self.rng.choice(present.iter()).unwrap();
                self.machines[at].is_dead = true;
                self.crash(at, Crash::Power);
            }
            _ if present.len() < 6 => self.join(by, None),
            _ => {}
        }
    }

    /// Two owners of three that are gone for good are a loss, not a test.
    fn are_absent_ones_removed(&self, by: usize) -> bool {
        let members = self.machines[by].process.as_ref().map(node::Node::members);
        let removed: BTreeSet<NodeId> = members
            .into_iter()
            .flatten()
            .filter(|member| member.state == MemberState::Removed)
            .map(|member| member.id)
            .collect();
        let mut machines = self.machines.iter();
        self.rules.replication == 3
            && machines.all(|one| one.process.is_some() || removed.contains(&one.id))
    }

    fn remove(&mut self, by: usize, dead: NodeId) {
        if self.order(by, &MemberChange::Remove(dead, Loss::Refused)) {
            self.dismissed.insert(dead);
            self.tally.removed += 1;
        }
    }

    fn join(&mut self, by: usize, replaces: Option<NodeId>) {
        let reused = self.dismissed.iter().next().copied().filter(|_| self.rng.u8(..3) == 0);
        let fresh = NodeId(u32::try_from(self.machines.len()).unwrap() + 1);
        let id = reused.unwrap_or(fresh);
        let old = replaces.and_then(|id| self.machines.iter().find(|one| one.id == id));
        let datacenter = old.map_or("dc0".to_owned(), |old| old.datacenter.clone());
        let admission = Admission {
            id,
            incarnation: Incarnation(1),
            datacenter: datacenter.clone(),
            rack: "r".into(),
            weight: 100,
            redis: format!("r{}", id.0),
            peers: format!("p{}", id.0),
            replaces,
        };
        if !self.order(by, &MemberChange::Admit(admission)) {
            return;
        }
        if reused.is_some() {
            self.broken = Some(format!("{id:?} was given a second time"));
            return;
        }
        let Some(roster) = self.machines[by].process.as_ref().map(node::Node::roster) else {
            return;
        };
        let seed = self.rng.u64(..1 << 60);
        let mut machine = Machine::new(id, &datacenter, Vec::new(), self.rules, seed);
        machine.admit(roster);
        machine.start(self.now);
        self.machines.push(machine);
        self.tally.joined += 1;
        if let Some(replaced) = replaces {
            self.dismissed.insert(replaced);
            self.tally.replaced += 1;
        }
    }

    /// Whether the change was accepted.
    fn order(&mut self, by: usize, change: &MemberChange) -> bool {
        let (now, mut is_accepted) = (self.now, false);
        let out = self.machines[by].act(now, |node, out| {
            is_accepted = node.change_members(now, change).is_ok();
            node.handle(now, Event::Woken, out);
        });
        // A member that dies while it is told may have kept it all the same.
        self.deliver(by, out);
        is_accepted
    }

    /// Who is dead for good is removed, or the rest would wait for it for ever.
    fn bury_the_dead(&mut self) -> Result<(), String> {
        for _ in 0..600 {
            let dead = self.machines.iter().filter(|one| one.is_dead).map(|one| one.id);
            let left: Vec<NodeId> = dead.filter(|id| !self.dismissed.contains(id)).collect();
            let Some(dead) = left.first().copied() else { return Ok(()) };
            self.run_for(1_000)?;
            let Some(by) = self.present().first().copied() else { continue };
            self.remove(by, dead);
            // Half of the owners in a datacenter may be gone, but never half of all: what a
            // quorum has acknowledged is still there.
            if !self.dismissed.contains(&dead) && self.rng.u8(..8) == 0 {
                let change = MemberChange::Remove(dead, Loss::Accepted);
                if self.order(by, &change) {
                    self.dismissed.insert(dead);
                }
            }
        }
        Err(format!("the dead cannot be removed: {}", self.describe()))
    }

    fn fault(&mut self) {
        let up: Vec<usize> =
            (0..self.machines.len()).filter(|at| self.machines[*at].process.is_some()).collect();
        let (Some(one), Some(other)) =
            (self.rng.choice(up.iter()).copied(), self.rng.choice(up.iter()).copied())
        else {
            return;
        };
        match self.rng.u8(..5) {
            0 => self.crash(one, Crash::Process),
            1 => self.crash(one, Crash::Power),
            2 => self.machines[one].die_soon(self.rng.u64(1..12)),
            _ if one != other => self.cut(one, other),
            _ => {}
        }
    }

    fn is_under_way(&self) -> bool {
        let nodes = self.machines.iter().filter_map(|machine| machine.process.as_ref());
        let mut states = nodes.flat_map(node::Node::members).map(|member| member.state);
        states.any(|state| matches!(state, MemberState::Joining | MemberState::Leaving))
    }

    fn cut_at_random(&mut self) {
        let count = self.machines.len();
        let (one, other) = (self.rng.usize(..count), self.rng.usize(..count));
        if one != other {
            self.cut(one, other);
        }
    }

    fn revive(&mut self) {
        for at in 0..self.machines.len() {
            if self.machines[at].process.is_none() && !self.machines[at].is_dead {
                self.machines[at].start(self.now);
            }
        }
    }

    fn crash(&mut self, at: usize, crash: Crash) {
        if self.machines[at].process.is_some() {
            self.tally.crashed += 1;
        }
        self.machines[at].crash(crash);
        self.lost(at);
    }

    fn cut(&mut self, one: usize, other: usize) {
        let (one, other) = (self.machines[one].id, self.machines[other].id);
        self.cuts.insert((one.min(other), one.max(other)));
        self.unlink(one, other);
    }

    fn lost(&mut self, at: usize) {
        let gone = self.machines[at].id;
        let others: Vec<NodeId> = self.machines.iter().map(|one| one.id).collect();
        others.into_iter().for_each(|other| self.unlink(gone, other));
    }

    fn unlink(&mut self, one: NodeId, other: NodeId) {
        self.flights.retain(|_, (from, to, _)| {
            (*from, *to) != (one, other) && (*to, *from) != (one, other)
        });
        if self.links.remove(&(one.min(other), one.max(other))) {
            for (at, gone) in [(one, other), (other, one)] {
                let at = self.index(at);
                self.event(at, Event::LinkDown(gone));
            }
        }
    }

    /// Two nodes link when both run and each knows the other as a member, past or present.
    fn make_links(&mut self) {
        let knows = |one: &Machine, other: &Machine| {
            let members = one.process.as_ref().map(node::Node::members).unwrap_or_default();
            members.iter().any(|member| member.id == other.id)
        };
        let mut made = Vec::new();
        for (at, one) in self.machines.iter().enumerate() {
            for other in &self.machines[at + 1..] {
                let pair = (one.id.min(other.id), one.id.max(other.id));
                let is_up = one.process.is_some() && other.process.is_some();
                let is_free = !self.links.contains(&pair) && !self.cuts.contains(&pair);
                if is_up && is_free && knows(one, other) && knows(other, one) {
                    made.push(pair);
                }
            }
        }
        for (one, other) in made {
            self.links.insert((one, other));
            for (at, peer) in [(one, other), (other, one)] {
                let at = self.index(at);
                self.event(at, Event::LinkUp(peer));
            }
        }
    }

    fn next_due(&self, next_links: Millis) -> Option<Millis> {
        let processes = self.machines.iter().filter_map(|machine| machine.process.as_ref());
        let wakes = processes.filter_map(node::Node::next_deadline);
        let flight = self.flights.keys().next().map(|(at, _)| *at);
        wakes.chain(flight).chain([next_links]).min()
    }

    fn step(&mut self) {
        if let Some(first) = self.flights.first_entry()
            && first.key().0 <= self.now
        {
            let (from, to, message) = first.remove();
            let at = self.index(to);
            self.event(at, Event::Received { from, message });
            return;
        }
        let is_due = |machine: &Machine| {
            let deadline = machine.process.as_ref().and_then(node::Node::next_deadline);
            deadline.is_some_and(|deadline| deadline <= self.now)
        };
        if let Some(at) = self.machines.iter().position(is_due) {
            self.event(at, Event::Woken);
        }
    }

    fn event(&mut self, at: usize, event: Event) {
        self.tally.events += 1;
        if self.machines[at].process.is_none() {
            return;
        }
        let out = self.machines[at].turn(self.now, event);
        self.deliver(at, out);
    }

    fn deliver(&mut self, at: usize, out: Option<Outbox>) {
        let Some(out) = out else { return self.lost(at) };
        let from = self.machines[at].id;
        for (to, message) in out.sends {
            if !self.links.contains(&(from.min(to), from.max(to))) {
                continue;
            }
            let last = self.arrivals.entry((from, to)).or_default();
            *last = self.now.plus(self.rng.u64(1..30)).max(*last);
            self.sent += 1;
            self.flights.insert((*last, self.sent), (from, to, message));
        }
        for (request, outcome) in out.replies {
            if request.0 & CHECK_BIT != 0 {
                self.checked = Some(outcome);
            } else if let Err(broken) = self.clients.answered(request, &outcome) {
                self.broken = Some(broken);
            }
        }
    }

    fn index(&self, id: NodeId) -> usize {
        self.machines.iter().position(|machine| machine.id == id).unwrap()
    }

    /// How a node seems to another.
    #[expect(dead_code, reason = "for looking into a failing seed")]
    pub fn liveness(&self, at: usize, of: NodeId) -> Option<Liveness> {
        self.machines[at].process.as_ref().map(|node| node.liveness(of))
    }
}
