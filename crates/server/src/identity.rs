//! Whose data a directory holds, and which life of the node this is.
//!
//! ```text
//! DIR/lock            held by the process that serves the directory
//! DIR/identity.toml   cluster, node, incarnation, and a checksum of the three
//! ```
//!
//! Invariant: no two lives that may have minted different operations share an incarnation: on any
//! doubt about what is in the store, a new one is taken. Incarnations begin as moments, so that a
//! directory that was lost is not repeated either.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use causality::{Incarnation, Millis};
use serde::Deserialize;
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

use crate::config::Config;

/// Seconds from 1970 to 2020, where incarnations begin.
const EPOCH_SECONDS: u64 = 1_577_836_800;

/// Why a data directory cannot be used. Nothing in it was changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// The system refuses.
    #[error("cannot use the data directory {path}: {source}")]
    Unusable {
        /// Which file or directory.
        path: PathBuf,
        /// The cause; part of the message, so not told again.
        source: io::Error,
    },
    /// Another process serves it.
    #[error("the data directory {0} is in use by another process: stop it first")]
    InUse(PathBuf),
    /// It belongs to another node or cluster.
    #[error("the data directory {path} belongs to {owner}: choose another `data_directory`")]
    Foreign {
        /// Which directory.
        path: PathBuf,
        /// Whose it is.
        owner: String,
    },
    /// There is something in it, but nothing that says whose it is.
    #[error("{0} is not empty and no data directory of Starling: choose another `data_directory`")]
    Unknown(PathBuf),
    /// The identity file makes no sense.
    #[error(
        "{path} is damaged ({what}): remove the whole data directory to have this node fetch \
         everything from the other owners"
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    cluster: String,
    node: u32,
    incarnation: u32,
    /// An incarnation with a digit changed would be a life that somebody else has lived.
    checksum: String,
}

impl Record {
    fn new(cluster: String, node: u32, incarnation: u32) -> Self {
        let mut record = Self { cluster, node, incarnation, checksum: String::new() };
        record.checksum = record.expected_checksum();
        record
    }

    fn expected_checksum(&self) -> String {
        let Self { cluster, node, incarnation, .. } = self;
        format!("{:016x}", xxh3_64(format!("{cluster} {node} {incarnation}").as_bytes()))
    }
}

/// A data directory in use by this process.
#[derive(Debug)]
pub(crate) struct Identity {
    path: PathBuf,
    record: Record,
    is_new: bool,
    /// Keeps other processes out for as long as it is open.
    _lock: File,
}

impl Identity {
    /// Takes the directory, creating it if need be, and begins a life in it.
    pub(crate) fn open(config: &Config, now: Millis) -> Result<Self, DirectoryError> {
        let directory = &config.data;
        fs::create_dir_all(directory).map_err(unusable(directory))?;
        let path = directory.join("identity.toml");
        let known = read(&path)?;
        if known.is_none() && !is_ours_to_take(directory)? {
            return Err(DirectoryError::Unknown(directory.clone()));
        }
        let lock = lock(directory)?;
        let cluster = format!("{:016x}", config.cluster);
        let is_new = known.is_none();
        let record = match known {
            Some(record) if (&record.cluster, record.node) != (&cluster, config.me.0) => {
                let path = directory.clone();
                return Err(DirectoryError::Foreign { path, owner: owner(&record, &cluster) });
            }
            Some(record) => record,
            None => Record::new(cluster, config.me.0, incarnation_at(now)),
        };
        let identity = Self { path, record, is_new, _lock: lock };
        if is_new {
            identity.write()?;
        }
        Ok(identity)
    }

    /// Takes a new incarnation, durably.
    pub(crate) fn renew(&mut self, now: Millis) -> Result<(), DirectoryError> {
        let Record { cluster, node, incarnation, .. } = &self.record;
        let next = incarnation_at(now).max(incarnation + 1);
        self.record = Record::new(cluster.clone(), *node, next);
        self.write()
    }

    /// Takes the incarnation that the node has begun, durably.
    pub(crate) fn live(&mut self, incarnation: Incarnation) -> Result<(), DirectoryError> {
        let Record { cluster, node, .. } = &self.record;
        self.record = Record::new(cluster.clone(), *node, incarnation.0);
        self.write()
    }

    /// Whether nothing was ever kept here before.
    pub(crate) const fn is_new(&self) -> bool {
        self.is_new
    }

    /// Returns which life this is.
    pub(crate) const fn incarnation(&self) -> Incarnation {
        Incarnation(self.record.incarnation)
    }

    /// Replaces the file at once and durably.
    fn write(&self) -> Result<(), DirectoryError> {
        let Record { cluster, node, incarnation, checksum } = &self.record;
        let text = format!(
            "cluster = \"{cluster}\"\nnode = {node}\nincarnation = {incarnation}\n\
             checksum = \"{checksum}\"\n"
        );
        let draft = self.path.with_extension("toml.new");
        let write = || {
            let mut file = File::create(&draft)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&draft, &self.path)?;
            File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()
        };
        write().map_err(unusable(&self.path))
    }
}

/// Turns what the system says about a path into our own words.
pub(crate) fn unusable(path: &Path) -> impl Fn(io::Error) -> DirectoryError + '_ {
    move |source| DirectoryError::Unusable { path: path.into(), source }
}

fn read(path: &Path) -> Result<Option<Record>, DirectoryError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(path)(error)),
    };
    let damaged = |what: &str| DirectoryError::Damaged { path: path.into(), what: what.into() };
    let text = String::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
    let record: Record = toml::from_str(&text).map_err(|error| damaged(error.message()))?;
    if record.checksum != record.expected_checksum() {
        return Err(damaged("its checksum does not fit"));
    }
    Ok(Some(record))
}

/// Whether the directory holds nothing but what a start that was cut short leaves behind.
fn is_ours_to_take(directory: &Path) -> Result<bool, DirectoryError> {
    for entry in fs::read_dir(directory).map_err(unusable(directory))? {
        let name = entry.map_err(unusable(directory))?.file_name();
        if name != "lock" && name != "identity.toml.new" {
            return Ok(false);
        }
    }
    Ok(true)
}

fn lock(directory: &Path) -> Result<File, DirectoryError> {
    let path = directory.join("lock");
    let file = File::create(&path).map_err(unusable(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DirectoryError::InUse(directory.into())),
        Err(TryLockError::Error(source)) => Err(unusable(&path)(source)),
    }
}

fn owner(record: &Record, cluster: &str) -> String {
    if record.cluster == cluster {
        format!("node {} of this cluster", record.node)
    } else {
        format!("node {} of another cluster", record.node)
    }
}

fn incarnation_at(now: Millis) -> u32 {
    let seconds = (now.0 / 1000).saturating_sub(EPOCH_SECONDS);
    u32::try_from(seconds).unwrap_or(u32::MAX - 1).max(1)
}

#[cfg(test)]
mod tests;
