//! Restored copies: a backup is taken, and some time later put back.

use std::cell::RefCell;
use std::rc::Rc;

use fastrand::Rng;
use storage::Crash;

use super::{Fault, any_node, span};
use crate::machine::Backup;
use crate::setup::Setup;
use crate::world::World;

#[derive(Debug)]
struct Restore {
    node: usize,
    span_ms: u64,
    backup: RefCell<Option<Backup>>,
}

pub(super) fn draw(rng: &mut Rng, setup: &Setup) -> Rc<dyn Fault> {
    let (node, span_ms) = (any_node(rng, setup), span(rng, setup));
    Rc::new(Restore { node, span_ms, backup: RefCell::new(None) })
}

impl Fault for Restore {
    fn span_ms(&self) -> u64 {
        self.span_ms
    }

    fn strike(&self, world: &mut World<'_>) -> Result<(), String> {
        let backup = world.machines[self.node].backup();
        self.backup.replace(backup);
        // A store knows that it was put back by the runs it does not tell of.
        world.crash(self.node, Crash::Process);
        world.boot(self.node)
    }

    fn end(&self, world: &mut World<'_>) -> Result<(), String> {
        let Some(backup) = self.backup.take() else { return Ok(()) };
        world.crash(self.node, Crash::Process);
        if world.machines[self.node].restore(backup) {
            world.wound(self.node);
        }
        world.boot(self.node)
    }
}
