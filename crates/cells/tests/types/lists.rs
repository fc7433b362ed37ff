//! Lists without races, against a plain vector; and runs of pushes that race.

use cells::types::list::{self, End, Side};
use cells::types::{Draft, TypeError};

use crate::seed_count;
use crate::world::{KEY, View, World};

type Command<'a> = &'a dyn Fn(&mut View<'_>, &mut Draft) -> Result<(), TypeError>;

/// One random command on the list and on its model, at the same replica.
fn step(rng: &mut fastrand::Rng, world: &mut World, model: &mut Vec<Vec<u8>>) {
    let value = vec![b'a' + rng.u8(0..6)];
    let pivot = vec![b'a' + rng.u8(0..6)];
    let (start, stop) = (rng.i64(-9..9), rng.i64(-9..9));
    let mut run = |command: Command<'_>| world.run(0, |view, draft| command(view, draft));
    match rng.u8(0..12) {
        0..=3 => {
            run(&|v, d| list::push(v, KEY, End::Back, &[&value, &pivot], d)).unwrap();
            model.extend([value, pivot]);
        }
        4..=5 => {
            run(&|v, d| list::push(v, KEY, End::Front, &[&value, &pivot], d)).unwrap();
            model.splice(0..0, [pivot, value]);
        }
        6 => {
            run(&|v, d| list::pop(v, KEY, End::Front, 2, d).map(drop)).unwrap();
            model.drain(..2.min(model.len()));
        }
        7 => {
            run(&|v, d| list::pop(v, KEY, End::Back, 1, d).map(drop)).unwrap();
            model.pop();
        }
        8 => insert(rng, world, model, &pivot, &value),
        9 => {
            let set = run(&|v, d| list::set(v, KEY, start, &value, d));
            match index(model, start) {
                Some(at) => model[at] = value,
                None => assert_eq!(set, Err(TypeError::NoSuchIndex)),
            }
        }
        10 => {
            run(&|v, d| list::remove(v, KEY, End::Back, 2, &value, d).map(drop)).unwrap();
            for _ in 0..2 {
                if let Some(at) = model.iter().rposition(|held| *held == value) {
                    model.remove(at);
                }
            }
        }
        _ => {
            run(&|v, d| list::trim(v, KEY, start, stop, d)).unwrap();
            *model = slice(model, start, stop);
        }
    }
}

fn insert(
    rng: &mut fastrand::Rng,
    world: &mut World,
    model: &mut Vec<Vec<u8>>,
    pivot: &[u8],
    value: &[u8],
) {
    let side = if rng.bool() { Side::Before } else { Side::Behind };
    let found = world.run(0, |v, d| list::insert(v, KEY, side, pivot, value, d)).unwrap();
    let at = model.iter().position(|held| held == pivot);
    assert_eq!(found, at.is_some());
    if let Some(at) = at {
        model.insert(at + usize::from(side == Side::Behind), value.to_vec());
    }
}

fn index(model: &[Vec<u8>], index: i64) -> Option<usize> {
    let length = model.len() as i64;
    let at = if index < 0 { index + length } else { index };
    (0..length).contains(&at).then_some(at as usize)
}

/// What `LRANGE` answers.
fn slice(model: &[Vec<u8>], start: i64, stop: i64) -> Vec<Vec<u8>> {
    let length = model.len() as i64;
    let from = |index: i64| if index < 0 { index + length } else { index };
    let kept = (0..length).filter(|at| from(start) <= *at && *at <= from(stop));
    kept.map(|at| model[at as usize].clone()).collect()
}

#[test]
fn a_list_is_a_vector_to_whoever_is_alone() {
    for seed in 0..seed_count(200) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut world, mut model) = (World::new(1), Vec::new());
        for _ in 0..60 {
            step(&mut rng, &mut world, &mut model);
            assert_eq!(world.see(0, |view| list::range(view, KEY, 0, -1)), model, "seed {seed}");
            assert_eq!(world.see(0, |view| list::count(view, KEY)), model.len() as u64);
            let (start, stop) = (rng.i64(-9..9), rng.i64(-9..9));
            let shown = world.see(0, |view| list::range(view, KEY, start, stop));
            assert_eq!(shown, slice(&model, start, stop), "seed {seed}: {start} {stop}");
            let shown = world.see(0, |view| list::get(view, KEY, start));
            assert_eq!(shown, index(&model, start).map(|at| model[at].clone()), "seed {seed}");
        }
    }
}

#[test]
fn pushes_of_many_replicas_keep_each_ones_order_and_never_mix() {
    for seed in 0..seed_count(200) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut world = World::new(3);
        for _ in 0..rng.usize(0..4) {
            world.run(rng.usize(0..3), |v, d| list::push(v, KEY, End::Back, &[b"-"], d)).unwrap();
            let count = rng.usize(0..6);
            world.deliver(&mut rng, count);
        }
        world.settle(&mut rng);
        let end = if rng.bool() { End::Back } else { End::Front };
        // Each pushes its own letters, in several commands, and hears nobody.
        for number in 0..12u8 {
            let at = rng.usize(0..3);
            let value = [b'a' + at as u8, number];
            world.run(at, |view, draft| list::push(view, KEY, end, &[&value], draft)).unwrap();
        }
        world.settle(&mut rng);
        let mut shown = world.see(0, |view| list::range(view, KEY, 0, -1));
        shown.retain(|value| value.len() == 2);
        if end == End::Front {
            shown.reverse();
        }
        assert_eq!(shown.len(), 12, "seed {seed}");
        let mut blocks: Vec<u8> = shown.iter().map(|value| value[0]).collect();
        blocks.dedup();
        assert!(blocks.len() <= 3, "seed {seed}: {blocks:?}");
        for letter in blocks {
            let run = shown.iter().filter(|value| value[0] == letter);
            assert!(run.map(|value| value[1]).is_sorted(), "seed {seed}");
        }
    }
}
