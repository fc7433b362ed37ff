//! A naive reference: from the full history (who saw what when minting what) it computes what
//! must be shown, without dots removed, payloads or floors.

use std::collections::{BTreeMap, BTreeSet};

use cells::types::flag::{self, Bias, Switch};
use cells::types::map::{self, Path};
use cells::types::{set, string, zset};
use cells::{Family, OwnedBody};

use crate::commands::{Command, Step, Type, name, random_world};
use crate::seed_count;
use crate::world::{KEY, World};

/// Every command, what it minted, and what its replica had applied by then.
struct History<'a> {
    world: &'a World,
    steps: &'a [Step],
}

impl History<'_> {
    /// The operations that insert into element cells and that nobody saw who wrote there again,
    /// removed there, or cleared the key.
    fn live(&self) -> BTreeSet<usize> {
        let minted = &self.world.minted;
        let inserts = (0..minted.len()).filter(|index| {
            is_element(&minted[*index].op.cell.column)
                && matches!(minted[*index].op.body, OwnedBody::Insert { .. })
        });
        let is_superseded = |index: usize| {
            let one = &minted[index].op;
            minted.iter().any(|by| {
                let is_clear = by.op.cell.column[0] == Family::Clear as u8;
                by.seen.contains(one.dot) && (is_clear || by.op.cell.column == one.cell.column)
            })
        };
        inserts.filter(|index| !is_superseded(*index)).collect()
    }

    /// What was written and is live, by element: the values, the last writer's first.
    fn written(&self) -> BTreeMap<u8, Vec<i64>> {
        let live = self.live();
        let mut ranked: BTreeMap<u8, Vec<_>> = BTreeMap::new();
        for step in self.steps {
            let Command::Write { element, value } = step.command else { continue };
            for index in step.ops.clone().filter(|index| live.contains(index)) {
                let op = &self.world.minted[index].op;
                ranked.entry(element).or_default().push(((op.time, op.dot), value));
            }
        }
        let sorted = ranked.into_iter().map(|(element, mut values)| {
            values.sort_by(|a, b| b.cmp(a));
            (element, values.into_iter().map(|(_, value)| value).collect())
        });
        sorted.collect()
    }

    /// The increments that no write, removal or deletion has seen, by element.
    fn counted(&self, of: Type) -> BTreeMap<u8, Vec<i64>> {
        let minted = &self.world.minted;
        // All strings are one.
        let shared = |element: u8| if of == Type::String { 0 } else { element };
        let increments = self.steps.iter().filter_map(|step| match step.command {
            Command::Count { element, by } => {
                Some((shared(element), by, minted[step.ops.start].op.dot))
            }
            _ => None,
        });
        let increments: Vec<_> = increments.collect();
        let is_reset = |element: u8, dot: causality::Dot| {
            self.steps.iter().any(|step| {
                let hits = match step.command {
                    Command::Write { element: e, .. } | Command::Remove { element: e } => {
                        shared(e) == element
                    }
                    Command::Delete => true,
                    Command::Count { .. } | Command::Edit { .. } => false,
                };
                // Seeing a later increment of an actor is seeing its earlier ones.
                let sees = |later: causality::Dot| {
                    later.actor == dot.actor
                        && later.counter >= dot.counter
                        && minted[step.ops.start].seen.contains(later)
                };
                hits && !step.ops.is_empty()
                    && increments.iter().any(|(e, _, later)| *e == element && sees(*later))
            })
        };
        let mut counted: BTreeMap<u8, Vec<i64>> = BTreeMap::new();
        for (element, by, dot) in &increments {
            if !is_reset(*element, *dot) {
                counted.entry(*element).or_default().push(*by);
            }
        }
        counted
    }

    /// What each element shows.
    fn shown(&self, of: Type) -> BTreeMap<u8, i64> {
        let mut shown: BTreeMap<u8, i64> = BTreeMap::new();
        let written = self.written();
        if of == Type::String {
            // The elements of a string are writes to one place; the last of all counts.
            let live = self.live();
            let writes = self.steps.iter().filter_map(|step| match step.command {
                Command::Write { value, .. } => step
                    .ops
                    .clone()
                    .find(|index| live.contains(index))
                    .map(|index| (&self.world.minted[index].op, value)),
                _ => None,
            });
            let last = writes.max_by_key(|(op, _)| (op.time, op.dot));
            shown.extend(last.map(|(_, value)| (0, value)));
        } else {
            shown.extend(written.iter().map(|(element, values)| (*element, values[0])));
        }
        for (element, increments) in self.counted(of) {
            *shown.entry(element).or_default() += increments.iter().sum::<i64>();
        }
        shown
    }
}

