//! The operator: members join, leave, are replaced and removed, by way of a random member.
//!
//! Rules: a datacenter keeps as many members as it has copies, so that levels mean the same all
//! the time; at most one machine is dead and not yet removed; what is refused is tried again.

use std::collections::BTreeSet;

use causality::{Clock as Known, Incarnation, NodeId};
use fastrand::Rng;
use node::{Admission, Loss, MemberChange, Soundness};
use placement::MemberState;
use storage::Crash;

use crate::clock::Clock;
use crate::machine::{Body, Machine};
use crate::world::{Due, RESTART_MS, START, World};

/// How long it takes until a refused order is given again.
const AGAIN_MS: u64 = 500;

/// What the operator has in mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A new node joins.
    Join,
    /// A member leaves.
    Leave,
    /// A machine is lost, and another one takes its place.
    Replace,
    /// A machine is lost, and its member is removed.
    Remove,
}

/// Who was told to go, and what is still to be ordered.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    /// Who has left, or was removed or replaced.
    pub(crate) dismissed: BTreeSet<NodeId>,
    /// The machine that is lost and whose member is not dismissed yet, and whether another one is
    /// to take its place.
    lost: Option<(usize, bool)>,
}

impl World<'_> {
    /// Begins a change, if the world allows it now.
    pub(crate) fn begin_change(&mut self, change: Change, rng: &mut Rng) -> Result<(), String> {
        let mut present = self.present();
        present.retain(|at| !self.orders.dismissed.contains(&self.machines[*at].id));
        let Some(at) = rng.choice(present.iter()).copied() else { return Ok(()) };
        let left = self.count_beside(at);
        match change {
            Change::Join => {
                let datacenter = self.datacenter(at);
                self.admit(at, datacenter, None, rng.u64(..1 << 60))
            }
            Change::Leave if left >= usize::from(self.setup.replication) => {
                let by = present[rng.usize(0..present.len())];
                let id = self.machines[at].id;
                if self.order(by, &MemberChange::Leave(id)) {
                    self.orders.dismissed.insert(id);
                }
                Ok(())
            }
            Change::Replace | Change::Remove if self.may_lose(at) => {
                let is_replaced = change == Change::Replace;
                if !is_replaced && left < usize::from(self.setup.replication) {
                    return Ok(());
                }
                self.lose(at);
                self.orders.lost = Some((at, is_replaced));
                self.bury()
            }
            _ => Ok(()),
        }
    }

    /// Orders what has to happen to the lost machine's member, until somebody takes the order.
    pub(crate) fn bury(&mut self) -> Result<(), String> {
        let Some((lost, is_replaced)) = self.orders.lost else { return Ok(()) };
        let (id, present) = (self.machines[lost].id, self.present());
        for by in present {
            let process = self.machines[by].process.as_ref();
            let members = process.map(node::Node::members).unwrap_or_default();
            let held = members.iter().find(|member| member.id == id);
            if held.is_some_and(|member| member.state != MemberState::Active) {
                // Somebody took the order and died before it could say so.
                self.orders.dismissed.insert(id);
            } else if is_replaced {
                let seed = u64::from(id.0) << 40;
                self.admit(by, self.datacenter(lost), Some(id), seed)?;
            } else if self.order(by, &MemberChange::Remove(id, Loss::Refused)) {
                self.orders.dismissed.insert(id);
            }
            if self.orders.dismissed.contains(&id) {
                self.orders.lost = None;
                return Ok(());
            }
        }
        self.after(AGAIN_MS, Due::Bury);
        Ok(())
    }

    /// Where rows are damaged, and nobody sound has everything that is known there, a person has to
    /// say that what is left is the truth: nodes never decide that by themselves.
    pub(crate) fn decide(&mut self) {
        for shard in 0..self.setup.shards {
            let holding = |machine: &Machine| {
                let process = machine.process.as_ref()?;
                let mut held = process.shard_summaries().into_iter();
                let (_, summary) = held.find(|(number, _)| *number == shard)?;
                Some((process.soundness(shard)?, summary.clock))
            };
            let held: Vec<_> = self.machines.iter().map(holding).collect();
            let in_doubt = held.iter().enumerate().find_map(|(at, one)| match one {
                Some((Soundness::Damaged | Soundness::Mending, clock)) => Some((at, clock)),
                _ => None,
            });
            let Some((at, known)) = in_doubt else { continue };
            let has_all =
                |one: &&(Soundness, Known)| one.0 == Soundness::Sound && one.1.covers(known);
            if held.iter().flatten().any(|one| has_all(&one)) {
                continue;
            }
            let who = self.name(at);
            self.trace.tell(self.now, &who, || format!("is told to take shard {shard} as it is"));
            let (out, is_accepted) = self.machines[at].accept(self.now, shard, self.setup);
            self.turned(at, out, true);
            if !is_accepted {
                // What is left cannot be read: then an empty disk is all that helps.
                self.crash(at, Crash::Process);
                self.machines[at].wipe();
                self.wound(at);
                self.after(RESTART_MS, Due::Restart(at));
            }
        }
    }

    /// What of the last changes is still to be done; nothing when members are at rest.
    pub(crate) fn change_under_way(&self) -> Option<String> {
        if let Some((lost, _)) = self.orders.lost {
            return Some(format!("n{} is lost and still a member", lost + 1));
        }
        let mut view = None;
        for machine in &self.machines {
            let Some(process) = &machine.process else { continue };
            let (id, progress) = (machine.id.0, process.progress());
            let is_settled = |state| matches!(state, MemberState::Active | MemberState::Removed);
            if let Some(member) = process.members().iter().find(|one| !is_settled(one.state)) {
                return Some(format!("n{} is {:?} to n{id}", member.id.0, member.state));
            }
            if progress.shards_done < progress.shards_total || progress.shards_to_drop > 0 {
                return Some(format!("n{id} still moves shards: {progress:?}"));
            }
            let owners = process.owners();
            let mut held = process.shard_summaries().into_iter();
            let is_foreign = |shard: u16| !owners[usize::from(shard)].contains(&machine.id);
            if let Some((shard, _)) = held.find(|(shard, _)| is_foreign(*shard)) {
                return Some(format!("n{id} still holds shard {shard}, which it does not own"));
            }
            if *view.get_or_insert(process.view_hash()) != process.view_hash() {
                return Some(format!("n{id} has another view"));
            }
        }
        None
    }

    /// Says whether a machine's node takes part, as far as it knows.
    pub(crate) fn is_member(&self, at: usize) -> bool {
        let process = self.machines[at].process.as_ref();
        process.is_some_and(|process| process.own_state() != MemberState::Removed)
    }

    /// Says whether two nodes know each other, so that they may link.
    pub(crate) fn are_acquainted(&self, left: usize, right: usize) -> bool {
        let knows = |one: usize, other: usize| {
            let process = self.machines[one].process.as_ref();
            process.is_some_and(|process| process.has_member(self.machines[other].id))
        };
        !self.setup.has_changes() || (knows(left, right) && knows(right, left))
    }

    /// The members that are up and take part.
    fn present(&self) -> Vec<usize> {
        let is_present = |at: &usize| {
            let machine = &self.machines[*at];
            let state = machine.process.as_ref().map(node::Node::own_state);
            machine.paused == 0 && state == Some(MemberState::Active)
        };
        (0..self.machines.len()).filter(is_present).collect()
    }

    /// How many members stay in a node's datacenter when it goes.
    fn count_beside(&self, at: usize) -> usize {
        let is_beside = |other: &usize| {
            let machine = &self.machines[*other];
            *other != at
                && !machine.is_lost
                && !self.orders.dismissed.contains(&machine.id)
                && self.datacenter(*other) == self.datacenter(at)
        };
        (0..self.machines.len()).filter(is_beside).count()
    }

    /// One owner of three may be lost for good, when no earlier one has still to be replaced: two
    /// would be a loss, not a test.
    fn may_lose(&self, at: usize) -> bool {
        let mut present = self.machines.iter().filter_map(|machine| machine.process.as_ref());
        let is_missed = |process: &node::Node<Body>| {
            process.members().iter().any(|member| {
                let is_lost = self.machines[self.index(member.id)].is_lost;
                is_lost && member.state != MemberState::Removed
            })
        };
        self.setup.replication >= 3
            && self.orders.lost.is_none()
            && self.count_beside(at) + 1 >= usize::from(self.setup.replication)
            && !present.any(is_missed)
    }

    fn lose(&mut self, at: usize) {
        let who = self.name(at);
        self.trace.tell(self.now, &who, || "is lost for good".into());
        self.machines[at].is_lost = true;
        self.crash(at, Crash::Power);
        self.wound(at);
    }

    /// Lets a node in, perhaps in the place of another, and starts its machine.
    fn admit(
        &mut self,
        by: usize,
        datacenter: usize,
        replaces: Option<NodeId>,
        seed: u64,
    ) -> Result<(), String> {
        let number = u32::try_from(self.machines.len() + 1).unwrap_or(u32::MAX);
        let (id, place) = (NodeId(number), format!("dc{datacenter}"));
        let admission = Admission {
            id,
            incarnation: Incarnation(1),
            datacenter: place.clone(),
            rack: format!("r{number}"),
            weight: 100,
            redis: format!("c{number}"),
            peers: format!("p{number}"),
            replaces,
        };
        if !self.order(by, &MemberChange::Admit(admission)) {
            return Ok(());
        }
        self.orders.dismissed.extend(replaces);
        let Some(roster) = self.machines[by].process.as_ref().map(node::Node::roster) else {
            return Ok(());
        };
        let clock = Clock::new(START, 0, 0);
        let machine = Machine::admitted((id, place), roster, seed | u64::from(number), clock);
        self.add_machine(machine, datacenter);
        self.boot(self.machines.len() - 1)
    }

    /// Gives an order to a node; says whether it took it. One that dies while it is told may have
    /// kept it all the same.
    fn order(&mut self, by: usize, change: &MemberChange) -> bool {
        let who = self.name(by);
        let (out, answer) = self.machines[by].order(self.now, change, self.setup);
        self.trace.tell(self.now, &who, || match &answer {
            Some(Ok(())) => format!("is ordered to {}", words(change)),
            Some(Err(error)) => format!("refuses to {}: {error}", words(change)),
            None => format!("dies when it is ordered to {}", words(change)),
        });
        self.turned(by, out, true);
        matches!(answer, Some(Ok(())))
    }
}

fn words(change: &MemberChange) -> String {
    match change {
        MemberChange::Admit(Admission { id, replaces: None, .. }) => format!("let n{} in", id.0),
        MemberChange::Admit(Admission { id, replaces: Some(old), .. }) => {
            format!("let n{} in for n{}", id.0, old.0)
        }
        MemberChange::Leave(id) => format!("let n{} leave", id.0),
        MemberChange::Remove(id, _) => format!("remove n{}", id.0),
    }
}
