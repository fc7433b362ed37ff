//! Looking at a replica without changing it: cells as they are, for tracing and for checkers.

use cells::{Cell, CellAddress};
use storage::{Row, ScanControl, Store};

use crate::clears::Clear;
use crate::error::ReplicaError;
use crate::format::decode_cell;
use crate::replica::Replica;
use crate::rows::{is_cell_column, split_group};

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

    /// Returns the clears that may still meet versions they cover.
    pub fn outstanding_clears(&self) -> impl Iterator<Item = &Clear> {
        self.clears().iter()
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
