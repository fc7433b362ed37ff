//! Strings and map fields without races: numbers, bytes, contexts.

use causality::Dot;
use cells::types::map::{self, Path};
use cells::types::register::{Crowd, SIBLING_COUNT_MAX, SIBLING_COUNT_WARN};
use cells::types::{TypeError, string};

use crate::world::{KEY, World};

fn set(world: &mut World, value: &str) {
    world.run(0, |view, draft| string::set(view, KEY, value.as_bytes(), None, draft)).unwrap();
}

fn get(world: &World) -> String {
    String::from_utf8(world.see(0, |view| string::get(view, KEY)).unwrap()).unwrap()
}

fn check_decimal(before: &str, by: &str, expected: Result<&str, TypeError>) {
    let mut world = World::new(1);
    set(&mut world, before);
    let sum = world.run(0, |v, d| string::increment_decimal(v, KEY, by.as_bytes(), d));
    let sum = sum.map(|text| String::from_utf8(text).unwrap());
    assert_eq!(sum.as_deref(), expected.as_ref().copied(), "{before} + {by}");
    let after = expected.unwrap_or(before);
    assert_eq!(get(&world), after, "{before} + {by}");
}

#[test]
fn decimals_are_added_exactly() {
    check_decimal("10.50", "0.1", Ok("10.6"));
    check_decimal("10.6", "-5", Ok("5.6"));
    check_decimal("5.0e3", "2.0e2", Ok("5200"));
    check_decimal("3.0", "0.25", Ok("3.25"));
    check_decimal("9223372036854775807", "-1", Ok("9223372036854775806"));
    // Beyond what counters hold: written as a float.
    check_decimal("1e300", "1", Ok(&format!("{}", 1e300)));
    check_decimal("9223372036854775807", "1", Ok("9223372036854776000"));
    check_decimal("1.7e308", "1.7e308", Err(TypeError::NotFinite));
    check_decimal("1", "inf", Err(TypeError::NotFinite));
    check_decimal("1", "nan", Err(TypeError::NotANumber));
    check_decimal("text", "1", Err(TypeError::NotANumber));
    check_decimal("1", "one", Err(TypeError::NotANumber));
}

#[test]
fn tenths_add_up_to_ones() {
    let mut world = World::new(1);
    let path = Path::field(b"f");
    for _ in 0..10 {
        world.run(0, |v, d| map::increment_decimal(v, KEY, &path, b"0.1", d)).unwrap();
    }
    assert_eq!(world.see(0, |view| map::get(view, KEY, &path)), Some(b"1".to_vec()));
    assert_eq!(world.run(0, |v, d| map::increment(v, KEY, &path, 1, d)), Ok(2));
}

#[test]
fn integers_overflow_as_an_error_and_change_nothing() {
    let mut world = World::new(1);
    set(&mut world, "9223372036854775807");
    let sum = world.run(0, |view, draft| string::increment(view, KEY, 1, draft));
    assert_eq!(sum, Err(TypeError::Overflow));
    let texts = [TypeError::Overflow, TypeError::NotAnInteger].map(|error| error.to_string());
    assert_eq!(texts[0], "increment or decrement would overflow");
    assert_eq!(texts[1], "value is not an integer or out of range");
    for text in ["", " 1", "01", "-0", "+1", "1.5", "9223372036854775808", "x"] {
        set(&mut world, text);
        let sum = world.run(0, |view, draft| string::increment(view, KEY, 1, draft));
        assert_eq!(sum, Err(TypeError::NotAnInteger), "{text:?}");
        assert_eq!(get(&world), text);
    }
}

#[test]
fn concurrent_increments_stop_at_the_ends_of_the_range() {
    let mut world = World::new(2);
    for at in [0, 1] {
        let sum = world.run(at, |view, draft| string::increment(view, KEY, i64::MAX, draft));
        assert_eq!(sum, Ok(i64::MAX));
    }
    world.settle(&mut fastrand::Rng::with_seed(0));
    assert_eq!(get(&world), i64::MAX.to_string());
    let sum = world.run(0, |view, draft| string::increment(view, KEY, 1, draft));
    assert_eq!(sum, Err(TypeError::Overflow));
}

#[test]
fn a_counter_goes_up_and_down_far_beyond_what_one_entry_holds() {
    let mut world = World::new(1);
    for _ in 0..3_000 {
        let up = world.run(0, |view, draft| string::increment(view, KEY, i64::MAX, draft));
        assert_eq!(up, Ok(i64::MAX));
        let down = world.run(0, |view, draft| string::increment(view, KEY, -i64::MAX, draft));
        assert_eq!(down, Ok(0));
    }
    assert_eq!(get(&world), "0");
}

