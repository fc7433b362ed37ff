//! What the store asks of a disk: named files in one directory that mostly grow at their end.
//!
//! Two bodies: [`RealDisk`] over a directory, and [`SimDisk`] in memory, which keeps what was
//! written apart from what is durable and fails in every way that disks fail.
//!
//! Contract: bytes are durable after `sync` of their file, and a file's name (its creation,
//! renaming or removal) after `sync_names`. Until then a crash may keep any part of what was
//! written, in any order. The store never overwrites bytes, but for zeros that it put at the end of
//! a file to have room there: files are appended to, replaced by renaming, removed.

mod real;
mod simulated;
#[cfg(test)]
mod tests;

use std::io;

pub use real::RealDisk;
pub use simulated::{Crash, SimDisk, SyncFault};

/// Whether a directory could be locked for one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockOutcome {
    /// We hold the lock until the disk is dropped.
    Held,
    /// Somebody else holds it.
    Taken,
}

/// Makes the bytes of one file durable, wherever and whenever it is run.
pub type SyncTask = Box<dyn FnOnce() -> io::Result<()> + Send>;

/// Files by name within one directory.
pub trait Disk {
    /// Appends bytes to a file, creating it first when it is not there. After an error any prefix
    /// of the bytes may have been written.
    ///
    /// # Errors
    /// As the operating system says; `StorageFull` when no space is left.
    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Writes bytes into a file that is there, from an offset within it or at its end on; the file
    /// grows when they reach further. After an error any part of the bytes may have been written.
    ///
    /// # Errors
    /// As `append`; `NotFound` when there is no such file.
    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Fills `into` from an offset on and returns how many bytes there were: fewer only at the end.
    ///
    /// # Errors
    /// `NotFound` when there is no such file, or as the operating system says.
    fn read_at(&mut self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Returns the length of a file.
    ///
    /// # Errors
    /// `NotFound` when there is no such file, or as the operating system says.
    fn len(&mut self, name: &str) -> io::Result<u64>;

    /// Cuts a file to a length that it already exceeds.
    ///
    /// # Errors
    /// As the operating system says.
    fn cut(&mut self, name: &str, len: u64) -> io::Result<()>;

    /// Makes the bytes of a file durable.
    ///
    /// # Errors
    /// As the operating system says. What was written since the last success may be lost even when
    /// a later call succeeds: the caller must not trust the file any more.
    fn sync(&mut self, name: &str) -> io::Result<()>;

    /// Returns a task that makes durable what the file holds when it is run, on any thread while
    /// the file grows. What it answers is to be taken as the answer of `sync` is.
    ///
    /// # Errors
    /// As the operating system says.
    fn sync_task(&mut self, name: &str) -> io::Result<SyncTask>;

    /// Makes the creations, renamings and removals of files durable.
    ///
    /// # Errors
    /// As the operating system says.
    fn sync_names(&mut self) -> io::Result<()>;

    /// Gives a file another name, replacing the file that had it.
    ///
    /// # Errors
    /// `NotFound` when there is no such file, or as the operating system says.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// `NotFound` when there is no such file, or as the operating system says.
    fn remove(&mut self, name: &str) -> io::Result<()>;

    /// Returns the names of all files, in order.
    ///
    /// # Errors
    /// As the operating system says.
    fn list(&mut self) -> io::Result<Vec<String>>;

    /// Tries to take the directory for this process.
    ///
    /// # Errors
    /// As the operating system says.
    fn lock(&mut self) -> io::Result<LockOutcome>;

    /// Returns how many bytes can still be written.
    ///
    /// # Errors
    /// As the operating system says.
    fn free_bytes(&mut self) -> io::Result<u64>;
}

/// Reads `len` bytes at an offset, all of them.
///
/// # Errors
/// As `read_at`; `UnexpectedEof` when the file is shorter.
pub(crate) fn read_exact_at(
    disk: &mut impl Disk,
    name: &str,
    offset: u64,
    len: usize,
) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    read_exact_into(disk, name, offset, len, &mut bytes)?;
    Ok(bytes)
}

/// Reads `len` bytes at an offset, all of them, into a buffer that may have been used before:
/// large memory that is new costs more than the reading.
///
/// # Errors
/// As [`read_exact_at`].
pub(crate) fn read_exact_into(
    disk: &mut impl Disk,
    name: &str,
    offset: u64,
    len: usize,
    into: &mut Vec<u8>,
) -> io::Result<()> {
    into.resize(len, 0);
    if disk.read_at(name, offset, into)? < len {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{name} is too short")));
    }
    Ok(())
}

/// Writes a whole file durably under a name, so that after a crash the name has the old content or
/// the new, never a mixture. The name itself is durable when this returns.
///
/// # Errors
/// As the calls of [`Disk`]; the name then has the old content or the new.
pub(crate) fn replace_file(disk: &mut impl Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    let draft = format!("{name}.draft");
    match disk.remove(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    disk.append(&draft, bytes)?;
    disk.sync(&draft)?;
    disk.rename(&draft, name)?;
    disk.sync_names()
}
