//! Visitors leave no trace: when everything that was kept for absent owners has been handed over,
//! no clock counts an actor of a visit any more. Who has lost what it kept cannot end its visit.

use causality::Actor;

use super::{Checker, Shown};
use crate::world::World;

pub(super) struct Visitors;

impl Checker for Visitors {
    fn name(&self) -> &'static str {
        "visitors leave no trace"
    }

    fn end(&mut self, world: &World<'_>, _: &Shown) -> Result<(), String> {
        traces(world).map_or(Ok(()), Err)
    }
}

/// What is still kept for others, or still counted of it; nothing when all is over.
pub(super) fn traces(world: &World<'_>) -> Option<String> {
    for machine in &world.machines {
        let Some(process) = &machine.process else { continue };
        let visits = process.status().kept.visit_count;
        if visits > 0 {
            return Some(format!("n{} still keeps {visits} shards for others", machine.id.0));
        }
        for (shard, clock) in process.open_clocks() {
            let is_left =
                |actor: Actor| node::is_visitor(actor) && !world.wounded.contains(&actor.node());
            if let Some((actor, _)) = clock.iter().find(|(actor, _)| is_left(*actor)) {
                return Some(format!("n{} counts {actor} in shard {shard}", machine.id.0));
            }
        }
    }
    None
}
