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
//!
//! A turn of an owner, and its next life:
//!
//! ```
//! use storage::{DurableStore, EntryId, FlushPolicy, Millis, Options, Row, SimDisk, Store};
//!
//! let disk = SimDisk::new(1);
//! let options = Options { flush: FlushPolicy::Always, ..Options::default() };
//! let row = Row { shard: 7, group: b"key", column: b"" };
//!
//! let (mut store, _) = DurableStore::open(disk.process(), disk.process(), options.clone())?;
//! store.admit()?;
//! store.reserve(7, 1, 10_000);
//! store.append(7, EntryId { actor: 1, counter: 1 }, b"set key to value")?;
//! store.put(row, b"value")?;
//! let ticket = store.flush_ticket();
//! store.commit_turn(Millis(0))?;
//! assert!(store.flushed() >= ticket, "the reply may go");
//! drop(store);
//!
//! let (mut store, recovery) = DurableStore::open(disk.process(), disk.process(), options)?;
//! assert!(!recovery.report.must_reincarnate());
//! let mut entries = Vec::new();
//! while store.replay(&mut entries)? {}
//! assert_eq!(entries[0].record, b"set key to value");
//! store.put(row, b"value")?;
//! store.set_state(7, b"applied 1 of actor 1")?;
//! store.checkpoint()?;
//! store.close()?;
//! # Ok::<(), storage::StoreError>(())
//! ```

mod by_shard;
mod disk;
mod durable;
mod floors;
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

pub use disk::{Crash, Disk, LockOutcome, RealDisk, SimDisk, SyncFault, SyncTask};
pub use durable::{DurableStore, Recovery, Ticket, Usage, Work};
pub use log::{EndedFlush, FlushPace, PendingFlush};
pub use memory::MemoryStore;
pub use options::{FlushPolicy, Millis, Options};
pub use report::{Affected, Cut, Damage, Report};
pub use store::{Entry, EntryId, Row, ScanControl, Store, StoreError};
