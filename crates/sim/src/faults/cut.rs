//! Cuts: between two nodes, around one, around a datacenter, or anywhere; in both directions or
//! in one.

use std::rc::Rc;

use fastrand::Rng;

use super::{Fault, any_node, span};
use crate::setup::Setup;
use crate::world::World;

#[derive(Debug)]
struct Cut {
    /// The ways that are cut.
    ways: Vec<(usize, usize)>,
    span_ms: u64,
}

pub(super) fn draw(rng: &mut Rng, setup: &Setup) -> Rc<dyn Fault> {
    let nodes = 0..setup.node_count();
    let left: Vec<usize> = match rng.u8(0..4) {
        0 => vec![any_node(rng, setup)],
        1 => datacenter(rng, setup),
        2 => nodes.clone().filter(|_| rng.bool()).collect(),
        _ => return pair(rng, setup),
    };
    let right: Vec<usize> = nodes.filter(|node| !left.contains(node)).collect();
    build(rng, setup, &left, &right)
}

fn pair(rng: &mut Rng, setup: &Setup) -> Rc<dyn Fault> {
    let (left, right) = (any_node(rng, setup), any_node(rng, setup));
    if left == right {
        return build(rng, setup, &[], &[]);
    }
    build(rng, setup, &[left], &[right])
}

fn datacenter(rng: &mut Rng, setup: &Setup) -> Vec<usize> {
    let chosen = rng.usize(0..setup.datacenters.len());
    let first: u32 = setup.datacenters[..chosen].iter().sum();
    let last = first + setup.datacenters[chosen];
    (first as usize..last as usize).collect()
}

/// Nodes are cut off from all others, both ways.
pub(crate) fn cut_off(nodes: &[usize], setup: &Setup, span_ms: u64) -> Rc<dyn Fault> {
    let others: Vec<usize> = (0..setup.node_count()).filter(|node| !nodes.contains(node)).collect();
    let both = |(left, right)| [(left, right), (right, left)];
    let pairs = nodes.iter().flat_map(|left| others.iter().map(|right| (*left, *right)));
    Rc::new(Cut { ways: pairs.flat_map(both).collect(), span_ms })
}

fn build(rng: &mut Rng, setup: &Setup, left: &[usize], right: &[usize]) -> Rc<dyn Fault> {
    let is_one_way = rng.u8(0..3) == 0;
    let mut ways = Vec::new();
    for left in left {
        for right in right {
            ways.push((*left, *right));
            if !is_one_way {
                ways.push((*right, *left));
            }
        }
    }
    Rc::new(Cut { ways, span_ms: span(rng, setup) })
}

impl Fault for Cut {
    fn span_ms(&self) -> u64 {
        self.span_ms
    }

    fn strike(&self, world: &mut World<'_>) -> Result<(), String> {
        self.ways.iter().for_each(|(from, to)| world.cut(*from, *to));
        Ok(())
    }

    fn end(&self, world: &mut World<'_>) -> Result<(), String> {
        self.ways.iter().for_each(|(from, to)| world.mend(*from, *to));
        Ok(())
    }
}
