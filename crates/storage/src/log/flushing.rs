//! Flushing the log while it goes on: the owner has the flush run elsewhere and is told its end.
//!
//! One flush is under way at a time. It covers what is written until it runs; what is written
//! after that waits for the next one, so that a slow disk serves more turns with each flush. A
//! segment that ends is flushed on the spot, so that a flush of it that ends later has nothing
//! left to tell.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Log, Position};
use crate::disk::{Disk, SyncTask};
use crate::options::{FlushPolicy, Millis};
use crate::store::StoreError;

/// How far a segment is written, for the thread that flushes it.
#[derive(Clone, Debug)]
pub(super) struct Reach(Arc<AtomicU32>);

impl Reach {
    pub(super) fn new(offset: u32) -> Self {
        Self(Arc::new(AtomicU32::new(offset)))
    }

    /// Notes that the bytes before an offset were handed to the operating system.
    pub(super) fn set(&self, offset: u32) {
        self.0.store(offset, Ordering::Release);
    }

    fn get(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }
}

/// A flush that has to be run, on any thread.
pub struct PendingFlush {
    task: SyncTask,
    segment: u32,
    reach: Reach,
}

/// How a flush went, for the store that asked for it.
#[derive(Debug)]
pub struct EndedFlush {
    outcome: io::Result<()>,
    through: Position,
}

impl PendingFlush {
    /// Waits for the disk.
    #[must_use]
    pub fn run(self) -> EndedFlush {
        // Read before the flush begins: what is written while it runs may not be in it.
        let through = Position::new(self.segment, self.reach.get());
        EndedFlush { outcome: (self.task)(), through }
    }
}

impl fmt::Debug for PendingFlush {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingFlush").field("segment", &self.segment).finish_non_exhaustive()
    }
}

impl Log {
    /// Writes what gathered, without flushing it.
    pub(crate) fn write_turn(&mut self, disk: &mut impl Disk) -> Result<(), StoreError> {
        self.write(disk)?;
        self.roll_if_long(disk)?;
        self.remove_doomed(disk)
    }

    /// Returns the flush that the policy asks for, unless one is under way.
    pub(crate) fn begin_flush(
        &mut self,
        disk: &mut impl Disk,
        now: Millis,
    ) -> Result<Option<PendingFlush>, StoreError> {
        self.check_usable()?;
        if self.is_flushing || self.synced >= self.written || !self.is_flush_due(now) {
            return Ok(None);
        }
        let task = disk.sync_task(&self.segments[&self.active].name).map_err(|source| {
            self.is_failed = true;
            StoreError::Disk { doing: "flushing the log", source }
        })?;
        self.synced_at = now;
        self.is_flushing = true;
        Ok(Some(PendingFlush { task, segment: self.active, reach: self.reach.clone() }))
    }

    /// Takes note of a flush that has ended.
    pub(crate) fn end_flush(
        &mut self,
        disk: &mut impl Disk,
        ended: EndedFlush,
    ) -> Result<(), StoreError> {
        self.check_usable()?;
        self.is_flushing = false;
        if let Err(source) = ended.outcome {
            self.is_failed = true;
            return Err(StoreError::Disk { doing: "flushing the log", source });
        }
        self.synced = self.synced.max(ended.through);
        self.remove_doomed(disk)
    }

    pub(super) fn is_flush_due(&self, now: Millis) -> bool {
        match self.policy {
            FlushPolicy::Always => true,
            FlushPolicy::Interval(every) => now.0.abs_diff(self.synced_at.0) >= every.0,
            FlushPolicy::Os => false,
        }
    }
}
