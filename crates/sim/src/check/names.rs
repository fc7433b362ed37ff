//! One name, one operation: no two operations of a shard with one dot are ever sent.

use std::collections::BTreeMap;

use causality::{Dot, HybridTime};
use cells::OwnedCellAddress;
use wire::shard::GroupsGiven;
use wire::{Message, ShardId};

use super::Checker;
use crate::observed::Observed;
use crate::world::World;

/// What all copies of an operation have in common, whatever became of what it inserted.
type Said = (HybridTime, OwnedCellAddress, Vec<Dot>);

#[derive(Default)]
pub(super) struct Names {
    known: BTreeMap<(ShardId, Dot), Said>,
}

impl Names {
    fn check(&mut self, shard: ShardId, dot: Dot, said: Said) -> Result<(), String> {
        match self.known.get(&(shard, dot)) {
            Some(known) if *known != said => {
                Err(format!("{dot} of shard {} names {known:?} and {said:?}", shard.0))
            }
            Some(_) => Ok(()),
            None => {
                self.known.insert((shard, dot), said);
                Ok(())
            }
        }
    }
}

impl Checker for Names {
    fn name(&self) -> &'static str {
        "one name, one operation"
    }

    fn observe(&mut self, _: &World<'_>, observed: &Observed<'_>) -> Result<(), String> {
        let Observed::Sent { message } = observed else { return Ok(()) };
        match message {
            Message::Replicate { shard, ops, .. } => ops.iter().try_for_each(|op| {
                self.check(*shard, op.dot, (op.time, op.cell.clone(), op.removed.to_vec()))
            }),
            Message::Given { shard, given: GroupsGiven::Groups { groups, .. }, .. } => {
                let mut members = groups
                    .iter()
                    .flat_map(|group| group.members.iter().map(move |one| (group, one)));
                members.try_for_each(|(group, one)| {
                    self.check(
                        *shard,
                        one.dot,
                        (one.time, group.cell.clone(), one.removed.to_vec()),
                    )
                })
            }
            _ => Ok(()),
        }
    }
}
