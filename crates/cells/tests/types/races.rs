//! What happens when replicas race, one test for each promise.

use causality::Millis;
use cells::types::flag::{self, Bias, Switch};
use cells::types::key::{self, Kind};
use cells::types::list::{self, End};
use cells::types::map::{self, Path};
use cells::types::{set, sketch, string, zset};

use crate::world::{KEY, World};

/// Two replicas that share what `first` did.
fn two_with(first: impl FnOnce(&mut World)) -> World {
    let mut world = World::new(2);
    first(&mut world);
    world.send(0, 1);
    world
}

fn settled(mut world: World) -> World {
    world.settle(&mut fastrand::Rng::with_seed(1));
    world
}

fn text(world: &World) -> Option<String> {
    let shown = world.see(0, |view| string::get(view, KEY));
    assert_eq!(shown, world.see(1, |view| string::get(view, KEY)));
    shown.map(|bytes| String::from_utf8(bytes).unwrap())
}

fn strings(values: Vec<Vec<u8>>) -> String {
    let texts = values.into_iter().map(|value| String::from_utf8(value).unwrap());
    texts.collect::<Vec<_>>().join(" ")
}

#[test]
fn strings_the_last_writer_wins_and_the_loser_stays_inspectable() {
    let mut world = World::new(2);
    world.replicas[1].now = Millis(2_000);
    world.run(1, |view, draft| string::set(view, KEY, b"late", None, draft)).unwrap();
    world.run(0, |view, draft| string::set(view, KEY, b"early", None, draft)).unwrap();
    let mut world = settled(world);
    assert_eq!(text(&world).as_deref(), Some("late"));
    let siblings = world.see(0, |view| string::siblings(view, KEY));
    let values: Vec<_> = siblings.iter().map(|sibling| sibling.value.as_slice()).collect();
    assert_eq!(values, [b"late".as_slice(), b"early"]);
    world.run(0, |view, draft| string::set(view, KEY, b"seen both", None, draft)).unwrap();
    assert_eq!(world.see(0, |view| string::sibling_count(view, KEY)), 1);
}

#[test]
fn increments_every_one_counts_exactly_once() {
    let mut world = World::new(2);
    for at in [0, 1, 0, 1, 1] {
        world.run(at, |view, draft| string::increment(view, KEY, 1, draft)).unwrap();
    }
    assert_eq!(text(&settled(world)).as_deref(), Some("5"));
}

#[test]
fn set_concurrent_with_an_increment_the_increment_is_added_to_the_set_value() {
    let mut world = two_with(|world| {
        world.run(0, |view, draft| string::increment(view, KEY, 3, draft)).unwrap();
    });
    world.run(0, |view, draft| string::set(view, KEY, b"10", None, draft)).unwrap();
    world.run(1, |view, draft| string::increment(view, KEY, 1, draft)).unwrap();
    assert_eq!(text(&settled(world)).as_deref(), Some("11"));
}

#[test]
fn increments_beside_a_text_do_not_show_and_end_with_the_next_write() {
    let mut world = World::new(2);
    world.run(0, |view, draft| string::set(view, KEY, b"text", None, draft)).unwrap();
    world.run(1, |view, draft| string::increment(view, KEY, 5, draft)).unwrap();
    let mut world = settled(world);
    assert_eq!(text(&world).as_deref(), Some("text"));
    world.run(0, |view, draft| string::set(view, KEY, b"10", None, draft)).unwrap();
    assert_eq!(text(&settled(world)).as_deref(), Some("10"));
}

#[test]
fn append_has_the_semantics_of_a_register() {
    let mut world = two_with(|world| {
        world.run(0, |view, draft| string::increment(view, KEY, 7, draft)).unwrap();
    });
    world.replicas[1].now = Millis(2_000);
    world.run(0, |view, draft| string::append(view, KEY, b"a", draft)).unwrap();
    world.run(1, |view, draft| string::append(view, KEY, b"b", draft)).unwrap();
    assert_eq!(text(&settled(world)).as_deref(), Some("7b"));
}

#[test]
fn sets_adding_wins_over_a_concurrent_removal() {
    let mut world = two_with(|world| {
        world.run(0, |view, draft| set::add(view, KEY, b"m", draft)).unwrap();
    });
    assert!(world.run(0, |view, draft| set::remove(view, KEY, b"m", draft)).unwrap());
    assert!(!world.run(1, |view, draft| set::add(view, KEY, b"m", draft)).unwrap());
    let world = settled(world);
    assert!(world.see(0, |view| set::contains(view, KEY, b"m")));
    assert_eq!(world.see(0, |view| set::count(view, KEY)), 1);
}

