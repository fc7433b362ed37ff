//! The exchange of operations: one replica names what it has, another sends what is missing.
//!
//! Operations travel in groups: all that the receiver misses on one cell, with the evidence for
//! every removal. Nothing is ever inferred from absence. The giver keeps no session: a receiver
//! that applied half an answer asks again with its new clock.

use std::collections::BTreeMap;

use causality::{Actor, Clock, Dot, Dots, Millis, Run, Sealed};
use cells::{Cell, CellAddress, Family, OwnedBody, OwnedCellAddress, OwnedOp};
use storage::{EntryId, Row, Store};
use wire::shard::{Group, GroupsGiven, GroupsWanted, Member, Rest, SealedPart};

use crate::error::ReplicaError;
use crate::format::{decode_cell, decode_record, record_cell};
use crate::hash::sealed_hash;
use crate::mutation::Mutation;
use crate::replica::{Condition, Replica};
use crate::rows::put_group;

/// What taking a group changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Operations that have had their effect now.
    pub applied: Vec<Dot>,
    /// Operations that had had it before.
    pub known_count: usize,
}

/// The missing dots on each cell, clears first.
pub(crate) type Missing = BTreeMap<(Order, OwnedCellAddress), Dots>;

/// What a replica that asks has not applied.
pub(crate) enum Missed {
    /// These, and the retired actors here when those of the two differ.
    These { dots: Vec<(Actor, Vec<Run>)>, sealed: Option<Sealed> },
    /// Their retired actors differ, and it has not said which they are.
    Unknown,
}

/// Clears go before what they cover, or their evidence would come too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    Clear,
    Cell,
    /// Wrong, and kept for the suite to catch.
    AfterCells,
}

impl Replica {
    /// Asks for everything missing here.
    #[must_use]
    pub fn want_groups(&self, budget: u32, sealed: SealedDetail) -> GroupsWanted {
        let sealed = match sealed {
            SealedDetail::Hash => SealedPart::Hash(sealed_hash(&self.state.sealed)),
            SealedDetail::Whole => SealedPart::Whole(self.state.sealed.clone()),
        };
        GroupsWanted {
            applied: self.state.applied.clone(),
            sealed,
            horizon: self.state.horizon,
            budget,
        }
    }

    /// Answers a replica that asks for what it misses.
    ///
    /// A quarantined replica answers too: every removal it sends is proven.
    ///
    /// # Errors
    /// The store failed, or this replica takes over state.
    pub fn give_groups<S: Store>(
        &self,
        store: &mut S,
        wanted: &GroupsWanted,
    ) -> Result<GroupsGiven, ReplicaError> {
        self.give(store, wanted, None)
    }

    /// Answers like [`Replica::give_groups`], but leaves out the cells on which only operations
    /// minted since a moment are missing: those are on their way. A cell that is sent is sent
    /// with all that is missing on it, or its dead versions would come without evidence.
    ///
    /// # Errors
    /// As [`Replica::give_groups`].
    pub fn give_settled_groups<S: Store>(
        &self,
        store: &mut S,
        wanted: &GroupsWanted,
        moment: Millis,
    ) -> Result<GroupsGiven, ReplicaError> {
        self.give(store, wanted, Some(moment))
    }

    fn give<S: Store>(
        &self,
        store: &mut S,
        wanted: &GroupsWanted,
        moment: Option<Millis>,
    ) -> Result<GroupsGiven, ReplicaError> {
        if self.condition == Condition::Fetching {
            return Err(ReplicaError::Fetching);
        }
        let (missing_dots, sealed_here) = match self.missed(wanted) {
            Missed::Unknown => return Ok(GroupsGiven::SealedNeeded),
            Missed::These { dots, sealed } => (dots, sealed),
        };
        let is_settled = |dot: Dot| moment.is_none_or(|moment| self.is_before(dot, moment));
        let mut missing = Missing::new();
        if missing_dots.iter().any(|(actor, runs)| is_settled(Dot::new(*actor, runs[0].first))) {
            let Some(found) = self.group_by_cell(store, &missing_dots, |_| true)? else {
                return Ok(GroupsGiven::StateNeeded);
            };
            missing = found;
            // Clears always go: a version that one has removed is dead without other evidence.
            missing.retain(|(order, _), dots| {
                *order == Order::Clear || dots.iter().any(|dot| is_settled(*dot))
            });
        }
        let (groups, rest) = self.build_groups(store, missing, wanted.budget)?;
        let horizon = self.state.horizon;
        Ok(GroupsGiven::Groups { groups, rest, horizon, sealed: sealed_here })
    }

