//! Sorted sets without races: order, sums, infinities.

use cells::Family;
use cells::types::counter::{Part, tally};
use cells::types::{TypeError, zset};

use crate::world::{KEY, World};

fn increment(world: &mut World, member: &[u8], by: f64) -> Result<f64, TypeError> {
    world.run(0, |view, draft| zset::increment(view, KEY, member, by, draft))
}

#[test]
fn members_come_in_the_order_of_score_and_member() {
    let mut world = World::new(1);
    let scores = [2.0, -1.5, f64::INFINITY, 0.0, -0.0, f64::NEG_INFINITY, 2.0];
    for (name, score) in (b'a'..).zip(scores) {
        let is_new = world.run(0, |view, draft| zset::add(view, KEY, &[name], score, draft));
        assert_eq!(is_new, Ok(true));
    }
    increment(&mut world, b"h", 1.0).unwrap();
    let members = world.see(0, |view| zset::members(view, KEY));
    let names: Vec<u8> = members.iter().map(|(member, _)| member[0]).collect();
    assert_eq!(names, b"fbdehagc");
    assert_eq!(world.see(0, |view| zset::count(view, KEY)), 8);
}

#[test]
fn scores_add_up_as_decimals_and_infinities_are_written() {
    let mut world = World::new(1);
    assert_eq!(increment(&mut world, b"m", 0.1), Ok(0.1));
    assert_eq!(increment(&mut world, b"m", 0.2), Ok(0.3));
    assert_eq!(increment(&mut world, b"m", 1e300), Ok(1e300));
    assert_eq!(increment(&mut world, b"m", f64::INFINITY), Ok(f64::INFINITY));
    assert_eq!(increment(&mut world, b"m", 5.0), Ok(f64::INFINITY));
    assert_eq!(increment(&mut world, b"m", f64::NEG_INFINITY), Err(TypeError::NotFinite));
    assert_eq!(increment(&mut world, b"n", 1e-12), Ok(1e-12));
    assert_eq!(increment(&mut world, b"o", 0.0), Ok(0.0));
    assert_eq!(world.see(0, |view| zset::score(view, KEY, b"o")), Some(0.0));
    let refused = world.run(0, |view, draft| zset::add(view, KEY, b"m", f64::NAN, draft));
    assert_eq!(refused, Err(TypeError::NotANumber));
}

/// What an index by score needs: from any changed cell the member, and from the member its score.
#[test]
fn every_cell_of_a_member_leads_to_its_score() {
    let mut world = World::new(2);
    world.run(0, |view, draft| zset::add(view, KEY, b"m", 5.0, draft)).unwrap();
    increment(&mut world, b"m", 2.5).unwrap();
    world.send(0, 1);
    world.run(1, |view, draft| zset::add(view, KEY, b"m", 1.0, draft)).unwrap();
    increment(&mut world, b"m", 0.25).unwrap();
    world.settle(&mut fastrand::Rng::with_seed(0));
    assert_eq!(world.replicas[0].cells.len(), 3, "member, entry, floor");
    for column in world.replicas[0].cells.keys() {
        assert_eq!(zset::member_of(column), Ok(Some(b"m".as_slice())));
    }
    assert_eq!(zset::member_of(&Family::SetMember.column(b"m")), Ok(None));
    let score = world.see(0, |view| {
        let tally = tally(view, KEY, Part::Zset, &zset::count_subkey(b"m"))?;
        let column = Family::ZsetMember.column(b"m");
        cells::ReadCells::read(view, KEY, &column, |cell| zset::visible_score(cell, &tally))?
    });
    assert_eq!(score, Some(1.25));
}