#[test]
fn an_increment_by_nothing_makes_the_key() {
    let mut world = World::new(1);
    assert_eq!(world.run(0, |view, draft| string::increment(view, KEY, 0, draft)), Ok(0));
    assert_eq!(get(&world), "0");
    let before = world.minted.len();
    assert_eq!(world.run(0, |view, draft| string::increment(view, KEY, 0, draft)), Ok(0));
    assert_eq!(world.minted.len(), before, "it was there already");
}

#[test]
fn bytes_are_appended_and_overwritten() {
    let mut world = World::new(1);
    assert_eq!(world.run(0, |v, d| string::append(v, KEY, b"ab", d)), Ok(2));
    assert_eq!(world.run(0, |v, d| string::set_range(v, KEY, 4, b"e", d)), Ok(5));
    assert_eq!(get(&world), "ab\0\0e");
    assert_eq!(world.run(0, |v, d| string::set_range(v, KEY, 1, b"B", d)), Ok(5));
    assert_eq!(get(&world), "aB\0\0e");
    let refused = world.run(0, |v, d| string::set_range(v, KEY, usize::MAX, b"x", d));
    assert_eq!(refused, Err(TypeError::TooLong));
}

#[test]
fn an_increment_is_one_change_of_a_few_bytes_and_goes_on_in_its_entry() {
    let mut world = World::new(1);
    for count in 1..=100 {
        let before = world.minted.len();
        assert_eq!(world.run(0, |v, d| string::increment(v, KEY, 1, d)), Ok(count));
        assert_eq!(world.minted.len(), before + 1);
    }
    assert_eq!(world.replicas[0].cells.len(), 1);
    let held = world.replicas[0].cells.values().next().unwrap();
    assert_eq!(held.live.len(), 1);
    assert!(held.live[0].3.len() <= 4);
}

#[test]
fn a_context_supersedes_what_it_names_and_nothing_else() {
    let mut world = World::new(3);
    for (at, value) in [(0, b"a"), (1, b"b"), (2, b"c")] {
        world.run(at, |view, draft| string::set(view, KEY, value, None, draft)).unwrap();
    }
    world.send(1, 0);
    let read: Vec<Dot> =
        world.see(0, |view| string::siblings(view, KEY)).iter().map(|one| one.dot).collect();
    assert_eq!(read.len(), 2);
    // The client goes on at another replica, which has not heard of the first value yet.
    world.send(2, 1);
    let crowd = world.run(1, |v, d| string::resolve(v, KEY, (b"a+b", None), &read, d));
    assert_eq!(crowd, Ok(Crowd::Few));
    world.settle(&mut fastrand::Rng::with_seed(0));
    let mut values: Vec<_> =
        world.see(0, |view| string::siblings(view, KEY)).into_iter().map(|s| s.value).collect();
    values.sort();
    assert_eq!(values, [b"a+b".to_vec(), b"c".to_vec()]);
}

#[test]
fn a_crowd_of_siblings_is_reported_and_then_refused() {
    let mut world = World::new(1);
    for count in 1..=SIBLING_COUNT_MAX {
        let crowd = world.run(0, |v, d| string::resolve(v, KEY, (b"v", None), &[], d));
        let expected = if count < SIBLING_COUNT_WARN { Crowd::Few } else { Crowd::Many(count) };
        assert_eq!(crowd, Ok(expected));
    }
    let refused = world.run(0, |v, d| string::resolve(v, KEY, (b"v", None), &[], d));
    let (count, limit) = (SIBLING_COUNT_MAX + 1, SIBLING_COUNT_MAX);
    assert_eq!(refused, Err(TypeError::Siblings { count, limit }));
    assert_eq!(world.see(0, |view| string::sibling_count(view, KEY)), SIBLING_COUNT_MAX);
}

#[test]
fn maps_nest_by_path() {
    let mut world = World::new(1);
    let user = Path::field(b"user");
    let name = user.clone().child(b"name");
    let visits = user.clone().child(b"visits").child(b"2026");
    world.run(0, |v, d| map::set(v, KEY, &name, b"starling", d)).unwrap();
    world.run(0, |v, d| map::increment(v, KEY, &visits, 2, d)).unwrap();
    world.run(0, |v, d| map::increment(v, KEY, &user, 5, d)).unwrap();
    world.run(0, |v, d| map::set(v, KEY, &Path::field(b"usernames"), b"x", d)).unwrap();
    assert_eq!(name.components().unwrap(), [b"user".as_slice(), b"name"]);
    let mut below = world.see(0, |view| map::below(view, KEY, &user));
    below.sort();
    let value = |text: &str| text.as_bytes().to_vec();
    assert_eq!(
        below,
        [(user.clone(), value("5")), (name, value("starling")), (visits, value("2"))]
    );
    assert_eq!(world.see(0, |view| map::get(view, KEY, &user)), Some(value("5")));
    assert_eq!(world.see(0, |view| map::count(view, KEY)), 4);
    assert_eq!(world.run(0, |v, d| map::remove_below(v, KEY, &user, d)), Ok(3));
    assert_eq!(world.see(0, |view| map::count(view, KEY)), 1);
}
