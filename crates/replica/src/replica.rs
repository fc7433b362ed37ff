//! One shard replica: what it holds, how it is opened, what it tells about itself.
//!
//! Invariants (checked by the property suite after every step):
//! - a dot is applied iff its complete effect is in the rows;
//! - the rows are a function of (applied clock, expiry horizon);
//! - live dots are applied, gone dots are not;
//! - the log holds every applied dot above its actor's floor; own dots have no gaps;
//! - the digest of the live versions equals the stored digest.

use std::collections::BTreeMap;

use causality::{Actor, Clock, Dot, HybridClock, HybridTime, Millis, NodeId};
use merkle::Tree;
use storage::{Entry, Store};
use wire::shard::Summary;

use crate::error::ReplicaError;
use crate::format::{decode_record, decode_state, encode_state};
use crate::image::Images;
use crate::inspect::Conflicts;
use crate::keyed::ByKey;
use crate::recent::{HeldHash, Recent};
use crate::state::DurableState;

/// Limits and bounds of a replica.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How far ahead of this node's clock a time may lie before it is no longer followed.
    pub skew_bound_ms: u64,
    /// How long after its expiry a version is dropped: skew and delivery lag together.
    pub expiry_margin_ms: u64,
    /// Expiry horizons are multiples of this, so that replicas meet on the same ones.
    pub expiry_grid_ms: u64,
    /// The largest key.
    pub key_size_max: usize,
    /// The largest subkey, family byte included.
    pub column_size_max: usize,
    /// The largest value.
    pub payload_size_max: usize,
    /// The most bytes of preimages kept for one state image.
    pub image_bytes_max: usize,
    /// How many operations of the log are looked at one by one for a question about few keys;
    /// beyond, they are listed by key.
    pub unlisted_max: u64,
}

/// What a replica may do at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Everything.
    Serving,
    /// It takes over another replica's state and changes nothing else.
    Fetching,
    /// Its rows do not match their digest: it waits to be rebuilt.
    Quarantined,
    /// An operation is in the log and its effect is not in the rows, because the store failed in
    /// between: it must be opened again, which applies the log.
    Broken,
}

/// One shard replica. All calls take the store of its worker.
#[derive(Debug)]
pub struct Replica {
    pub(crate) shard: u16,
    pub(crate) me: Actor,
    pub(crate) settings: Settings,
    pub(crate) state: DurableState,
    pub(crate) condition: Condition,
    pub(crate) time: HybridClock,
    pub(crate) tree: Tree,
    pub(crate) images: Images,
    /// What the other owners last said they had applied.
    pub(crate) reported: BTreeMap<NodeId, Clock>,
    /// When operations were minted, of the last seconds.
    pub(crate) recent: Recent,
    /// What is in the log, for questions about few keys.
    pub(crate) by_key: ByKey,
    pub(crate) held_hash: Option<HeldHash>,
    pub(crate) conflicts: Conflicts,
    pub(crate) scratch: Scratch,
    #[cfg(feature = "mutation")]
    pub(crate) mutation: Option<crate::mutation::Mutation>,
}

/// Buffers that keep their memory between calls.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) group: Vec<u8>,
    pub(crate) row: Vec<u8>,
    pub(crate) record: Vec<u8>,
    pub(crate) before: Vec<u8>,
    pub(crate) index: Vec<u8>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            skew_bound_ms: 500,
            expiry_margin_ms: 10_000,
            expiry_grid_ms: 1_000,
            key_size_max: 64 * 1024,
            column_size_max: 64 * 1024,
            payload_size_max: 64 * 1024 * 1024,
            image_bytes_max: 64 * 1024 * 1024,
            unlisted_max: 4_096,
        }
    }
}

impl Replica {
    /// Opens a replica over what its store holds. `me` must be an actor that has either minted
    /// exactly the dots found here, or none at all: on any doubt, a new incarnation.
    ///
    /// # Errors
    /// The store failed or holds a state that makes no sense.
    pub fn open<S: Store>(
        shard: u16,
        me: Actor,
        settings: Settings,
        store: &mut S,
    ) -> Result<Self, ReplicaError> {
        let state = match store.state(shard)? {
            Some(blob) => decode_state(&blob).map_err(|source| ReplicaError::Damaged {
                shard,
                what: "state",
                source,
            })?,
            None => DurableState::default(),
        };
        let mut replica = Self {
            shard,
            me,
            settings,
            time: HybridClock::new(state.last_time, settings.skew_bound_ms),
            state,
            condition: Condition::Serving,
            tree: Tree::new(),
            images: Images::default(),
            reported: BTreeMap::new(),
            recent: Recent::default(),
            by_key: ByKey::default(),
            held_hash: None,
            conflicts: Conflicts::default(),
            scratch: Scratch::default(),
            #[cfg(feature = "mutation")]
            mutation: None,
        };
        replica.rebuild_tree(store)?;
        Ok(replica)
    }

