//! Read repair: who is found behind by a read takes what it misses of the keys that were read.
//!
//! The question for some keys carries the clock of whoever asks and the sums of what it holds
//! around them. Who is asked sees from that whether it may be behind itself, and then asks back for
//! the keys: operations with evidence travel both ways, merged state neither way. Done before the
//! answer, it makes reads at a quorum go forward only: what one has shown is then had by a quorum,
//! and the next finds it, through whichever owner it goes.
//!
//! Reads that look at one owner compare too, now and then, in the background.

use std::collections::BTreeMap;

use api::Call;
use causality::{Millis, NodeId};
use cells::{KeyAddress, Keyspace};
use replica::SealedDetail;
use storage::Store;
use wire::shard::{GroupsGiven, GroupsWanted, KeySum};
use wire::{Message, Repair, RequestId, ShardId};

use crate::config::ReadRepair;
use crate::event::Outbox;
use crate::mutation::Mutation;
use crate::node::Node;
use crate::questions::keys_of;

/// The most repairs under way at once; what is over is left to the comparison of clocks.
const REPAIRS_MAX: usize = 1_024;

/// A part of all reads is so many of these.
const THOUSAND: u32 = 1_000;

/// What reads have repaired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepairCounts {
    /// Reads at one owner that compared in the background.
    pub sampled: u64,
    /// How often a read of another owner seemed to know more of its key than was known here.
    pub behind: u64,
    /// Operations that were taken for that.
    pub moved: u64,
}

/// The repairs under way.
#[derive(Debug, Default)]
pub(crate) struct Repairs {
    open: BTreeMap<RequestId, Open>,
    /// How much of the next sample has come together, in thousandths.
    sample: u32,
    pub(crate) counts: RepairCounts,
}

/// Keys that are being compared with others, and no call waits for it.
#[derive(Debug)]
struct Open {
    keys: Vec<(Keyspace, Box<[u8]>)>,
    repair: Repair,
    /// How many have not answered.
    left: usize,
    deadline: Millis,
    owed: Option<Owed>,
}

/// An answer that waits for a repair.
#[derive(Debug)]
struct Owed {
    to: NodeId,
    shard: ShardId,
    request: RequestId,
    given: GroupsGiven,
}

/// A question for some keys, as it came.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) from: NodeId,
    pub(crate) shard: ShardId,
    pub(crate) request: RequestId,
    pub(crate) repair: Repair,
    pub(crate) patience_ms: u64,
    pub(crate) keys: &'a [KeySum],
    pub(crate) wanted: &'a GroupsWanted,
}

impl Repairs {
    /// The keys of a repair, what others are to do about them, and until when.
    pub(crate) fn question(
        &self,
        request: RequestId,
    ) -> Option<(impl Iterator<Item = KeyAddress<'_>>, Repair, Millis)> {
        let open = self.open.get(&request)?;
        let keys = open.keys.iter().map(|(keyspace, key)| KeyAddress { keyspace: *keyspace, key });
        Some((keys, open.repair, open.deadline))
    }

    pub(crate) fn is_open(&self, request: RequestId) -> bool {
        self.open.contains_key(&request)
    }

    /// Forgets what was not answered in time; nobody waits for it.
    pub(crate) fn give_up_late(&mut self, now: Millis) {
        self.open.retain(|_, open| now < open.deadline);
    }

    /// Says whether the turn of one of so many reads has come.
    fn is_sampled(&mut self, part: u32) -> bool {
        self.sample = self.sample.saturating_add(part.min(THOUSAND));
        let left = self.sample.checked_sub(THOUSAND);
        self.sample = left.unwrap_or(self.sample);
        left.is_some()
    }
}

impl<S: Store> Node<S> {
    /// What those do that reads of this node find behind.
    pub(crate) const fn repair(&self) -> Repair {
        match self.config.coordination.read_repair {
            ReadRepair::Blocking => Repair::First,
            ReadRepair::Background => Repair::Later,
            ReadRepair::Off => Repair::No,
        }
    }

