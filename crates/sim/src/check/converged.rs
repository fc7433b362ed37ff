//! Convergence: all owners of a shard hold the same, by clock and by digest.

use std::collections::BTreeMap;

use node::{Node, Soundness};

use super::{ledger, visitors};
use crate::machine::Body;
use crate::tell;
use crate::world::World;

/// What has still to happen before all is over; nothing when it is.
pub(crate) fn what_is_left(world: &World<'_>) -> Option<String> {
    if let Some(change) = world.change_under_way() {
        return Some(change);
    }
    if !is_converged(world) {
        return Some(difference(world));
    }
    if let Some(unserved) = unserved(world) {
        return Some(unserved);
    }
    visitors::traces(world).or_else(|| ledger::unreported(world))
}

/// Says whether all nodes are up and equal. Replicas that have dropped expired versions up to
/// different moments may differ in what they still hold, not in what they know. What is kept for
/// absent owners has still to come.
pub(crate) fn is_converged(world: &World<'_>) -> bool {
    let mut first = BTreeMap::new();
    present(world).all(|(_, process)| {
        process.is_some_and(|process| {
            process.status().kept.visit_count == 0
                && process.shard_summaries().into_iter().all(|(shard, summary)| {
                    let held = first.entry(shard).or_insert_with(|| summary.clone());
                    held.clock == summary.clock
                        && (held.horizon != summary.horizon || held.digest == summary.digest)
                })
        })
    })
}

/// What it is that keeps the owners from being equal, in words.
fn difference(world: &World<'_>) -> String {
    let mut first = BTreeMap::new();
    for (id, process) in present(world) {
        let Some(process) = process else { return format!("n{id} is down") };
        for (shard, summary) in process.shard_summaries() {
            let (other, held) = first.entry(shard).or_insert_with(|| (id, summary.clone()));
            if held.clock != summary.clock {
                let (theirs, mine) = (tell::clock(&held.clock), tell::clock(&summary.clock));
                return format!("n{other} has {theirs} of shard {shard}, n{id} {mine}");
            }
            if held.horizon == summary.horizon && held.digest != summary.digest {
                return format!("n{other} and n{id} know the same of shard {shard} and differ");
            }
        }
        let kept = process.status().kept.visit_count;
        if kept > 0 {
            return format!("n{id} keeps operations of {kept} shards for others");
        }
    }
    "the owners are not equal".into()
}

/// A shard that its owner has and does not answer for.
fn unserved(world: &World<'_>) -> Option<String> {
    present(world).find_map(|(id, process)| {
        let process = process?;
        let is_unserved = |shard: &u16| {
            matches!(process.soundness(*shard), Some(Soundness::Damaged | Soundness::Filling))
        };
        let shard = (0..world.setup.shards).find(is_unserved)?;
        Some(format!("n{id} does not serve shard {shard}"))
    })
}

fn present<'a>(world: &'a World<'_>) -> impl Iterator<Item = (u32, Option<&'a Node<Body>>)> {
    let machines = world.machines.iter().filter(|machine| !machine.is_lost);
    machines.map(|machine| (machine.id.0, machine.process.as_ref()))
}

/// Sums what all nodes hold.
pub(crate) fn digest(world: &World<'_>) -> u128 {
    let processes = world.machines.iter().filter_map(|machine| machine.process.as_ref());
    let summaries = processes.flat_map(Node::shard_summaries);
    summaries.fold(0, |sum: u128, (_, summary)| sum.wrapping_mul(31).wrapping_add(summary.digest))
}
