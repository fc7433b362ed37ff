//! Handing out the entries after the checkpoint, some at a time.
//!
//! A segment is read at once and handed out in small parts, so that what the owner is given fits
//! into the processor's cache and its memory is used again for the next part.

use std::collections::BTreeMap;

use super::record::{Body, Position};
use super::segment::{file_name, parse_some};
use crate::disk::{Disk, read_exact_into};
use crate::store::{Entry, StoreError};

/// About so much of the log is handed out at a time.
const PART_BYTES: usize = 256 << 10;

/// What is still to be handed out.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    next: Position,
    ends: BTreeMap<u32, u32>,
    dropped: BTreeMap<u16, Position>,
    /// The bytes of a segment.
    buffer: Vec<u8>,
    /// Which one that is.
    loaded: Option<u32>,
}

impl Replay {
    /// Starts at a position, in segments that end where `ends` says; what stands before the
    /// position that `dropped` has for its shard is void. The buffer is memory to use.
    pub(super) fn new(
        next: Position,
        ends: BTreeMap<u32, u32>,
        dropped: BTreeMap<u16, Position>,
        buffer: Vec<u8>,
    ) -> Self {
        Self { next, ends, dropped, buffer, loaded: None }
    }

    /// Appends the next entries. False when there are no more.
    pub(crate) fn next_part(
        &mut self,
        disk: &mut impl Disk,
        out: &mut Vec<Entry>,
    ) -> Result<bool, StoreError> {
        let count = out.len();
        while out.len() == count {
            let Some((&segment, &end)) = self.ends.range(self.next.segment()..).next() else {
                self.buffer = Vec::new();
                return Ok(false);
            };
            let from = if segment == self.next.segment() { self.next.offset() } else { 0 };
            if self.loaded != Some(segment) {
                read_exact_into(disk, &file_name(segment), 0, end as usize, &mut self.buffer)
                    .map_err(|source| StoreError::Disk { doing: "replaying the log", source })?;
                self.loaded = Some(segment);
            }
            let (parsed, next) = parse_some(&self.buffer, segment, from, PART_BYTES);
            self.next = next.unwrap_or(Position::new(segment + 1, 0));
            for (offset, record) in parsed.records {
                let dropped = self.dropped.get(&record.shard).copied().unwrap_or_default();
                if let Body::Entry { id, record: held } = record.body
                    && Position::new(segment, offset) >= dropped
                {
                    out.push(Entry { shard: record.shard, id, record: held.to_vec() });
                }
            }
        }
        Ok(true)
    }
}