#[test]
fn maps_merge_by_field_and_writing_wins_over_a_concurrent_removal() {
    let (f, g) = (Path::field(b"f"), Path::field(b"g"));
    let mut world = two_with(|world| {
        world.run(0, |view, draft| map::set(view, KEY, &f, b"1", draft)).unwrap();
    });
    world.run(0, |view, draft| map::remove(view, KEY, &f, draft)).unwrap();
    world.run(0, |view, draft| map::set(view, KEY, &g, b"3", draft)).unwrap();
    world.run(1, |view, draft| map::set(view, KEY, &f, b"2", draft)).unwrap();
    let world = settled(world);
    let fields = world.see(0, |view| map::below(view, KEY, &Path::default()));
    assert_eq!(fields, [(f, b"2".to_vec()), (g, b"3".to_vec())]);
}

#[test]
fn map_fields_and_scores_add_up_concurrent_increments() {
    let field = Path::field(b"f");
    let mut world = World::new(2);
    for (at, by) in [(0, 2), (1, 3), (0, -1)] {
        world.run(at, |view, draft| map::increment(view, KEY, &field, by, draft)).unwrap();
        let by = by as f64 + 0.5;
        world.run(at, |view, draft| zset::increment(view, KEY, b"m", by, draft)).unwrap();
    }
    let world = settled(world);
    assert_eq!(world.see(0, |view| map::get(view, KEY, &field)), Some(b"4".to_vec()));
    assert_eq!(world.see(0, |view| zset::score(view, KEY, b"m")), Some(5.5));
}

#[test]
fn an_increment_concurrent_with_the_removal_of_its_field_survives_alone() {
    let field = Path::field(b"f");
    let mut world = two_with(|world| {
        world.run(0, |view, draft| map::set(view, KEY, &field, b"10", draft)).unwrap();
        world.run(0, |view, draft| map::increment(view, KEY, &field, 5, draft)).unwrap();
    });
    assert!(world.run(0, |view, draft| map::remove(view, KEY, &field, draft)).unwrap());
    world.run(1, |view, draft| map::increment(view, KEY, &field, 2, draft)).unwrap();
    let world = settled(world);
    assert_eq!(world.see(0, |view| map::get(view, KEY, &field)), Some(b"2".to_vec()));
    assert_eq!(world.see(0, |view| map::count(view, KEY)), 1);
}

#[test]
fn scores_the_last_writer_wins_and_adding_wins_over_a_concurrent_removal() {
    let mut world = two_with(|world| {
        world.run(0, |view, draft| zset::add(view, KEY, b"m", 1.0, draft)).unwrap();
    });
    world.replicas[1].now = Millis(2_000);
    world.run(0, |view, draft| zset::add(view, KEY, b"m", 9.0, draft)).unwrap();
    world.run(1, |view, draft| zset::add(view, KEY, b"m", 2.0, draft)).unwrap();
    let mut world = settled(world);
    assert_eq!(world.see(0, |view| zset::score(view, KEY, b"m")), Some(2.0));
    world.run(0, |view, draft| zset::remove(view, KEY, b"m", draft)).unwrap();
    world.run(1, |view, draft| zset::add(view, KEY, b"m", 3.0, draft)).unwrap();
    let world = settled(world);
    assert_eq!(world.see(0, |view| zset::score(view, KEY, b"m")), Some(3.0));
}

#[test]
fn lists_concurrent_pushes_all_survive_in_one_order() {
    let mut world = two_with(|world| {
        world.run(0, |view, draft| list::push(view, KEY, End::Back, &[b"x"], draft)).unwrap();
    });
    world.run(0, |v, d| list::push(v, KEY, End::Back, &[b"a", b"b"], d)).unwrap();
    world.run(1, |v, d| list::push(v, KEY, End::Back, &[b"c", b"d"], d)).unwrap();
    world.run(1, |v, d| list::push(v, KEY, End::Front, &[b"e"], d)).unwrap();
    let world = settled(world);
    let shown = strings(world.see(0, |view| list::range(view, KEY, 0, -1)));
    assert_eq!(shown, "e x a b c d");
    assert_eq!(strings(world.see(1, |view| list::range(view, KEY, 0, -1))), shown);
}

#[test]
fn lists_a_concurrent_pop_may_return_an_element_twice() {
    let mut world = two_with(|world| {
        world.run(0, |v, d| list::push(v, KEY, End::Back, &[b"a", b"b"], d)).unwrap();
    });
    for at in [0, 1] {
        let popped = world.run(at, |view, draft| list::pop(view, KEY, End::Front, 1, draft));
        assert_eq!(popped.unwrap(), [b"a"]);
    }
    let world = settled(world);
    assert_eq!(strings(world.see(0, |view| list::range(view, KEY, 0, -1))), "b");
}

