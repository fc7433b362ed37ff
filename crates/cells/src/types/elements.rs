//! The elements of one key as an ordered collection: cells of one family by subkey, or members of
//! a sorted set by index key.

use super::TypeError;
use super::pick::Ordered;
use super::walk::{walk, walk_from};
use super::zset::Toward;
use crate::{Family, KeyAddress, ReadCells, ReadControl};

/// The cells of one family, by subkey.
#[derive(Debug)]
pub struct Elements<'r, 'k, R> {
    /// Where they are read.
    pub cells: &'r mut R,
    /// The key.
    pub key: KeyAddress<'k>,
    /// The family.
    pub family: Family,
}

/// The members of a sorted set, by [index key](super::zset::index_key).
#[derive(Debug)]
pub struct Scores<'r, 'k, R> {
    /// Where they are read.
    pub cells: &'r mut R,
    /// The key.
    pub key: KeyAddress<'k>,
}

impl<R: ReadCells> Elements<'_, '_, R> {
    /// Returns at most `limit` subkeys behind `after` that fit, in bytewise order.
    ///
    /// # Errors
    /// Reading failed.
    pub fn page(
        &mut self,
        after: Option<&[u8]>,
        limit: usize,
        fits: impl Fn(&[u8]) -> bool,
    ) -> Result<Vec<Vec<u8>>, TypeError> {
        let mut found = Vec::new();
        let (prefix, from) = ([self.family as u8], self.family.column(after.unwrap_or_default()));
        walk_from(self.cells, self.key, &prefix, &from, &mut |subkey, _| {
            if found.len() == limit {
                return Ok(ReadControl::Stop);
            }
            if Some(subkey) != after && fits(subkey) {
                found.push(subkey.to_vec());
            }
            Ok(ReadControl::Continue)
        })?;
        Ok(found)
    }
}

impl<R: ReadCells> Ordered for Elements<'_, '_, R> {
    fn first_from(&mut self, place: &[u8]) -> Result<Option<Vec<u8>>, TypeError> {
        let mut found = None;
        let (prefix, from) = ([self.family as u8], self.family.column(place));
        walk_from(self.cells, self.key, &prefix, &from, &mut |subkey, _| {
            found = Some(subkey.to_vec());
            Ok(ReadControl::Stop)
        })?;
        Ok(found)
    }

    fn last_before(&mut self, place: Option<&[u8]>) -> Result<Option<Vec<u8>>, TypeError> {
        let (family, mut found) = (self.family as u8, None);
        let end = match place {
            Some(place) => self.family.column(place),
            None => vec![family + 1],
        };
        self.cells.scan_back(self.key, &end, &mut |column, _| {
            if column == end {
                return ReadControl::Continue;
            }
            found = column.strip_prefix(&[family]).map(<[u8]>::to_vec);
            ReadControl::Stop
        })?;
        Ok(found)
    }

    fn walk(&mut self, visit: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), TypeError> {
        walk(self.cells, self.key, &[self.family as u8], |subkey, _| Ok(control(visit(subkey))))
    }
}

impl<R: ReadCells> Ordered for Scores<'_, '_, R> {
    fn first_from(&mut self, place: &[u8]) -> Result<Option<Vec<u8>>, TypeError> {
        let mut found = None;
        self.cells.scan_scores(self.key, Some(place), Toward::Up, &mut |key| {
            found = Some(key.to_vec());
            ReadControl::Stop
        })?;
        Ok(found)
    }

    fn last_before(&mut self, place: Option<&[u8]>) -> Result<Option<Vec<u8>>, TypeError> {
        let mut found = None;
        self.cells.scan_scores(self.key, place, Toward::Down, &mut |key| {
            if Some(key) == place {
                return ReadControl::Continue;
            }
            found = Some(key.to_vec());
            ReadControl::Stop
        })?;
        Ok(found)
    }

    fn walk(&mut self, visit: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), TypeError> {
        let mut visit = |key: &[u8]| control(visit(key));
        Ok(self.cells.scan_scores(self.key, None, Toward::Up, &mut visit)?)
    }
}

const fn control(goes_on: bool) -> ReadControl {
    if goes_on { ReadControl::Continue } else { ReadControl::Stop }
}
