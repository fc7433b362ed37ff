//! The applied clock: the exact set of dots whose whole effect a replica holds.
//!
//! Entries are sorted by actor and never empty, so equal sets are equal values. A clock is not
//! wall time and not a version vector: it names holes exactly.

use crate::{Actor, Counters, Dot, Run};

/// A set of dots, a few bytes per actor while nothing is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Clock {
    entries: Vec<(Actor, Counters)>,
}

impl Clock {
    /// Creates an empty clock.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Adds one dot; says whether it was new.
    #[inline]
    pub fn insert(&mut self, dot: Dot) -> bool {
        match self.find(dot.actor) {
            Ok(at) => self.entries[at].1.insert(dot.counter),
            Err(at) => {
                let mut counters = Counters::default();
                counters.insert(dot.counter);
                self.entries.insert(at, (dot.actor, counters));
                true
            }
        }
    }

    /// Adds every counter of one actor's set.
    pub fn insert_all(&mut self, actor: Actor, counters: &Counters) {
        if counters.is_empty() {
            return;
        }
        match self.find(actor) {
            Ok(at) => self.entries[at].1.union(counters),
            Err(at) => self.entries.insert(at, (actor, counters.clone())),
        }
    }

    /// Adds every dot of another clock.
    pub fn union(&mut self, other: &Self) {
        for (actor, counters) in &other.entries {
            self.insert_all(*actor, counters);
        }
    }

    /// Keeps only the dots that another clock has too.
    pub fn intersect(&mut self, other: &Self) {
        for (actor, counters) in &mut self.entries {
            match other.get(*actor) {
                Some(theirs) => counters.intersect(theirs),
                None => *counters = Counters::default(),
            }
        }
        self.entries.retain(|(_, counters)| !counters.is_empty());
    }

    /// Takes one actor's entry out.
    pub fn remove(&mut self, actor: Actor) -> Option<Counters> {
        self.find(actor).ok().map(|at| self.entries.remove(at).1)
    }

    /// Says whether the dot is in the set.
    #[inline]
    #[must_use]
    pub fn contains(&self, dot: Dot) -> bool {
        self.get(dot.actor).is_some_and(|counters| counters.contains(dot.counter))
    }

    /// Says whether every dot of `other` is in the set.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.entries.iter().all(|(actor, theirs)| {
            self.get(*actor).map_or(theirs.is_empty(), |mine| mine.covers(theirs))
        })
    }

    /// Returns the dots that are here and not in `other`, as runs per actor.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Vec<(Actor, Vec<Run>)> {
        let nothing = Counters::default();
        let missing = self.entries.iter().filter_map(|(actor, counters)| {
            let runs = counters.difference(other.get(*actor).unwrap_or(&nothing));
            (!runs.is_empty()).then_some((*actor, runs))
        });
        missing.collect()
    }

    /// Returns one actor's entry.
    #[inline]
    #[must_use]
    pub fn get(&self, actor: Actor) -> Option<&Counters> {
        self.find(actor).ok().map(|at| &self.entries[at].1)
    }

    /// Iterates over the entries by actor.
    pub fn iter(&self) -> impl Iterator<Item = (Actor, &Counters)> + '_ {
        self.entries.iter().map(|(actor, counters)| (*actor, counters))
    }

    /// Counts the actors.
    #[must_use]
    pub fn actor_count(&self) -> usize {
        self.entries.len()
    }

    /// Counts the runs above the bases of all actors: the holes in what is known.
    #[must_use]
    pub fn run_count(&self) -> usize {
        self.entries.iter().map(|(_, counters)| counters.runs().len()).sum()
    }

    /// Counts the dots.
    #[must_use]
    pub fn dot_count(&self) -> u64 {
        self.entries.iter().map(|(_, counters)| counters.count()).sum()
    }

    /// Says whether the clock is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A shard has a handful of actors, so a branch-predictable walk beats a binary search. Who
    /// builds a clock goes upwards: then the end is the place.
    #[inline]
    fn find(&self, actor: Actor) -> Result<usize, usize> {
        if self.entries.last().is_none_or(|(last, _)| *last < actor) {
            return Err(self.entries.len());
        }
        for (at, (held, _)) in self.entries.iter().enumerate() {
            if *held >= actor {
                return if *held == actor { Ok(at) } else { Err(at) };
            }
        }
        Err(self.entries.len())
    }
}

impl FromIterator<Dot> for Clock {
    fn from_iter<I: IntoIterator<Item = Dot>>(dots: I) -> Self {
        let mut clock = Self::new();
        for dot in dots {
            clock.insert(dot);
        }
        clock
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{Incarnation, NodeId};

    fn random_dots(rng: &mut fastrand::Rng) -> BTreeSet<Dot> {
        let random_dot = |rng: &mut fastrand::Rng| {
            let actor = Actor::new(NodeId(rng.u32(1..4)), Incarnation(rng.u32(0..2)));
            Dot::new(actor, rng.u64(1..12))
        };
        (0..rng.usize(0..40)).map(|_| random_dot(rng)).collect()
    }

    fn dots(clock: &Clock) -> BTreeSet<Dot> {
        let of = |(actor, counters): (Actor, &Counters)| {
            let spans: Vec<Run> = counters.spans().collect();
            spans.into_iter().flat_map(move |s| (s.first..=s.last).map(move |c| Dot::new(actor, c)))
        };
        clock.iter().flat_map(of).collect()
    }

    #[test]
    fn agrees_with_a_plain_set_of_dots() {
        for seed in 0..3_000 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (left, right) = (random_dots(&mut rng), random_dots(&mut rng));
            let mine: Clock = left.iter().copied().collect();
            let theirs: Clock = right.iter().copied().collect();
            assert_eq!(dots(&mine), left, "seed {seed}");
            let mut union = mine.clone();
            union.union(&theirs);
            assert_eq!(dots(&union), &left | &right, "seed {seed}");
            let mut both = mine.clone();
            both.intersect(&theirs);
            assert_eq!(dots(&both), &left & &right, "seed {seed}");
            assert_eq!(both, (&left & &right).into_iter().collect(), "seed {seed}");
            assert_eq!(mine.covers(&theirs), right.is_subset(&left), "seed {seed}");
            let missing: BTreeSet<Dot> = mine
                .difference(&theirs)
                .into_iter()
                .flat_map(|(actor, runs)| runs.into_iter().map(move |run| (actor, run)))
                .flat_map(|(actor, run)| (run.first..=run.last).map(move |c| Dot::new(actor, c)))
                .collect();
            assert_eq!(missing, &left - &right, "seed {seed}");
            assert!(right.iter().all(|dot| mine.contains(*dot) == left.contains(dot)));
        }
    }

    #[test]
    fn an_entry_taken_out_is_gone_whole() {
        let actor = Actor::new(NodeId(1), Incarnation(1));
        let mut clock: Clock = [Dot::new(actor, 1), Dot::new(actor, 3)].into_iter().collect();
        let counters = clock.remove(actor).unwrap();
        assert_eq!(counters.count(), 2);
        assert!(clock.is_empty());
        assert_eq!(clock, Clock::new());
    }
}