    /// Answers a peer whose read waits for some keys.
    pub(crate) fn take_keys_wanted(&mut self, now: Millis, asked: Asked<'_>, out: &mut Outbox) {
        let Asked { from, shard, request, keys, wanted, .. } = asked;
        let Some(patience_ms) = self.patience_left(asked.patience_ms) else { return };
        // A read that waits must not count an owner that is not whole.
        if self.transfers.is_filling(shard.0) {
            return;
        }
        self.heed_clock(now, from, (shard.0, &wanted.applied), out);
        self.note_covered(now, from, shard.0, &wanted.applied);
        let Some(replica) = self.replicas.get_mut(&shard.0) else { return };
        let Ok(given) = replica.give_key_groups(&mut self.store, wanted, keys) else { return };
        let is_whole = matches!(given, GroupsGiven::Groups { .. });
        let is_behind = is_whole && asked.repair != Repair::No && replica.is_behind(wanted, keys);
        if !is_behind || self.repairs.open.len() >= REPAIRS_MAX {
            self.send(from, Message::Given { shard, request, given }, out);
            return;
        }
        self.repairs.counts.behind += 1;
        let is_first = asked.repair == Repair::First && !self.is_mutated(Mutation::RepairedLater);
        let owed = if is_first {
            Some(Owed { to: from, shard, request, given })
        } else {
            self.send(from, Message::Given { shard, request, given }, out);
            None
        };
        let deadline = now.plus(patience_ms.min(self.config.request_timeout_ms));
        let keys = keys.iter().map(|key| (key.keyspace, key.key.clone())).collect();
        let open = Open { keys, repair: Repair::No, left: 1, deadline, owed };
        let request = self.new_request();
        self.repairs.open.insert(request, open);
        self.ask_for(now, (from, shard.0), request, SealedDetail::Hash, out);
    }

    /// A peer has given what it has of some keys, or cannot.
    pub(crate) fn repair_answered(&mut self, request: RequestId, out: &mut Outbox) {
        let Some(open) = self.repairs.open.get_mut(&request) else { return };
        open.left -= 1;
        if open.left > 0 {
            return;
        }
        let open = self.repairs.open.remove(&request).expect("it was found just now");
        if let Some(Owed { to, shard, request, given }) = open.owed {
            self.send(to, Message::Given { shard, request, given }, out);
        }
    }

    /// Compares the keys of a read that looks at one owner with the others, if its turn has come.
    pub(crate) fn sample(&mut self, now: Millis, shard: u16, call: &Call, out: &mut Outbox) {
        if call.operation.is_write() || self.config.coordination.read_repair == ReadRepair::Off {
            return;
        }
        let part = self.config.coordination.read_repair_per_mille;
        if part == 0 || !self.repairs.is_sampled(part) || self.repairs.open.len() >= REPAIRS_MAX {
            return;
        }
        let Some(keys) = keys_of(call) else { return };
        let others = self.topology.other_readers(shard).into_iter();
        let others: Vec<NodeId> = others.filter(|node| self.is_reachable(*node)).collect();
        if others.is_empty() {
            return;
        }
        self.repairs.counts.sampled += 1;
        let keys = keys.into_iter().map(|key| (key.keyspace, key.key.into())).collect();
        let (deadline, left) = (self.deadline(now), others.len());
        let open = Open { keys, repair: Repair::Later, left, deadline, owed: None };
        let request = self.new_request();
        self.repairs.open.insert(request, open);
        for other in others {
            self.ask_for(now, (other, shard), request, SealedDetail::Hash, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_the_part_that_was_asked_for() {
        for (part, expected) in [(0, 0), (1, 10), (100, 1_000), (THOUSAND, 10_000)] {
            let mut repairs = Repairs::default();
            let sampled = (0..10_000).filter(|_| repairs.is_sampled(part)).count();
            assert_eq!(sampled, expected);
        }
    }
}
