//! Quotas: what waits at a node, and what it keeps for others, stays within its bounds.

use super::Checker;
use crate::observed::Observed;
use crate::world::World;

/// What one turn may add after a bound was last looked at: one command's operations.
const SLACK_BYTES: u64 = 4 << 10;

/// How many turns pass between two looks.
const EVERY: u32 = 8;

#[derive(Default)]
pub(super) struct Quotas {
    turns: u32,
}

impl Checker for Quotas {
    fn name(&self) -> &'static str {
        "bounds are kept"
    }

    fn observe(&mut self, world: &World<'_>, observed: &Observed<'_>) -> Result<(), String> {
        let Observed::Turned { at } = observed else { return Ok(()) };
        self.turns += 1;
        let (Some(process), true) =
            (&world.machines[*at].process, self.turns.is_multiple_of(EVERY))
        else {
            return Ok(());
        };
        let (limits, status, node) = (&world.setup.coordination, process.status(), at + 1);
        let (waiting, most) = (status.waiting_count, limits.calls_max);
        if waiting > most {
            return Err(format!("{waiting} calls wait at n{node}, of {most}"));
        }
        // What no owner holds is never dropped: it is bounded by what visits may keep.
        let owners = u64::from(world.setup.owner_count());
        let kept_max = limits.hint_bytes_max + SLACK_BYTES;
        let kept = status.kept;
        if kept.visit_bytes > kept_max {
            return Err(format!("{} bytes are kept at n{node}, of {kept_max}", kept.visit_bytes));
        }
        let peers = world.machines.len() as u64;
        let hinted_max = limits.hint_bytes_max * peers + kept_max * owners;
        if kept.hint_bytes > hinted_max {
            return Err(format!(
                "{} bytes are hinted at n{node}, of {hinted_max}",
                kept.hint_bytes
            ));
        }
        Ok(())
    }
}
