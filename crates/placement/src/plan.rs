//! A plan: what would move between two placements, to be shown before it is done.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::{MemberId, Placement, ShardCount, ShardId};

/// Why two placements cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// They deal the slots differently: nothing in one is a shard of the other.
    #[error("{} shards cannot become {}", .0.get(), .1.get())]
    ShardCountsDiffer(ShardCount, ShardCount),
}

/// What changes for one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The shard.
    pub shard: ShardId,
    /// Who owns it after and not before.
    pub gains: Vec<MemberId>,
    /// Who owns it before and not after.
    pub losses: Vec<MemberId>,
}

/// What changes for one member, counted in shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// What it owns before.
    pub before: u32,
    /// What it owns after.
    pub after: u32,
    /// What it has to fetch.
    pub gains: u32,
    /// What it may give up.
    pub losses: u32,
}

/// What would move between two placements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    moves: Vec<Move>,
    tallies: BTreeMap<MemberId, Tally>,
}

impl Plan {
    /// Compares two placements.
    ///
    /// # Errors
    ///
    /// They have different numbers of shards.
    pub fn between(old: &Placement, new: &Placement) -> Result<Self, PlanError> {
        if old.shards() != new.shards() {
            return Err(PlanError::ShardCountsDiffer(old.shards(), new.shards()));
        }
        let mut plan = Self::default();
        for (id, before) in old.loads() {
            plan.tallies.entry(id).or_default().before = before;
        }
        for (id, after) in new.loads() {
            plan.tallies.entry(id).or_default().after = after;
        }
        for shard in old.shards().shards() {
            let missing_in = |other: &Placement, one: &Placement| -> Vec<MemberId> {
                one.owners(shard).filter(|id| !other.is_owner(shard, *id)).collect()
            };
            let (gains, losses) = (missing_in(old, new), missing_in(new, old));
            if !gains.is_empty() || !losses.is_empty() {
                plan.add(Move { shard, gains, losses });
            }
        }
        Ok(plan)
    }

    fn add(&mut self, one: Move) {
        for id in &one.gains {
            self.tallies.entry(*id).or_default().gains += 1;
        }
        for id in &one.losses {
            self.tallies.entry(*id).or_default().losses += 1;
        }
        self.moves.push(one);
    }

    /// Returns the shards whose owners change, ascending.
    #[must_use]
    pub fn moves(&self) -> &[Move] {
        &self.moves
    }

    /// Returns what changes for each member of either placement.
    #[must_use]
    pub const fn tallies(&self) -> &BTreeMap<MemberId, Tally> {
        &self.tallies
    }

    /// Returns how many copies of shards have to be fetched.
    #[must_use]
    pub fn fetch_count(&self) -> u64 {
        self.tallies.values().map(|tally| u64::from(tally.gains)).sum()
    }

    /// Whether nothing moves.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.moves.is_empty()
    }
}
