//! The writes of one actor in one shard that some owner is not known to have.
//!
//! The newest are watched one by one, in the order in which they were minted, which is that of
//! their counters and of their requests. When they become too many (an owner is away), they are
//! collapsed into ranges of counters that know only their oldest moment: what is reported for
//! them later is never too short.

use std::collections::VecDeque;

use causality::{Counters, NodeId};
use wire::RequestId;

use super::Micros;

/// The most requests of one shard that are watched one by one.
const RING_MAX: usize = 4_096;

/// The most ranges; more are joined. Each is of writes that wait for the same owners, so there
/// are few.
const RANGES_MAX: usize = 64;

/// The operations that one request has minted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Minted {
    pub(crate) request: RequestId,
    /// The first counter.
    pub(crate) first: u64,
    /// The last counter.
    pub(crate) last: u64,
    pub(crate) at: Micros,
}

impl Minted {
    pub(crate) const fn count(&self) -> u64 {
        (self.last + 1).saturating_sub(self.first)
    }
}

/// Writes that have reached an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed {
    pub(super) count: u64,
    pub(super) minted: Micros,
    /// That owner was the last.
    pub(super) is_everywhere: bool,
}

/// A bit per owner that is not known to have it.
type Waiting = u128;

/// The most owners whose arrivals can be watched.
pub(super) const OWNERS_MAX: usize = Waiting::BITS as usize;

#[derive(Clone, Copy, Debug)]
struct Entry {
    minted: Minted,
    waiting: Waiting,
}

/// Entries that were watched one by one, and wait for the same owners.
#[derive(Clone, Copy, Debug)]
struct Range {
    last: u64,
    count: u64,
    oldest: Micros,
    waiting: Waiting,
}

/// What became of the entries watched one by one.
#[derive(Debug)]
pub(super) struct Collapsed {
    /// How many there were.
    pub(super) watched: usize,
    /// How many operations owners are waited for again, because it is not known any more that
    /// they have them.
    pub(super) behind_again: Vec<(NodeId, u64)>,
}

/// The open writes of one actor in one shard.
#[derive(Debug)]
pub(super) struct OpenWrites {
    owners: Vec<NodeId>,
    ring: VecDeque<Entry>,
    ranges: Vec<Range>,
}

impl OpenWrites {
    pub(super) fn new(owners: &[NodeId]) -> Self {
        assert!(owners.len() <= OWNERS_MAX, "shards with more owners are not watched");
        Self { owners: owners.to_vec(), ring: VecDeque::new(), ranges: Vec::new() }
    }

    pub(super) fn owners(&self) -> &[NodeId] {
        &self.owners
    }

    pub(super) fn add(&mut self, minted: Minted) {
        let waiting = self.everyone();
        self.ring.push_back(Entry { minted, waiting });
    }

    pub(super) fn is_full(&self) -> bool {
        self.ring.len() > RING_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ring.is_empty() && self.ranges.is_empty()
    }

    pub(super) fn minted_at(&self, request: RequestId) -> Option<Micros> {
        self.find(request).map(|at| self.ring[at].minted.at)
    }

    /// The oldest open write that an owner is not known to have.
    pub(super) fn oldest_behind(&self, owner: NodeId) -> Option<Micros> {
        let bit = self.bit_of(owner)?;
        let ranges = self.ranges.iter().filter(|range| range.waiting & bit != 0);
        let ring = self.ring.iter().find(|entry| entry.waiting & bit != 0);
        ranges.map(|range| range.oldest).chain(ring.map(|entry| entry.minted.at)).min()
    }

    pub(super) fn acknowledged(&mut self, request: RequestId, owner: NodeId) -> Option<Closed> {
        let bit = self.bit_of(owner)?;
        let at = self.find(request)?;
        clear(&mut self.ring[at], bit)
    }

    /// Closes for an owner what its clock covers.
    pub(super) fn covered(&mut self, owner: NodeId, counters: &Counters) -> Vec<Closed> {
        let Some(bit) = self.bit_of(owner) else { return Vec::new() };
        let through = counters.base();
        let mut closed = Vec::new();
        for range in self.ranges.iter_mut().filter(|range| range.last <= through) {
            if range.waiting & bit != 0 {
                range.waiting &= !bit;
                let (count, minted) = (range.count, range.oldest);
                closed.push(Closed { count, minted, is_everywhere: range.waiting == 0 });
            }
        }
        let covered = self.ring.iter_mut().take_while(|entry| entry.minted.last <= through);
        closed.extend(covered.filter_map(|entry| clear(entry, bit)));
        // What an earlier life lost before it spread leaves a gap for ever.
        for run in counters.runs() {
            let first = self.ring.partition_point(|entry| entry.minted.first < run.first);
            let later = self.ring.range_mut(first..);
            let covered = later.take_while(|entry| entry.minted.last <= run.last);
            closed.extend(covered.filter_map(|entry| clear(entry, bit)));
        }
        closed
    }

