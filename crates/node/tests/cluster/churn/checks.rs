//! What must hold when everybody is at rest.

use std::collections::{BTreeMap, BTreeSet};

use api::{Operation, Outcome};
use causality::NodeId;
use placement::MemberState;

use super::clients::{call, counter_key, members_of, set_key};
use super::world::World;

/// Checks everything.
pub fn everything(world: &mut World) -> Result<(), String> {
    only_the_dismissed_have_gone(world)?;
    every_shard_has_its_owners_and_nobody_else(world)?;
    sets_hold_what_was_promised(world)?;
    counters_are_exact(world)
}

fn only_the_dismissed_have_gone(world: &World) -> Result<(), String> {
    let processes = world.machines.iter().filter_map(|machine| machine.process.as_ref());
    for member in processes.flat_map(node::Node::members) {
        let is_gone = member.state == MemberState::Removed;
        // A member may have died after keeping an order and before it answered.
        if is_gone && !world.dismissed.contains(&member.id) && world.tally.crashed == 0 {
            return Err(format!("{:?} was removed and nobody said so", member.id));
        }
    }
    Ok(())
}

fn every_shard_has_its_owners_and_nobody_else(world: &World) -> Result<(), String> {
    let processes = || world.machines.iter().filter_map(|machine| machine.process.as_ref());
    let Some(first) = processes().next() else { return Err("nobody is up".into()) };
    let (owners, members) = (first.owners(), first.members());
    let mut in_datacenters: BTreeMap<&str, usize> = BTreeMap::new();
    for member in members.iter().filter(|member| member.state == MemberState::Active) {
        *in_datacenters.entry(&member.datacenter).or_default() += 1;
    }
    let copies = usize::from(world.rules.replication);
    let expected: usize = in_datacenters.values().map(|count| (*count).min(copies)).sum();
    for (shard, owners) in owners.iter().enumerate() {
        let distinct: BTreeSet<&NodeId> = owners.iter().collect();
        if distinct.len() != expected || owners.len() != expected {
            return Err(format!("shard {shard} has the owners {owners:?}, not {expected}"));
        }
    }
    for machine in &world.machines {
        let Some(node) = &machine.process else { continue };
        if node.owners() != owners {
            return Err(format!("n{} places shards otherwise", machine.id.0));
        }
        let held: BTreeSet<u16> = node.shard_summaries().iter().map(|(shard, _)| *shard).collect();
        let owned = (0u16..).zip(&owners).filter(|(_, owners)| owners.contains(&machine.id));
        let owned: BTreeSet<u16> = owned.map(|(shard, _)| shard).collect();
        if held != owned {
            return Err(format!("n{} holds {held:?} and owns {owned:?}", machine.id.0));
        }
    }
    Ok(())
}

fn sets_hold_what_was_promised(world: &mut World) -> Result<(), String> {
    for (key, promised) in world.clients.members.clone() {
        for at in world.present() {
            let outcome = world.look(at, call(set_key(key), Operation::SetMembers))?;
            let lost: Vec<u32> = promised.difference(&members_of(&outcome)).copied().collect();
            if !lost.is_empty() {
                let id = world.machines[at].id;
                return Err(format!("{id:?} has lost {lost:?} of s{key}: {outcome:?}"));
            }
        }
    }
    Ok(())
}

fn counters_are_exact(world: &mut World) -> Result<(), String> {
    for (key, (promised, attempted)) in world.clients.counters.clone() {
        for at in world.present() {
            let outcome = world.look(at, call(counter_key(key), Operation::Get))?;
            let shown = match &outcome {
                Outcome::Nothing => 0,
                Outcome::Value(value) => std::str::from_utf8(value).unwrap().parse().unwrap(),
                other => return Err(format!("n{key}: {other:?}")),
            };
            // An increment without an answer may have been done, once.
            if !(promised..=attempted).contains(&shown) {
                return Err(format!("n{key} is {shown}, not {promised} to {attempted}"));
            }
        }
    }
    Ok(())
}
