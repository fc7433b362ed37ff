//! Expiry without tombstones and without disagreement: the horizon.
//!
//! A version whose expiry has passed is hidden by whoever reads it. It is dropped when the
//! replica moves its horizon past it; then no version that expires up to the horizon is live
//! here, and none is ever inserted. So the rows are a function of the clock and the horizon, and
//! two replicas compare digests only at equal horizons: the one behind moves up first. A horizon
//! is a point on a coarse grid, safely in the past of every clock within the skew bound.

use causality::Millis;
use cells::{Body, Op, OwnedCellAddress};
use storage::{Row, ScanControl, Store};

use crate::error::ReplicaError;
use crate::format::decode_cell;
use crate::mutation::Mutation;
use crate::replica::Replica;
use crate::rows::{Index, read_expiry_column};

impl Replica {
    /// Returns the newest horizon that this node's clock allows.
    #[must_use]
    pub const fn horizon_limit(&self, now: Millis) -> Millis {
        let past = now.minus(self.settings.expiry_margin_ms).0;
        Millis(past - past % self.settings.expiry_grid_ms)
    }

    /// Moves the horizon as far as the clock allows.
    ///
    /// # Errors
    /// The store failed; versions dropped so far stay dropped, the horizon has not moved.
    pub fn expire<S: Store>(&mut self, store: &mut S, now: Millis) -> Result<(), ReplicaError> {
        self.check_serving()?;
        self.advance_horizon(store, self.horizon_limit(now))
    }

    /// Moves up to a peer's horizon, so that both can be compared. Clocks differ, so a peer's may
    /// lie past what this node's own clock allows; what it dropped has expired here too as long as
    /// it is not past the clock itself.
    ///
    /// # Errors
    /// `HorizonAhead` when it lies in this node's future.
    pub fn adopt_horizon<S: Store>(
        &mut self,
        store: &mut S,
        now: Millis,
        horizon: Millis,
    ) -> Result<(), ReplicaError> {
        if horizon > self.state.horizon && horizon > now {
            return Err(ReplicaError::HorizonAhead(horizon));
        }
        self.advance_horizon(store, horizon)
    }

    pub(crate) fn advance_horizon<S: Store>(
        &mut self,
        store: &mut S,
        horizon: Millis,
    ) -> Result<(), ReplicaError> {
        if horizon <= self.state.horizon {
            return Ok(());
        }
        for cell in self.cells_expired_by(store, horizon)? {
            let bytes = self.read_row(store, cell.borrow())?;
            let old = decode_cell(&bytes).map_err(|source| self.damaged("row", source))?;
            let mut new = old.clone();
            new.live.retain(|version| !version.is_expired(horizon));
            self.replace_cell(store, cell.borrow(), &old, &new)?;
        }
        if !self.is_mutated(Mutation::ExpiredDroppedEarly) {
            self.state.horizon = horizon;
        }
        Ok(())
    }

    /// A version that the log calls dead may have been dead by expiry, at a horizon that the crash
    /// took back: then the horizon had passed its expiry, and does so again.
    pub(crate) fn replay_horizon<S: Store>(
        &mut self,
        store: &mut S,
        op: &Op<'_>,
    ) -> Result<(), ReplicaError> {
        let Body::Dead { expiry: Some(expiry) } = op.body else { return Ok(()) };
        if self.is_superseded(store, op.cell, op.dot)? {
            return Ok(());
        }
        self.advance_horizon(store, expiry)
    }

    fn cells_expired_by<S: Store>(
        &self,
        store: &mut S,
        horizon: Millis,
    ) -> Result<Vec<OwnedCellAddress>, ReplicaError> {
        let mut cells = Vec::new();
        let mut failed = Ok(());
        let from = Row { shard: self.shard, group: Index::Expiry.group(), column: &[] };
        store.scan_group(from, &mut |column, _| match read_expiry_column(column) {
            Ok((expiry, cell)) if expiry <= horizon => {
                cells.push(cell.into());
                ScanControl::Continue
            }
            Ok(_) => ScanControl::Stop,
            Err(source) => {
                failed = Err(self.damaged("expiry index", source));
                ScanControl::Stop
            }
        })?;
        failed.map(|()| cells)
    }
}
