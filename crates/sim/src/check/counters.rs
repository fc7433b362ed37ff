//! Counters: every promised increment counts, and none counts twice.

use std::collections::BTreeMap;

use api::{Operation, Outcome};

use crate::clients::{Deed, look};
use crate::run::Violation;
use crate::world::World;

pub(crate) fn check(world: &mut World, at: usize) -> Result<(), Violation> {
    let promised = tally(&world.history.promised);
    for (key, attempted) in tally(&world.history.attempted) {
        let least = promised.get(&key).copied().unwrap_or(0);
        let shown = match world.look(at, look(&key, Operation::Get)) {
            Some(Outcome::Value(value)) => {
                String::from_utf8_lossy(&value).parse().unwrap_or(u64::MAX)
            }
            Some(Outcome::Nothing) => 0,
            other => return Err(Violation(format!("{key} at {at}: {other:?}"))),
        };
        if !(least..=attempted).contains(&shown) {
            let text = format!(
                "{key} at {at} shows {shown}: {least} were promised, {attempted} attempted"
            );
            return Err(Violation(text));
        }
    }
    Ok(())
}

fn tally(deeds: &[Deed]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for deed in deeds {
        if let Deed::Add(key) = deed {
            *counts.entry(key.clone()).or_default() += 1;
        }
    }
    counts
}
