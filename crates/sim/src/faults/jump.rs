//! Jumps: a clock is moved ahead or back, and set right again later.

use std::rc::Rc;

use fastrand::Rng;

use super::{Fault, any_node, span};
use crate::setup::Setup;
use crate::world::World;

/// How far a clock jumps at most.
pub(crate) const JUMP_MS_MAX: u64 = 5_000;

#[derive(Debug)]
struct Jump {
    node: usize,
    by_ms: i64,
    span_ms: u64,
}

pub(super) fn draw(rng: &mut Rng, setup: &Setup) -> Rc<dyn Fault> {
    let most = i64::try_from(JUMP_MS_MAX).unwrap_or(i64::MAX);
    let by_ms = rng.i64(-most..=most);
    Rc::new(Jump { node: any_node(rng, setup), by_ms, span_ms: span(rng, setup) })
}

impl Fault for Jump {
    fn span_ms(&self) -> u64 {
        self.span_ms
    }

    fn strike(&self, world: &mut World<'_>) -> Result<(), String> {
        world.machines[self.node].clock.jump(self.by_ms);
        world.wake_again(self.node);
        Ok(())
    }

    fn end(&self, world: &mut World<'_>) -> Result<(), String> {
        world.machines[self.node].clock.jump(0);
        world.wake_again(self.node);
        Ok(())
    }
}
