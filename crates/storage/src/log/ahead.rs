//! Zeros ahead of the log's end, so that a flush has nothing but bytes to make durable.
//!
//! When a file grows, a flush has its new length to write as well, in another place of the disk.
//! Where every turn is flushed, a write that needs room therefore brings zeros along behind it, and
//! the next turns stand in them. Zeros are no record: they say where the log ends. They never
//! reach beyond the length at which a segment ends, so that a segment with a follower has none.

use std::io;

use crate::disk::Disk;
use crate::options::FlushPolicy;

/// So many bytes of log share one growth of the file.
const AHEAD_BYTES: u32 = 128 << 10;

/// Where a segment's file ends, which may be behind the end of what was written to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ahead {
    file_end: u32,
    /// Growth is worth avoiding up to here.
    limit: u32,
}

impl Ahead {
    /// Starts with a file that ends with its bytes.
    pub(super) fn new(policy: FlushPolicy, segment_bytes: u32, end: u32) -> Self {
        Self { file_end: end, limit: if policy == FlushPolicy::Always { segment_bytes } else { 0 } }
    }

    /// Says whether there are zeros behind an end.
    pub(super) fn is_beyond(self, end: u32) -> bool {
        self.file_end > end
    }

    /// Writes bytes behind the end of what was written. They come back as they were.
    ///
    /// # Errors
    /// As the disk says; when it says `StorageFull`, there was no space for the bytes alone.
    pub(super) fn write(
        &mut self,
        disk: &mut impl Disk,
        name: &str,
        end: u32,
        bytes: &mut Vec<u8>,
    ) -> io::Result<()> {
        let len = u32::try_from(bytes.len()).expect("a turn is written in parts");
        let next = end + len;
        let zeros = AHEAD_BYTES.min(self.limit.saturating_sub(next));
        if next > self.file_end && zeros > 0 {
            bytes.resize((len + zeros) as usize, 0);
            let outcome = disk.write_at(name, u64::from(end), bytes);
            bytes.truncate(len as usize);
            if !is_full(&outcome) {
                self.file_end = next + zeros;
                return outcome;
            }
            disk.cut(name, u64::from(end))?;
        }
        self.file_end = self.file_end.max(next);
        disk.write_at(name, u64::from(end), bytes)
    }

    /// Takes the zeros, and whatever else is there, off the end.
    pub(super) fn trim(&mut self, disk: &mut impl Disk, name: &str, end: u32) -> io::Result<()> {
        disk.cut(name, u64::from(end))?;
        self.file_end = end;
        Ok(())
    }
}

fn is_full(outcome: &io::Result<()>) -> bool {
    outcome.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::StorageFull)
}
