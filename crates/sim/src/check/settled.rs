//! Nothing is left behind: when all is over, no node waits for anything or differs from a peer.

use super::{Checker, Shown};
use crate::world::World;

pub(super) struct Settled;

impl Checker for Settled {
    fn name(&self) -> &'static str {
        "nothing is left behind"
    }

    fn end(&mut self, world: &World<'_>, _: &Shown) -> Result<(), String> {
        for machine in &world.machines {
            let Some(status) = machine.process.as_ref().map(node::Node::status) else { continue };
            if status.waiting_count > 0 {
                return Err(format!("n{} still waits: {}", status.id.0, status.waiting_count));
            }
        }
        Ok(())
    }
}
