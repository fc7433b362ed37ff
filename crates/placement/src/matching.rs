//! Matching the shards with the members of one datacenter, within their limits.
//!
//! All pairs of shard and candidate are taken in the order of their cost: a pair is taken if the
//! shard still needs a copy, the candidate still has room, and its rack holds few enough copies
//! of the shard. The limits of a shard and those of a candidate are each a matroid (a truncated
//! partition matroid, and a uniform one) and both sides rank pairs by the same cost, so what
//! this picks is the only stable matching there is (Fleiner, 2003): it does not depend on the
//! order in which members arrived, and a small change of members changes it little.
//!
//! Pairs are not sorted all together. Each shard ranks its own candidates, only the first of
//! them at first, and a heap with the next pair of each unfinished shard yields the pairs in the
//! same order as one sort would. Of 1,000 candidates a shard looks at a few.
//!
//! A shard whose candidates with room are all in the wrong rack is left over: with racks of 2, 2,
//! 1 and 1 members, three copies and even loads each shard needs both large racks, which the
//! order of costs does not know. [`exchanging`] finds a place for it: in thousands of random
//! clusters, always. Should it not, every capacity is raised, by one, three, seven and so on, and
//! the same is done for what is left. The rack limit is never relaxed: it is the smallest that
//! can be kept.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, binary_heap::PeekMut};

use crate::score::Cost;
use crate::share::Limits;
use crate::{MemberId, ShardCount, ShardId, Weight};

mod exchanging;
#[cfg(test)]
mod tests;

/// A member that may own shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Which member.
    pub(crate) id: MemberId,
    /// Its weight, not zero.
    pub(crate) weight: Weight,
    /// The index of its rack.
    pub(crate) rack: usize,
}

impl Candidate {
    fn cost_of(&self, shard: ShardId) -> Cost {
        Cost::of(shard, self.id, self.weight)
    }
}

/// One candidate as a shard ranks it: by cost, and by index (that is, by id) between equals.
pub(crate) type Ranked = (Cost, usize);

/// Returns the owners of all shards: [`Limits::copies`] for each, in the shard's own ranking.
pub(crate) fn owners(
    candidates: &[Candidate],
    limits: &Limits,
    shards: ShardCount,
) -> Vec<MemberId> {
    let mut matching = Matching::new(candidates, limits, shards);
    let mut open: Vec<ShardId> = shards.shards().collect();
    let mut raise = 0;
    while limits.copies > 0 && !open.is_empty() {
        assert!(raise <= u32::from(shards.get()) * 2, "with room for all, all can be placed");
        open = matching.fill(open, raise);
        open = matching.exchange(open, raise);
        raise = raise * 2 + 1;
    }
    matching.into_owners()
}

/// All candidates as a shard ranks them, unsorted.
pub(crate) fn ranked(
    candidates: &[Candidate],
    shard: ShardId,
) -> impl ExactSizeIterator<Item = Ranked> {
    let costs = candidates.iter().map(move |one| one.cost_of(shard));
    costs.enumerate().map(|(index, cost)| (cost, index))
}

/// A matching under way.
struct Matching<'a> {
    candidates: &'a [Candidate],
    limits: &'a Limits,
    /// How many shards each candidate owns.
    loads: Vec<u32>,
    /// The owners of each shard so far.
    taken: Vec<Vec<Ranked>>,
    rankings: Vec<Ranking>,
}

impl<'a> Matching<'a> {
    fn new(candidates: &'a [Candidate], limits: &'a Limits, shards: ShardCount) -> Self {
        let count = usize::from(shards.get());
        Self {
            candidates,
            limits,
            loads: vec![0; candidates.len()],
            taken: vec![Vec::with_capacity(limits.copies); count],
            rankings: vec![Ranking::default(); count],
        }
    }

