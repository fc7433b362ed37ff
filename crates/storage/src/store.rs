//! The trait: what a shard replica may ask of its store, and what can go wrong.

use thiserror::Error;

/// Address of one row. Groups and columns are ordered bytewise; columns are ordered in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row<'a> {
    /// The shard that owns the row; dropping a shard drops all its rows.
    pub shard: u16,
    /// All rows of one client key share a group.
    pub group: &'a [u8],
    /// The row within its group.
    pub column: &'a [u8],
}

/// Name of one entry of the operation log within its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    /// Who minted the operation.
    pub actor: u64,
    /// Its place in that actor's order; entries of one actor need not arrive in order.
    pub counter: u64,
}

/// One entry handed back by recovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The shard it belongs to.
    pub shard: u16,
    /// Its name.
    pub id: EntryId,
    /// The record as it was appended.
    pub record: Vec<u8>,
}

/// What a visitor of a scan wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanControl {
    /// Go on.
    Continue,
    /// Enough.
    Stop,
}

/// What can go wrong. After any error of a reading call nothing has changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Bytes read back do not match their checksum or make no sense. The shard must be quarantined.
    #[error("damaged {what} of shard {shard}")]
    Damaged {
        /// The shard whose data is damaged.
        shard: u16,
        /// Which file or block, for people.
        what: String,
    },
    /// The disk refused; what was not yet flushed may be lost, what was flushed is not.
    #[error("disk failed while {doing}")]
    Disk {
        /// What was tried.
        doing: &'static str,
        /// The cause.
        source: std::io::Error,
    },
    /// Another process holds the directory. Nothing was changed.
    #[error("another process uses this directory")]
    Locked,
    /// The directory belongs to somebody else. Nothing was changed.
    #[error("the directory is not ours: {what}")]
    Foreign {
        /// What does not fit.
        what: &'static str,
    },
    /// A configured budget is used up. Nothing was written.
    #[error("{what} budget is used up")]
    Full {
        /// Which budget: memory, disk or log.
        what: &'static str,
    },
}

/// One worker's store. Calls take `&mut self`: a worker owns its store alone.
pub trait Store {
    /// Returns the value of one row, borrowed until the next call.
    fn get(&mut self, row: Row<'_>) -> Result<Option<&[u8]>, StoreError>;

    /// Writes one row; durable through the log entry that explains it, or the next checkpoint.
    fn put(&mut self, row: Row<'_>, value: &[u8]) -> Result<(), StoreError>;

    /// Removes one row if it is there.
    fn delete(&mut self, row: Row<'_>) -> Result<(), StoreError>;

    /// Visits the rows of one group from a column on (inclusive), in column order.
    fn scan_group(
        &mut self,
        from: Row<'_>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ScanControl,
    ) -> Result<(), StoreError>;

    /// Visits the rows of one group from a column downwards (inclusive), in falling column order.
    fn scan_group_back(
        &mut self,
        from: Row<'_>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> ScanControl,
    ) -> Result<(), StoreError>;

    /// Visits the rows of a shard from a group on (inclusive), in (group, column) order.
    fn scan_shard(
        &mut self,
        shard: u16,
        from_group: &[u8],
        visit: &mut dyn FnMut(Row<'_>, &[u8]) -> ScanControl,
    ) -> Result<(), StoreError>;

    /// Says whether an ordinary write may begin. Repair and removals need not ask: a reserve is
    /// kept for them and for what is under way.
    ///
    /// # Errors
    /// `Full` when memory or disk is short.
    fn admit(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Appends one entry to the log. Appending an entry twice is a mistake of the caller.
    fn append(&mut self, shard: u16, id: EntryId, record: &[u8]) -> Result<(), StoreError>;

    /// Reads one entry into `record` (cleared first); false when it was never there or forgotten.
    fn entry(&mut self, shard: u16, id: EntryId, record: &mut Vec<u8>) -> Result<bool, StoreError>;

    /// Forgets the entries of an actor up to and including `through`.
    fn forget(&mut self, shard: u16, actor: u64, through: u64) -> Result<(), StoreError>;

    /// Replaces the state blob of a shard; it becomes durable with the rows at the next checkpoint.
    fn set_state(&mut self, shard: u16, state: &[u8]) -> Result<(), StoreError>;

    /// Returns the state blob of a shard.
    fn state(&mut self, shard: u16) -> Result<Option<Vec<u8>>, StoreError>;

    /// Removes every row of a range of groups, from one (inclusive) to another (exclusive), at
    /// once: it costs what is in memory of them. One group ends before itself and a zero byte.
    fn drop_groups(&mut self, shard: u16, from: &[u8], to: &[u8]) -> Result<(), StoreError>;

    /// Drops every row, entry and the state of a shard.
    fn drop_shard(&mut self, shard: u16) -> Result<(), StoreError>;
}
