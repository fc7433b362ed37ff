//! The operation log: numbered segment files that only grow.
//!
//! Records gather in a buffer and go out in one write a turn. A new segment begins at every opening
//! and when one is long enough; all segments but the last are durable as a whole. A segment is
//! removed when a checkpoint covers it and nobody needs an entry of it any more.
//!
//! After a failed write or flush nothing is known about the file: the log refuses everything from
//! then on and the store must be opened again. Only "no space left" is survived, when the half
//! written bytes can be cut off; the turn then stays in the buffer.

mod ahead;
mod flushing;
mod index;
mod pace;
mod record;
mod recover;
mod replay;
mod segment;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use codec::put_varint;

use crate::by_shard::ByShard;
use crate::disk::{Disk, read_exact_at};
use crate::options::{FlushPolicy, Millis};
use crate::store::{EntryId, StoreError};
use index::ShardIndex;
use record::{Body, HEADER_BYTES, Record};

use ahead::Ahead;
use flushing::Reach;
pub use flushing::{EndedFlush, PendingFlush};
pub use pace::FlushPace;
pub(crate) use record::{Position, Run};
pub(crate) use recover::{Checkpoint, Opened, ShardMarks};
pub(crate) use replay::Replay;

/// A turn longer than this is written in parts.
const BUFFER_BYTES_MAX: usize = 1 << 20;

/// The log of one worker.
#[derive(Debug)]
pub(crate) struct Log {
    policy: FlushPolicy,
    segment_bytes: u32,
    run: Run,
    segments: BTreeMap<u32, Segment>,
    active: u32,
    shards: ByShard<ShardLog>,
    /// Records that are not yet written; they will stand at `written` and after.
    buffer: Vec<u8>,
    written: Position,
    synced: Position,
    /// The `synced` that the last record about it told.
    stamped: Position,
    synced_at: Millis,
    /// A flush is under way elsewhere.
    is_flushing: bool,
    /// How far the active segment is written, for that flush.
    reach: Reach,
    /// The active segment's file may be longer than what was written.
    ahead: Ahead,
    /// Removed once the record that says so, standing before the position, is durable.
    doomed: Vec<(u32, Position)>,
    is_failed: bool,
}

#[derive(Debug)]
struct Segment {
    name: String,
    /// Sound bytes; for the last segment those that were written.
    end: u32,
    /// Entries that somebody may still ask for.
    entries: u64,
}

#[derive(Debug, Default)]
struct ShardLog {
    index: ShardIndex,
    sequence: u32,
    marks: ShardMarks,
}

impl Log {
    /// Appends an entry to the buffer.
    pub(crate) fn append(
        &mut self,
        disk: &mut impl Disk,
        shard: u16,
        id: EntryId,
        record: &[u8],
    ) -> Result<(), StoreError> {
        self.make_room(disk)?;
        let at = self.end();
        let held = self.shards.get_or_default(shard);
        assert!(held.index.insert(id, at), "entry {id:?} of shard {shard} appended twice");
        self.push(shard, Body::Entry { id, record });
        let active = self.segments.get_mut(&self.active).expect("the active segment is listed");
        active.entries += 1;
        Ok(())
    }

    /// Reads an entry back.
    pub(crate) fn entry(
        &self,
        disk: &mut impl Disk,
        shard: u16,
        id: EntryId,
        into: &mut Vec<u8>,
    ) -> Result<bool, StoreError> {
        into.clear();
        let Some(at) = self.shards.get(shard).and_then(|held| held.index.find(id)) else {
            return Ok(false);
        };
        let damaged = || StoreError::Damaged { shard, what: format!("log entry {id:?}") };
        let mut read = Vec::new();
        let bytes = match at.0.checked_sub(self.written.0) {
            Some(offset) if at.segment() == self.active => {
                let offset = usize::try_from(offset).expect("the buffer is in memory");
                &self.buffer[offset..]
            }
            _ => {
                read = self.read_record(disk, at)?.ok_or_else(damaged)?;
                &read[..]
            }
        };
        let (found, _) = record::decode(bytes, at).ok_or_else(damaged)?;
        match found.body {
            Body::Entry { id: held, record } if held == id && found.shard == shard => {
                into.extend_from_slice(record);
                drop(read);
                Ok(true)
            }
            _ => Err(damaged()),
        }
    }