fn is_element(column: &[u8]) -> bool {
    let is_clearable = Family::from_byte(column[0]).unwrap().is_clearable();
    is_clearable && column[0] > Family::KeyExpiry as u8
}

#[test]
fn live_versions_are_those_that_nobody_saw_and_superseded() {
    for of in Type::ALL {
        for seed in 0..seed_count(60) {
            let (mut world, steps) = random_world(seed, of, 30);
            world.settle(&mut fastrand::Rng::with_seed(seed));
            let expected: BTreeSet<_> = History { world: &world, steps: &steps }
                .live()
                .into_iter()
                .map(|index| world.minted[index].op.dot)
                .collect();
            let cells = world.replicas[0].cells.iter();
            let live: BTreeSet<_> = cells
                .filter(|(column, _)| is_element(column))
                .flat_map(|(_, held)| held.live.iter().map(|(dot, ..)| *dot))
                .collect();
            assert_eq!(live, expected, "{of:?}, seed {seed}");
        }
    }
}

#[test]
fn shown_values_are_those_of_the_history() {
    for of in [Type::String, Type::Set, Type::Map, Type::Zset] {
        for seed in 0..seed_count(150) {
            let (mut world, steps) = random_world(seed, of, 40);
            world.settle(&mut fastrand::Rng::with_seed(seed));
            let expected = History { world: &world, steps: &steps }.shown(of);
            check_shown(of, &world, &expected, seed);
        }
    }
}

fn check_shown(of: Type, world: &World, expected: &BTreeMap<u8, i64>, seed: u64) {
    for element in 0..3 {
        let name = name(element);
        let text = |value: Option<Vec<u8>>| {
            value.map(|text| String::from_utf8(text).unwrap().parse::<i64>().unwrap())
        };
        let shown = world.see(0, |view| match of {
            Type::String => Ok(if element == 0 { text(string::get(view, KEY)?) } else { None }),
            Type::Map => Ok(text(map::get(view, KEY, &Path::field(&name))?)),
            Type::Zset => Ok(zset::score(view, KEY, &name)?.map(|score| score as i64)),
            _ => Ok(set::contains(view, KEY, &name)?.then_some(0)),
        });
        let expected = expected.get(&element).copied();
        let expected = if of == Type::Set { expected.map(|_| 0) } else { expected };
        assert_eq!(shown, expected, "{of:?}, element {element}, seed {seed}");
    }
    let count = expected.len() as u64;
    match of {
        Type::Set => assert_eq!(world.see(0, |view| set::count(view, KEY)), count, "seed {seed}"),
        Type::Map => {
            assert_eq!(world.see(0, |view| map::count(view, KEY)), count, "seed {seed}");
            let fields = world.see(0, |view| map::below(view, KEY, &Path::default()));
            assert_eq!(fields.len() as u64, count, "seed {seed}");
        }
        Type::Zset => {
            assert_eq!(world.see(0, |view| zset::count(view, KEY)), count, "seed {seed}");
            let members = world.see(0, |view| zset::members(view, KEY));
            assert_eq!(members.len() as u64, count, "seed {seed}");
            assert!(members.is_sorted_by(|a, b| (a.1, &a.0) <= (b.1, &b.0)), "seed {seed}");
        }
        _ => {}
    }
}

#[test]
fn flags_show_the_biased_switch_of_the_live_ones() {
    for seed in 0..seed_count(150) {
        let (mut world, steps) = random_world(seed, Type::Flag, 30);
        world.settle(&mut fastrand::Rng::with_seed(seed));
        let written = History { world: &world, steps: &steps }.written();
        let switches: Vec<bool> = written.values().flatten().map(|value| value % 2 != 0).collect();
        let switch = |on: bool| if on { Switch::On } else { Switch::Off };
        let expected = (!switches.is_empty()).then(|| switch(switches.contains(&true)));
        assert_eq!(world.see(0, |view| flag::get(view, KEY, Bias::On)), expected, "seed {seed}");
        let expected = (!switches.is_empty()).then(|| switch(!switches.contains(&false)));
        assert_eq!(world.see(0, |view| flag::get(view, KEY, Bias::Off)), expected, "seed {seed}");
    }
}