    /// Forgets what everyone has; returns how many of those watched one by one.
    pub(super) fn forget_closed(&mut self) -> usize {
        self.ranges.retain(|range| range.waiting != 0);
        let before = self.ring.len();
        while self.ring.front().is_some_and(|entry| entry.waiting == 0) {
            self.ring.pop_front();
        }
        before - self.ring.len()
    }

    /// Turns everything watched one by one into ranges.
    pub(super) fn collapse(&mut self) -> Collapsed {
        let watched = self.ring.len();
        for Entry { minted, waiting } in std::mem::take(&mut self.ring) {
            if waiting == 0 {
                continue;
            }
            match self.ranges.iter_mut().find(|range| range.waiting == waiting) {
                Some(range) => {
                    range.last = minted.last;
                    range.count += minted.count();
                }
                None => self.ranges.push(Range {
                    last: minted.last,
                    count: minted.count(),
                    oldest: minted.at,
                    waiting,
                }),
            }
        }
        let mut behind_again = Vec::new();
        while self.ranges.len() > RANGES_MAX {
            self.join_two_ranges(&mut behind_again);
        }
        Collapsed { watched, behind_again }
    }

    /// How many open operations each owner is not known to have.
    pub(super) fn counts_behind(&self) -> Vec<(NodeId, u64)> {
        let count = |bit: Waiting| {
            let ranges = self.ranges.iter().map(|range| (range.waiting, range.count));
            let ring = self.ring.iter().map(|entry| (entry.waiting, entry.minted.count()));
            let open = ranges.chain(ring).filter(|(waiting, _)| waiting & bit != 0);
            open.map(|(_, count)| count).sum()
        };
        let owners = self.owners.iter().enumerate();
        owners.map(|(at, owner)| (*owner, count(1 << at))).collect()
    }

    /// Takes other owners; returns what nobody is waited for any more.
    pub(super) fn restate(&mut self, owners: &[NodeId]) -> Vec<Closed> {
        let fresh = Self::new(owners);
        let before = std::mem::replace(&mut self.owners, fresh.owners);
        // Who was an owner before keeps its bit, wherever that is now; who was not must have all.
        let restated = |waiting: Waiting| -> Waiting {
            let bits = owners.iter().enumerate().map(|(at, owner)| {
                let was = before.iter().position(|held| held == owner);
                let is_waited_for = was.is_none_or(|was| waiting & (1 << was) != 0);
                Waiting::from(is_waited_for) << at
            });
            bits.fold(0, |all, bit| all | bit)
        };
        let mut closed = Vec::new();
        for range in &mut self.ranges {
            range.waiting = restated(range.waiting);
            if range.waiting == 0 {
                let (count, minted) = (range.count, range.oldest);
                closed.push(Closed { count, minted, is_everywhere: true });
            }
        }
        for entry in self.ring.iter_mut().filter(|entry| entry.waiting != 0) {
            entry.waiting = restated(entry.waiting);
            if entry.waiting == 0 {
                let (count, minted) = (entry.minted.count(), entry.minted.at);
                closed.push(Closed { count, minted, is_everywhere: true });
            }
        }
        closed
    }

    /// Joins two ranges: both then wait for whoever either waited for.
    fn join_two_ranges(&mut self, behind_again: &mut Vec<(NodeId, u64)>) {
        let first = self.ranges.remove(0);
        let second = self.ranges[0];
        let joined = Range {
            last: first.last.max(second.last),
            count: first.count + second.count,
            oldest: first.oldest.min(second.oldest),
            waiting: first.waiting | second.waiting,
        };
        for (at, owner) in self.owners.iter().enumerate() {
            for range in [first, second] {
                if joined.waiting & !range.waiting & (1 << at) != 0 {
                    behind_again.push((*owner, range.count));
                }
            }
        }
        self.ranges[0] = joined;
    }

    const fn everyone(&self) -> Waiting {
        if self.owners.len() == OWNERS_MAX { Waiting::MAX } else { (1 << self.owners.len()) - 1 }
    }

    fn bit_of(&self, owner: NodeId) -> Option<Waiting> {
        self.owners.iter().position(|held| *held == owner).map(|at| 1 << at)
    }

    fn find(&self, request: RequestId) -> Option<usize> {
        self.ring.binary_search_by_key(&request, |entry| entry.minted.request).ok()
    }
}

fn clear(entry: &mut Entry, bit: Waiting) -> Option<Closed> {
    if entry.waiting & bit == 0 {
        return None;
    }
    entry.waiting &= !bit;
    let (count, minted) = (entry.minted.count(), entry.minted.at);
    Some(Closed { count, minted, is_everywhere: entry.waiting == 0 })
}
