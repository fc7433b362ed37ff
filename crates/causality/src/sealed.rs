//! The retired actors, each with all it ever minted that counts.
//!
//! Unlike a clock this keeps actors whose set is empty: that nothing of them counts is knowledge.

use std::collections::BTreeMap;

use crate::{Actor, Clock, Counters, Dot};

/// Retired actors and their final sets of counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sealed {
    actors: BTreeMap<Actor, Counters>,
}

impl Sealed {
    /// Adds a retired actor.
    pub fn insert(&mut self, actor: Actor, counters: Counters) {
        self.actors.insert(actor, counters);
    }

    /// Adds every dot that counts to a clock.
    pub fn add_to(&self, clock: &mut Clock) {
        for (actor, counters) in &self.actors {
            clock.insert_all(*actor, counters);
        }
    }

    /// Says whether the actor is retired.
    #[must_use]
    pub fn is_retired(&self, actor: Actor) -> bool {
        !self.actors.is_empty() && self.actors.contains_key(&actor)
    }

    /// Says whether the dot is one of a retired actor that counts.
    #[must_use]
    pub fn contains(&self, dot: Dot) -> bool {
        !self.actors.is_empty() && self.get(dot.actor).is_some_and(|c| c.contains(dot.counter))
    }

    /// Returns what counts of a retired actor.
    #[must_use]
    pub fn get(&self, actor: Actor) -> Option<&Counters> {
        self.actors.get(&actor)
    }

    /// Iterates over the retired actors.
    pub fn iter(&self) -> impl Iterator<Item = (Actor, &Counters)> + '_ {
        self.actors.iter().map(|(actor, counters)| (*actor, counters))
    }

    /// Counts the retired actors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.actors.len()
    }

    /// Says whether no actor is retired.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actors.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_of_which_nothing_counts_is_retired_all_the_same() {
        let actor = Actor::from_bits(7);
        let mut sealed = Sealed::default();
        sealed.insert(actor, Counters::default());
        assert!(sealed.is_retired(actor));
        assert!(!sealed.contains(Dot::new(actor, 1)));
        let mut clock = Clock::new();
        sealed.add_to(&mut clock);
        assert!(clock.is_empty());
    }
}
