//! Moving shards is safe: a node gives its copy up only when every owner has all of it; nobody is
//! removed but who was told to go; and when members are at rest, every node holds exactly the
//! shards that all agree it owns.

use std::collections::{BTreeMap, BTreeSet};

use causality::{Clock, NodeId};
use placement::{MemberState, Placement, Replication, ShardCount, ShardId, View};

use super::{Checker, Shown};
use crate::machine::Body;
use crate::observed::Observed;
use crate::tell;
use crate::world::World;

#[derive(Default)]
pub(super) struct Transfers {
    /// What each node held last, by shard.
    held: BTreeMap<usize, BTreeMap<u16, Clock>>,
    is_checked: bool,
}

impl Checker for Transfers {
    fn name(&self) -> &'static str {
        "shards move without loss"
    }

    fn observe(&mut self, world: &World<'_>, observed: &Observed<'_>) -> Result<(), String> {
        if !world.setup.has_changes() {
            return Ok(());
        }
        match observed {
            // What a machine had that is lost for good, others may have heard of before.
            Observed::Wounded { at } if !world.machines[*at].is_lost => {
                self.held.remove(at);
                Ok(())
            }
            Observed::Turned { at } => {
                let Some(process) = &world.machines[*at].process else { return Ok(()) };
                nobody_was_removed_unasked(world, process)?;
                let now = process.shard_summaries().into_iter();
                let now: BTreeMap<u16, Clock> =
                    now.map(|(shard, summary)| (shard, summary.clock)).collect();
                let before = self.held.remove(at).unwrap_or_default();
                let given_up = before.iter().filter(|(shard, _)| !now.contains_key(shard));
                for (shard, clock) in given_up {
                    self.check_given_up(world, process, *shard, clock)?;
                }
                self.held.insert(*at, now);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self, world: &World<'_>, _: &Shown) -> Result<(), String> {
        if !world.setup.has_changes() || std::mem::replace(&mut self.is_checked, true) {
            return Ok(());
        }
        everybody_holds_what_it_owns(world)
    }
}

impl Transfers {
    /// Every owner of when all is settled, by the view of the node that gave a shard up, has what
    /// it gave up.
    fn check_given_up(
        &self,
        world: &World<'_>,
        process: &node::Node<Body>,
        shard: u16,
        clock: &Clock,
    ) -> Result<(), String> {
        let (from, view) = (process.id().0, process.roster().view.settled());
        for owner in owners(world, &view, shard)? {
            let at = world.index(owner);
            let held = self.held.get(&at).and_then(|held| held.get(&shard));
            let missing = clock.difference(held.unwrap_or(&Clock::new()));
            // What of a retired actor was not known has another name now.
            let is_renamed = |actor| {
                let process = world.machines[at].process.as_ref();
                process.is_none_or(|process| process.has_retired(shard, actor))
            };
            if held.is_none() || !missing.iter().all(|(actor, _)| is_renamed(*actor)) {
                let held = held.map_or_else(|| "nothing".into(), tell::clock);
                let (to, gave) = (owner.0, tell::clock(clock));
                return Err(format!(
                    "n{from} gave up shard {shard} with {gave}, of which n{to} has {held}"
                ));
            }
        }
        Ok(())
    }
}

/// Who owns a shard by a view; computed anew, not taken from a node.
fn owners(world: &World<'_>, view: &View, shard: u16) -> Result<Vec<NodeId>, String> {
    let copies = Replication::Same(world.setup.replication);
    let count =
        ShardCount::new(u32::from(world.setup.shards)).map_err(|error| error.to_string())?;
    let version = view.placement_version();
    let table = Placement::compute(view, &copies, count, version);
    let table = table.map_err(|error| error.to_string())?;
    Ok(table.owners(ShardId(shard)).map(|member| NodeId(member.0)).collect())
}

fn nobody_was_removed_unasked(world: &World<'_>, process: &node::Node<Body>) -> Result<(), String> {
    let removed = process.members().into_iter();
    let mut removed = removed.filter(|member| member.state == MemberState::Removed);
    match removed.find(|member| !world.orders.dismissed.contains(&member.id)) {
        Some(member) => Err(format!("n{} was removed, and nobody said so", member.id.0)),
        None => Ok(()),
    }
}

fn everybody_holds_what_it_owns(world: &World<'_>) -> Result<(), String> {
    let mut agreed: Option<Vec<Vec<NodeId>>> = None;
    for machine in &world.machines {
        let Some(process) = &machine.process else { continue };
        let (id, owners) = (machine.id.0, process.owners());
        let expected = world.setup.owner_count() as usize;
        for (shard, owners) in owners.iter().enumerate() {
            let distinct: BTreeSet<&NodeId> = owners.iter().collect();
            if distinct.len() != expected || owners.len() != expected {
                return Err(format!("shard {shard} has the owners {owners:?}, not {expected}"));
            }
        }
        if *agreed.get_or_insert_with(|| owners.clone()) != owners {
            return Err(format!("n{id} places shards otherwise than others"));
        }
        let held = process.shard_summaries().into_iter().map(|(shard, _)| shard);
        let held: BTreeSet<u16> = held.collect();
        let owned = (0u16..).zip(&owners).filter(|(_, owners)| owners.contains(&machine.id));
        let owned: BTreeSet<u16> = owned.map(|(shard, _)| shard).collect();
        if held != owned {
            return Err(format!("n{id} holds {held:?} and owns {owned:?}"));
        }
    }
    Ok(())
}
