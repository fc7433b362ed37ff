//! The real body: one directory of the operating system's file system.
//!
//! Files stay open once used; the store has few of them. The lock is a file lock on `lock`,
//! released by the kernel when the process ends in whatever way.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{Disk, LockOutcome, SyncTask};

const LOCK_NAME: &str = "lock";

/// A directory of the file system.
#[derive(Debug)]
pub struct RealDisk {
    directory: PathBuf,
    files: BTreeMap<String, File>,
    lock: Option<File>,
}

impl RealDisk {
    /// Opens a directory, creating it and its parents when they are not there.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn open(directory: impl AsRef<Path>) -> io::Result<Self> {
        let directory = directory.as_ref().to_path_buf();
        fs::create_dir_all(&directory)?;
        Ok(Self { directory, files: BTreeMap::new(), lock: None })
    }

    fn opened(&mut self, name: &str) -> io::Result<&mut File> {
        if !self.files.contains_key(name) {
            let file = OpenOptions::new().read(true).write(true).open(self.directory.join(name))?;
            self.files.insert(name.to_owned(), file);
        }
        Ok(self.files.get_mut(name).expect("the file was opened just now"))
    }

    fn created(&mut self, name: &str) -> io::Result<&mut File> {
        if !self.files.contains_key(name) {
            let path = self.directory.join(name);
            let mut options = OpenOptions::new();
            let file = options.read(true).write(true).create(true).truncate(false).open(path)?;
            self.files.insert(name.to_owned(), file);
        }
        Ok(self.files.get_mut(name).expect("the file was opened just now"))
    }
}

impl Disk for RealDisk {
    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file = self.created(name)?;
        let end = file.metadata()?.len();
        file.write_all_at(bytes, end)
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.opened(name)?.write_all_at(bytes, offset)
    }

    fn read_at(&mut self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let file = self.opened(name)?;
        let mut done = 0;
        while done < into.len() {
            match file.read_at(&mut into[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn len(&mut self, name: &str) -> io::Result<u64> {
        Ok(self.opened(name)?.metadata()?.len())
    }

    fn cut(&mut self, name: &str, len: u64) -> io::Result<()> {
        self.opened(name)?.set_len(len)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.opened(name)?.sync_data()
    }

    fn sync_task(&mut self, name: &str) -> io::Result<SyncTask> {
        // A file opened for this alone: an error of the medium is told once to each opening, so
        // that neither this task nor a `sync` meanwhile can hide it from the other.
        let file = OpenOptions::new().write(true).open(self.directory.join(name))?;
        Ok(Box::new(move || file.sync_data()))
    }

    fn sync_names(&mut self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.directory.join(from), self.directory.join(to))?;
        self.files.remove(to);
        if let Some(file) = self.files.remove(from) {
            self.files.insert(to.to_owned(), file);
        }
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.files.remove(name);
        fs::remove_file(self.directory.join(name))
    }

    fn list(&mut self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name().into_string().unwrap_or_default();
            let is_ours = !name.is_empty() && name != LOCK_NAME;
            if is_ours && entry.file_type()?.is_file() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn lock(&mut self) -> io::Result<LockOutcome> {
        let path = self.directory.join(LOCK_NAME);
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {
                self.lock = Some(file);
                Ok(LockOutcome::Held)
            }
            Err(TryLockError::WouldBlock) => Ok(LockOutcome::Taken),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn free_bytes(&mut self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.directory)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}
