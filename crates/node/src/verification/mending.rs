//! Giving back what was lost: both ways, one version at a time, each with its proof.

use causality::{Millis, NodeId};
use replica::ReplicaError;
use storage::Store;
use wire::shard::{Detail, LostVersion, Names, Reinstate, StateCellsWanted, StateSession};
use wire::{Message, RequestId, ShardId};

use super::checking::clock_size;
use super::{At, Notice, Step, Verdict};
use crate::event::Outbox;
use crate::mutation::Mutation;
use crate::node::Node;

/// The most versions asked for in one message.
const LOST_COUNT_MAX: usize = 1_024;

impl<S: Store> Node<S> {
    /// Takes what a peer holds in a range: what this node has lost is asked for, what the peer has
    /// lost is given.
    pub(crate) fn take_names(
        &mut self,
        now: Millis,
        from: NodeId,
        (shard, request): (ShardId, RequestId),
        names: &Names,
        out: &mut Outbox,
    ) {
        self.charge(size_of_names(names));
        let Some(check) = self.verification.asked(now, from, shard.0, request) else { return };
        let Step::List { ranges, after } = &mut check.step else { return };
        let Some(range) = ranges.last().copied() else { return };
        check.at = At::Due(now);
        let wanted = StateCellsWanted {
            session: StateSession::PRESENT,
            first: range.first,
            last: range.last,
            after: after.take(),
            detail: Detail::Names,
            budget: 0,
        };
        after.clone_from(&names.next);
        if names.next.is_none() {
            ranges.pop();
        }
        let is_last = ranges.is_empty();
        let Some(replica) = self.replicas.get(&shard.0) else { return };
        let Ok(found) = replica.differences(&mut self.store, &wanted, names) else {
            self.end_check(now, shard.0, Verdict::Unknown);
            return;
        };
        if self.is_mutated(Mutation::MendedByRemoval) {
            self.remove_differing(shard.0, &found.lost_there);
        } else {
            for lost in &found.lost_there {
                self.give_back(from, (shard, request), lost, out);
            }
        }
        for versions in found.lost_here.chunks(LOST_COUNT_MAX) {
            let versions = versions.to_vec();
            self.send(from, Message::Lost { shard, request, versions }, out);
        }
        if is_last {
            self.compare_again(now, shard.0);
        }
    }

    /// Sends a version to a peer that seems to have lost it; returns how much that was.
    pub(super) fn give_back(
        &mut self,
        to: NodeId,
        (shard, request): (ShardId, RequestId),
        lost: &LostVersion,
        out: &mut Outbox,
    ) -> usize {
        let Some(replica) = self.replicas.get(&shard.0) else { return 0 };
        // One that was removed meanwhile is not there to be given.
        let Ok(reinstate) = replica.give_back(&mut self.store, &lost.cell, lost.dot) else {
            return 0;
        };
        let payload = reinstate.version.payload.as_ref().map_or(0, |payload| payload.len());
        let size = size_of_cell(&lost.cell) + clock_size(&reinstate.clock) + payload;
        self.charge(size);
        self.verification.counts.given += 1;
        self.send(to, Message::Reinstate { shard, request, reinstate }, out);
        size
    }

    /// Takes a version back, if it was lost here.
    pub(crate) fn take_reinstate(
        &mut self,
        now: Millis,
        from: NodeId,
        shard: u16,
        given: &Reinstate,
    ) {
        self.believe_offers(shard, self.is_mutated(Mutation::MendedUnproven));
        let is_uncounted = self.is_mutated(Mutation::MendedUncounted);
        let Some(replica) = self.replicas.get_mut(&shard) else { return };
        match replica.reinstate(&mut self.store, given) {
            Ok(()) if is_uncounted => {}
            Ok(()) => {
                self.verification.counts.mended += 1;
                *self.verification.mended.entry((shard, from)).or_default() += 1;
                self.verification.wake = now;
            }
            Err(ReplicaError::NotReinstated { .. }) => self.verification.counts.refused += 1,
            // A replica that changes nothing at the moment is offered it again.
            Err(_) => {}
        }
    }

    /// Hands out what a person should know.
    pub(super) fn tell_mended(&mut self, out: &mut Outbox) {
        out.notices.append(&mut self.verification.notices);
        for ((shard, peer), count) in std::mem::take(&mut self.verification.mended) {
            out.notices.push(Notice::Mended { shard, peer, count });
        }
    }
}

/// The bytes of what is named, roughly.
pub(super) fn size_of_names(names: &Names) -> usize {
    let cells = names.cells.iter().map(|one| size_of_cell(&one.cell) + 16 * one.versions.len());
    clock_size(&names.clock) + cells.sum::<usize>()
}

fn size_of_cell(cell: &cells::OwnedCellAddress) -> usize {
    16 + cell.key.len() + cell.column.len()
}
