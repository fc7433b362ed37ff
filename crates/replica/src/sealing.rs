//! Retiring an actor: all replicas of the shard agree on what it minted, then it is sealed.
//!
//! A retired actor would stay in every clock for ever, and `gone` dots that it minted but never
//! delivered would wait for ever. Sealing ends both. The rounds, led by any owner:
//!
//! ```text
//! Freeze(a, b)  -> every replica refuses new dots of a, answers which it has
//! Allow(a, b, U) -> U is their union; replicas accept dots of U and nothing else, and fetch them
//! Complete      <- a replica that has all of U
//! Seal(a, U)    -> sent when ALL are complete; the entry moves from the applied clock to sealed
//! ```
//!
//! Safety: a dot outside U is on no replica when the first one freezes last, and none accepts it
//! afterwards, so it may be minted anew under another name. A higher ballot repeats the rounds;
//! unions only count what replicas have, so a dot that was lost with its only holder drops out.

use std::collections::{BTreeMap, BTreeSet};

use causality::{Actor, Counters, Dot, Dots, NodeId, Sealed};
use cells::OwnedCellAddress;
use storage::{Row, ScanControl, Store};
use wire::shard::Sealing;

use crate::error::ReplicaError;
use crate::format::decode_cell;
use crate::mutation::Mutation;
use crate::replica::Replica;
use crate::rows::{Index, read_index_cell};

/// Which attempt to retire an actor this is; higher ones override.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ballot(pub u64);

/// What a replica has promised about an actor that is being retired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freeze {
    /// The highest ballot answered.
    pub ballot: Ballot,
    /// The dots that may still be accepted, once everyone is frozen.
    pub allowed: Option<Counters>,
    /// Others have sealed the actor with what is allowed: once all of it has come, so does this
    /// replica.
    pub is_sealed_elsewhere: bool,
}

/// The promises by actor.
pub(crate) type Freezes = BTreeMap<Actor, Freeze>;

impl Freeze {
    pub(crate) fn allows(&self, counter: u64) -> bool {
        self.allowed.as_ref().is_some_and(|allowed| allowed.contains(counter))
    }
}

/// The leader's side of one attempt.
#[derive(Clone, Debug)]
pub struct SealingRound {
    actor: Actor,
    ballot: Ballot,
    replicas: BTreeSet<NodeId>,
    frozen: BTreeMap<NodeId, Counters>,
    complete: BTreeSet<NodeId>,
}

/// What the leader sends next, to every replica of the shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoundStep {
    /// Keep waiting.
    Wait,
    /// Send this to all.
    Broadcast(Sealing),
}

impl SealingRound {
    /// Starts an attempt over ALL current replicas of the shard (old owners, new owners, joiners).
    #[must_use]
    pub fn start(actor: Actor, ballot: Ballot, replicas: BTreeSet<NodeId>) -> (Self, Sealing) {
        assert!(!replicas.is_empty(), "a shard has replicas");
        let first = Sealing::Freeze { actor, ballot: ballot.0 };
        let round =
            Self { actor, ballot, replicas, frozen: BTreeMap::new(), complete: BTreeSet::new() };
        (round, first)
    }

    /// Returns who retires.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        self.actor
    }

    /// Takes an answer; says what to send when everyone has answered.
    pub fn answered(&mut self, node: NodeId, answer: &Sealing) -> RoundStep {
        if !self.replicas.contains(&node) {
            return RoundStep::Wait;
        }
        match answer {
            Sealing::Frozen { actor, ballot, counters }
                if *actor == self.actor && *ballot == self.ballot.0 =>
            {
                let is_last = self.frozen.len() + 1 == self.replicas.len();
                let is_new = self.frozen.insert(node, counters.clone()).is_none();
                if is_new && is_last { RoundStep::Broadcast(self.allow()) } else { RoundStep::Wait }
            }
            Sealing::Complete { actor, ballot }
                if *actor == self.actor && *ballot == self.ballot.0 =>
            {
                let is_new = self.complete.insert(node);
                if is_new && self.complete.len() == self.replicas.len() {
                    let (actor, counters) = (self.actor, self.union());
                    RoundStep::Broadcast(Sealing::Seal { actor, counters })
                } else {
                    RoundStep::Wait
                }
            }
            _ => RoundStep::Wait,
        }
    }

    fn allow(&self) -> Sealing {
        Sealing::Allow { actor: self.actor, ballot: self.ballot.0, counters: self.union() }
    }

    fn union(&self) -> Counters {
        let mut union = Counters::default();
        for counters in self.frozen.values() {
            union.union(counters);
        }
        union
    }
}

