//! Pauses: a process does nothing for a while, and what arrives waits for it.

use std::rc::Rc;

use fastrand::Rng;

use super::{Fault, any_node, span};
use crate::setup::Setup;
use crate::world::World;

#[derive(Debug)]
struct Pause {
    node: usize,
    span_ms: u64,
}

pub(super) fn draw(rng: &mut Rng, setup: &Setup) -> Rc<dyn Fault> {
    Rc::new(Pause { node: any_node(rng, setup), span_ms: span(rng, setup) })
}

impl Fault for Pause {
    fn span_ms(&self) -> u64 {
        self.span_ms
    }

    fn strike(&self, world: &mut World<'_>) -> Result<(), String> {
        world.machines[self.node].paused += 1;
        world.wake_again(self.node);
        Ok(())
    }

    fn end(&self, world: &mut World<'_>) -> Result<(), String> {
        let machine = &mut world.machines[self.node];
        machine.paused -= 1;
        if machine.paused > 0 {
            return Ok(());
        }
        for event in std::mem::take(&mut machine.waiting) {
            world.event(self.node, event);
        }
        world.wake_again(self.node);
        Ok(())
    }
}
