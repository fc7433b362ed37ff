//! Members that come and go: a node joins, leaves, is replaced or removed.

use std::rc::Rc;

use fastrand::Rng;

use super::Fault;
use crate::operator::Change;
use crate::setup::Setup;
use crate::world::World;

#[derive(Debug)]
struct Members {
    change: Change,
    seed: u64,
}

pub(super) fn draw(rng: &mut Rng, _: &Setup) -> Rc<dyn Fault> {
    let changes = [Change::Join, Change::Join, Change::Leave, Change::Replace, Change::Remove];
    let change = changes[rng.usize(0..changes.len())];
    Rc::new(Members { change, seed: rng.u64(..) })
}

impl Fault for Members {
    fn span_ms(&self) -> u64 {
        0
    }

    fn strike(&self, world: &mut World<'_>) -> Result<(), String> {
        world.begin_change(self.change, &mut Rng::with_seed(self.seed))
    }

    fn end(&self, _: &mut World<'_>) -> Result<(), String> {
        Ok(())
    }
}
