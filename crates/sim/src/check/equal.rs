//! Equal clocks mean equal state: two owners that have applied the same operations, and dropped
//! what expired up to the same moment, hold the same versions, except where an owner itself knows
//! that it has lost some. Looked at now and then.

use std::collections::BTreeMap;

use causality::Millis;
use node::Soundness;

use super::Checker;
use crate::observed::Observed;
use crate::world::World;

/// How many turns pass between two looks.
const EVERY: u32 = 32;

#[derive(Default)]
pub(super) struct Equal {
    turns: u32,
}

impl Checker for Equal {
    fn name(&self) -> &'static str {
        "equal clocks, equal state"
    }

    fn observe(&mut self, world: &World<'_>, observed: &Observed<'_>) -> Result<(), String> {
        if !matches!(observed, Observed::Turned { .. }) {
            return Ok(());
        }
        self.turns += 1;
        if self.turns.is_multiple_of(EVERY) { look(world) } else { Ok(()) }
    }
}

fn look(world: &World<'_>) -> Result<(), String> {
    let mut held: BTreeMap<(u16, Millis), Vec<(usize, wire::shard::Summary)>> = BTreeMap::new();
    for (at, machine) in world.machines.iter().enumerate() {
        let Some(process) = &machine.process else { continue };
        for (shard, summary) in process.shard_summaries() {
            let soundness = process.soundness(shard);
            if matches!(soundness, Some(Soundness::Damaged | Soundness::Mending)) {
                continue;
            }
            let others = held.entry((shard, summary.horizon)).or_default();
            let unequal = |(_, other): &&(usize, wire::shard::Summary)| {
                other.clock == summary.clock && other.digest != summary.digest
            };
            if let Some((other, _)) = others.iter().find(unequal) {
                return Err(format!(
                    "shard {shard} at n{} and n{}: clock {:?} at both",
                    other + 1,
                    at + 1,
                    summary.clock
                ));
            }
            others.push((at, summary));
        }
    }
    Ok(())
}
