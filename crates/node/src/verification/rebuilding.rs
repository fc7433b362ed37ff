//! Shards whose rows are not to be trusted: given away, emptied, and fetched again.
//!
//! ```text
//! damaged -> not used; its operations are still given from the log
//!         -> another owner is whole and has every operation that is here
//!         -> emptied, under a name that has minted nothing in the shard
//!         -> fetched as a new owner would, and used again when it is whole
//! ```
//!
//! Invariants: a damaged shard answers nothing and takes nothing, so nobody is told of an absence
//! that is a loss; it is emptied only when what it knew is held elsewhere, whole and sound. When no
//! owner of a shard is sound, nothing is emptied: that is for a person to decide.

use std::collections::{BTreeMap, BTreeSet};

use causality::{Clock, Millis, NodeId};
use replica::{Condition, Replica};
use storage::Store;
use thiserror::Error;
use wire::{Message, News, ShardId, Standing};

use super::Notice;
use crate::event::Outbox;
use crate::mutation::Mutation;
use crate::node::Node;

/// The most damaged shards that are asked about in one message.
const SHARDS_PER_QUESTION: usize = 256;

/// For how long a shard that was read as a whole is not read again because something is amiss.
const READ_PAUSE_MS: u64 = 60_000;

/// Why what is left of a shard was not taken for the truth. It is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AcceptError {
    /// The shard has no replica here.
    #[error("shard {0} is not owned by this node")]
    NotOwned(u16),
    /// It is not damaged, so there is nothing to decide.
    #[error("shard {0} is not damaged here, and has lost nothing that is not back")]
    NotDamaged(u16),
    /// The store does not give what is left.
    #[error("what is left of shard {0} cannot be read")]
    Unreadable(u16),
}

/// Whether what is here of a shard can be built on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Soundness {
    /// It is whole, as far as anyone knows.
    Sound,
    /// It is being fetched.
    Filling,
    /// Some versions were lost, and are not known to be all back.
    Mending,
    /// Its rows are not to be trusted: it is not used.
    Damaged,
}

/// The shards of this node that are damaged, and what other owners have said of them.
#[derive(Debug, Default)]
pub(super) struct Rebuilding {
    heard: BTreeMap<u16, BTreeMap<NodeId, (Standing, Clock)>>,
    /// Shards in which something could not be read, or made no sense.
    suspects: BTreeSet<u16>,
    /// When all of a shard was read for that last.
    read: BTreeMap<u16, Millis>,
}

impl<S: Store> Node<S> {
    /// Something of a shard could not be read, or made no sense: all of it is read again.
    pub(crate) fn suspect(&mut self, shard: u16) {
        self.verification.rebuilding.suspects.insert(shard);
    }

    /// Reads a shard that is suspected; one with a beat, and none again at once.
    fn read_suspect(&mut self, now: Millis) {
        let rebuilding = &mut self.verification.rebuilding;
        rebuilding.read.retain(|_, at| now.0.saturating_sub(at.0) < READ_PAUSE_MS);
        let read = &rebuilding.read;
        let next = rebuilding.suspects.iter().copied().find(|shard| !read.contains_key(shard));
        if let Some(shard) = next {
            rebuilding.suspects.remove(&shard);
            rebuilding.read.insert(shard, now);
            self.use_what_is_left(shard);
        }
    }

    /// Whether the rows of a shard are not to be trusted.
    pub(crate) fn is_damaged(&self, shard: u16) -> bool {
        let condition = self.replicas.get(&shard).map(Replica::condition);
        condition == Some(Condition::Quarantined) && !self.is_mutated(Mutation::DamagedServed)
    }

    /// Says whether what is here of a shard can be built on; nothing when it is not held here.
    #[must_use]
    pub fn soundness(&self, shard: u16) -> Option<Soundness> {
        let replica = self.replicas.get(&shard)?;
        Some(if self.transfers.is_filling(shard) {
            Soundness::Filling
        } else if self.is_damaged(shard) {
            Soundness::Damaged
        } else if replica.has_losses() {
            Soundness::Mending
        } else {
            Soundness::Sound
        })
    }