    /// Forgets the entries of an actor up to and including a counter.
    pub(crate) fn forget(
        &mut self,
        disk: &mut impl Disk,
        shard: u16,
        actor: u64,
        through: u64,
    ) -> Result<(), StoreError> {
        if self.shards.get(shard).is_none() {
            return Ok(());
        }
        self.make_room(disk)?;
        let before = self.end();
        let held = self.shards.get_or_default(shard);
        let mut count = 0_u64;
        let segments = &mut self.segments;
        held.index.forget(actor, through, before, |at| {
            count += 1;
            segments.entry(at.segment()).and_modify(|segment| segment.entries -= 1);
        });
        if count > 0 {
            held.marks.forget(actor, through, before);
            self.push(shard, Body::Forget { actor, through });
        }
        Ok(())
    }

    /// Makes everything logged for a shard so far void.
    pub(crate) fn drop_shard(
        &mut self,
        disk: &mut impl Disk,
        shard: u16,
    ) -> Result<(), StoreError> {
        self.make_room(disk)?;
        let before = self.end();
        let held = self.shards.get_or_default(shard);
        held.index.for_each(|_, at| {
            self.segments.entry(at.segment()).and_modify(|segment| segment.entries -= 1);
        });
        held.index = ShardIndex::default();
        held.marks = ShardMarks { dropped: before, ..ShardMarks::default() };
        self.push(shard, Body::DropShard);
        Ok(())
    }

    /// Ends a turn: writes what gathered and flushes as the policy says.
    pub(crate) fn commit(&mut self, disk: &mut impl Disk, now: Millis) -> Result<(), StoreError> {
        self.write_turn(disk)?;
        if self.is_flush_due(now) {
            self.synced_at = now;
            self.sync(disk)?;
        }
        Ok(())
    }

    /// Writes and flushes everything appended so far.
    pub(crate) fn flush(&mut self, disk: &mut impl Disk) -> Result<(), StoreError> {
        self.write(disk)?;
        self.sync(disk)
    }

    /// Ends the log where it is: flushes it, and takes off what was there for more.
    pub(crate) fn close(&mut self, disk: &mut impl Disk) -> Result<(), StoreError> {
        self.flush(disk)?;
        let (name, end) = (&self.segments[&self.active].name, self.written.offset());
        if self.ahead.is_beyond(end) {
            let trimmed = self.ahead.trim(disk, name, end);
            trimmed.map_err(|source| StoreError::Disk { doing: "closing the log", source })?;
        }
        Ok(())
    }

    /// Removes the segments before a checkpoint that hold no entry any more. They go with the next
    /// flush but one, when it is durable that they went on purpose.
    pub(crate) fn release(
        &mut self,
        disk: &mut impl Disk,
        checkpoint: Position,
    ) -> Result<(), StoreError> {
        let unneeded = self.segments.iter().filter(|(number, segment)| {
            **number < checkpoint.segment() && **number != self.active && segment.entries == 0
        });
        let going: BTreeSet<u32> = self.doomed.iter().map(|(number, _)| *number).collect();
        let unneeded: Vec<u32> =
            unneeded.map(|(number, _)| *number).filter(|number| !going.contains(number)).collect();
        for segment in unneeded {
            self.make_room(disk)?;
            self.push(0, Body::DropSegment { segment });
            self.doomed.push((segment, self.end()));
        }
        Ok(())
    }

    /// Returns where the next record will stand.
    pub(crate) fn end(&self) -> Position {
        let len = u32::try_from(self.buffer.len()).expect("a turn is written in parts");
        Position::new(self.active, self.written.offset() + len)
    }

    /// Returns before which position everything has been handed to the operating system.
    pub(crate) fn written(&self) -> Position {
        self.written
    }