#[test]
fn expire_concurrent_with_a_write_the_writes_own_expiry_wins() {
    let mut world = two_with(|world| {
        world.run(0, |view, draft| string::set(view, KEY, b"old", None, draft)).unwrap();
    });
    world.run(1, |view, draft| string::set(view, KEY, b"new", None, draft)).unwrap();
    // Later by the clock, and still no write of the value.
    world.replicas[0].now = Millis(1_500);
    world.run(0, |view, draft| key::expire(view, KEY, Millis(5_000), draft)).unwrap();
    let mut world = settled(world);
    let shown = world.see(0, |view| string::shown(view, KEY)).unwrap();
    assert_eq!((shown.value.as_slice(), shown.expiry), (b"new".as_slice(), None));
    world.set_time(6_000);
    assert_eq!(text(&world).as_deref(), Some("new"));
}

#[test]
fn expire_the_longest_of_two_wins() {
    let string: fn(&mut World) = |world| {
        world.run(0, |view, draft| string::set(view, KEY, b"v", None, draft)).unwrap();
    };
    let set: fn(&mut World) = |world| {
        world.run(0, |view, draft| set::add(view, KEY, b"m", draft)).unwrap();
    };
    for first in [string, set] {
        let mut world = two_with(first);
        world.run(0, |view, draft| key::expire(view, KEY, Millis(9_000), draft)).unwrap();
        world.run(1, |view, draft| key::expire(view, KEY, Millis(5_000), draft)).unwrap();
        let mut world = settled(world);
        assert_eq!(world.see(0, |view| key::expiry(view, KEY)), Some(Millis(9_000)));
        world.set_time(7_000);
        assert!(world.see(0, |view| key::exists(view, KEY)));
        world.set_time(9_000);
        assert!(!world.see(0, |view| key::exists(view, KEY)));
    }
}

#[test]
fn del_removes_what_it_observed_and_concurrent_adds_survive() {
    for member_count in [1, 20] {
        let mut world = two_with(|world| {
            for member in 0..member_count {
                world.run(0, |view, draft| set::add(view, KEY, &[member], draft)).unwrap();
            }
        });
        assert!(world.run(0, |view, draft| key::delete(view, KEY, draft)).unwrap());
        world.run(1, |view, draft| set::add(view, KEY, b"new", draft)).unwrap();
        let world = settled(world);
        assert_eq!(strings(world.see(0, |view| set::members(view, KEY))), "new");
    }
}

#[test]
fn type_clash_the_newest_type_shows_the_other_is_kept_and_del_clears_both() {
    let mut world = World::new(2);
    world.replicas[1].now = Millis(2_000);
    world.run(0, |view, draft| string::set(view, KEY, b"v", None, draft)).unwrap();
    world.run(1, |view, draft| set::add(view, KEY, b"m", draft)).unwrap();
    let mut world = settled(world);
    let kinds = world.see(0, |view| key::kinds(view, KEY)).unwrap();
    assert_eq!((kinds.shown, kinds.hidden), (Kind::Set, vec![Kind::String]));
    assert!(world.run(0, |view, draft| key::delete(view, KEY, draft)).unwrap());
    let world = settled(world);
    assert_eq!(world.see(1, |view| key::kinds(view, KEY)), None);
    assert!(world.replicas[1].cells.is_empty());
}

#[test]
fn flags_their_bias_decides_between_concurrent_switches() {
    let mut world = World::new(2);
    world.run(0, |view, draft| flag::set(view, KEY, Switch::On, draft)).unwrap();
    world.run(1, |view, draft| flag::set(view, KEY, Switch::Off, draft)).unwrap();
    let mut world = settled(world);
    assert_eq!(world.see(0, |view| flag::get(view, KEY, Bias::On)), Some(Switch::On));
    assert_eq!(world.see(0, |view| flag::get(view, KEY, Bias::Off)), Some(Switch::Off));
    world.run(1, |view, draft| flag::set(view, KEY, Switch::Off, draft)).unwrap();
    let world = settled(world);
    assert_eq!(world.see(0, |view| flag::get(view, KEY, Bias::On)), Some(Switch::Off));
}

#[test]
fn sketches_concurrent_additions_are_joined() {
    let mut world = World::new(2);
    world.run(0, |view, draft| sketch::add(view, KEY, &[b"a", b"b"], draft)).unwrap();
    world.run(1, |view, draft| sketch::add(view, KEY, &[b"b", b"c"], draft)).unwrap();
    let world = settled(world);
    assert_eq!(world.see(0, |view| sketch::get(view, KEY)).unwrap().count(), 3);
}