    /// Asks about damaged shards, and empties those of which another owner has everything.
    pub(crate) fn follow_damage(&mut self, now: Millis, out: &mut Outbox) {
        self.read_suspect(now);
        let held = self.replicas.iter();
        let damaged = held.filter(|(_, one)| one.condition() == Condition::Quarantined);
        let damaged: Vec<u16> = damaged.map(|(shard, _)| *shard).collect();
        self.verification.rebuilding.heard.retain(|shard, _| damaged.contains(shard));
        let mut questions: BTreeMap<NodeId, Vec<ShardId>> = BTreeMap::new();
        for shard in damaged {
            if self.may_rebuild(shard) {
                self.rebuild(now, shard, out);
                continue;
            }
            self.verification.rebuilding.heard.entry(shard).or_default();
            for owner in self.topology.other_owners(shard) {
                questions.entry(owner).or_default().push(ShardId(shard));
            }
        }
        let view = self.view_hash();
        for (owner, mut shards) in questions {
            shards.truncate(SHARDS_PER_QUESTION);
            let news = News::ReportsWanted { view, shards };
            self.send(owner, Message::Gossip(news.encode()), out);
        }
    }

    /// Takes what another owner holds of a shard that is damaged here.
    pub(crate) fn note_standing(
        &mut self,
        from: NodeId,
        shard: u16,
        (standing, clock): (Standing, &Clock),
    ) {
        if let Some(heard) = self.verification.rebuilding.heard.get_mut(&shard) {
            heard.insert(from, (standing, clock.clone()));
        }
    }

    /// Takes what is left here of a shard in doubt for the truth, because a person says so: the way
    /// out when no owner of it is sound. The others are emptied and fetch it from here; what was
    /// lost at all of them is lost. Returns how many versions are left. The driver must make a
    /// checkpoint next, and wake the node.
    ///
    /// # Errors
    /// The shard is not in doubt here, or the store failed. It is as it was.
    pub fn accept_rows(&mut self, now: Millis, shard: u16) -> Result<u64, AcceptError> {
        let replica = self.replicas.get_mut(&shard).ok_or(AcceptError::NotOwned(shard))?;
        if replica.condition() != Condition::Quarantined && !replica.has_losses() {
            return Err(AcceptError::NotDamaged(shard));
        }
        let left = replica.trust_rows(&mut self.store);
        let left = left.map_err(|_| AcceptError::Unreadable(shard))?;
        self.unstable.insert(shard);
        self.verification.wake = now;
        Ok(left)
    }

    fn may_rebuild(&self, shard: u16) -> bool {
        let Some(replica) = self.replicas.get(&shard) else { return false };
        let here = replica.whole_clock();
        let has_all = |(standing, clock): &(Standing, Clock)| {
            *standing == Standing::Ready
                && (clock.covers(&here) || self.is_mutated(Mutation::EmptiedUnasked))
        };
        let heard = self.verification.rebuilding.heard.get(&shard);
        heard.is_some_and(|heard| heard.values().any(has_all))
    }

    fn rebuild(&mut self, now: Millis, shard: u16, out: &mut Outbox) {
        let Some(replica) = self.replicas.get(&shard) else { return };
        if replica.clock().get(replica.actor()).is_some() {
            // What was minted under the present name is forgotten here: it must not be minted anew.
            self.begin_life_for(now, shard, out);
        }
        let Some(replica) = self.replicas.get_mut(&shard) else { return };
        // What fails now is tried again.
        if replica.empty(&mut self.store).is_err() {
            return;
        }
        self.verification.rebuilding.heard.remove(&shard);
        self.verification.counts.rebuilt += 1;
        self.verification.tell(Notice::Emptied { shard });
        self.takeovers.remove(&shard);
        self.begin_filling(now, [shard]);
        self.unstable.insert(shard);
        out.is_checkpoint_due = true;
    }
}
