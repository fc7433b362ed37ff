//! Whole-key clears: hiding every covered version of a key or keyspace, now and later.

use causality::{Actor, Clock, Counters};
use cells::{Cell, CellAddress, Family, KeyAddress, Keyspace, Op, OwnedCellAddress};
use storage::{Row, ScanControl, Store};

use crate::clears::Clear;
use crate::error::ReplicaError;
use crate::format::decode_cell;
use crate::mutation::Mutation;
use crate::replica::Replica;
use crate::rows::{first_group, is_cell_column, put_group, split_group};

/// A row picked for change, with its bytes.
type Picked = (OwnedCellAddress, Vec<u8>);

/// Looks at one row: key, column, bytes.
type Look<'a> = dyn FnMut(KeyAddress<'_>, &[u8], &[u8]) -> ScanControl + 'a;

impl Replica {
    /// Applies a clear: drops what it covers and remembers it while covered dots may still come.
    pub(crate) fn apply_clear<S: Store>(
        &mut self,
        store: &mut S,
        op: &Op<'_>,
        covered: &Clock,
    ) -> Result<(), ReplicaError> {
        let clear = Clear {
            keyspace: op.cell.key.keyspace,
            key: op.cell.key.key.to_vec(),
            dot: op.dot,
            covered: covered.clone(),
        };
        self.drop_covered(store, &clear)?;
        if !self.state.covers(covered) && !self.is_mutated(Mutation::ClearForgotten) {
            self.state.clears.add(clear);
        }
        Ok(())
    }

    /// Forgets clears whose whole cover has been applied: nothing they cover can come as new.
    pub fn retire_clears(&mut self) {
        if self.state.clears.is_empty() {
            return;
        }
        let mut clears = std::mem::take(&mut self.state.clears);
        let is_forgotten = self.is_mutated(Mutation::ClearForgotten);
        clears.retain(|clear| !is_forgotten && !self.state.covers(&clear.covered));
        self.state.clears = clears;
    }

    /// Drops the live versions that a clear covers.
    pub(crate) fn drop_covered<S: Store>(
        &mut self,
        store: &mut S,
        clear: &Clear,
    ) -> Result<(), ReplicaError> {
        for (cell, bytes) in self.pick_covered(store, clear)? {
            let old = decode_cell(&bytes).map_err(|source| self.damaged("row", source))?;
            let mut new = old.clone();
            new.live.retain(|version| !clear.covered.contains(version.dot));
            self.replace_cell(store, cell.borrow(), &old, &new)?;
        }
        Ok(())
    }

    fn pick_covered<S: Store>(
        &self,
        store: &mut S,
        clear: &Clear,
    ) -> Result<Vec<Picked>, ReplicaError> {
        let mut picked = Vec::new();
        let mut failed = Ok(());
        let mut look = |key: KeyAddress<'_>, column: &[u8], bytes: &[u8]| {
            let cell = CellAddress { key, column };
            let is_clearable = cell.family().is_none_or(Family::is_clearable);
            if !is_cell_column(column) || !is_clearable {
                return ScanControl::Continue;
            }
            match decode_cell(bytes) {
                Ok(held) if is_covered(&held, &clear.covered) => {
                    picked.push((cell.into(), bytes.to_vec()));
                }
                Ok(_) => {}
                Err(source) => {
                    failed = Err(self.damaged("row", source));
                    return ScanControl::Stop;
                }
            }
            ScanControl::Continue
        };
        if clear.key.is_empty() {
            scan_keyspace(store, self.shard, clear.keyspace, &mut look)?;
        } else {
            let key = KeyAddress { keyspace: clear.keyspace, key: &clear.key };
            let mut group = Vec::new();
            put_group(key, &mut group);
            let from = Row { shard: self.shard, group: &group, column: &[] };
            store.scan_group(from, &mut |column, bytes| look(key, column, bytes))?;
        }
        failed.map(|()| picked)
    }

    /// Trims what clears cover to what counts of a retired actor, or they would wait for ever.
    pub(crate) fn trim_clears(&mut self, actor: Actor, sealed: &Counters) {
        for clear in self.state.clears.iter_mut() {
            if let Some(mut covered) = clear.covered.remove(actor) {
                covered.intersect(sealed);
                clear.covered.insert_all(actor, &covered);
            }
        }
    }
}

fn is_covered(cell: &Cell<'_>, covered: &Clock) -> bool {
    cell.live.iter().any(|version| covered.contains(version.dot))
}

fn scan_keyspace<S: Store>(
    store: &mut S,
    shard: u16,
    keyspace: Keyspace,
    look: &mut Look<'_>,
) -> Result<(), ReplicaError> {
    store.scan_shard(shard, &first_group(keyspace, 0), &mut |row, bytes| match split_group(
        row.group,
    ) {
        Some((key, _)) if key.keyspace == keyspace => look(key, row.column, bytes),
        _ => ScanControl::Stop,
    })?;
    Ok(())
}
