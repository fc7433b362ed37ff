//! Where the entries of one shard stand in the log, by actor and counter.
//!
//! Counters of one actor mostly arrive in order and without holes, so an actor's positions are a
//! dense window (8 bytes an entry) with a few stragglers beside it in an ordered map. An entry is
//! in exactly one of the two.

use std::collections::{BTreeMap, VecDeque};

use super::record::Position;
use crate::store::EntryId;

/// A counter this far outside the window goes to the stragglers instead of widening it.
const GAP_MAX: u64 = 4096;
const NONE: Position = Position(u64::MAX);

/// Positions of all entries of one shard.
#[derive(Debug, Default)]
pub(crate) struct ShardIndex {
    actors: Vec<(u64, ActorIndex)>,
}

#[derive(Debug, Default)]
struct ActorIndex {
    base: u64,
    window: VecDeque<Position>,
    stragglers: BTreeMap<u64, Position>,
}

impl ShardIndex {
    /// Adds an entry. False, and nothing changed, when it is there already.
    pub(crate) fn insert(&mut self, id: EntryId, position: Position) -> bool {
        let place = match self.actors.binary_search_by_key(&id.actor, |(actor, _)| *actor) {
            Ok(place) => place,
            Err(place) => {
                self.actors.insert(place, (id.actor, ActorIndex::default()));
                place
            }
        };
        self.actors[place].1.insert(id.counter, position)
    }

    /// Finds an entry.
    pub(crate) fn find(&self, id: EntryId) -> Option<Position> {
        let place = self.actors.binary_search_by_key(&id.actor, |(actor, _)| *actor).ok()?;
        self.actors[place].1.find(id.counter)
    }

    /// Removes the entries of an actor up to and including a counter that stand before `before`,
    /// and tells the position of each.
    pub(crate) fn forget(
        &mut self,
        actor: u64,
        through: u64,
        before: Position,
        mut forgotten: impl FnMut(Position),
    ) {
        let Ok(place) = self.actors.binary_search_by_key(&actor, |(actor, _)| *actor) else {
            return;
        };
        let held = &mut self.actors[place].1;
        held.forget(through, before, &mut forgotten);
        if held.is_empty() {
            self.actors.remove(place);
        }
    }

    /// Visits every entry, in (actor, counter) order within window and stragglers.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(EntryId, Position)) {
        for (actor, held) in &self.actors {
            let window = held.window.iter().enumerate();
            let window = window.map(|(offset, at)| (held.base.wrapping_add(offset as u64), *at));
            let stragglers = held.stragglers.iter().map(|(counter, at)| (*counter, *at));
            for (counter, position) in window.chain(stragglers).filter(|(_, at)| *at != NONE) {
                visit(EntryId { actor: *actor, counter }, position);
            }
        }
    }

    /// Estimates the memory held.
    pub(crate) fn bytes(&self) -> usize {
        let actors = self.actors.iter().map(|(_, held)| {
            held.window.capacity() * size_of::<Position>() + held.stragglers.len() * 48
        });
        actors.sum::<usize>() + self.actors.capacity() * size_of::<(u64, ActorIndex)>()
    }
}

impl ActorIndex {
    fn insert(&mut self, counter: u64, position: Position) -> bool {
        if self.find(counter).is_some() {
            return false;
        }
        if self.window.is_empty() {
            self.base = counter;
        }
        let len = self.window.len() as u64;
        match counter.checked_sub(self.base) {
            Some(offset) if offset < len => {
                *self.slot(counter).expect("the offset lies in the window") = position;
            }
            Some(offset) if offset - len <= GAP_MAX => {
                self.window.extend((len..offset).map(|_| NONE));
                self.window.push_back(position);
            }
            None if self.base - counter <= GAP_MAX => {
                for _ in counter + 1..self.base {
                    self.window.push_front(NONE);
                }
                self.window.push_front(position);
                self.base = counter;
            }
            _ => {
                self.stragglers.insert(counter, position);
            }
        }
        true
    }

    fn find(&self, counter: u64) -> Option<Position> {
        let offset = counter.checked_sub(self.base).and_then(|offset| usize::try_from(offset).ok());
        let held = offset.and_then(|offset| self.window.get(offset)).copied();
        match held {
            Some(position) if position != NONE => Some(position),
            _ => self.stragglers.get(&counter).copied(),
        }
    }

    fn slot(&mut self, counter: u64) -> Option<&mut Position> {
        let offset = usize::try_from(counter.checked_sub(self.base)?).ok()?;
        self.window.get_mut(offset)
    }

    fn forget(&mut self, through: u64, before: Position, forgotten: &mut impl FnMut(Position)) {
        let last = through.checked_sub(self.base);
        let count = last.map_or(0, |last| usize::try_from(last).unwrap_or(usize::MAX));
        let count = last.map_or(0, |_| count.saturating_add(1)).min(self.window.len());
        for position in self.window.iter_mut().take(count) {
            if *position < before {
                forgotten(*position);
                *position = NONE;
            }
        }
        while self.window.front() == Some(&NONE) {
            self.window.pop_front();
            self.base = self.base.wrapping_add(1);
        }
        if self.window.is_empty() {
            self.window = VecDeque::new();
        }
        let doomed: Vec<u64> = self
            .stragglers
            .range(..=through)
            .filter(|(_, at)| **at < before)
            .map(|(counter, _)| *counter)
            .collect();
        for counter in doomed {
            forgotten(self.stragglers.remove(&counter).expect("it was listed just now"));
        }
    }

    fn is_empty(&self) -> bool {
        self.window.is_empty() && self.stragglers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Position, ShardIndex};
    use crate::store::EntryId;

    /// Positions grow with each insertion, as in a log.
    #[test]
    fn agrees_with_an_ordered_map() {
        for seed in 0..200 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut index = ShardIndex::default();
            let mut model: BTreeMap<EntryId, Position> = BTreeMap::new();
            for step in 0..400 {
                let actor = rng.u64(..3);
                let counter = match rng.u8(..4) {
                    0 => rng.u64(..20_000),
                    1 => u64::MAX - rng.u64(..3),
                    _ => 9_000 + step + rng.u64(..5),
                };
                let id = EntryId { actor, counter };
                if rng.u8(..20) == 0 {
                    let before = Position(rng.u64(..=step));
                    let mut told = Vec::new();
                    index.forget(actor, counter, before, |at| told.push(at));
                    let mut gone = Vec::new();
                    model.retain(|held, at| {
                        let goes = held.actor == actor && held.counter <= counter && *at < before;
                        if goes {
                            gone.push(*at);
                        }
                        !goes
                    });
                    told.sort();
                    gone.sort();
                    assert_eq!(told, gone, "seed {seed} step {step}");
                } else {
                    let is_new = !model.contains_key(&id);
                    assert_eq!(index.insert(id, Position(step)), is_new, "seed {seed} step {step}");
                    model.entry(id).or_insert(Position(step));
                }
                assert_eq!(index.find(id), model.get(&id).copied(), "seed {seed} step {step}");
            }
            let mut held = BTreeMap::new();
            index.for_each(|id, at| {
                assert!(held.insert(id, at).is_none(), "seed {seed}: twice");
            });
            assert_eq!(held, model, "seed {seed}");
        }
    }
}