    /// Takes pairs of the `open` shards, each of which needs a copy, with every capacity raised;
    /// returns the shards that found too few.
    fn fill(&mut self, open: Vec<ShardId>, raise: u32) -> Vec<ShardId> {
        let mut left = Vec::new();
        let mut next = BinaryHeap::with_capacity(open.len());
        for shard in open {
            self.ranking(shard).restart();
            next.extend(self.next_of(shard).map(Reverse));
        }
        while let Some(mut head) = next.peek_mut() {
            let Reverse((cost, shard, index)) = *head;
            if self.has_room(index, raise) && self.fits(shard, index, None) {
                self.take(shard, (cost, index));
            }
            let is_open = self.is_open(shard);
            match self.next_of(shard).filter(|_| is_open) {
                Some(pair) => *head = Reverse(pair),
                None => {
                    PeekMut::pop(head);
                    left.extend(is_open.then_some(shard));
                }
            }
        }
        left
    }

    /// The next pair of a shard, in an order that all shards share.
    fn next_of(&mut self, shard: ShardId) -> Option<(Cost, ShardId, usize)> {
        let copies = self.limits.copies;
        let (cost, index) =
            self.rankings[usize::from(shard.0)].next(self.candidates, shard, copies)?;
        Some((cost, shard, index))
    }

    fn ranking(&mut self, shard: ShardId) -> &mut Ranking {
        &mut self.rankings[usize::from(shard.0)]
    }

    fn take(&mut self, shard: ShardId, pair: Ranked) {
        self.loads[pair.1] += 1;
        self.taken[usize::from(shard.0)].push(pair);
    }

    /// Whether a shard needs more copies.
    fn is_open(&self, shard: ShardId) -> bool {
        self.taken[usize::from(shard.0)].len() < self.limits.copies
    }

    fn has_room(&self, index: usize, raise: u32) -> bool {
        self.loads[index] < self.limits.capacities[index].saturating_add(raise)
    }

    /// Whether a candidate may be added to the owners of a shard, were `without` none of them.
    fn fits(&self, shard: ShardId, index: usize, without: Option<usize>) -> bool {
        let owners = self.taken[usize::from(shard.0)].iter().map(|(_, owner)| *owner);
        let owners = owners.filter(|owner| Some(*owner) != without);
        let rack = self.candidates[index].rack;
        let in_rack = owners.clone().filter(|owner| self.candidates[*owner].rack == rack);
        in_rack.count() < self.limits.per_rack && owners.clone().all(|owner| owner != index)
    }

    fn into_owners(mut self) -> Vec<MemberId> {
        let mut owners = Vec::with_capacity(self.taken.len() * self.limits.copies);
        for taken in &mut self.taken {
            debug_assert_eq!(taken.len(), self.limits.copies);
            // A copy that was left over may be of a lower cost than one that was not.
            taken.sort_unstable();
            owners.extend(taken.iter().map(|(_, index)| self.candidates[*index].id));
        }
        owners
    }
}

/// The candidates of one shard by cost: as many of them as were needed so far.
#[derive(Clone, Debug, Default)]
struct Ranking {
    known: Vec<Ranked>,
    position: usize,
}

impl Ranking {
    fn restart(&mut self) {
        self.position = 0;
    }

    fn next(&mut self, candidates: &[Candidate], shard: ShardId, copies: usize) -> Option<Ranked> {
        if self.position == self.known.len() && self.known.len() < candidates.len() {
            let more = (self.known.len() * 4).max(copies * 2 + 8);
            self.known = lowest(ranked(candidates, shard).collect(), more);
        }
        let next = self.known.get(self.position).copied();
        self.position += 1;
        next
    }
}

/// The lowest `count` of the candidates, ascending.
fn lowest(mut all: Vec<Ranked>, count: usize) -> Vec<Ranked> {
    if count < all.len() {
        all.select_nth_unstable(count);
        all.truncate(count);
        all.shrink_to_fit();
    }
    all.sort_unstable();
    all
}