impl Replica {
    /// Takes a step of a sealing round; returns the answer for its leader, if there is one yet.
    ///
    /// # Errors
    /// Retiring this replica's own actor, or sealing without completeness: nothing was changed.
    pub fn take_sealing<S: Store>(
        &mut self,
        store: &mut S,
        step: &Sealing,
    ) -> Result<Option<Sealing>, ReplicaError> {
        self.check_serving()?;
        match step {
            Sealing::Freeze { actor, ballot } => self.freeze(*actor, Ballot(*ballot)),
            Sealing::Allow { actor, ballot, counters } => {
                Ok(self.allow(*actor, Ballot(*ballot), counters))
            }
            Sealing::Seal { actor, counters } => {
                self.seal(store, *actor, counters)?;
                Ok(None)
            }
            Sealing::Frozen { .. } | Sealing::Complete { .. } => {
                Err(ReplicaError::Unexpected("answer to a sealing round"))
            }
        }
    }

    /// Says that everything allowed has come, once it has: asked again after each exchange.
    #[must_use]
    pub fn sealing_progress(&self, actor: Actor) -> Option<Sealing> {
        let freeze = self.state.freezes.get(&actor)?;
        let allowed = freeze.allowed.as_ref()?;
        let is_complete = self.state.counters(actor).covers(allowed);
        is_complete.then_some(Sealing::Complete { actor, ballot: freeze.ballot.0 })
    }

    /// Learns which actors a peer knows to be sealed: from now on only what counts of them is
    /// accepted, and they are sealed here once all of that has come. A replica that is new, or
    /// was away, does this before it takes any operation.
    ///
    /// # Errors
    /// This replica's own actor was sealed without it, or it holds operations that do not count:
    /// they must be minted anew under another actor.
    pub fn learn_sealed<S: Store>(
        &mut self,
        store: &mut S,
        sealed: &Sealed,
    ) -> Result<(), ReplicaError> {
        self.check_serving()?;
        for (actor, counters) in sealed.iter() {
            if self.state.sealed.is_retired(actor) {
                continue;
            }
            if actor == self.me {
                return Err(ReplicaError::OwnActor(actor));
            }
            let mine = self.state.counters(actor);
            if let Some(extra) = mine.difference(counters).first() {
                return Err(ReplicaError::Sealed { dot: Dot::new(actor, extra.first) });
            }
            if mine == *counters {
                self.seal(store, actor, counters)?;
            } else {
                let freeze = self.state.freezes.entry(actor).or_default();
                freeze.allowed = Some(counters.clone());
                freeze.is_sealed_elsewhere = true;
            }
        }
        Ok(())
    }

    /// Seals what others have sealed, as far as all of it has come.
    pub(crate) fn seal_what_has_come<S: Store>(
        &mut self,
        store: &mut S,
    ) -> Result<(), ReplicaError> {
        let has_come = |actor: &Actor, freeze: &Freeze| {
            let mine = self.state.counters(*actor);
            freeze.is_sealed_elsewhere && freeze.allowed.as_ref() == Some(&mine)
        };
        let due: Vec<Actor> = self
            .state
            .freezes
            .iter()
            .filter(|(actor, freeze)| has_come(actor, freeze))
            .map(|(actor, _)| *actor)
            .collect();
        for actor in due {
            let counters = self.state.counters(actor);
            self.seal(store, actor, &counters)?;
        }
        Ok(())
    }

