//! Places for the shards that the order of costs left over, by passing other copies on.
//!
//! A left over shard asks its candidates, best first. One that is full passes a shard on, the one
//! it wants least of those for which another candidate with room will do. So no capacity is
//! exceeded, and as few copies as possible are not where their cost would have them.

use std::collections::BTreeSet;

use super::{Matching, Ranked, ranked};
use crate::ShardId;
use crate::score::Cost;

/// What each candidate holds, by cost.
type Holdings = Vec<BTreeSet<(Cost, ShardId)>>;

/// One copy that is passed on to make room.
struct Passing {
    shard: ShardId,
    from: Ranked,
    to: Ranked,
}

impl Matching<'_> {
    /// Finds places for the `open` shards; returns those that still found too few.
    pub(super) fn exchange(&mut self, mut open: Vec<ShardId>, raise: u32) -> Vec<ShardId> {
        if open.is_empty() {
            return open;
        }
        open.sort_unstable();
        let mut holdings = self.holdings();
        open.retain(|&shard| {
            while self.is_open(shard) && self.place(shard, raise, &mut holdings) {}
            self.is_open(shard)
        });
        open
    }

    fn holdings(&self) -> Holdings {
        let mut holdings = Holdings::new();
        holdings.resize_with(self.candidates.len(), BTreeSet::new);
        for (taken, shard) in self.taken.iter().zip((0..).map(ShardId)) {
            taken.iter().for_each(|&(cost, index)| {
                holdings[index].insert((cost, shard));
            });
        }
        holdings
    }

    /// Finds a place for one copy of a shard; tells whether there was one.
    fn place(&mut self, shard: ShardId, raise: u32, holdings: &mut Holdings) -> bool {
        let mut ranking: Vec<Ranked> = ranked(self.candidates, shard).collect();
        ranking.sort_unstable();
        for (cost, index) in ranking {
            if !self.fits(shard, index, None) {
                continue;
            }
            if !self.has_room(index, raise) {
                let Some(passing) = self.passing(index, raise, holdings) else { continue };
                self.pass(&passing, holdings);
            }
            self.take(shard, (cost, index));
            holdings[index].insert((cost, shard));
            return true;
        }
        false
    }

    /// What a full candidate can pass on, and to whom.
    fn passing(&self, from: usize, raise: u32, holdings: &Holdings) -> Option<Passing> {
        let with_room: Vec<usize> =
            (0..self.candidates.len()).filter(|&index| self.has_room(index, raise)).collect();
        holdings[from].iter().rev().find_map(|&(cost, shard)| {
            let fitting = with_room.iter().filter(|&&to| self.fits(shard, to, Some(from)));
            let to = fitting.map(|&to| (self.candidates[to].cost_of(shard), to)).min()?;
            Some(Passing { shard, from: (cost, from), to })
        })
    }

    fn pass(&mut self, passing: &Passing, holdings: &mut Holdings) {
        let &Passing { shard, from, to } = passing;
        self.taken[usize::from(shard.0)].retain(|pair| *pair != from);
        self.loads[from.1] -= 1;
        holdings[from.1].remove(&(from.0, shard));
        self.take(shard, to);
        holdings[to.1].insert((to.0, shard));
    }
}
