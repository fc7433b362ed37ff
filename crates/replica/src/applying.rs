//! Applying operations: one by one as they arrive, and by groups from an exchange.
//!
//! The order within a call is: check, change rows, append to the log, add to the clock. A crash
//! in between loses the rows' memory only: recovery applies the log again.

use causality::{Dot, Dots, Millis};
use cells::{Body, Cell, CellAddress, Facts, Op, apply};
use storage::{EntryId, Row, Store};

use crate::clears::Clears;
use crate::edit::{Edit, Presence, Target};
use crate::error::ReplicaError;
use crate::format::{decode_cell, decode_record, encode_cell, encode_record};
use crate::mutation::Mutation;
use crate::replica::{Condition, Replica};
use crate::rows::put_group;
use crate::state::DurableState;

/// What became of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It has had its effect now.
    Now,
    /// It had had its effect before.
    Before,
}

/// What the replica knows, as the cell's mutator asks for it.
struct Known<'a> {
    state: &'a DurableState,
    cell: CellAddress<'a>,
    is_clearable: bool,
}

impl Facts for Known<'_> {
    /// A dot of a sealed actor that was never applied cannot come any more: it reads as applied.
    fn is_applied(&self, dot: Dot) -> bool {
        self.state.is_applied(dot) || self.state.sealed.is_retired(dot.actor)
    }

    fn is_cleared(&self, dot: Dot) -> bool {
        self.is_clearable && self.state.clears.cover(self.cell.key, dot)
    }

    fn horizon(&self) -> Millis {
        self.state.horizon
    }
}

impl Replica {
    /// Applies one operation, however late and however often it comes.
    ///
    /// # Errors
    /// Refused operations have changed nothing; see [`ReplicaError`].
    pub fn apply<S: Store>(
        &mut self,
        store: &mut S,
        now: Millis,
        op: &Op<'_>,
    ) -> Result<Applied, ReplicaError> {
        self.check_serving()?;
        self.check_form(op)?;
        if self.state.is_applied(op.dot) {
            self.check_same(store, op)?;
            return Ok(Applied::Before);
        }
        self.check_actor(op.dot)?;
        if matches!(op.body, Body::Dead { .. }) {
            return Err(ReplicaError::Unexpected("dead version outside a group"));
        }
        self.apply_new(store, now, op)?;
        Ok(Applied::Now)
    }

    /// Applies an operation that is known to be new and allowed, and appends it to the log.
    pub(crate) fn apply_new<S: Store>(
        &mut self,
        store: &mut S,
        now: Millis,
        op: &Op<'_>,
    ) -> Result<(), ReplicaError> {
        self.apply_over(store, now, op, None)
    }