    /// Returns the actors that are being retired: their new dots are not accepted meanwhile.
    pub fn frozen_actors(&self) -> impl Iterator<Item = Actor> + '_ {
        self.state.freezes.keys().copied()
    }

    /// Returns every actor known to be retired, sealed here or elsewhere: what a replica that is
    /// new learns before it takes any operation.
    #[must_use]
    pub fn retired(&self) -> Sealed {
        let mut retired = self.state.sealed.clone();
        for (actor, freeze) in &self.state.freezes {
            if let (Some(allowed), true) = (&freeze.allowed, freeze.is_sealed_elsewhere) {
                retired.insert(*actor, allowed.clone());
            }
        }
        retired
    }

    /// Returns what may still be accepted of actors that are being retired: a replica that is new
    /// learns this too, or it could accept what the others have just agreed to refuse. Where
    /// nothing may be accepted before the present round has come further, that is what is here: an
    /// earlier round may have ended at others, who have sealed no more than that.
    #[must_use]
    pub fn limits(&self) -> Sealed {
        let mut limits = Sealed::default();
        for (actor, freeze) in &self.state.freezes {
            let allowed = freeze.allowed.clone();
            limits.insert(*actor, allowed.unwrap_or_else(|| self.state.counters(*actor)));
        }
        limits
    }

    /// Takes over the limits of a replica that was there before.
    ///
    /// # Errors
    /// This replica may change nothing at the moment.
    pub fn learn_limits(&mut self, limits: &Sealed) -> Result<(), ReplicaError> {
        self.check_serving()?;
        for (actor, counters) in limits.iter() {
            if actor != self.me && !self.state.sealed.is_retired(actor) {
                let freeze = self.state.freezes.entry(actor).or_default();
                freeze.allowed.get_or_insert_with(|| counters.clone());
            }
        }
        Ok(())
    }

    /// Returns the actors that are sealed here, with all they ever minted that counts.
    #[must_use]
    pub const fn sealed(&self) -> &Sealed {
        &self.state.sealed
    }

    fn freeze(&mut self, actor: Actor, ballot: Ballot) -> Result<Option<Sealing>, ReplicaError> {
        if actor == self.me {
            return Err(ReplicaError::OwnActor(actor));
        }
        if !self.state.sealed.is_retired(actor) {
            let freeze = self.state.freezes.entry(actor).or_default();
            if ballot < freeze.ballot {
                return Ok(None);
            }
            // What others have sealed stays the limit, or a dot outside it could slip in.
            let allowed = freeze.allowed.take().filter(|_| freeze.is_sealed_elsewhere);
            *freeze = Freeze { ballot, allowed, ..*freeze };
        }
        let counters = self.state.counters(actor);
        Ok(Some(Sealing::Frozen { actor, ballot: ballot.0, counters }))
    }

    fn allow(&mut self, actor: Actor, ballot: Ballot, counters: &Counters) -> Option<Sealing> {
        if self.state.sealed.is_retired(actor) {
            return Some(Sealing::Complete { actor, ballot: ballot.0 });
        }
        let freeze = self.state.freezes.get_mut(&actor)?;
        if freeze.ballot != ballot {
            return None;
        }
        *freeze = Freeze { ballot, allowed: Some(counters.clone()), is_sealed_elsewhere: false };
        self.sealing_progress(actor)
    }

    fn seal<S: Store>(
        &mut self,
        store: &mut S,
        actor: Actor,
        counters: &Counters,
    ) -> Result<(), ReplicaError> {
        if self.state.sealed.is_retired(actor) {
            return Ok(());
        }
        if !self.is_mutated(Mutation::SealedIncomplete) && self.state.counters(actor) != *counters {
            return Err(ReplicaError::Unexpected("seal of an incomplete actor"));
        }
        self.state.applied.remove(actor);
        self.state.sealed.insert(actor, counters.clone());
        self.state.freezes.remove(&actor);
        // Every owner has all of it: nobody will ask the log for it.
        self.state.floors.insert(actor, counters.highest());
        store.forget(self.shard, actor.bits(), counters.highest())?;
        self.trim_clears(actor, counters);
        self.retire_clears();
        self.drop_lost_gone(store, actor, counters)
    }

    /// Drops gone dots that the sealed actor minted and nobody has: they cannot come any more.
    pub(crate) fn drop_lost_gone<S: Store>(
        &mut self,
        store: &mut S,
        actor: Actor,
        counters: &Counters,
    ) -> Result<(), ReplicaError> {
        for cell in self.cells_with_gone(store)? {
            let bytes = self.read_row(store, cell.borrow())?;
            let old = decode_cell(&bytes).map_err(|source| self.damaged("row", source))?;
            let mut new = old.clone();
            let is_kept = |dot: &Dot| dot.actor != actor || counters.contains(dot.counter);
            new.gone = new.gone.iter().copied().filter(is_kept).collect::<Dots>();
            self.replace_cell(store, cell.borrow(), &old, &new)?;
        }
        Ok(())
    }

    pub(crate) fn cells_with_gone<S: Store>(
        &self,
        store: &mut S,
    ) -> Result<Vec<OwnedCellAddress>, ReplicaError> {
        let mut cells = Vec::new();
        let mut failed = Ok(());
        let from = Row { shard: self.shard, group: Index::Gone.group(), column: &[] };
        store.scan_group(from, &mut |column, _| match read_index_cell(column) {
            Ok(cell) => {
                cells.push(cell.into());
                ScanControl::Continue
            }
            Err(source) => {
                failed = Err(self.damaged("gone index", source));
                ScanControl::Stop
            }
        })?;
        failed.map(|()| cells)
    }
}
