//! Minting: giving changes a dot and a time, and applying them here first.
//!
//! Own dots have no gaps, and their times rise with them.

use std::borrow::Cow;

use causality::{Dot, Dots, HybridTime, Millis};
use cells::{
    Body, Cell, CellAddress, Change, Family, Insert, KeyAddress, Op, OwnedBody, OwnedCellAddress,
    OwnedOp,
};
use storage::{Row, Store};

use crate::error::ReplicaError;
use crate::format::decode_cell;
use crate::replica::Replica;
use crate::rows::put_group;

impl Replica {
    /// Returns the dot that the next minted operation will bear.
    #[must_use]
    pub fn next_dot(&self) -> Dot {
        let minted = self.state.applied.get(self.me).map_or(0, causality::Counters::highest);
        Dot::new(self.me, minted + 1)
    }

    /// Mints an operation from a change and applies it here.
    ///
    /// # Errors
    /// Nothing was minted; see [`ReplicaError`].
    pub fn mint<S: Store>(
        &mut self,
        store: &mut S,
        now: Millis,
        key: KeyAddress<'_>,
        change: Change,
    ) -> Result<OwnedOp, ReplicaError> {
        let Change { column, removed, insert } = change;
        let cell = CellAddress { key, column: &column };
        let body = match &insert {
            Some((payload, expiry)) => Body::Insert(Insert { payload, expiry: *expiry }),
            None => Body::Remove,
        };
        let (dot, time) = self.mint_op(store, now, cell, &removed, body)?;
        let body = match insert {
            Some((payload, expiry)) => OwnedBody::Insert { payload: payload.into(), expiry },
            None => OwnedBody::Remove,
        };
        let (keyspace, key) = (key.keyspace, key.key.into());
        let cell = OwnedCellAddress { keyspace, key, column: column.into() };
        Ok(OwnedOp { dot, time, cell, removed, body })
    }

    /// Mints a clear of a key, or of a keyspace when the key is empty: it hides every version
    /// that has been applied here.
    ///
    /// # Errors
    /// Nothing was minted; see [`ReplicaError`].
    pub fn mint_clear<S: Store>(
        &mut self,
        store: &mut S,
        now: Millis,
        key: KeyAddress<'_>,
    ) -> Result<OwnedOp, ReplicaError> {
        let column = Family::Clear.column(&[]);
        let covered = self.state.whole_clock();
        let cell = CellAddress { key, column: &column };
        let body = Body::Clear(Cow::Borrowed(&covered));
        let (dot, time) = self.mint_op(store, now, cell, &[], body)?;
        let body = OwnedBody::Clear(covered);
        Ok(OwnedOp { dot, time, cell: cell.into(), removed: Dots::new(), body })
    }

    /// Gives a late operation of a retired actor, which no replica has, a new name: same time,
    /// same effect. Done twice, it is harmless: sets and registers hold the value twice, and
    /// counter entries of one birth are joined by their maximum.
    ///
    /// # Errors
    /// Nothing was minted; see [`ReplicaError`].
    pub fn remint<S: Store>(
        &mut self,
        store: &mut S,
        now: Millis,
        late: &Op<'_>,
    ) -> Result<OwnedOp, ReplicaError> {
        self.check_serving()?;
        if !self.state.sealed.is_retired(late.dot.actor) || self.state.is_applied(late.dot) {
            return Err(ReplicaError::Unexpected("operation to name anew"));
        }
        let op = Op { dot: self.next_dot(), ..late.clone() };
        self.check_own_actor()?;
        self.apply_new(store, now, &op)?;
        Ok(OwnedOp::from(&op))
    }

    fn mint_op<S: Store>(
        &mut self,
        store: &mut S,
        now: Millis,
        cell: CellAddress<'_>,
        removed: &[Dot],
        body: Body<'_>,
    ) -> Result<(Dot, HybridTime), ReplicaError> {
        self.check_serving()?;
        self.check_own_actor()?;
        let mut row = std::mem::take(&mut self.scratch.before);
        let done = self.cell_before(store, cell, &mut row).and_then(|before| {
            // A new version must be newer than all that it meets.
            let time = self.time.mint(now, before.newest());
            let op = Op { dot: self.next_dot(), time, cell, removed, body };
            self.check_form(&op)?;
            self.apply_over(store, now, &op, Some(before))?;
            Ok((op.dot, time))
        });
        self.scratch.before = row;
        done
    }

    fn check_own_actor(&self) -> Result<(), ReplicaError> {
        self.check_actor(self.next_dot())
    }

    /// Reads a cell, once for the time of its new version and for the version itself.
    fn cell_before<'a, S: Store>(
        &mut self,
        store: &mut S,
        cell: CellAddress<'_>,
        row: &'a mut Vec<u8>,
    ) -> Result<Cell<'a>, ReplicaError> {
        put_group(cell.key, &mut self.scratch.group);
        let at = Row { shard: self.shard, group: &self.scratch.group, column: cell.column };
        let Some(bytes) = store.get(at)? else { return Ok(Cell::default()) };
        row.clear();
        row.extend_from_slice(bytes);
        decode_cell(row).map_err(|source| self.damaged("row", source))
    }
}
