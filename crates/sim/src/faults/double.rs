//! Double starts: a second process is started on a directory that is in use.

use std::rc::Rc;

use fastrand::Rng;

use super::{Fault, any_node};
use crate::setup::Setup;
use crate::world::World;

#[derive(Debug)]
struct Double {
    node: usize,
}

pub(super) fn draw(rng: &mut Rng, setup: &Setup) -> Rc<dyn Fault> {
    Rc::new(Double { node: any_node(rng, setup) })
}

impl Fault for Double {
    fn span_ms(&self) -> u64 {
        0
    }

    fn strike(&self, world: &mut World<'_>) -> Result<(), String> {
        let machine = &mut world.machines[self.node];
        if machine.is_up() && machine.starts_twice(world.setup) {
            return Err(format!("n{} was started twice", self.node + 1));
        }
        Ok(())
    }

    fn end(&self, _: &mut World<'_>) -> Result<(), String> {
        Ok(())
    }
}
