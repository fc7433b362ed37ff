//! Full disks: after a few more bytes nothing can be written for a while.

use std::rc::Rc;

use fastrand::Rng;

use super::{Fault, any_node, span};
use crate::setup::Setup;
use crate::world::World;

#[derive(Debug)]
struct Full {
    node: usize,
    room: u64,
    span_ms: u64,
}

pub(super) fn draw(rng: &mut Rng, setup: &Setup) -> Rc<dyn Fault> {
    Rc::new(Full { node: any_node(rng, setup), room: rng.u64(0..4_000), span_ms: span(rng, setup) })
}

impl Fault for Full {
    fn span_ms(&self) -> u64 {
        self.span_ms
    }

    fn strike(&self, world: &mut World<'_>) -> Result<(), String> {
        world.machines[self.node].fill(self.room);
        Ok(())
    }

    fn end(&self, world: &mut World<'_>) -> Result<(), String> {
        world.machines[self.node].mend();
        Ok(())
    }
}
