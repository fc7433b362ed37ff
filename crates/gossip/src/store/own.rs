//! The one record this node may write: its own.
//!
//! A deletion is a write without a value. It is kept for a while, so that peers learn of it
//! cheaply, and then forgotten by the owner alone: it raises the floor and takes a version for
//! that, so that all copies, the hash included, move together. A peer that keeps up holds every
//! deletion before it is forgotten and never begins afresh.

use thiserror::Error;

use super::Store;
use super::record::Contents;
use crate::ids::{Millis, Version};
use crate::message::{Entry, Key, Value};

/// Why a write was refused; nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The key is above the bound.
    #[error("the key has {bytes} bytes, {bytes_max} are allowed")]
    KeyTooLong {
        /// Of the key.
        bytes: usize,
        /// By the settings.
        bytes_max: usize,
    },
    /// The value is above the bound.
    #[error("the value has {bytes} bytes, {bytes_max} are allowed")]
    ValueTooLarge {
        /// Of the value.
        bytes: usize,
        /// By the settings.
        bytes_max: usize,
    },
    /// There are too many keys, and none of them is a deleted one that could be forgotten.
    #[error("all {count_max} keys are taken")]
    KeysFull {
        /// By the settings.
        count_max: usize,
    },
}

impl Store {
    /// Writes a key of the own map; writing what is there already takes no version.
    pub(crate) fn set(&mut self, key: &str, value: &[u8]) -> Result<Version, WriteError> {
        self.check_bounds(key, value)?;
        let held = self.own().entries.iter().find(|entry| &*entry.key == key);
        match held {
            Some(entry) if entry.value.as_deref() == Some(value) => return Ok(entry.version),
            Some(_) => {}
            None => self.make_room()?,
        }
        Ok(self.put_own(Key::from(key), Some(Value::from(value))))
    }

    /// Deletes a key of the own map; nothing when it was not there.
    pub(crate) fn delete(&mut self, now: Millis, key: &str) -> Option<Version> {
        self.own().get(key)?;
        let version = self.put_own(Key::from(key), None);
        self.deletions.push_back((version, now));
        Some(version)
    }

    /// Forgets deletions that were kept long enough.
    pub(crate) fn collect(&mut self, now: Millis) {
        let mut floor = None;
        while let Some(&(version, at)) = self.deletions.front() {
            if at.plus(self.deleted_keep) > now {
                break;
            }
            self.deletions.pop_front();
            floor = Some(version);
        }
        if let Some(floor) = floor {
            self.raise_floor(floor);
        }
    }

    /// When the oldest deletion may be forgotten.
    pub(crate) fn collect_at(&self) -> Option<Millis> {
        self.deletions.front().map(|(_, at)| at.plus(self.deleted_keep))
    }

    fn check_bounds(&self, key: &str, value: &[u8]) -> Result<(), WriteError> {
        let (bytes, bytes_max) = (key.len(), self.bounds.key_bytes_max);
        if bytes > bytes_max {
            return Err(WriteError::KeyTooLong { bytes, bytes_max });
        }
        let (bytes, bytes_max) = (value.len(), self.bounds.value_bytes_max);
        if bytes > bytes_max {
            return Err(WriteError::ValueTooLarge { bytes, bytes_max });
        }
        Ok(())
    }

    /// Forgets the oldest deletion early when a new key needs its place.
    fn make_room(&mut self) -> Result<(), WriteError> {
        let count_max = self.bounds.key_count_max;
        if self.own().entries.len() < count_max {
            return Ok(());
        }
        let oldest = self.own().entries.iter().find(|entry| entry.value.is_none());
        let floor = oldest.map(|entry| entry.version).ok_or(WriteError::KeysFull { count_max })?;
        self.deletions.retain(|(version, _)| *version > floor);
        self.raise_floor(floor);
        Ok(())
    }

    fn raise_floor(&mut self, floor: Version) {
        self.change_own(|own| {
            assert!(floor > own.floor, "a held deletion lies above the floor");
            own.version = own.version.next();
            own.forget_deletions(floor);
        });
    }

    fn put_own(&mut self, key: Key, value: Option<Value>) -> Version {
        // A rewritten key's older deletion is not held any more: its queue entry can go, which
        // bounds the queue by the number of keys.
        let older = self.own().entries.iter().find(|entry| entry.key == key);
        if let Some(version) = older.map(|entry| entry.version) {
            self.deletions.retain(|(deleted, _)| *deleted != version);
        }
        self.change_own(|own| {
            own.version = own.version.next();
            own.put(Entry { key, version: own.version, value });
            own.version
        })
    }

    fn own(&self) -> &Contents {
        self.contents(self.me.node).expect("the own record is made at birth and never removed")
    }

    fn change_own<R>(&mut self, change: impl FnOnce(&mut Contents) -> R) -> R {
        self.change(self.me.node, |record| change(&mut record.published))
            .expect("the own record is made at birth and never removed")
    }
}
