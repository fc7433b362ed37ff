//! Keys that end: strings by their versions, everything else by the key's record.

use causality::Millis;
use cells::Family;
use cells::types::counter::{Fate, sweep};
use cells::types::key::ReapLimits;
use cells::types::{Draft, key, list, map, set, string};

use crate::world::{KEY, Sight, World};

fn settle(world: &mut World) {
    world.settle(&mut fastrand::Rng::with_seed(3));
}

/// Reaps at a replica, as its maintenance does.
fn reap(world: &mut World, at: usize, limit: usize) {
    let replica = &world.replicas[at];
    let mut draft = Draft::new(replica.next_dot());
    let mut stored = replica.view_with(Sight::Stored);
    let limits = ReapLimits {
        complete_until: replica.now,
        forget_before: replica.now,
        count_max: limit,
        visit_max: usize::MAX,
    };
    key::reap(&mut stored, KEY, None, limits, &mut draft).unwrap();
    world.mint(at, &draft);
}

fn text(world: &World, at: usize) -> Option<String> {
    world.see(at, |view| string::get(view, KEY)).map(|text| String::from_utf8(text).unwrap())
}

#[test]
fn a_string_ends_with_its_version_and_set_takes_the_end_away() {
    let mut world = World::new(1);
    world.run(0, |v, d| string::set(v, KEY, b"a", Some(Millis(2_000)), d)).unwrap();
    assert_eq!(world.see(0, |view| key::expiry(view, KEY)), Some(Millis(2_000)));
    world.run(0, |v, d| string::append(v, KEY, b"b", d)).unwrap();
    assert_eq!(world.see(0, |view| key::expiry(view, KEY)), Some(Millis(2_000)));
    world.run(0, |v, d| string::set(v, KEY, b"c", None, d)).unwrap();
    assert_eq!(world.see(0, |view| key::expiry(view, KEY)), None);
    assert!(world.run(0, |v, d| key::expire(v, KEY, Millis(3_000), d)).unwrap());
    assert!(world.run(0, |v, d| key::persist(v, KEY, d)).unwrap());
    assert!(!world.run(0, |v, d| key::persist(v, KEY, d)).unwrap());
    world.run(0, |v, d| key::expire(v, KEY, Millis(4_000), d)).unwrap();
    world.set_time(4_000);
    assert_eq!(text(&world, 0), None);
    assert!(!world.run(0, |v, d| key::expire(v, KEY, Millis(9_000), d)).unwrap());
}

#[test]
fn persist_and_expire_race_the_longer_life_wins() {
    let mut world = World::new(2);
    world.run(0, |v, d| string::set(v, KEY, b"a", Some(Millis(2_000)), d)).unwrap();
    settle(&mut world);
    world.run(0, |v, d| key::persist(v, KEY, d)).unwrap();
    world.run(1, |v, d| key::expire(v, KEY, Millis(5_000), d)).unwrap();
    settle(&mut world);
    world.set_time(10_000);
    assert_eq!(text(&world, 1).as_deref(), Some("a"));
}

/// A limit of requests per minute: counted by all, and counted anew after the minute, even where
/// the end of the minute was not known.
#[test]
fn a_counter_ends_with_its_key_also_where_the_end_was_not_known() {
    let mut world = World::new(2);
    assert_eq!(world.run(0, |v, d| string::increment(v, KEY, 1, d)), Ok(1));
    settle(&mut world);
    world.run(0, |v, d| key::expire(v, KEY, Millis(61_000), d)).unwrap();
    assert_eq!(world.run(1, |v, d| string::increment(v, KEY, 1, d)), Ok(2));
    settle(&mut world);
    assert_eq!(world.see(1, |view| key::expiry(view, KEY)), Some(Millis(61_000)));
    world.set_time(61_000);
    assert_eq!(text(&world, 0), None);
    assert!(!world.see(0, |view| key::exists(view, KEY)));
    assert_eq!(world.run(1, |v, d| string::increment(v, KEY, 1, d)), Ok(1));
    settle(&mut world);
    assert_eq!(text(&world, 0).as_deref(), Some("1"));
    assert_eq!(world.see(0, |view| key::expiry(view, KEY)), None);
}

#[test]
fn increments_of_a_string_that_ends_end_with_it() {
    let mut world = World::new(1);
    world.run(0, |v, d| string::set(v, KEY, b"5", Some(Millis(2_000)), d)).unwrap();
    world.run(0, |v, d| string::increment(v, KEY, 1, d)).unwrap();
    world.run(0, |v, d| string::increment(v, KEY, 1, d)).unwrap();
    assert_eq!(text(&world, 0).as_deref(), Some("7"));
    assert_eq!(world.see(0, |view| key::expiry(view, KEY)), Some(Millis(2_000)));
    world.set_time(2_000);
    assert_eq!(text(&world, 0), None);
}

