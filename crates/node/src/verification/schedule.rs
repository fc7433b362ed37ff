//! Which shard is compared with which owner next.
//!
//! Invariant: every pair of a shard and another owner has one moment at which it is due. Whoever
//! compared a pair is due again after three quarters of a period, the other side after a whole one:
//! so one of the two compares, and the other takes over when it does not.

use std::collections::{BTreeMap, BTreeSet};

use causality::{Millis, NodeId};

/// A shard, and another owner of it.
pub(super) type Pair = (u16, NodeId);

/// What is known of a pair.
#[derive(Clone, Copy, Debug)]
struct Turn {
    due: Millis,
    /// When the two were equal last, or when the pair came to be.
    since: Millis,
    is_verified: bool,
}

/// The pairs by when they are due.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    turns: BTreeMap<Pair, Turn>,
    by_due: BTreeSet<(Millis, Pair)>,
}

impl Schedule {
    /// Takes new pairs in and lets go of those that are no more. New ones are spread over a period,
    /// differently at each node, those that `is_urgent` apart.
    pub(super) fn follow(
        &mut self,
        now: Millis,
        (me, period_ms): (NodeId, u64),
        pairs: &BTreeSet<Pair>,
        is_urgent: impl Fn(u16) -> bool,
    ) {
        let gone: Vec<Pair> =
            self.turns.keys().filter(|pair| !pairs.contains(pair)).copied().collect();
        for pair in gone {
            if let Some(turn) = self.turns.remove(&pair) {
                self.by_due.remove(&(turn.due, pair));
            }
        }
        for pair in pairs {
            if self.turns.contains_key(pair) {
                continue;
            }
            let wait = if is_urgent(pair.0) { 0 } else { spread(me, *pair) % period_ms.max(1) };
            let turn = Turn { due: now.plus(wait), since: now, is_verified: false };
            self.turns.insert(*pair, turn);
            self.by_due.insert((turn.due, *pair));
        }
    }

    /// The pair that is due first.
    pub(super) fn first(&self) -> Option<(Millis, Pair)> {
        self.by_due.first().copied()
    }

    /// The pairs that are due by now, first ones first.
    pub(super) fn due(&self, now: Millis) -> impl Iterator<Item = Pair> + '_ {
        self.by_due.iter().take_while(move |(due, _)| *due <= now).map(|(_, pair)| *pair)
    }

    /// Puts a pair off until a moment, or calls it in.
    pub(super) fn put_off(&mut self, pair: Pair, due: Millis) {
        if let Some(turn) = self.turns.get_mut(&pair) {
            self.by_due.remove(&(turn.due, pair));
            turn.due = due;
            self.by_due.insert((due, pair));
        }
    }

    /// Notes that a pair is equal.
    pub(super) fn verified(&mut self, pair: Pair, now: Millis, due: Millis) {
        if let Some(turn) = self.turns.get_mut(&pair) {
            turn.since = now;
            turn.is_verified = true;
        }
        self.put_off(pair, due);
    }

    /// How many pairs there are, how many were equal since the node started, and since when the
    /// one that waits longest has not been seen equal.
    pub(super) fn tally(&self) -> (usize, usize, Option<Millis>) {
        let verified = self.turns.values().filter(|turn| turn.is_verified).count();
        (self.turns.len(), verified, self.turns.values().map(|turn| turn.since).min())
    }
}

/// A number that is as good as random, and the same in every run.
fn spread(me: NodeId, (shard, peer): Pair) -> u64 {
    let mut bytes = [0; 10];
    bytes[..4].copy_from_slice(&me.0.to_le_bytes());
    bytes[4..8].copy_from_slice(&peer.0.to_le_bytes());
    bytes[8..].copy_from_slice(&shard.to_le_bytes());
    xxhash_rust::xxh3::xxh3_64(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_pairs_are_spread_and_gone_ones_forgotten() {
        let pairs: BTreeSet<Pair> = (0..100).map(|shard| (shard, NodeId(2))).collect();
        let mut schedule = Schedule::default();
        schedule.follow(Millis(50), (NodeId(1), 1_000), &pairs, |shard| shard == 7);
        assert_eq!(schedule.first(), Some((Millis(50), (7, NodeId(2)))));
        let early = schedule.due(Millis(549)).count();
        assert!((30..70).contains(&early), "{early}");
        assert_eq!(schedule.due(Millis(1_050)).count(), 100);
        schedule.verified((7, NodeId(2)), Millis(60), Millis(900));
        assert_eq!(schedule.tally(), (100, 1, Some(Millis(50))));
        schedule
            .follow(Millis(70), (NodeId(1), 1_000), &BTreeSet::from([(7, NodeId(2))]), |_| true);
        assert_eq!(schedule.first(), Some((Millis(900), (7, NodeId(2)))));
        assert_eq!(schedule.tally(), (1, 1, Some(Millis(60))));
    }
}
