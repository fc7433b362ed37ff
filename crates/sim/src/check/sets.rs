//! Sets: a promised member is there unless somebody tried to take it out; one whose removal was
//! promised is not, and does not come back.

use std::collections::BTreeSet;

use api::{Operation, Outcome};

use crate::clients::{Deed, look};
use crate::run::Violation;
use crate::world::World;

pub(crate) fn check(world: &mut World, at: usize) -> Result<(), Violation> {
    let joined = members(&world.history.promised, Kind::Joined);
    let left = members(&world.history.promised, Kind::Left);
    let maybe_left = members(&world.history.attempted, Kind::Left);
    let keys: BTreeSet<String> = joined.iter().map(|(key, _)| key.clone()).collect();
    for key in keys {
        let shown = match world.look(at, look(&key, Operation::SetMembers)) {
            Some(Outcome::Values(values)) => values,
            other => return Err(Violation(format!("{key} at {at}: {other:?}"))),
        };
        let is_shown = |member: &u64| shown.contains(&member.to_string().into_bytes());
        for (_, member) in joined.difference(&maybe_left).filter(|(held, _)| *held == key) {
            if !is_shown(member) {
                return Err(Violation(format!("LOST: {member} of {key} at {at}")));
            }
        }
        for (_, member) in left.iter().filter(|(held, _)| *held == key) {
            if is_shown(member) {
                return Err(Violation(format!("RESURRECTED: {member} of {key} at {at}")));
            }
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Joined,
    Left,
}

fn members(deeds: &[Deed], kind: Kind) -> BTreeSet<(String, u64)> {
    let member = |deed: &Deed| match deed {
        Deed::Join(key, member) if kind == Kind::Joined => Some((key.clone(), *member)),
        Deed::Leave(key, member) if kind == Kind::Left => Some((key.clone(), *member)),
        _ => None,
    };
    deeds.iter().filter_map(member).collect()
}
