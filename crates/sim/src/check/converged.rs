//! Convergence: all owners of a shard hold the same, by clock and by digest.

use std::collections::BTreeMap;

use super::{ledger, visitors};
use crate::world::World;

/// What has still to happen before all is over; nothing when it is.
pub(crate) fn what_is_left(world: &World<'_>) -> Option<String> {
    if !is_converged(world) {
        return Some("the owners are not equal".into());
    }
    visitors::traces(world).or_else(|| ledger::unreported(world))
}

/// Says whether all nodes are up and equal. Replicas that have dropped expired versions up to
/// different moments may differ in what they still hold, not in what they know. What is kept for
/// absent owners has still to come.
pub(crate) fn is_converged(world: &World<'_>) -> bool {
    let mut first = BTreeMap::new();
    world.machines.iter().all(|machine| {
        machine.process.as_ref().is_some_and(|process| {
            process.status().kept.visit_count == 0
                && process.shard_summaries().into_iter().all(|(shard, summary)| {
                    let held = first.entry(shard).or_insert_with(|| summary.clone());
                    held.clock == summary.clock
                        && (held.horizon != summary.horizon || held.digest == summary.digest)
                })
        })
    })
}

/// Sums what all nodes hold.
pub(crate) fn digest(world: &World<'_>) -> u128 {
    let processes = world.machines.iter().filter_map(|machine| machine.process.as_ref());
    let summaries = processes.flat_map(node::Node::shard_summaries);
    summaries.fold(0, |sum: u128, (_, summary)| sum.wrapping_mul(31).wrapping_add(summary.digest))
}
