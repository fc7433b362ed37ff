//! The one funnel through which rows of cells change.
//!
//! Whatever changes a cell (an operation, a clear, expiry, a published state, a reinstated
//! version) ends here, and here alone the derived data follows: digest and hash tree, the key's
//! head, the expiry and gone indexes, preimages for open state images. So they cannot disagree.

use causality::{Dot, Millis};
use cells::{Cell, CellAddress, CellHash, Effect, Family, element_digest};
use merkle::Digest;
use smallvec::SmallVec;
use storage::{Row, Store};

use crate::error::ReplicaError;
use crate::format::encode_cell;
use crate::head::Head;
use crate::inspect::Conflicts;
use crate::replica::Replica;
use crate::rows::{HEAD_COLUMN, Index, put_expiry_column, put_gone_column, put_group};
use crate::scores::written_score;

/// A version that came or went: its dot, and its expiry for the index.
type Named = (Dot, Option<Millis>);

/// What changes about one cell, beside its row's bytes.
#[derive(Debug, Default)]
pub(crate) struct Edit {
    dropped: SmallVec<[Named; 2]>,
    inserted: SmallVec<[Named; 2]>,
    pub(crate) before: Presence,
    pub(crate) after: Presence,
    conflicts: Conflicts,
}

/// The row that is written: where, and what.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) address: CellAddress<'a>,
    pub(crate) key_hash: u64,
    pub(crate) group: &'a [u8],
    /// The encoded cell.
    pub(crate) row: &'a [u8],
}

/// What a row says in short.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Presence {
    live: bool,
    gone: bool,
    /// The sum over the gone dots: nearly always of none.
    gone_digest: u128,
    /// What a member of a sorted set was given as its score, increments apart.
    pub(crate) score: Option<f64>,
}

impl Presence {
    pub(crate) fn of(address: CellAddress<'_>, cell: &Cell<'_>) -> Self {
        let gone_digest = gone_digest(address, cell);
        let (live, gone) = (!cell.live.is_empty(), !cell.gone.is_empty());
        Self { live, gone, gone_digest, score: written_score(address, cell) }
    }
}

/// Sums the gone dots of a cell. Replicas differ in them, so this sum is never compared with
/// others; it tells a scrub that dots were lost whose versions must not come back.
pub(crate) fn gone_digest(address: CellAddress<'_>, cell: &Cell<'_>) -> u128 {
    if cell.gone.is_empty() {
        return 0;
    }
    let hash = CellHash::new(address);
    cell.gone.iter().fold(0, |sum: u128, dot| sum.wrapping_add(element_digest(hash, *dot)))
}

/// Counts what an operation met in a cell whose values hide each other.
fn conflicts_of(address: CellAddress<'_>, cell: &Cell<'_>, effect: &Effect<'_>) -> Conflicts {
    let family = address.family();
    if !matches!(family, Some(Family::Register | Family::MapField | Family::ZsetMember)) {
        return Conflicts::default();
    }
    let has_met = effect.inserted.is_some() && cell.live.len() > 1;
    let losers = effect.dropped.len().saturating_sub(1);
    Conflicts { met: u64::from(has_met), losers_removed: losers as u64 }
}

impl Edit {
    /// Describes what an operation did.
    pub(crate) fn of_effect(
        address: CellAddress<'_>,
        before: Presence,
        cell: &Cell<'_>,
        effect: &Effect<'_>,
    ) -> Self {
        let named = |version: &cells::Version<'_>| (version.dot, version.expiry);
        Self {
            dropped: effect.dropped.iter().map(named).collect(),
            inserted: effect.inserted.iter().map(named).collect(),
            before,
            after: Presence::of(address, cell),
            conflicts: conflicts_of(address, cell, effect),
        }
    }

    /// Describes the step from one state of a cell to another.
    pub(crate) fn between(address: CellAddress<'_>, old: &Cell<'_>, new: &Cell<'_>) -> Self {
        let named = |version: &cells::Version<'_>| (version.dot, version.expiry);
        let lost = old.live.iter().filter(|version| new.version(version.dot).is_none());
        let came = new.live.iter().filter(|version| old.version(version.dot).is_none());
        Self {
            dropped: lost.map(named).collect(),
            inserted: came.map(named).collect(),
            before: Presence::of(address, old),
            after: Presence::of(address, new),
            conflicts: Conflicts::default(),
        }
    }

    fn is_nothing(&self) -> bool {
        self.dropped.is_empty() && self.inserted.is_empty()
    }
}

impl Replica {
    /// Replaces a cell's row and everything derived from it.
    pub(crate) fn replace_cell<S: Store>(
        &mut self,
        store: &mut S,
        address: CellAddress<'_>,
        old: &Cell<'_>,
        new: &Cell<'_>,
    ) -> Result<(), ReplicaError> {
        let edit = Edit::between(address, old, new);
        if edit.is_nothing() && old.gone == new.gone {
            return Ok(());
        }
        let mut row = std::mem::take(&mut self.scratch.row);
        let mut group = std::mem::take(&mut self.scratch.group);
        encode_cell(new, &mut row);
        let key_hash = put_group(address.key, &mut group);
        let target = Target { address, key_hash, group: &group, row: &row };
        let done = self.commit_edit(store, &target, &edit);
        self.scratch.row = row;
        self.scratch.group = group;
        done
    }