    /// Says what a replica that asks has not applied.
    pub(crate) fn missed(&self, wanted: &GroupsWanted) -> Missed {
        match &wanted.sealed {
            SealedPart::Hash(hash) if *hash == sealed_hash(&self.state.sealed) => {
                let dots = self.state.applied.difference(&wanted.applied);
                Missed::These { dots, sealed: None }
            }
            SealedPart::Hash(_) => Missed::Unknown,
            SealedPart::Whole(sealed) => {
                let mut theirs = wanted.applied.clone();
                sealed.add_to(&mut theirs);
                let dots = self.state.whole_clock().difference(&theirs);
                Missed::These { dots, sealed: Some(self.retired()) }
            }
        }
    }

    /// Says whether the log no longer holds some of what is missing.
    pub(crate) fn is_log_short_of(&self, missing: &[(Actor, Vec<Run>)]) -> bool {
        let is_short = |(actor, runs): &(Actor, Vec<Run>)| {
            runs.first().is_some_and(|run| run.first <= self.state.floor(*actor))
        };
        missing.iter().any(is_short) && !self.is_mutated(Mutation::TruncatedMeansSuperseded)
    }

    /// Applies the groups of an answer, each as one batch.
    ///
    /// # Errors
    /// `NoEvidence` after all groups were tried: everything else was applied.
    pub fn take_groups<S: Store>(
        &mut self,
        store: &mut S,
        now: Millis,
        horizon: Millis,
        groups: &[Group],
    ) -> Result<Taken, ReplicaError> {
        self.check_serving()?;
        if horizon <= now {
            self.advance_horizon(store, horizon)?;
        }
        let mut taken = Taken::default();
        let mut unproven = Vec::new();
        for group in groups {
            match self.take_group(store, now, group, &mut taken) {
                Err(ReplicaError::NoEvidence { dots }) => unproven.extend(dots),
                other => other?,
            }
        }
        self.seal_what_has_come(store)?;
        if unproven.is_empty() {
            Ok(taken)
        } else {
            Err(ReplicaError::NoEvidence { dots: unproven })
        }
    }

    /// Applies one group. Members that supersede others come first: they leave their evidence in
    /// the cell's gone dots, and whatever prefix of the batch survives a crash, no version is dead
    /// without evidence.
    fn take_group<S: Store>(
        &mut self,
        store: &mut S,
        now: Millis,
        group: &Group,
        taken: &mut Taken,
    ) -> Result<(), ReplicaError> {
        let mut unproven = Vec::new();
        for member in in_order_of_evidence(&group.members) {
            if self.state.is_applied(member.dot) {
                taken.known_count += 1;
                continue;
            }
            if let Err(refused) = self.check_actor(member.dot) {
                // A retired actor's dot that nobody else has: left missing, like one unproven.
                debug_assert!(matches!(
                    refused,
                    ReplicaError::Sealed { .. } | ReplicaError::Frozen { .. }
                ));
                continue;
            }
            if self.has_evidence(store, &group.cell, member)? {
                let op = OwnedOp {
                    dot: member.dot,
                    time: member.time,
                    cell: group.cell.clone(),
                    removed: member.removed.clone(),
                    body: member.body.clone(),
                };
                self.check_form(&op.borrow())?;
                self.apply_new(store, now, &op.borrow())?;
                taken.applied.push(member.dot);
            } else {
                unproven.push(member.dot);
            }
        }
        if unproven.is_empty() { Ok(()) } else { Err(ReplicaError::NoEvidence { dots: unproven }) }
    }

