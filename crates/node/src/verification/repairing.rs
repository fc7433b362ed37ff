//! Full repair on demand: every row is read again, then each shard is compared with every owner.
//!
//! One repair at a time. Shards are read one after the other, so that a turn reads one at most; a
//! shard is done when every other owner was compared, or could not be reached. What is found is
//! mended and counted as by verification, of which a repair is the impatient form.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use causality::{Millis, NodeId};
use replica::Condition;
use storage::Store;
use thiserror::Error;

use super::schedule::Pair;
use super::{Verdict, Verification, VerificationCounts};
use crate::node::Node;

/// How many repairs are remembered.
const REMEMBERED_MAX: usize = 16;

/// How often an owner is tried that does not answer, or cannot say.
const TRIES_MAX: u32 = 5;

/// How long it is left alone in between.
const TRY_PAUSE_MS: u64 = 500;

/// The most shards that are read and not compared yet.
const AHEAD_MAX: usize = 8;

/// Why a repair did not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RepairError {
    /// One is under way.
    #[error("repair {0} is under way")]
    UnderWay(u64),
    /// A shard has no replica here.
    #[error("shard {0} is not owned by this node")]
    NotOwned(u16),
}

/// One repair, under way or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repair {
    /// Its number, from 1 since the node started.
    pub id: u64,
    /// When it began.
    pub began: Millis,
    /// When it ended.
    pub ended: Option<Millis>,
    /// Shards to repair.
    pub shards_total: u64,
    /// Shards whose rows were read and that were compared with every owner.
    pub shards_done: u64,
    /// Shards whose rows did not add up.
    pub damaged: u64,
    /// Comparisons that ended with equal rows.
    pub equal: u64,
    /// Comparisons that met equal clocks and different rows.
    pub different: u64,
    /// Versions that were lost here and are back.
    pub mended: u64,
    /// Versions given back to other owners.
    pub given: u64,
    /// Comparisons that still met different rows after everything that could be was given back.
    pub unmended: u64,
    /// Comparisons that could not be made: the owner does not answer, or takes over state.
    pub skipped: u64,
    /// Bytes of questions and answers, roughly.
    pub bytes: u64,
}

/// The repairs of this node.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    begun: u64,
    held: VecDeque<Repair>,
    active: Option<Active>,
}

/// The repair that is under way.
#[derive(Debug)]
struct Active {
    /// What had been counted when it began.
    before: VerificationCounts,
    /// Shards that are not read yet.
    waiting: VecDeque<u16>,
    /// Shards that are read, with the owners to compare them with.
    open: BTreeMap<u16, BTreeMap<NodeId, Try>>,
}

/// How an owner is tried.
#[derive(Clone, Copy, Debug)]
struct Try {
    due: Millis,
    count: u32,
}

impl Repair {
    /// When it will have ended, if it goes on as it did.
    #[must_use]
    pub const fn ends_at(&self, now: Millis) -> Option<Millis> {
        if self.ended.is_some() || self.shards_done == 0 {
            return self.ended;
        }
        let took_ms = now.0.saturating_sub(self.began.0);
        let left = self.shards_total.saturating_sub(self.shards_done);
        Some(now.plus(took_ms.saturating_mul(left) / self.shards_done))
    }

    /// Whether every comparison was made, and none left a difference.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.unmended == 0 && self.skipped == 0
    }
}

impl Repairs {
    /// The pairs that may be compared now, one for each shard.
    pub(super) fn due(&self, now: Millis) -> Vec<Pair> {
        let open = self.active.iter().flat_map(|active| &active.open);
        let first = open.filter_map(|(shard, peers)| {
            let due = peers.iter().filter(|(_, one)| one.due <= now);
            due.min_by_key(|(_, one)| one.due).map(|(peer, _)| (*shard, *peer))
        });
        first.collect()
    }

    /// When a pair may be compared, or a shard read.
    pub(super) fn next_due(&self, now: Millis) -> Option<Millis> {
        let active = self.active.as_ref()?;
        let tries = active.open.values().flat_map(BTreeMap::values).map(|one| one.due);
        let reading = (!active.waiting.is_empty() && active.open.len() < AHEAD_MAX).then_some(now);
        tries.chain(reading).min()
    }

