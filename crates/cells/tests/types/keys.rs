//! Whole keys: what they show, and what deleting them leaves.

use cells::types::key::{self, Kind};
use cells::types::list::{self, End};
use cells::types::map::{self, Path};
use cells::types::{flag, set, sketch, string, zset};

use crate::commands::{Type, random_world};
use crate::seed_count;
use crate::world::{KEY, World};

fn kind(world: &World) -> Option<Kind> {
    world.see(0, |view| key::kinds(view, KEY)).map(|kinds| {
        assert_eq!(kinds.hidden, []);
        kinds.shown
    })
}

#[test]
fn each_type_shows_as_itself_and_goes_with_its_last_element() {
    let mut world = World::new(1);
    assert_eq!(kind(&world), None);
    world.run(0, |v, d| string::increment(v, KEY, 1, d)).unwrap();
    assert_eq!(kind(&world), Some(Kind::String));
    world.run(0, |v, d| string::remove(v, KEY, d)).unwrap();
    assert_eq!(kind(&world), None);
    world.run(0, |v, d| set::add(v, KEY, b"m", d)).unwrap();
    assert_eq!(kind(&world), Some(Kind::Set));
    world.run(0, |v, d| set::remove(v, KEY, b"m", d)).unwrap();
    world.run(0, |v, d| map::increment(v, KEY, &Path::field(b"f"), 1, d)).unwrap();
    assert_eq!(kind(&world), Some(Kind::Map));
    world.run(0, |v, d| map::remove(v, KEY, &Path::field(b"f"), d)).unwrap();
    world.run(0, |v, d| zset::increment(v, KEY, b"m", 1.0, d)).unwrap();
    assert_eq!(kind(&world), Some(Kind::Zset));
    world.run(0, |v, d| zset::remove(v, KEY, b"m", d)).unwrap();
    world.run(0, |v, d| list::push(v, KEY, End::Back, &[b"x"], d)).unwrap();
    assert_eq!(kind(&world), Some(Kind::List));
    world.run(0, |v, d| list::pop(v, KEY, End::Back, 1, d)).unwrap();
    world.run(0, |v, d| flag::set(v, KEY, flag::Switch::Off, d)).unwrap();
    assert_eq!(kind(&world), Some(Kind::Flag));
    world.run(0, |v, d| flag::remove(v, KEY, d)).unwrap();
    world.run(0, |v, d| sketch::add(v, KEY, &[], d)).unwrap();
    assert_eq!(kind(&world), Some(Kind::Sketch));
}

#[test]
fn a_write_of_another_type_after_a_deletion_in_one_draft() {
    let mut world = World::new(1);
    for member in 0..9 {
        world.run(0, |v, d| set::add(v, KEY, &[member], d)).unwrap();
    }
    world
        .run(0, |view, draft| {
            key::delete(view, KEY, draft)?;
            string::increment(view, KEY, 3, draft)
        })
        .unwrap();
    assert_eq!(kind(&world), Some(Kind::String));
    assert_eq!(world.run(0, |v, d| string::increment(v, KEY, 3, d)), Ok(6));
}

#[test]
fn a_settled_key_that_is_deleted_shows_nothing_and_deleting_again_mints_nothing() {
    for of in Type::ALL {
        for seed in 0..seed_count(60) {
            let (mut world, _) = random_world(seed, of, 25);
            world.settle(&mut fastrand::Rng::with_seed(seed));
            let was_there = world.see(1, |view| key::exists(view, KEY));
            let deleted = world.run(1, |view, draft| key::delete(view, KEY, draft)).unwrap();
            assert_eq!(was_there, deleted);
            world.settle(&mut fastrand::Rng::with_seed(seed));
            assert_eq!(world.see(0, |view| key::kinds(view, KEY)), None, "{of:?}, seed {seed}");
            let before = world.minted.len();
            assert!(!world.run(0, |view, draft| key::delete(view, KEY, draft)).unwrap());
            assert_eq!(world.minted.len(), before, "{of:?}, seed {seed}");
        }
    }
}

#[test]
fn small_keys_are_deleted_by_removals_and_large_ones_by_a_clear() {
    for (count, cleared) in [(4, false), (5, true)] {
        let mut world = World::new(1);
        for member in 0..count {
            world.run(0, |v, d| set::add(v, KEY, &[member], d)).unwrap();
        }
        world
            .run(0, |view, draft| {
                key::delete(view, KEY, draft)?;
                assert_eq!(draft.clears_key(), cleared);
                assert_eq!(draft.changes().len(), if cleared { 0 } else { usize::from(count) });
                Ok(())
            })
            .unwrap();
        assert!(world.replicas[0].cells.is_empty());
    }
}

#[test]
fn a_key_may_be_deleted_twice_in_one_draft() {
    let mut world = World::new(1);
    for member in 0..9 {
        world.run(0, |v, d| set::add(v, KEY, &[member], d)).unwrap();
    }
    world.run(0, |v, d| string::increment(v, KEY, 1, d)).unwrap();
    world
        .run(0, |view, draft| {
            key::delete(view, KEY, draft)?;
            key::delete(view, KEY, draft)
        })
        .unwrap();
    assert_eq!(kind(&world), None);
}
