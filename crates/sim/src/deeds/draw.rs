//! Making up the next deed.

use fastrand::Rng;

use super::{Deed, FIRST_KINDS, KINDS, Mix, Place};
use crate::history::History;

/// How many places of a kind there are.
const PLACES: u8 = 3;

/// How long items last that do not last for ever.
const LIFE_MS: std::ops::Range<u64> = 1_000..20_000;

impl Mix {
    /// Some of the first kinds of places, at least one.
    pub(crate) fn swarm(rng: &mut Rng) -> Self {
        let mut weights = [0; KINDS.len()];
        let (first, _) = weights.split_at_mut(FIRST_KINDS);
        first.iter_mut().for_each(|weight| *weight = rng.u32(0..4) * rng.u32(0..2));
        weights[rng.usize(0..FIRST_KINDS)] += 2;
        Self { weights, extends: false }
    }

    /// The same, and some of the other kinds.
    pub(crate) fn widened(mut self, rng: &mut Rng) -> Self {
        let (_, others) = self.weights.split_at_mut(FIRST_KINDS);
        others.iter_mut().for_each(|weight| *weight = rng.u32(0..4) * rng.u32(0..2));
        self.extends = rng.bool();
        self
    }

    fn draw(&self, rng: &mut Rng) -> Place {
        let mut left = rng.u32(0..self.weights.iter().sum());
        for (kind, weight) in KINDS.into_iter().zip(self.weights) {
            if left < weight {
                return kind;
            }
            left -= weight;
        }
        KINDS[0]
    }
}

impl Default for Mix {
    fn default() -> Self {
        Self { weights: [1; KINDS.len()], extends: true }
    }
}

/// Makes up the deed with a number of its own.
pub(crate) fn draw(rng: &mut Rng, mix: &Mix, history: &History, number: u64) -> Deed {
    let at = rng.u8(0..PLACES);
    let dice = rng.u8(0..10);
    match mix.draw(rng) {
        Place::Counter(_) => add_or_look(rng, Place::Counter(at), dice),
        Place::FieldCounter(_) => add_or_look(rng, Place::FieldCounter(at), dice),
        Place::Register(_) => write_or_look(Place::Register(at), dice, number),
        Place::FieldRegister(_) => write_or_look(Place::FieldRegister(at), dice, number),
        Place::Set(_) => item(rng, Place::Set(at), dice, history, number),
        Place::Map(_) => item(rng, Place::Map(at), dice, history, number),
        Place::Key(_) => match key(rng, dice, history, number) {
            Deed::Look { place: place @ Place::Key(item) } if mix.extends && rng.u8(0..3) == 0 => {
                let until = history.now().plus(rng.u64(LIFE_MS));
                Deed::Extend { place, item, until }
            }
            deed => deed,
        },
        Place::Zset(_) => item(rng, Place::Zset(at), dice, history, number),
        Place::ScoreCounter(_) => add_or_look(rng, Place::ScoreCounter(at), dice),
        Place::Score(_) => write_or_look(Place::Score(at), dice, number),
        Place::List(_) => item(rng, Place::List(at), dice, history, number),
        Place::Pair(_) => item(rng, Place::Pair(at), dice, history, number),
    }
}

fn add_or_look(rng: &mut Rng, place: Place, dice: u8) -> Deed {
    match dice {
        0..=5 => Deed::Add { place, by: rng.i64(1..=3) },
        6 => Deed::Add { place, by: -1 },
        _ => Deed::Look { place },
    }
}

const fn write_or_look(place: Place, dice: u8, number: u64) -> Deed {
    match (dice, place) {
        (0..=4, _) => Deed::Write { place, number },
        (5..=7, Place::Register(_)) => Deed::LookWide { place },
        _ => Deed::Look { place },
    }
}

fn item(rng: &mut Rng, place: Place, dice: u8, history: &History, number: u64) -> Deed {
    let put = Deed::Put { place, item: number, until: None };
    match dice {
        0..=4 => put,
        5 | 6 => history.item_in(place, rng).map_or(put, |item| Deed::Take { place, item }),
        7 if rng.u8(0..4) == 0 => Deed::Clear { place },
        _ => Deed::Look { place },
    }
}

fn key(rng: &mut Rng, dice: u8, history: &History, number: u64) -> Deed {
    let until = dice.is_multiple_of(2).then(|| history.now().plus(rng.u64(LIFE_MS)));
    let put = Deed::Put { place: Place::Key(number), item: number, until };
    let Some(item) = history.key_of_its_own(rng) else { return put };
    let place = Place::Key(item);
    match dice {
        0..=4 => put,
        5 | 6 => Deed::Take { place, item },
        _ => Deed::Look { place },
    }
}
