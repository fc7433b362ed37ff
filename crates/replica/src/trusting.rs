//! Rows that are taken for the truth because a person says so: the way out when every replica of a
//! shard is damaged, and nobody can give back what was lost.

use cells::{Cell, CellAddress, OwnedCellAddress};
use merkle::Tree;
use storage::{Row, ScanControl, Store};

use crate::error::ReplicaError;
use crate::format::{decode_cell, encode_cell};
use crate::image::Images;
use crate::replica::{Condition, Replica};
use crate::rows::{is_cell_column, split_group};

impl Replica {
    /// Takes what is left of the rows of a quarantined replica for the truth, or of one that has
    /// lost versions: rows that make no sense go, and versions that never came; what is derived
    /// from the rows is made anew. The log goes too, so who lacks something takes over state from
    /// here. Returns how many versions are live. The next checkpoint must follow at once.
    ///
    /// # Errors
    /// There is nothing to decide, or the store failed; then it stays as it was.
    pub fn trust_rows<S: Store>(&mut self, store: &mut S) -> Result<u64, ReplicaError> {
        if self.condition != Condition::Quarantined && !self.state.has_losses {
            return Err(ReplicaError::Unexpected("trust in rows that are not in doubt"));
        }
        let cells = self.sensible_cells(store)?;
        store.drop_shard(self.shard)?;
        self.tree = Tree::for_count(cells.len() as u64);
        self.images = Images::default();
        (self.state.digest, self.state.element_count, self.state.gone_digest) = (0, 0, 0);
        let clock = self.whole_clock();
        for (actor, counters) in clock.iter() {
            self.state.floors.insert(actor, counters.highest());
        }
        for (cell, row) in &cells {
            let held = decode_cell(row).map_err(|source| self.damaged("row", source))?;
            self.replace_cell(store, cell.borrow(), &Cell::default(), &held)?;
        }
        self.state.has_losses = false;
        self.condition = Condition::Serving;
        self.save_state(store)?;
        Ok(self.state.element_count)
    }

    /// The cells that make sense, with what may be in them.
    fn sensible_cells<S: Store>(
        &self,
        store: &mut S,
    ) -> Result<Vec<(OwnedCellAddress, Vec<u8>)>, ReplicaError> {
        let mut cells = Vec::new();
        store.scan_shard(self.shard, &[], &mut |row: Row<'_>, bytes| {
            let Some((key, _)) = split_group(row.group) else { return ScanControl::Continue };
            let Ok(mut cell) = decode_cell(bytes) else { return ScanControl::Continue };
            if is_cell_column(row.column) {
                cell.live.retain(|version| self.state.is_applied(version.dot));
                cell.gone =
                    cell.gone.iter().copied().filter(|dot| !self.state.is_applied(*dot)).collect();
                let mut out = Vec::new();
                encode_cell(&cell, &mut out);
                cells.push((CellAddress { key, column: row.column }.into(), out));
            }
            ScanControl::Continue
        })?;
        Ok(cells)
    }
}
