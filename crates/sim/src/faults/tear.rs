//! Torn writes: a process dies in the middle of a coming change of its disk.

use std::rc::Rc;

use fastrand::Rng;

use super::{Fault, any_node};
use crate::setup::Setup;
use crate::world::World;

#[derive(Debug)]
struct Tear {
    node: usize,
    changes: u64,
}

pub(super) fn draw(rng: &mut Rng, setup: &Setup) -> Rc<dyn Fault> {
    Rc::new(Tear { node: any_node(rng, setup), changes: rng.u64(1..40) })
}

impl Fault for Tear {
    fn span_ms(&self) -> u64 {
        0
    }

    fn strike(&self, world: &mut World<'_>) -> Result<(), String> {
        let machine = &world.machines[self.node];
        if machine.is_up() {
            machine.die_soon(self.changes);
        }
        Ok(())
    }

    fn end(&self, _: &mut World<'_>) -> Result<(), String> {
        Ok(())
    }
}
