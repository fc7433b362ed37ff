//! Slow ways: everything one node sends to another, or to anybody, takes longer.

use std::rc::Rc;

use fastrand::Rng;

use super::{Fault, any_node, span};
use crate::setup::Setup;
use crate::world::World;

#[derive(Debug)]
struct Slow {
    ways: Vec<(usize, usize)>,
    by_ms: i64,
    span_ms: u64,
}

pub(super) fn draw(rng: &mut Rng, setup: &Setup) -> Rc<dyn Fault> {
    let from = any_node(rng, setup);
    let is_one = rng.bool();
    let only = any_node(rng, setup);
    let others = (0..setup.node_count()).filter(|to| *to != from && (!is_one || *to == only));
    let ways = others.map(|to| (from, to)).collect();
    Rc::new(Slow { ways, by_ms: rng.i64(10..1_500), span_ms: span(rng, setup) })
}

impl Fault for Slow {
    fn span_ms(&self) -> u64 {
        self.span_ms
    }

    fn strike(&self, world: &mut World<'_>) -> Result<(), String> {
        for (from, to) in &self.ways {
            world.network.slow(world.way(*from, *to), self.by_ms);
        }
        Ok(())
    }

    fn end(&self, world: &mut World<'_>) -> Result<(), String> {
        for (from, to) in &self.ways {
            world.network.slow(world.way(*from, *to), -self.by_ms);
        }
        Ok(())
    }
}
