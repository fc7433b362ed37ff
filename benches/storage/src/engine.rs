//! What is asked of an engine, in the words of the workload.

use std::path::Path;

/// When a turn's writes are made durable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Flush {
    Always,
    Never,
}

/// What reopening brought back.
pub struct Opened {
    /// Bytes of log that had to be read.
    pub log_bytes: u64,
    /// CPU time of the process when the engine had read it.
    pub cpu_micros: f64,
}

/// One engine in one directory.
pub trait Engine: Sized {
    /// Opens a directory and does whatever is needed before the first read. Memory is given for
    /// about as many rows as there will be.
    fn open(path: &Path, rows: u64, flush: Flush) -> (Self, Opened);

    /// Writes a cell and the log record that explains it; counts for the turn that is under way.
    fn upsert(&mut self, key: Key<'_>, record: &[u8], value: &[u8]);

    /// Writes only a cell.
    fn put(&mut self, key: Key<'_>, value: &[u8]);

    /// Hands the turn's writes to the system, and makes them durable when the policy says so.
    fn end_turn(&mut self);

    /// Says whether a cell is there, having had its value in hand.
    fn get(&mut self, key: Key<'_>) -> bool;

    /// Walks all cells in order, looking at each value; returns their count.
    fn scan(&mut self) -> u64;

    /// Bytes of memory that the engine was told it may have, if it can be told.
    fn budget(&self) -> Option<u64>;

    /// Log bytes that the next opening would have to read, if they are many enough for the bar.
    fn has_much_log(&self, bytes: u64) -> bool;

    /// Ends on purpose.
    fn close(self);

    /// Writes one operation durably for each of `writers` threads, `turns` times, and tells of that
    /// time alone: opening and closing are not in it.
    fn many_writers(path: &Path, rows: u64, writers: u64, turns: u64, name: &str);
}

/// A cell's name: its shard, and its key within it.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    pub shard: u16,
    pub name: &'a [u8],
}
