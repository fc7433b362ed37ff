//! The map: fields that are registers, counters, or both; writing wins over a concurrent removal.
//!
//! A field is named by its path, so maps nest without a limit: every component of the path is
//! written with its length before it, and what lies below a path begins with the path's bytes.
//! A field that was only ever incremented has no register; it is there as long as an increment of
//! it has not been reset.

use std::collections::BTreeMap;

use codec::{Reader, put_slice};

use super::counter::{self, Part};
use super::number::{self, Place};
use super::walk::walk;
use super::{Draft, TypeError, register};
use crate::{Family, KeyAddress, ReadCells, ReadControl};

/// The most bytes of one component of a path.
const COMPONENT_SIZE_MAX: usize = 1 << 30;

/// The name of a field.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<u8>);

impl Path {
    /// Names a field of the key's own map.
    #[must_use]
    pub fn field(name: &[u8]) -> Self {
        Self::default().child(name)
    }

    /// Takes the subkey of a field's cell.
    #[must_use]
    pub const fn from_subkey(subkey: Vec<u8>) -> Self {
        Self(subkey)
    }

    /// Returns the subkey of the field's cell.
    #[must_use]
    pub fn subkey(&self) -> &[u8] {
        &self.0
    }

    /// Names a field of the map at this path.
    #[must_use]
    pub fn child(mut self, name: &[u8]) -> Self {
        put_slice(&mut self.0, name);
        self
    }

    /// Returns the components.
    ///
    /// # Errors
    /// `Malformed` paths.
    pub fn components(&self) -> Result<Vec<&[u8]>, TypeError> {
        let mut reader = Reader::new(&self.0);
        let mut components = Vec::new();
        while !reader.is_empty() {
            let component = reader.slice("path", COMPONENT_SIZE_MAX);
            components.push(component.map_err(|_| TypeError::Malformed(Family::MapField))?);
        }
        Ok(components)
    }

    fn place(&self) -> Place<'_> {
        Place { register: Family::MapField, part: Part::Map, subkey: &self.0 }
    }
}

/// Returns a field's value.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn get<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    path: &Path,
) -> Result<Option<Vec<u8>>, TypeError> {
    Ok(path.place().read(cells, key)?.show())
}

/// Writes a field; says whether it was new. Each field comes once in a draft.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn set<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    path: &Path,
    value: &[u8],
    draft: &mut Draft,
) -> Result<bool, TypeError> {
    path.place().write(cells, key, value, draft)
}

/// Removes a field and resets the increments that are seen; says whether it was there.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn remove<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    path: &Path,
    draft: &mut Draft,
) -> Result<bool, TypeError> {
    path.place().remove(cells, key, draft)
}

/// Removes every field at or below a path, as far as it is seen here; answers how many.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn remove_below<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    path: &Path,
    draft: &mut Draft,
) -> Result<usize, TypeError> {
    let fields = below(cells, key, path)?;
    for (field, _) in &fields {
        remove(cells, key, field, draft)?;
    }
    Ok(fields.len())
}

/// Adds an integer to a field; answers the sum. An absent field counts as zero.
///
/// # Errors
/// `NotAnInteger`, `Overflow`; reading failed, or `Malformed` cells.
pub fn increment<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    path: &Path,
    by: i64,
    draft: &mut Draft,
) -> Result<i64, TypeError> {
    let number = path.place().read(cells, key)?;
    path.place().add_integer(&number, by, draft)
}

/// Adds a decimal number to a field; answers the sum. An absent field counts as zero.
///
/// # Errors
/// `NotANumber`, `NotFinite`; reading failed, or `Malformed` cells.
pub fn increment_decimal<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    path: &Path,
    by: &[u8],
    draft: &mut Draft,
) -> Result<Vec<u8>, TypeError> {
    let number = path.place().read(cells, key)?;
    path.place().add_decimal(&number, by, draft)
}

/// Returns every field at or below a path with its value; the empty path is the whole map.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn below<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    path: &Path,
) -> Result<Vec<(Path, Vec<u8>)>, TypeError> {
    let mut written: BTreeMap<Vec<u8>, Option<Vec<u8>>> = BTreeMap::new();
    let column = Family::MapField.column(&path.0);
    walk(cells, key, &column, |rest, cell| {
        let winner = register::winner(cell)?.map(|winner| winner.value.to_vec());
        written.insert([&path.0, rest].concat(), winner);
        Ok(ReadControl::Continue)
    })?;
    let tallies = counter::tallies(cells, key, Part::Map)?;
    for subkey in tallies.keys().filter(|subkey| subkey.starts_with(&path.0)) {
        written.entry(subkey.clone()).or_default();
    }
    let nothing = counter::Tally::default();
    let fields = written.into_iter().filter_map(|(subkey, value)| {
        let tally = tallies.get(&subkey).unwrap_or(&nothing);
        number::show(value.as_deref(), tally).map(|value| (Path(subkey), value))
    });
    Ok(fields.collect())
}

/// Counts the fields of the whole map. Fields that have increments and no register are found by
/// visiting the increments.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn count<R: ReadCells>(cells: &mut R, key: KeyAddress<'_>) -> Result<u64, TypeError> {
    let mut count = cells.count(key, Family::MapField)?;
    for (subkey, tally) in counter::tallies(cells, key, Part::Map)? {
        let column = Family::MapField.column(&subkey);
        if tally.total().is_some() && cells.read(key, &column, |cell| cell.live.is_empty())? {
            count += 1;
        }
    }
    Ok(count)
}