    /// As [`Replica::apply_new`], with the cell if it was read just now.
    pub(crate) fn apply_over<'a, S: Store>(
        &mut self,
        store: &mut S,
        now: Millis,
        op: &Op<'a>,
        before: Option<Cell<'a>>,
    ) -> Result<(), ReplicaError> {
        let mut record = std::mem::take(&mut self.scratch.record);
        encode_record(op, &mut record);
        let id = EntryId { actor: op.dot.actor.bits(), counter: op.dot.counter };
        let appended = store.append(self.shard, id, &record);
        self.scratch.record = record;
        appended?;
        // The dot is in the log: unless its effect follows, nothing may be minted or applied here.
        let done = self.take_effect(store, now, op, before);
        done.inspect_err(|error| self.note_failure(error, op))
    }

    /// An operation is in the log and its effect is not in the rows. When those are damaged, they
    /// are not used any more, and others are given the operation from the log.
    pub(crate) fn note_failure(&mut self, error: &ReplicaError, op: &Op<'_>) {
        if error.is_damage() {
            self.condition = Condition::Quarantined;
            self.state.applied.insert(op.dot);
            // What is known of the rows never fits them again, also after a restart.
            self.state.gone_digest = self.state.gone_digest.wrapping_add(1);
        } else {
            self.condition = Condition::Broken;
        }
    }

    /// Applies an operation that is in the log already.
    pub(crate) fn apply_logged<S: Store>(
        &mut self,
        store: &mut S,
        now: Millis,
        op: &Op<'_>,
    ) -> Result<(), ReplicaError> {
        self.take_effect(store, now, op, None)
    }

    fn take_effect<'a, S: Store>(
        &mut self,
        store: &mut S,
        now: Millis,
        op: &Op<'a>,
        before: Option<Cell<'a>>,
    ) -> Result<(), ReplicaError> {
        match &op.body {
            Body::Clear(covered) => self.apply_clear(store, op, covered)?,
            Body::Remove | Body::Insert(_) | Body::Dead { .. } => {
                self.apply_to_cell(store, op, before)?;
            }
        }
        let was_new = self.state.applied.insert(op.dot);
        assert!(was_new, "{} was applied twice", op.dot);
        self.time.observe(now, op.time);
        self.note_recent(now, op.dot, op.time);
        Ok(())
    }

    /// The hot path: one row read, one row written, no allocation beyond the row itself.
    fn apply_to_cell<'a, S: Store>(
        &mut self,
        store: &mut S,
        op: &Op<'a>,
        before: Option<Cell<'a>>,
    ) -> Result<(), ReplicaError> {
        let mut group = std::mem::take(&mut self.scratch.group);
        let mut row = std::mem::take(&mut self.scratch.row);
        let key_hash = put_group(op.cell.key, &mut group);
        let changed = match before {
            Some(cell) => Ok(self.change_row(cell, op, &mut row)),
            None => {
                let at = Row { shard: self.shard, group: &group, column: op.cell.column };
                let cell = self.read_cell(store, at);
                cell.map(|cell| self.change_row(cell, op, &mut row))
            }
        };
        let done = changed.and_then(|edit| match edit {
            Some(edit) => {
                let target = Target { address: op.cell, key_hash, group: &group, row: &row };
                self.commit_edit(store, &target, &edit)
            }
            None => Ok(()),
        });
        self.scratch.group = group;
        self.scratch.row = row;
        done
    }

    fn read_cell<'s, S: Store>(
        &self,
        store: &'s mut S,
        at: Row<'_>,
    ) -> Result<Cell<'s>, ReplicaError> {
        match store.get(at)? {
            Some(bytes) => decode_cell(bytes).map_err(|source| self.damaged("row", source)),
            None => Ok(Cell::default()),
        }
    }

    /// Computes a cell's new row; nothing when the operation leaves the cell as it was.
    fn change_row<'a>(&self, mut cell: Cell<'a>, op: &Op<'a>, row: &mut Vec<u8>) -> Option<Edit> {
        let before = Presence::of(op.cell, &cell);
        let gone_count = cell.gone.len();
        let facts = Known {
            state: &self.state,
            cell: op.cell,
            is_clearable: op.cell.family().is_none_or(cells::Family::is_clearable),
        };
        let mut effect = apply(&mut cell, op, &facts);
        self.mutate_effect(&mut cell, &mut effect);
        let is_same = effect.dropped.is_empty()
            && effect.inserted.is_none()
            && cell.gone.len() == gone_count
            && !op.removed.iter().any(|dot| cell.gone.contains(dot));
        if is_same {
            return None;
        }
        encode_cell(&cell, row);
        Some(Edit::of_effect(op.cell, before, &cell, &effect))
    }

    /// Refuses what no replica mints: a peer's bytes may say anything.
    pub(crate) fn check_form(&self, op: &Op<'_>) -> Result<(), ReplicaError> {
        let is_named = |dot: &Dot| dot.counter > 0;
        if !is_named(&op.dot) || !op.removed.iter().all(is_named) || op.removed.contains(&op.dot) {
            return Err(ReplicaError::Unexpected("operation"));
        }
        let check = |what, size: usize, limit| {
            if size <= limit { Ok(()) } else { Err(ReplicaError::TooLarge { what, limit }) }
        };
        check("key", op.cell.key.key.len(), self.settings.key_size_max)?;
        check("subkey", op.cell.column.len(), self.settings.column_size_max)?;
        if let Body::Insert(insert) = &op.body {
            check("value", insert.payload.len(), self.settings.payload_size_max)?;
        }
        Ok(())
    }

    /// Refuses new dots of actors that are retired or being retired.
    pub(crate) fn check_actor(&self, dot: Dot) -> Result<(), ReplicaError> {
        if self.state.sealed.is_retired(dot.actor) {
            return Err(ReplicaError::Sealed { dot });
        }
        match self.state.freezes.get(&dot.actor) {
            Some(freeze)
                if !freeze.allows(dot.counter) && !self.is_mutated(Mutation::FreezeIgnored) =>
            {
                Err(ReplicaError::Frozen { dot })
            }
            _ => Ok(()),
        }
    }

    /// Raises the alarm when a known dot comes with another content, as far as the log still
    /// tells. A version declared dead has lost its payload and cannot be compared.
    fn check_same<S: Store>(&mut self, store: &mut S, op: &Op<'_>) -> Result<(), ReplicaError> {
        let id = EntryId { actor: op.dot.actor.bits(), counter: op.dot.counter };
        let mut record = std::mem::take(&mut self.scratch.record);
        let found = store.entry(self.shard, id, &mut record);
        let outcome = self.compare(found, op, &record);
        self.scratch.record = record;
        outcome
    }

    fn compare(
        &self,
        found: Result<bool, storage::StoreError>,
        op: &Op<'_>,
        record: &[u8],
    ) -> Result<(), ReplicaError> {
        if !found? {
            return Ok(());
        }
        let mut removed = Dots::new();
        let held = decode_record(op.dot, record, &mut removed)
            .map_err(|source| self.damaged("record", source))?;
        let is_dead = |body: &Body<'_>| matches!(body, Body::Dead { .. });
        let same_body = held.body == op.body
            || (is_dead(&held.body) && matches!(op.body, Body::Insert(_)))
            || (is_dead(&op.body) && matches!(held.body, Body::Insert(_)));
        let same =
            held.cell == op.cell && held.time == op.time && held.removed == op.removed && same_body;
        if same { Ok(()) } else { Err(ReplicaError::Equivocation { dot: op.dot }) }
    }

    pub(crate) fn clears(&self) -> &Clears {
        &self.state.clears
    }
}