    /// Applies one entry of the log again after a crash; entries known already change nothing.
    ///
    /// # Errors
    /// The record makes no sense or the store failed.
    pub fn replay<S: Store>(
        &mut self,
        store: &mut S,
        now: Millis,
        entry: &Entry,
    ) -> Result<(), ReplicaError> {
        assert_eq!(entry.shard, self.shard, "entries go to their own shard");
        let dot = Dot::new(Actor::from_bits(entry.id.actor), entry.id.counter);
        let mut removed = causality::Dots::new();
        let op = decode_record(dot, &entry.record, &mut removed)
            .map_err(|source| self.damaged("record", source))?;
        if self.state.is_applied(dot) {
            return Ok(());
        }
        let done =
            self.replay_horizon(store, &op).and_then(|()| self.apply_logged(store, now, &op));
        match done {
            // The operation is in the log, from which others are given it; the rows are not used.
            Err(error) if error.is_damage() => {
                self.note_failure(&error, &op);
                self.time.observe(now, op.time);
                Ok(())
            }
            done => done,
        }
    }

    /// Writes the state blob, so that the next checkpoint of the store covers it.
    ///
    /// # Errors
    /// The store failed.
    pub fn save_state<S: Store>(&mut self, store: &mut S) -> Result<(), ReplicaError> {
        self.state.last_time = self.time.last();
        let mut blob = Vec::new();
        encode_state(&self.state, &mut blob);
        Ok(store.set_state(self.shard, &blob)?)
    }

    /// Takes a new incarnation: called on any doubt about what was minted before.
    pub fn reincarnate(&mut self, me: Actor) {
        assert_eq!(me.node(), self.me.node(), "a node does not become another");
        assert!(me > self.me, "incarnations only rise");
        assert!(self.state.counters(me).is_empty(), "a new incarnation has minted nothing");
        self.me = me;
    }

    /// Returns the actor that mints here.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        self.me
    }

    /// Returns the shard.
    #[must_use]
    pub const fn shard(&self) -> u16 {
        self.shard
    }

    /// Returns what the replica may do.
    #[must_use]
    pub const fn condition(&self) -> Condition {
        self.condition
    }

    /// Returns the applied clock, retired actors apart.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.state.applied
    }

    /// Returns the whole applied clock.
    #[must_use]
    pub fn whole_clock(&self) -> Clock {
        self.state.whole_clock()
    }

    /// Says whether every operation in a clock has had its whole effect here.
    #[must_use]
    pub fn covers(&self, clock: &Clock) -> bool {
        self.state.covers(clock)
    }

    /// Says whether an operation has had its whole effect here.
    #[must_use]
    pub fn is_applied(&self, dot: Dot) -> bool {
        self.state.is_applied(dot)
    }

    /// Returns up to when expired versions have been dropped.
    #[must_use]
    pub const fn horizon(&self) -> Millis {
        self.state.horizon
    }

    /// Returns the newest hybrid time minted or followed here.
    #[must_use]
    pub const fn last_time(&self) -> HybridTime {
        self.time.last()
    }

    /// Returns the counter up to which the log has forgotten an actor's operations.
    #[must_use]
    pub fn floor(&self, actor: Actor) -> u64 {
        self.state.floor(actor)
    }

    /// Returns what another replica of the shard must equal.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            clock: self.state.whole_clock(),
            horizon: self.state.horizon,
            digest: self.state.digest,
            element_count: self.state.element_count,
        }
    }

    pub(crate) const fn damaged(
        &self,
        what: &'static str,
        source: codec::DecodeError,
    ) -> ReplicaError {
        ReplicaError::Damaged { shard: self.shard, what, source }
    }

    pub(crate) const fn check_serving(&self) -> Result<(), ReplicaError> {
        match self.condition {
            Condition::Serving => Ok(()),
            Condition::Fetching => Err(ReplicaError::Fetching),
            Condition::Quarantined => Err(ReplicaError::Quarantined),
            Condition::Broken => Err(ReplicaError::Broken),
        }
    }
}
