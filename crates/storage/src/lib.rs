//! One worker's durable rows and operation log, behind one small trait with two bodies.
//!
//! The store sees bytes: it knows nothing of replicas, data types or peers.
//! A row is (shard, group, column) -> value: a group holds all rows of one client key, its columns
//! are ordered. An entry of the operation log is (shard, actor, counter) -> record: it is the
//! write-ahead log, and the source from which peers are told what they miss.
//!
//! Crash contract: rows are a function of the last checkpoint and of the log entries after it.
//! The owner of a shard writes entries first, then rows; after a crash it gets back the state
//! blob of the last checkpoint, the rows as of that checkpoint, and the entries after it in order,
//! and applies them again. A read error is an error, never "not found".

mod by_shard;
mod disk;
mod durable;
mod identity;
mod log;
mod manifest;
mod memory;
mod options;
mod report;
mod rows;
mod sealed;
mod store;
mod table;

pub use disk::{Crash, Disk, LockOutcome, RealDisk, SimDisk, SyncFault};
pub use durable::{DurableStore, Recovery, Ticket, Usage, Work};
pub use memory::MemoryStore;
pub use options::{FlushPolicy, Millis, Options};
pub use report::{Affected, Cut, Damage, Report};
pub use store::{Entry, EntryId, Row, ScanControl, Store, StoreError};