    /// Returns before which position everything is durable.
    pub(crate) fn synced(&self) -> Position {
        self.synced
    }

    /// Returns the number of the segment that is written to.
    pub(crate) fn segment(&self) -> u32 {
        self.active
    }

    /// Returns what a checkpoint at the present end must know to open the log again.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        let oldest = self.segments.keys().next().copied().unwrap_or(self.active);
        let marks = self.shards.iter().map(|(shard, held)| (shard, held.marks.since(oldest)));
        Checkpoint {
            position: self.end(),
            segments: self.segments.keys().copied().collect(),
            shards: marks.filter(|(_, marks)| *marks != ShardMarks::default()).collect(),
        }
    }

    /// Counts the bytes of all segments.
    pub(crate) fn bytes(&self) -> u64 {
        let written = self.segments.values().map(|segment| u64::from(segment.end));
        written.sum::<u64>() + self.buffer.len() as u64
    }

    /// Counts the bytes from a position to the end.
    pub(crate) fn bytes_since(&self, position: Position) -> u64 {
        let later = self.segments.range(position.segment()..).map(|(_, held)| u64::from(held.end));
        let skipped = if self.segments.contains_key(&position.segment()) {
            u64::from(position.offset())
        } else {
            0
        };
        (later.sum::<u64>() + self.buffer.len() as u64).saturating_sub(skipped)
    }

    /// Visits the entries that keep the oldest segment from going.
    pub(crate) fn oldest_entries(&self, mut visit: impl FnMut(u16, EntryId)) {
        let Some((&oldest, _)) = self.segments.iter().find(|(_, held)| held.entries > 0) else {
            return;
        };
        for (shard, held) in self.shards.iter() {
            held.index.for_each(|id, at| {
                if at.segment() == oldest {
                    visit(shard, id);
                }
            });
        }
    }

    /// Estimates the memory held.
    pub(crate) fn memory_bytes(&self) -> usize {
        let shards = self.shards.iter().map(|(_, held)| held.index.bytes() + 128);
        shards.sum::<usize>() + self.buffer.capacity()
    }

    fn push(&mut self, shard: u16, body: Body<'_>) {
        let at = self.end();
        let mut record = Record { shard, sequence: 0, body };
        if record.is_counted() {
            let held = self.shards.get_or_default(shard);
            record.sequence = held.sequence;
            held.sequence = held.sequence.wrapping_add(1);
        }
        record::encode(&mut self.buffer, at, &record);
    }

    fn make_room(&mut self, disk: &mut impl Disk) -> Result<(), StoreError> {
        self.check_usable()?;
        if self.buffer.len() >= BUFFER_BYTES_MAX {
            self.write(disk)?;
            self.roll_if_long(disk)?;
        }
        Ok(())
    }

    fn check_usable(&self) -> Result<(), StoreError> {
        if self.is_failed {
            let source = io::Error::other("the log failed before; open the store again");
            return Err(StoreError::Disk { doing: "using the log", source });
        }
        Ok(())
    }

    fn write(&mut self, disk: &mut impl Disk) -> Result<(), StoreError> {
        self.check_usable()?;
        if self.buffer.is_empty() {
            return Ok(());
        }
        if self.synced > self.stamped {
            self.push(0, Body::Synced { through: self.synced });
            self.stamped = self.synced;
        }
        let active = self.segments.get_mut(&self.active).expect("the active segment is listed");
        let written = self.ahead.write(disk, &active.name, active.end, &mut self.buffer);
        if let Err(source) = written {
            let is_full = source.kind() == io::ErrorKind::StorageFull;
            let is_undone = is_full && self.ahead.trim(disk, &active.name, active.end).is_ok();
            if is_undone {
                return Err(StoreError::Full { what: "disk" });
            }
            self.is_failed = true;
            return Err(StoreError::Disk { doing: "writing the log", source });
        }
        self.written = self.end();
        self.reach.set(self.written.offset());
        self.buffer.clear();
        self.segments.entry(self.active).and_modify(|held| held.end = self.written.offset());
        Ok(())
    }

    fn sync(&mut self, disk: &mut impl Disk) -> Result<(), StoreError> {
        self.check_usable()?;
        if self.synced < self.written {
            let name = &self.segments[&self.active].name;
            if let Err(source) = disk.sync(name) {
                self.is_failed = true;
                return Err(StoreError::Disk { doing: "flushing the log", source });
            }
            self.synced = self.written;
        }
        self.remove_doomed(disk)
    }

    /// Removes one segment that may go: each costs the system milliseconds, and there is always
    /// another turn.
    fn remove_doomed(&mut self, disk: &mut impl Disk) -> Result<(), StoreError> {
        let synced = self.synced;
        let told = self.doomed.iter().position(|(_, told_before)| *told_before <= synced);
        let Some(place) = told else { return Ok(()) };
        let (number, _) = self.doomed.remove(place);
        if let Some(segment) = self.segments.remove(&number) {
            disk.remove(&segment.name)
                .map_err(|source| StoreError::Disk { doing: "removing a segment", source })?;
        }
        Ok(())
    }

    fn roll_if_long(&mut self, disk: &mut impl Disk) -> Result<(), StoreError> {
        if self.written.offset() < self.segment_bytes {
            return Ok(());
        }
        assert!(self.buffer.is_empty(), "a segment ends between turns");
        assert!(!self.ahead.is_beyond(self.written.offset()), "zeros end with the segment");
        self.sync(disk)?;
        self.start_segment(disk, self.active + 1, self.written)
    }

    /// Creates a segment durably and makes it the one that is written to.
    fn start_segment(
        &mut self,
        disk: &mut impl Disk,
        number: u32,
        previous_end: Position,
    ) -> Result<(), StoreError> {
        let mut sequences = Vec::new();
        for (shard, held) in self.shards.iter().filter(|(_, held)| held.sequence > 0) {
            put_varint(&mut sequences, u64::from(shard));
            put_varint(&mut sequences, u64::from(held.sequence));
        }
        let body = Body::Start { run: self.run, previous_end, sequences: &sequences };
        let mut bytes = Vec::new();
        let record = Record { shard: 0, sequence: 0, body };
        record::encode(&mut bytes, Position::new(number, 0), &record);
        let name = segment::file_name(number);
        let written = disk
            .append(&name, &bytes)
            .and_then(|()| disk.sync(&name))
            .and_then(|()| disk.sync_names());
        if let Err(source) = written {
            let is_full = source.kind() == io::ErrorKind::StorageFull;
            if is_full && self.segments.contains_key(&self.active) && disk.remove(&name).is_ok() {
                // The present segment grows longer until there is room for another.
                return Ok(());
            }
            self.is_failed = true;
            return Err(StoreError::Disk { doing: "starting a log segment", source });
        }
        let end = u32::try_from(bytes.len()).expect("a start record is short");
        self.segments.insert(number, Segment { name, end, entries: 0 });
        self.active = number;
        self.reach = Reach::new(end);
        self.ahead = Ahead::new(self.policy, self.segment_bytes, end);
        self.written = Position::new(number, end);
        self.synced = self.written;
        Ok(())
    }

    fn read_record(
        &self,
        disk: &mut impl Disk,
        at: Position,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let failed = |source| StoreError::Disk { doing: "reading the log", source };
        let Some(segment) = self.segments.get(&at.segment()) else { return Ok(None) };
        let mut bytes = vec![0; 512.max(HEADER_BYTES)];
        let offset = u64::from(at.offset());
        let count = disk.read_at(&segment.name, offset, &mut bytes).map_err(failed)?;
        let header = bytes[..count].first_chunk();
        let Some(len) = header.and_then(record::claimed_len) else { return Ok(None) };
        if len > count {
            if offset + len as u64 > u64::from(segment.end) {
                return Ok(None);
            }
            bytes = read_exact_at(disk, &segment.name, offset, len).map_err(failed)?;
        }
        bytes.truncate(len);
        Ok(Some(bytes))
    }
}