#[test]
fn increments_of_a_string_without_an_end_stay() {
    let mut world = World::new(1);
    world.run(0, |v, d| string::increment(v, KEY, 1, d)).unwrap();
    world.run(0, |v, d| string::set(v, KEY, b"3", None, d)).unwrap();
    // The counter that was reset still has a cell, so the key gets a record as well.
    world.run(0, |v, d| key::expire(v, KEY, Millis(2_000), d)).unwrap();
    world.run(0, |v, d| string::set(v, KEY, b"5", None, d)).unwrap();
    world.run(0, |v, d| string::increment(v, KEY, 1, d)).unwrap();
    world.set_time(3_000);
    assert_eq!(text(&world, 0).as_deref(), Some("6"));
}

#[test]
fn a_collection_ends_as_a_whole_and_begins_anew() {
    let mut world = World::new(2);
    for member in 0..10 {
        world.run(0, |v, d| set::add(v, KEY, &[member], d)).unwrap();
    }
    settle(&mut world);
    world.run(0, |v, d| key::expire(v, KEY, Millis(5_000), d)).unwrap();
    // Written by a replica that has not heard of the end, and not in vain: it ends as well.
    world.run(1, |v, d| set::add(v, KEY, b"late", d)).unwrap();
    settle(&mut world);
    assert_eq!(world.see(1, |view| set::count(view, KEY)), 11);
    world.set_time(5_000);
    assert_eq!(world.see(1, |view| set::count(view, KEY)), 0);
    world.run(1, |v, d| set::add(v, KEY, b"new", d)).unwrap();
    assert_eq!(world.see(1, |view| set::members(view, KEY)), [b"new"]);
    assert_eq!(world.see(1, |view| set::count(view, KEY)), 1);
    assert_eq!(world.see(1, |view| key::expiry(view, KEY)), None);
    // Another end does not bring back what the first one ended.
    world.run(1, |v, d| key::expire(v, KEY, Millis(9_000), d)).unwrap();
    assert_eq!(world.see(1, |view| set::members(view, KEY)), [b"new"]);
    world.run(1, |v, d| key::persist(v, KEY, d)).unwrap();
    world.set_time(20_000);
    assert_eq!(world.see(1, |view| set::members(view, KEY)), [b"new"]);
}

#[test]
fn deleting_brings_nothing_back_that_had_ended() {
    let mut world = World::new(1);
    for member in 0..9 {
        let path = map::Path::field(&[member]);
        world.run(0, |v, d| map::increment(v, KEY, &path, 1, d)).unwrap();
        world.run(0, |v, d| map::set(v, KEY, &path.clone().child(b"x"), b"v", d)).unwrap();
    }
    world.run(0, |v, d| key::expire(v, KEY, Millis(2_000), d)).unwrap();
    world.set_time(3_000);
    for member in 0..9 {
        world.run(0, |v, d| map::set(v, KEY, &map::Path::field(&[member]), b"n", d)).unwrap();
    }
    assert_eq!(world.see(0, |view| map::count(view, KEY)), 9);
    assert!(world.run(0, |v, d| key::delete(v, KEY, d)).unwrap());
    assert_eq!(world.see(0, |view| map::below(view, KEY, &map::Path::default())), []);
}

#[test]
fn reaping_leaves_what_shows_and_nothing_of_what_had_ended() {
    let mut world = World::new(2);
    for member in 0..10 {
        world.run(0, |v, d| set::add(v, KEY, &[member], d)).unwrap();
        world.run(1, |v, d| list::push(v, KEY, list::End::Back, &[&[member]], d)).unwrap();
    }
    world.run(0, |v, d| string::increment(v, KEY, 4, d)).unwrap();
    settle(&mut world);
    world.run(0, |v, d| key::expire(v, KEY, Millis(5_000), d)).unwrap();
    reap(&mut world, 0, 100);
    assert!(world.see(0, |view| key::exists(view, KEY)), "its time has not come");
    world.set_time(6_000);
    world.run(1, |v, d| set::add(v, KEY, b"new", d)).unwrap();
    settle(&mut world);
    for _ in 0..4 {
        // A few cells at a time.
        reap(&mut world, 1, 7);
        settle(&mut world);
        assert_eq!(world.see(0, |view| set::members(view, KEY)), [b"new"]);
    }
    for _ in 0..2 {
        world.run(0, |v, d| sweep(v, KEY, |_| Fate::Settled, d)).unwrap();
        settle(&mut world);
    }
    let columns: Vec<_> = world.replicas[0].cells.keys().cloned().collect();
    assert_eq!(columns, [Family::SetMember.column(b"new")]);
}
