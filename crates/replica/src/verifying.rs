//! Verification: the digest recomputed from the rows, and versions given back after a loss.
//!
//! Two replicas with equal clocks and horizons must have equal digests. If they do not, one has
//! lost rows, and the repair is union, never deletion: a version that one holds live and the
//! other does not, under equal knowledge, was removed by no operation. Knowledge need be equal of
//! that version's cell only: the log tells which cells the operations touch that the giver lacks.

use causality::{Clock, Millis};
use cells::{CellAddress, CellHash, Family, OwnedCellAddress, Version, element_digest};
use merkle::{Digest, Tree};
use storage::{EntryId, Store};
use wire::shard::{Reinstate, StateVersion, Summary};

use crate::edit::gone_digest;
use crate::error::ReplicaError;
use crate::format::{decode_cell, record_cell};
use crate::mutation::Mutation;
use crate::replica::{Condition, Replica};

/// What a scrub found. Anything but `Sound` quarantines the replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scrubbed {
    /// The rows are what the digests say.
    Sound,
    /// Live versions are missing or strange; what is superseded is still known.
    VersionsLost,
    /// It is no longer known which dots are superseded, or versions are there that never came: one
    /// may have come back to life.
    /// Only a rebuild from other replicas helps.
    Untrusted,
}

/// A tree for this many elements takes a megabyte; a larger one is grown into, so that a damaged
/// count costs no more.
const EXPECTED_COUNT_MAX: u64 = 8 << 20;

/// The most operations unknown to a giver that are looked through for one version: who lacks more
/// is behind, and gives it back when it is not.
const UNKNOWN_COUNT_MAX: u64 = 256;

/// What the rows add up to.
#[derive(Debug, Default)]
struct Sums {
    tree: Tree,
    digest: u128,
    element_count: u64,
    gone_digest: u128,
    /// Live versions that were never applied here: rows of another time, or damaged ones.
    unknown_count: u64,
}

impl Replica {
    /// Recomputes the digests from every row, and quarantines the replica when they differ.
    ///
    /// # Errors
    /// A row cannot be read; the replica is quarantined then too.
    pub fn scrub<S: Store>(&mut self, store: &mut S) -> Result<Scrubbed, ReplicaError> {
        let sums = self.sum_rows(store).inspect_err(|_| self.quarantine())?;
        let found = self.judge(&sums);
        match found {
            Scrubbed::Sound => self.tree = sums.tree,
            Scrubbed::VersionsLost | Scrubbed::Untrusted => {
                self.quarantine();
            }
        }
        Ok(found)
    }

    /// Accepts the rows of a quarantined replica that has lost versions: the digest follows them.
    /// Versions that others still hold come back by reinstatement, since equal clocks will then
    /// show unequal digests. Until [`Replica::confirm`] nobody takes over state from here.
    ///
    /// # Errors
    /// A row cannot be read, or the rows are not to be trusted: it stays quarantined.
    pub fn accept_rows<S: Store>(&mut self, store: &mut S) -> Result<(), ReplicaError> {
        let sums = self.sum_rows(store)?;
        if self.judge(&sums) == Scrubbed::Untrusted {
            return Err(ReplicaError::Quarantined);
        }
        self.tree = sums.tree;
        self.state.digest = sums.digest;
        self.state.element_count = sums.element_count;
        self.state.has_losses = true;
        if self.condition == Condition::Quarantined {
            self.condition = Condition::Serving;
        }
        Ok(())
    }

    /// Compares with a peer that has no losses of its own: equal clocks, horizons and digests
    /// prove that everything lost here is back. Says whether the two are equal.
    pub fn confirm(&mut self, peer: &Summary) -> bool {
        let is_equal = *peer == self.summary();
        if is_equal {
            self.state.has_losses = false;
        }
        is_equal
    }

    /// Notes that a peer without losses holds the same as this replica: everything lost is back.
    pub const fn all_is_back(&mut self) {
        self.state.has_losses = false;
    }

    /// Says whether versions were lost here that may not all be back.
    #[must_use]
    pub const fn has_losses(&self) -> bool {
        self.state.has_losses
    }

    /// Throws everything away and starts empty: the last resort for rows that are not to be
    /// trusted. What only this replica had must have been given away before; a quarantined replica
    /// still gives groups, because its log has every operation as it was minted. Its actor must
    /// have minted nothing here, or names would be given twice.
    ///
    /// # Errors
    /// The store failed.
    pub fn empty<S: Store>(&mut self, store: &mut S) -> Result<(), ReplicaError> {
        assert!(self.state.counters(self.me).is_empty(), "an emptied replica has a new name");
        store.drop_shard(self.shard)?;
        *self = Self::open(self.shard, self.me, self.settings, store)?;
        Ok(())
    }

    /// A broken replica stays broken: only opening it again helps.
    fn quarantine(&mut self) {
        if self.condition != Condition::Broken {
            self.condition = Condition::Quarantined;
        }
    }

    const fn judge(&self, sums: &Sums) -> Scrubbed {
        if sums.gone_digest != self.state.gone_digest || sums.unknown_count > 0 {
            Scrubbed::Untrusted
        } else if sums.digest != self.state.digest || sums.element_count != self.state.element_count
        {
            Scrubbed::VersionsLost
        } else {
            Scrubbed::Sound
        }
    }