    /// Writes the encoded row of a cell and everything derived from it.
    pub(crate) fn commit_edit<S: Store>(
        &mut self,
        store: &mut S,
        target: &Target<'_>,
        edit: &Edit,
    ) -> Result<(), ReplicaError> {
        let Target { address, key_hash, group, row } = *target;
        let at = Row { shard: self.shard, group, column: address.column };
        if !self.images.is_empty() {
            let old = store.get(at)?;
            self.images.keep_preimage(group, address.column, old);
        }
        let scored = self.score_before(store, address, group, edit);
        if edit.after.live || edit.after.gone {
            store.put(at, row)?;
        } else {
            store.delete(at)?;
        }
        self.sum_edit(address, key_hash, edit);
        self.conflicts.met += edit.conflicts.met;
        self.conflicts.losers_removed += edit.conflicts.losers_removed;
        if edit.before.live != edit.after.live {
            self.count_cell(store, address, group, edit.after)?;
        }
        if let Some(scored) = &scored {
            self.score_after(store, address.key, group, scored)?;
        }
        self.index_edit(store, address, edit)
    }

    fn sum_edit(&mut self, address: CellAddress<'_>, key_hash: u64, edit: &Edit) {
        let cell = CellHash::new(address);
        for (dot, _) in &edit.dropped {
            let digest = element_digest(cell, *dot);
            self.tree.subtract(key_hash, Digest(digest));
            self.state.digest = self.state.digest.wrapping_sub(digest);
            // Rows that rot under an open replica may have hidden elements; a scrub tells.
            self.state.element_count = self.state.element_count.saturating_sub(1);
        }
        let gone = edit.after.gone_digest.wrapping_sub(edit.before.gone_digest);
        self.state.gone_digest = self.state.gone_digest.wrapping_add(gone);
        for (dot, _) in &edit.inserted {
            let digest = element_digest(cell, *dot);
            self.tree.add(key_hash, Digest(digest));
            self.state.digest = self.state.digest.wrapping_add(digest);
            self.state.element_count += 1;
        }
    }

    /// Keeps the key's head: plain strings have none, so they cost one row.
    fn count_cell<S: Store>(
        &mut self,
        store: &mut S,
        address: CellAddress<'_>,
        group: &[u8],
        after: Presence,
    ) -> Result<(), ReplicaError> {
        let family = address.column.first().copied().unwrap_or_default();
        if family == Family::Register as u8 {
            return Ok(());
        }
        let listed = if after.live { Listed::Yes } else { Listed::No };
        self.count_in_head(store, group, family, listed)
    }

    /// Notes in the key's head that one thing more, or one less, of a kind is there.
    pub(crate) fn count_in_head<S: Store>(
        &mut self,
        store: &mut S,
        group: &[u8],
        kind: u8,
        listed: Listed,
    ) -> Result<(), ReplicaError> {
        let at = Row { shard: self.shard, group, column: HEAD_COLUMN };
        let mut head = match store.get(at)? {
            Some(bytes) => Head::decode(bytes).map_err(|source| self.damaged("head", source))?,
            None => Head::default(),
        };
        if listed == Listed::Yes {
            head.raise(kind);
        } else {
            head.lower(kind).map_err(|source| self.damaged("head", source))?;
        }
        if head.is_empty() {
            return Ok(store.delete(at)?);
        }
        head.encode(&mut self.scratch.index);
        Ok(store.put(at, &self.scratch.index)?)
    }

    fn index_edit<S: Store>(
        &mut self,
        store: &mut S,
        address: CellAddress<'_>,
        edit: &Edit,
    ) -> Result<(), ReplicaError> {
        for (dot, expiry) in &edit.dropped {
            if let Some(expiry) = *expiry {
                put_expiry_column(expiry, *dot, address, &mut self.scratch.index);
                self.list(store, Index::Expiry, Listed::No)?;
            }
        }
        for (dot, expiry) in &edit.inserted {
            if let Some(expiry) = *expiry {
                put_expiry_column(expiry, *dot, address, &mut self.scratch.index);
                self.list(store, Index::Expiry, Listed::Yes)?;
            }
        }
        if edit.before.gone != edit.after.gone {
            let listed = if edit.after.gone { Listed::Yes } else { Listed::No };
            put_gone_column(address, &mut self.scratch.index);
            self.list(store, Index::Gone, listed)?;
        }
        Ok(())
    }

    fn list<S: Store>(
        &self,
        store: &mut S,
        index: Index,
        listed: Listed,
    ) -> Result<(), ReplicaError> {
        let column = &self.scratch.index;
        let at = Row { shard: self.shard, group: index.group(), column };
        match listed {
            Listed::Yes => store.put(at, &[])?,
            Listed::No => store.delete(at)?,
        }
        Ok(())
    }
}

/// Whether something is there from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    Yes,
    No,
}
