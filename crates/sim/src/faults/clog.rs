//! Clogs: what one node sends to another is held, and arrives all at once in the end.

use std::rc::Rc;

use fastrand::Rng;

use super::{Fault, any_node, span};
use crate::setup::Setup;
use crate::world::World;

#[derive(Debug)]
struct Clog {
    from: usize,
    to: usize,
    span_ms: u64,
}

pub(super) fn draw(rng: &mut Rng, setup: &Setup) -> Rc<dyn Fault> {
    let (from, to) = (any_node(rng, setup), any_node(rng, setup));
    Rc::new(Clog { from, to, span_ms: span(rng, setup) })
}

impl Fault for Clog {
    fn span_ms(&self) -> u64 {
        self.span_ms
    }

    fn strike(&self, world: &mut World<'_>) -> Result<(), String> {
        world.network.clog(world.way(self.from, self.to));
        Ok(())
    }

    fn end(&self, world: &mut World<'_>) -> Result<(), String> {
        let (now, way) = (world.now, world.way(self.from, self.to));
        world.network.unclog(now, way);
        Ok(())
    }
}