    /// Offers a version that a peer with the same knowledge has lost.
    ///
    /// # Errors
    /// The store failed, or the version is not live here.
    pub fn give_back<S: Store>(
        &self,
        store: &mut S,
        cell: &OwnedCellAddress,
        dot: causality::Dot,
    ) -> Result<Reinstate, ReplicaError> {
        self.check_serving()?;
        let bytes = self.read_row(store, cell.borrow())?;
        let held = decode_cell(&bytes).map_err(|source| self.damaged("row", source))?;
        let version = held
            .version(dot)
            .ok_or(ReplicaError::NotReinstated { dot, why: "the giver does not hold it" })?;
        let version = StateVersion {
            dot,
            time: version.time,
            expiry: version.expiry,
            payload: Some(version.payload.into()),
        };
        Ok(Reinstate { clock: self.state.whole_clock(), cell: cell.clone(), version })
    }

    /// Takes back a version that was lost here. Legal only if the giver still held the version and
    /// knew everything that was done to its cell here: then no operation known here removed it.
    ///
    /// # Errors
    /// `NotReinstated` when a condition fails; nothing was changed.
    pub fn reinstate<S: Store>(
        &mut self,
        store: &mut S,
        given: &Reinstate,
    ) -> Result<(), ReplicaError> {
        self.check_serving()?;
        let dot = given.version.dot;
        let refuse = |why| Err(ReplicaError::NotReinstated { dot, why });
        let Some(payload) = given.version.payload.as_deref() else {
            return refuse("it came without its value");
        };
        if !self.state.is_applied(dot) {
            return refuse("it was never applied here");
        }
        if !self.is_mutated(Mutation::ReinstatedUnproven)
            && self.may_be_removed(store, given.cell.borrow(), &given.clock)?
        {
            return refuse("the giver does not know all that was done to its cell");
        }
        if given.version.expiry.is_some_and(|expiry: Millis| expiry <= self.state.horizon) {
            return refuse("it has expired");
        }
        let bytes = self.read_row(store, given.cell.borrow())?;
        let old = decode_cell(&bytes).map_err(|source| self.damaged("row", source))?;
        if old.version(dot).is_some() {
            return refuse("it is not lost here");
        }
        let mut new = old.clone();
        let (time, expiry) = (given.version.time, given.version.expiry);
        new.put(Version { dot, time, expiry, payload });
        self.replace_cell(store, given.cell.borrow(), &old, &new)
    }

    /// Says whether a version of a cell may have been removed here by an operation that is not in a
    /// clock. What that clock holds has not: whoever told it still held the version.
    pub(crate) fn may_be_removed<S: Store>(
        &self,
        store: &mut S,
        cell: CellAddress<'_>,
        clock: &Clock,
    ) -> Result<bool, ReplicaError> {
        let unknown = self.state.whole_clock().difference(clock);
        let count = unknown.iter().flat_map(|(_, runs)| runs).map(|run| run.last - run.first + 1);
        if count.fold(0, u64::saturating_add) > UNKNOWN_COUNT_MAX {
            return Ok(true);
        }
        let mut record = Vec::new();
        for (actor, runs) in unknown {
            for counter in runs.iter().flat_map(|run| run.first..=run.last) {
                let id = EntryId { actor: actor.bits(), counter };
                // What the log has forgotten may have touched any cell.
                if counter <= self.state.floor(actor)
                    || !store.entry(self.shard, id, &mut record)?
                {
                    return Ok(true);
                }
                let touched =
                    record_cell(&record).map_err(|source| self.damaged("record", source))?;
                if touched == cell || is_clear_of(touched, cell) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    pub(crate) fn rebuild_tree<S: Store>(&mut self, store: &mut S) -> Result<(), ReplicaError> {
        match self.sum_rows(store) {
            Ok(sums) => {
                if self.judge(&sums) != Scrubbed::Sound {
                    self.quarantine();
                }
                self.tree = sums.tree;
                Ok(())
            }
            Err(error) if error.is_damage() => {
                self.quarantine();
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn sum_rows<S: Store>(&self, store: &mut S) -> Result<Sums, ReplicaError> {
        let tree = Tree::for_count(self.state.element_count.min(EXPECTED_COUNT_MAX));
        let mut sums = Sums { tree, ..Sums::default() };
        self.for_each_row(store, &mut |address, key_hash, cell| {
            let hash = CellHash::new(address);
            for version in &cell.live {
                let element = element_digest(hash, version.dot);
                sums.tree.add(key_hash, Digest(element));
                sums.digest = sums.digest.wrapping_add(element);
                sums.element_count += 1;
                sums.unknown_count += u64::from(!self.state.is_applied(version.dot));
            }
            sums.gone_digest = sums.gone_digest.wrapping_add(gone_digest(address, cell));
        })?;
        Ok(sums)
    }
}

/// Says whether an operation on one cell clears the key, or the keyspace, of another.
fn is_clear_of(clear: CellAddress<'_>, cell: CellAddress<'_>) -> bool {
    clear.family() == Some(Family::Clear)
        && clear.key.keyspace == cell.key.keyspace
        && (clear.key.key.is_empty() || clear.key.key == cell.key.key)
}