    /// Looks for what may have removed a version that the sender no longer holds.
    fn has_evidence<S: Store>(
        &mut self,
        store: &mut S,
        cell: &OwnedCellAddress,
        member: &Member,
    ) -> Result<bool, ReplicaError> {
        let OwnedBody::Dead { expiry } = member.body else { return Ok(true) };
        if self.is_mutated(Mutation::DeadNeedsNoEvidence) {
            return Ok(true);
        }
        if expiry.is_some_and(|expiry| expiry <= self.state.horizon) {
            return Ok(true);
        }
        self.is_superseded(store, cell.borrow(), member.dot)
    }

    /// Says whether something applied here removed a version that has not come yet.
    pub(crate) fn is_superseded<S: Store>(
        &self,
        store: &mut S,
        cell: CellAddress<'_>,
        dot: Dot,
    ) -> Result<bool, ReplicaError> {
        let is_clearable = cell.family().is_none_or(Family::is_clearable);
        if is_clearable && self.clears().cover(cell.key, dot) {
            return Ok(true);
        }
        let row = self.read_row(store, cell)?;
        let held = decode_cell(&row).map_err(|source| self.damaged("row", source))?;
        Ok(held.gone.contains(&dot))
    }

    /// Sorts those missing dots that touch wanted cells by their cells; nothing when the log no
    /// longer has one.
    pub(crate) fn group_by_cell<S: Store>(
        &self,
        store: &mut S,
        missing: &[(Actor, Vec<Run>)],
        is_wanted: impl Fn(CellAddress<'_>) -> bool,
    ) -> Result<Option<Missing>, ReplicaError> {
        let mut by_cell = Missing::new();
        let mut record = Vec::new();
        if self.is_log_short_of(missing) {
            return Ok(None);
        }
        let is_forgiving = self.is_mutated(Mutation::TruncatedMeansSuperseded);
        for (actor, runs) in missing {
            for counter in runs.iter().flat_map(|run| run.first..=run.last) {
                let id = EntryId { actor: actor.bits(), counter };
                if !store.entry(self.shard, id, &mut record)? {
                    if is_forgiving {
                        continue;
                    }
                    return Ok(None);
                }
                let cell = record_cell(&record).map_err(|source| self.damaged("record", source))?;
                if !is_wanted(cell) {
                    continue;
                }
                let order = match cell.family() {
                    Some(Family::Clear) if self.is_mutated(Mutation::ClearsLast) => {
                        Order::AfterCells
                    }
                    Some(Family::Clear) => Order::Clear,
                    _ => Order::Cell,
                };
                by_cell.entry((order, cell.into())).or_default().push(Dot::new(*actor, counter));
            }
        }
        Ok(Some(by_cell))
    }

    pub(crate) fn build_groups<S: Store>(
        &self,
        store: &mut S,
        missing: Missing,
        budget: u32,
    ) -> Result<(Vec<Group>, Rest), ReplicaError> {
        let mut groups = Vec::new();
        let mut size = 0;
        let mut rest = Rest::Nothing;
        for ((_, cell), dots) in missing {
            if size >= budget as usize {
                rest = Rest::More;
                break;
            }
            let group = self.build_group(store, cell, &dots)?;
            size += size_of_group(&group);
            groups.push(group);
        }
        Ok((groups, rest))
    }

    /// Builds the group of one cell: versions live here travel with their value, others as dead.
    fn build_group<S: Store>(
        &self,
        store: &mut S,
        cell: OwnedCellAddress,
        dots: &Dots,
    ) -> Result<Group, ReplicaError> {
        // Rows that are not to be trusted say nothing: operations go as they were minted, and who
        // takes them finds what superseded them in the same group, or has it.
        let is_trusted = self.condition != Condition::Quarantined;
        let row = if is_trusted { self.read_row(store, cell.borrow())? } else { vec![0] };
        let held = decode_cell(&row).map_err(|source| self.damaged("row", source))?;
        let mut members = Vec::with_capacity(dots.len());
        let mut record = Vec::new();
        for dot in dots {
            let id = EntryId { actor: dot.actor.bits(), counter: dot.counter };
            let found = store.entry(self.shard, id, &mut record)?;
            assert!(found, "the entry was read when the missing dots were sorted");
            let mut removed = Dots::new();
            let op = decode_record(*dot, &record, &mut removed)
                .map_err(|source| self.damaged("record", source))?;
            let time = op.time;
            let body = if is_trusted { body_to_send(&op, &held) } else { OwnedOp::from(&op).body };
            members.push(Member { dot: *dot, time, removed: op.removed.into(), body });
        }
        Ok(Group { cell, members })
    }

    /// Reads a cell's row, empty when there is none.
    pub(crate) fn read_row<S: Store>(
        &self,
        store: &mut S,
        cell: CellAddress<'_>,
    ) -> Result<Vec<u8>, ReplicaError> {
        let mut group = Vec::new();
        put_group(cell.key, &mut group);
        let at = Row { shard: self.shard, group: &group, column: cell.column };
        Ok(store.get(at)?.map_or_else(|| vec![0], <[u8]>::to_vec))
    }
}

/// How a request names what is known of retired actors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedDetail {
    /// By hash: the usual case.
    Hash,
    /// Whole: after the peer said that the hashes differ.
    Whole,
}

