//! Wiped directories: a machine comes back with an empty disk.

use std::rc::Rc;

use fastrand::Rng;
use storage::Crash;

use super::{Fault, any_node, span};
use crate::setup::Setup;
use crate::world::World;

#[derive(Debug)]
struct Wipe {
    node: usize,
    span_ms: u64,
}

pub(super) fn draw(rng: &mut Rng, setup: &Setup) -> Rc<dyn Fault> {
    Rc::new(Wipe { node: any_node(rng, setup), span_ms: span(rng, setup) })
}

impl Fault for Wipe {
    fn span_ms(&self) -> u64 {
        self.span_ms
    }

    fn strike(&self, world: &mut World<'_>) -> Result<(), String> {
        world.machines[self.node].held += 1;
        world.crash(self.node, Crash::Process);
        world.machines[self.node].wipe();
        world.wound(self.node);
        Ok(())
    }

    fn end(&self, world: &mut World<'_>) -> Result<(), String> {
        world.machines[self.node].held -= 1;
        world.boot(self.node)
    }
}