    /// Notes how a comparison ended.
    pub(super) fn compared(&mut self, now: Millis, (shard, peer): Pair, verdict: Verdict) {
        let (Some(active), Some(repair)) = (&mut self.active, self.held.back_mut()) else { return };
        let Some(peers) = active.open.get_mut(&shard) else { return };
        let Some(one) = peers.get_mut(&peer) else { return };
        one.count += 1;
        if verdict == Verdict::Unknown && one.count < TRIES_MAX {
            one.due = now.plus(TRY_PAUSE_MS);
            return;
        }
        repair.skipped += u64::from(verdict == Verdict::Unknown);
        peers.remove(&peer);
        if peers.is_empty() {
            active.open.remove(&shard);
            repair.shards_done += 1;
        }
    }

    /// Takes over what has been counted, and ends a repair with nothing left to do.
    pub(super) fn follow(&mut self, now: Millis, counts: &VerificationCounts) {
        let (Some(active), Some(repair)) = (&self.active, self.held.back_mut()) else { return };
        let before = &active.before;
        repair.damaged = counts.damaged - before.damaged;
        repair.equal = counts.verified - before.verified;
        repair.different = counts.different - before.different;
        repair.mended = counts.mended - before.mended;
        repair.given = counts.given - before.given;
        repair.unmended = counts.unmended - before.unmended;
        repair.bytes = counts.bytes - before.bytes;
        if active.waiting.is_empty() && active.open.is_empty() {
            repair.ended = Some(now);
            self.active = None;
        }
    }

    /// The next shard to read.
    fn next_shard(&mut self) -> Option<u16> {
        let active = self.active.as_mut()?;
        if active.open.len() >= AHEAD_MAX { None } else { active.waiting.pop_front() }
    }

    fn has_read(&mut self, now: Millis, shard: u16, peers: BTreeSet<NodeId>) {
        let (Some(active), Some(repair)) = (&mut self.active, self.held.back_mut()) else { return };
        if peers.is_empty() {
            repair.shards_done += 1;
        } else {
            let first = Try { due: now, count: 0 };
            active.open.insert(shard, peers.into_iter().map(|peer| (peer, first)).collect());
        }
    }
}

impl Verification {
    pub(super) fn follow_repairs(&mut self, now: Millis) {
        let counts = self.counts;
        self.repairs.follow(now, &counts);
    }

    fn begin_repair(&mut self, now: Millis, shards: Vec<u16>) -> Result<Repair, RepairError> {
        if self.repairs.active.is_some() {
            return Err(RepairError::UnderWay(self.repairs.begun));
        }
        self.repairs.begun += 1;
        let repair = Repair {
            id: self.repairs.begun,
            began: now,
            ended: None,
            shards_total: shards.len() as u64,
            shards_done: 0,
            damaged: 0,
            equal: 0,
            different: 0,
            mended: 0,
            given: 0,
            unmended: 0,
            skipped: 0,
            bytes: 0,
        };
        self.repairs.active =
            Some(Active { before: self.counts, waiting: shards.into(), open: BTreeMap::new() });
        self.repairs.held.push_back(repair);
        if self.repairs.held.len() > REMEMBERED_MAX {
            self.repairs.held.pop_front();
        }
        self.wake = now;
        Ok(repair)
    }
}

impl<S: Store> Node<S> {
    /// Begins to repair shards of this node, or all of them. The driver wakes the node next.
    ///
    /// # Errors
    /// One is under way, or a shard is not owned here. Nothing has begun.
    pub fn begin_repair(
        &mut self,
        now: Millis,
        shards: Option<&BTreeSet<u16>>,
    ) -> Result<Repair, RepairError> {
        let me = self.config.me;
        let owned = self.replicas.keys().filter(|shard| self.topology.is_owner(**shard, me));
        let owned: BTreeSet<u16> = owned.copied().collect();
        if let Some(other) = shards.and_then(|some| some.difference(&owned).next()) {
            return Err(RepairError::NotOwned(*other));
        }
        let shards = shards.unwrap_or(&owned).iter().copied().collect();
        self.verification.begin_repair(now, shards)
    }

    /// The repairs since the node started, the last sixteen of them, oldest first.
    pub fn repairs(&self) -> impl Iterator<Item = Repair> + '_ {
        self.verification.repairs.held.iter().copied()
    }

    /// Reads the next shard of a repair.
    pub(super) fn read_for_repair(&mut self, now: Millis) {
        let Some(shard) = self.verification.repairs.next_shard() else { return };
        self.use_what_is_left(shard);
        let is_usable =
            self.replicas.get(&shard).is_some_and(|one| one.condition() == Condition::Serving);
        // A shard that cannot be used is compared with nobody, and was counted as damaged.
        let peers = if is_usable { self.topology.other_owners(shard) } else { Vec::new() };
        self.verification.repairs.has_read(now, shard, peers.into_iter().collect());
    }
}
