//! Bytes that disks and peers hold: none of them may ever change its meaning.

use causality::{Actor, Dot, Incarnation, Millis, NodeId};
use cells::types::list::{self, End};
use cells::types::map::{self, Path};
use cells::types::{between, key, register, set, sketch, string, zset};

use crate::world::{KEY, World};

/// Checks the only cell: its column, and its payload.
fn check(world: &World, column: &[u8], payload: &[u8]) {
    let cells: Vec<_> = world.replicas[0].cells.iter().collect();
    let [(held_column, held)] = cells[..] else { panic!("one cell: {cells:?}") };
    assert_eq!(held_column, column);
    assert_eq!(held.live[0].3, payload);
}

/// The first dot of the first replica, as columns spell it.
const BIRTH: [u8; 16] = [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];

#[test]
fn registers() {
    let mut world = World::new(1);
    world.run(0, |v, d| string::set(v, KEY, b"v", None, d)).unwrap();
    check(&world, &[3], &[0, b'v']);
    assert_eq!(register::write_payload(b"v"), [0, b'v']);
    world.run(0, |v, d| key::expire(v, KEY, Millis(9_000), d)).unwrap();
    // Written at 1000 ms (0x03e8), by dot 1.
    let time = [0, 0, 0, 0, 3, 0xe8, 0, 0];
    check(&world, &[3], &[&[1][..], &time, &BIRTH, b"v"].concat());
}

#[test]
fn counters_and_their_floors() {
    let mut world = World::new(1);
    world.run(0, |v, d| string::increment(v, KEY, -3, d)).unwrap();
    check(&world, &[&[4][..], &BIRTH].concat(), &[0, 0, 0, 3]);
    world.run(0, |v, d| string::increment_decimal(v, KEY, b"12.5", d)).unwrap();
    check(&world, &[&[4][..], &BIRTH].concat(), &[1, 125, 0, 3]);
    world.run(0, |v, d| string::remove(v, KEY, d)).unwrap();
    let floor = &world.replicas[0].cells[&[&[5][..], &BIRTH].concat()];
    assert_eq!(floor.live[0].3, [1, 125, 0, 3]);
}

#[test]
fn fields_and_members() {
    let mut world = World::new(1);
    world.run(0, |v, d| map::set(v, KEY, &Path::field(b"ab").child(b"c"), b"v", d)).unwrap();
    check(&world, &[7, 2, b'a', b'b', 1, b'c'], &[0, b'v']);
    let mut world = World::new(1);
    world.run(0, |v, d| map::increment(v, KEY, &Path::field(b"ab"), 1, d)).unwrap();
    check(&world, &[&[8, 2, b'a', b'b'][..], &BIRTH].concat(), &[0, 1, 0, 0]);
    let mut world = World::new(1);
    world.run(0, |v, d| set::add(v, KEY, b"m", d)).unwrap();
    check(&world, &[6, b'm'], &[]);
    let mut world = World::new(1);
    world.run(0, |v, d| zset::add(v, KEY, b"m", 1.0, d)).unwrap();
    check(&world, &[10, b'm'], &[0xbf, 0xf0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(zset::score_key(-1.0), [0x40, 0x0f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    let mut world = World::new(1);
    world.run(0, |v, d| zset::increment(v, KEY, b"m", 1.0, d)).unwrap();
    check(&world, &[&[11, 1, b'm'][..], &BIRTH].concat(), &[0, 1, 0, 0]);
}

#[test]
fn ends_of_keys() {
    let mut world = World::new(1);
    world.run(0, |v, d| set::add(v, KEY, b"m", d)).unwrap();
    world.run(0, |v, d| key::expire(v, KEY, Millis(258), d)).unwrap();
    let record = &world.replicas[0].cells[&vec![2]];
    assert_eq!(record.live[0].3, [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn sketches() {
    let mut world = World::new(1);
    world.run(0, |v, d| sketch::add(v, KEY, &[b"a", b"b"], d)).unwrap();
    check(&world, &[15], &[1, 167, 99, 2, 252, 23, 1]);
}

#[test]
fn positions() {
    let mut world = World::new(1);
    world.run(0, |v, d| list::push(v, KEY, End::Back, &[b"x"], d)).unwrap();
    check(&world, &[13, 0xc3, 1, 0, 0, 0, 1, 1, 0, 0x80], b"x");
    let [one, other] = [1, 300].map(|node| Actor::new(NodeId(node), Incarnation(258)));
    let check = |left: Option<&[u8]>, right: Option<&[u8]>, dot, expected: &[&[u8]]| {
        let position = between(left, right, dot).unwrap();
        assert_eq!(position, expected.concat());
        position
    };
    let mine: &[u8] = &[0xc3, 1, 0, 0, 1, 2, 5];
    let theirs: &[u8] = &[0xf9, 1, 44, 0, 0, 1, 2];
    let first = check(None, None, Dot::new(one, 5), &[mine, &[0, 0x80]]);
    // The run goes on, 395 further; then something goes just before that.
    let further = [0xf9, 1, 139];
    let second = check(Some(&first), None, Dot::new(one, 400), &[mine, &further, &[0x80]]);
    let before = [0x40, 0xf9, 1, 145, 0xff, 0x80];
    check(Some(&first), Some(&second), Dot::new(one, 401), &[mine, &further, &before]);
    // Another actor: between the two, at the back, at the front.
    let dot = |counter| Dot::new(other, counter);
    let between_two: [&[u8]; 4] = [mine, &[0, 0xc3], theirs, &[9, 0, 0x80]];
    check(Some(&first), Some(&second), dot(9), &between_two);
    check(Some(&second), None, dot(10), &[&[0xe0, 1, 3], theirs, &[10, 0, 0x80]]);
    check(None, Some(&first), dot(11), &[&[0xa0, 0xfe, 2], theirs, &[11, 0xff, 0x80]]);
}
