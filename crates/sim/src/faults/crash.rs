//! Crashes: one process killed, one machine without power, or all of them at once.

use std::rc::Rc;

use fastrand::Rng;
use storage::Crash as Kind;

use super::{Fault, any_node, span};
use crate::setup::Setup;
use crate::world::World;

#[derive(Debug)]
struct Crash {
    nodes: Vec<usize>,
    kind: Kind,
    span_ms: u64,
}

pub(super) fn draw(rng: &mut Rng, setup: &Setup) -> Rc<dyn Fault> {
    let nodes = match rng.u8(0..10) {
        0 => (0..setup.node_count()).collect(),
        _ => vec![any_node(rng, setup)],
    };
    let kind = [Kind::Process, Kind::Power, Kind::PowerLosesAll][rng.usize(0..3)];
    Rc::new(Crash { nodes, kind, span_ms: span(rng, setup) })
}

/// Processes are killed and come back after a while.
pub(crate) fn kill(nodes: Vec<usize>, span_ms: u64) -> Rc<dyn Fault> {
    Rc::new(Crash { nodes, kind: Kind::Process, span_ms })
}

impl Fault for Crash {
    fn span_ms(&self) -> u64 {
        self.span_ms
    }

    fn strike(&self, world: &mut World<'_>) -> Result<(), String> {
        for node in &self.nodes {
            world.machines[*node].held += 1;
            world.crash(*node, self.kind);
        }
        Ok(())
    }

    fn end(&self, world: &mut World<'_>) -> Result<(), String> {
        for node in &self.nodes {
            world.machines[*node].held -= 1;
            world.boot(*node)?;
        }
        Ok(())
    }
}
