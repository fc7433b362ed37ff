//! Disks that do not flush, and say so.

use std::rc::Rc;

use fastrand::Rng;

use super::{Fault, any_node, span};
use crate::setup::Setup;
use crate::world::World;

#[derive(Debug)]
struct Flush {
    node: usize,
    span_ms: u64,
}

pub(super) fn draw(rng: &mut Rng, setup: &Setup) -> Rc<dyn Fault> {
    Rc::new(Flush { node: any_node(rng, setup), span_ms: span(rng, setup) })
}

impl Fault for Flush {
    fn span_ms(&self) -> u64 {
        self.span_ms
    }

    fn strike(&self, world: &mut World<'_>) -> Result<(), String> {
        world.machines[self.node].stop_flushing();
        Ok(())
    }

    fn end(&self, world: &mut World<'_>) -> Result<(), String> {
        world.machines[self.node].mend();
        Ok(())
    }
}
