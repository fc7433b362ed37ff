//! Sealing rounds in the world: led by nobody in particular, over all live replicas.

use std::collections::BTreeSet;

use causality::{Actor, NodeId};
use replica::{Ballot, Mutation, ReplicaError, RoundStep, SealingRound};
use wire::shard::Sealing;

use super::{Found, World};

impl World {
    /// Starts to retire an actor that mints no more, or goes on with a round.
    pub fn seal_some(&mut self) -> Found {
        // Rounds run side by side: what one retired actor minted may be the evidence that another
        // one's operations wait for.
        for round in std::mem::take(&mut self.rounds) {
            self.poll_round(round)?;
        }
        self.start_round()
    }

    /// Replicas came, went or forgot: whoever leads starts again.
    pub fn rounds_are_void(&mut self) {
        self.rounds.clear();
    }

    fn start_round(&mut self) -> Found {
        let alive = self.alive();
        let minting: BTreeSet<Actor> =
            alive.iter().map(|at| self.nodes[*at].replica.actor()).collect();
        let mut retired: Vec<Actor> = Vec::new();
        for at in &alive {
            let clock = self.nodes[*at].replica.whole_clock();
            retired.extend(clock.iter().map(|(actor, _)| actor));
            retired.extend(self.nodes[*at].replica.frozen_actors());
        }
        let is_sealed =
            |actor: &Actor, at: &usize| self.nodes[*at].replica.sealed().is_retired(*actor);
        let is_sealed_by_all = |actor: &Actor| alive.iter().all(|at| is_sealed(actor, at));
        retired.retain(|actor| !minting.contains(actor) && !is_sealed_by_all(actor));
        retired.retain(|actor| self.rounds.iter().all(|round| round.actor() != *actor));
        retired.sort_unstable();
        retired.dedup();
        if retired.is_empty() {
            return Ok(());
        }
        let actor = retired[self.rng.usize(0..retired.len())];
        self.ballot += 1;
        let replicas: BTreeSet<NodeId> = alive.iter().map(|at| self.nodes[*at].id).collect();
        let (round, first) = SealingRound::start(actor, Ballot(self.ballot), replicas);
        self.broadcast(round, &first)
    }

    fn poll_round(&mut self, mut round: SealingRound) -> Found {
        let actor = round.actor();
        for at in self.alive() {
            let Some(answer) = self.nodes[at].replica.sealing_progress(actor) else { continue };
            if let RoundStep::Broadcast(next) = round.answered(self.nodes[at].id, &answer) {
                return self.broadcast(round, &next);
            }
        }
        self.rounds.push(round);
        Ok(())
    }

    /// Sends a step to every live replica and collects the answers, which may lead further.
    fn broadcast(&mut self, mut round: SealingRound, step: &Sealing) -> Found {
        let mut next = Some(step.clone());
        while let Some(step) = next.take() {
            self.note(|| format!("sealing: {step:?}"));
            for at in self.alive() {
                let node = &mut self.nodes[at];
                let answer = match node.replica.take_sealing(&mut node.store, &step) {
                    Ok(answer) => answer,
                    Err(ReplicaError::Fetching | ReplicaError::Quarantined) => return Ok(()),
                    Err(error) => return Err(format!("seal: {error}")),
                };
                // A promise is durable before it is given.
                node.checkpoint();
                let Some(answer) = answer else { continue };
                if let RoundStep::Broadcast(step) = round.answered(self.nodes[at].id, &answer) {
                    next = Some(step);
                }
            }
            if self.mutation == Some(Mutation::SealedIncomplete)
                && let Some(Sealing::Allow { actor, counters, .. }) = next
            {
                next = Some(Sealing::Seal { actor, counters });
            }
            if let Sealing::Seal { actor, counters } = step {
                self.sealed.insert(actor, counters);
                return Ok(());
            }
        }
        self.rounds.push(round);
        Ok(())
    }
}