fn body_to_send(op: &cells::Op<'_>, held: &Cell<'_>) -> OwnedBody {
    match &op.body {
        cells::Body::Insert(insert) => match held.version(op.dot) {
            Some(version) => {
                OwnedBody::Insert { payload: version.payload.into(), expiry: version.expiry }
            }
            None => OwnedBody::Dead { expiry: insert.expiry },
        },
        cells::Body::Dead { expiry } => match held.version(op.dot) {
            // Came dead, was reinstated since.
            Some(version) => {
                OwnedBody::Insert { payload: version.payload.into(), expiry: version.expiry }
            }
            None => OwnedBody::Dead { expiry: *expiry },
        },
        cells::Body::Remove => OwnedBody::Remove,
        cells::Body::Clear(covered) => OwnedBody::Clear(covered.as_ref().clone()),
    }
}

/// Orders members so that each comes after every member that supersedes it.
fn in_order_of_evidence(members: &[Member]) -> Vec<&Member> {
    let mut removers: BTreeMap<Dot, usize> = members.iter().map(|m| (m.dot, 0)).collect();
    for removed in members.iter().flat_map(|member| &member.removed) {
        if let Some(count) = removers.get_mut(removed) {
            *count += 1;
        }
    }
    let by_dot: BTreeMap<Dot, &Member> = members.iter().map(|m| (m.dot, m)).collect();
    let mut ready: Vec<Dot> =
        removers.iter().filter(|(_, count)| **count == 0).map(|(dot, _)| *dot).collect();
    let mut ordered = Vec::with_capacity(members.len());
    while let Some(dot) = ready.pop() {
        let member = by_dot[&dot];
        ordered.push(member);
        for removed in &member.removed {
            if let Some(count) = removers.get_mut(removed) {
                *count -= 1;
                if *count == 0 {
                    ready.push(*removed);
                }
            }
        }
    }
    // Only a forged group has a cycle; its members stay out.
    ordered
}

fn size_of_group(group: &Group) -> usize {
    let member_size = |member: &Member| {
        let payload = match &member.body {
            OwnedBody::Insert { payload, .. } => payload.len(),
            OwnedBody::Clear(covered) => clock_size(covered),
            OwnedBody::Remove | OwnedBody::Dead { .. } => 0,
        };
        20 + payload + 4 * member.removed.len()
    };
    let cell = group.cell.key.len() + group.cell.column.len() + 8;
    cell + group.members.iter().map(member_size).sum::<usize>()
}

fn clock_size(clock: &Clock) -> usize {
    clock.actor_count() * 14 + clock.run_count() * 4
}
