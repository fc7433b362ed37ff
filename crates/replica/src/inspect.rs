//! Looking at a replica without changing it: cells as they are, for tracing and for checkers.

use causality::{Dot, Dots, HybridTime};
use cells::{Body, Cell, CellAddress, OwnedOp};
use storage::{EntryId, Row, ScanControl, Store};

use crate::clears::Clear;
use crate::error::ReplicaError;
use crate::format::{decode_cell, decode_record};
use crate::replica::Replica;
use crate::rows::{is_cell_column, split_group};

/// Values that met others of which their writers had not known, since the replica was opened.
/// Counted are registers, map fields and scores, where one value hides the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conflicts {
    /// Values that came to a cell beside others.
    pub met: u64,
    /// Values that were hidden by another when a later write removed both.
    pub losers_removed: u64,
}

impl Replica {
    /// Visits every cell with its live versions and gone dots, in store order.
    ///
    /// # Errors
    /// A row makes no sense or the store failed.
    pub fn for_each_cell<S: Store>(
        &self,
        store: &mut S,
        visit: &mut dyn FnMut(CellAddress<'_>, &Cell<'_>),
    ) -> Result<(), ReplicaError> {
        self.for_each_row(store, &mut |address, _, cell| visit(address, cell))
    }

    /// Returns when an operation was minted, as long as the log holds it.
    ///
    /// # Errors
    /// The record makes no sense or the store failed.
    pub fn time_of<S: Store>(
        &self,
        store: &mut S,
        dot: Dot,
    ) -> Result<Option<HybridTime>, ReplicaError> {
        let id = EntryId { actor: dot.actor.bits(), counter: dot.counter };
        let mut record = Vec::new();
        if !store.entry(self.shard, id, &mut record)? {
            return Ok(None);
        }
        let mut removed = Dots::new();
        let op = decode_record(dot, &record, &mut removed)
            .map_err(|source| self.damaged("record", source))?;
        Ok(Some(op.time))
    }

    /// Returns how often values met others that their writers had not seen.
    #[must_use]
    pub const fn conflicts(&self) -> Conflicts {
        self.conflicts
    }

    /// Returns the clears that may still meet versions they cover.
    pub fn outstanding_clears(&self) -> impl Iterator<Item = &Clear> {
        self.clears().iter()
    }

    /// Reads an operation back from the log; nothing when the log has forgotten it, or when it came
    /// without its value.
    ///
    /// # Errors
    /// The record makes no sense or the store failed.
    pub fn logged<S: Store>(
        &self,
        store: &mut S,
        dot: Dot,
    ) -> Result<Option<OwnedOp>, ReplicaError> {
        let id = EntryId { actor: dot.actor.bits(), counter: dot.counter };
        let (mut record, mut removed) = (Vec::new(), Dots::new());
        if !store.entry(self.shard, id, &mut record)? {
            return Ok(None);
        }
        let op = decode_record(dot, &record, &mut removed)
            .map_err(|source| self.damaged("record", source))?;
        let is_whole = !matches!(op.body, Body::Dead { .. });
        Ok(is_whole.then(|| OwnedOp::from(&op)))
    }

    pub(crate) fn for_each_row<S: Store>(
        &self,
        store: &mut S,
        visit: &mut dyn FnMut(CellAddress<'_>, u64, &Cell<'_>),
    ) -> Result<(), ReplicaError> {
        let mut failed = Ok(());
        store.scan_shard(self.shard, &[], &mut |row: Row<'_>, bytes| {
            let Some((key, key_hash)) = split_group(row.group) else {
                return ScanControl::Continue;
            };
            if !is_cell_column(row.column) {
                return ScanControl::Continue;
            }
            match decode_cell(bytes) {
                Ok(cell) => {
                    visit(CellAddress { key, column: row.column }, key_hash, &cell);
                    ScanControl::Continue
                }
                Err(source) => {
                    failed = Err(self.damaged("row", source));
                    ScanControl::Stop
                }
            }
        })?;
        failed
    }
}
