//! Rot: a byte of a stopped machine's disk changes.

use std::rc::Rc;

use fastrand::Rng;
use storage::Crash;

use super::{Fault, any_node, span};
use crate::setup::Setup;
use crate::world::World;

#[derive(Debug)]
struct Rot {
    node: usize,
    seed: u64,
    span_ms: u64,
}

pub(super) fn draw(rng: &mut Rng, setup: &Setup) -> Rc<dyn Fault> {
    Rc::new(Rot { node: any_node(rng, setup), seed: rng.u64(..), span_ms: span(rng, setup) })
}

impl Fault for Rot {
    fn span_ms(&self) -> u64 {
        self.span_ms
    }

    fn strike(&self, world: &mut World<'_>) -> Result<(), String> {
        world.machines[self.node].held += 1;
        world.crash(self.node, Crash::Process);
        world.machines[self.node].rot(&mut Rng::with_seed(self.seed));
        world.wound(self.node);
        Ok(())
    }

    fn end(&self, world: &mut World<'_>) -> Result<(), String> {
        world.machines[self.node].held -= 1;
        world.boot(self.node)
    }
}
