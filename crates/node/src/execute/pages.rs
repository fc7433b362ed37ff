//! A collection page by page, in the order of its elements' names.
//!
//! Fields and members that were only ever incremented have no cell of their own in that order:
//! where there are some, a page is cut from everything.

use api::{Outcome, Paged, Score};
use cells::types::key::Kind;
use cells::types::map::{self, Path};
use cells::types::{Elements, TypeError, zset};
use cells::{Family, KeyAddress, ReadCells};

use super::{Ran, expect_kind, maps};

/// Behind which name a page begins, and how many elements it has at most.
type Window<'w> = (Option<&'w [u8]>, u64);

pub(super) fn run<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    of: Paged,
    window: Window<'_>,
) -> Ran {
    match of {
        Paged::Set => {
            expect_kind(cells, key, Kind::Set)?;
            Ok(Outcome::Values(names(cells, key, Family::SetMember, window)?))
        }
        Paged::Map => {
            expect_kind(cells, key, Kind::Map)?;
            Ok(Outcome::Pairs(fields(cells, key, window)?))
        }
        Paged::Zset => {
            expect_kind(cells, key, Kind::Zset)?;
            Ok(Outcome::Scored(members(cells, key, window)?))
        }
    }
}

fn names<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    family: Family,
    (after, limit): Window<'_>,
) -> Result<Vec<Vec<u8>>, TypeError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Elements { cells, key, family }.page(after, limit, |_| true)
}

fn fields<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    (after, limit): Window<'_>,
) -> Result<maps::Pairs, TypeError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if map::count(cells, key)? != cells.count(key, Family::MapField)? {
        return Ok(cut(maps::all(cells, key)?, (after, limit), |name| {
            Path::field(name).subkey().to_vec()
        }));
    }
    let after = after.map(Path::field);
    let after = after.as_ref().map(Path::subkey);
    // Fields of nested maps have no place in a flat reply.
    let is_flat = |subkey: &[u8]| {
        let path = Path::from_subkey(subkey.to_vec());
        path.components().is_ok_and(|components| components.len() == 1)
    };
    let subkeys = Elements { cells: &mut *cells, key, family: Family::MapField }
        .page(after, limit, is_flat)?;
    let mut pairs = Vec::with_capacity(subkeys.len());
    for path in subkeys.into_iter().map(Path::from_subkey) {
        if let [field] = path.components()?[..]
            && let Some(value) = map::get(cells, key, &path)?
        {
            pairs.push((field.to_vec(), value));
        }
    }
    Ok(pairs)
}

fn members<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    window: Window<'_>,
) -> Result<Vec<(Vec<u8>, Score)>, TypeError> {
    if zset::count(cells, key)? != cells.count(key, Family::ZsetMember)? {
        let limit = usize::try_from(window.1).unwrap_or(usize::MAX);
        let scored = zset::members(cells, key)?.into_iter();
        let scored = scored.filter_map(|(member, score)| Some((member, Score::new(score)?)));
        return Ok(cut(scored.collect(), (window.0, limit), <[u8]>::to_vec));
    }
    let mut scored = Vec::new();
    for member in names(cells, key, Family::ZsetMember, window)? {
        if let Some(score) = zset::score(cells, key, &member)?.and_then(Score::new) {
            scored.push((member, score));
        }
    }
    Ok(scored)
}

/// Cuts a page from everything, in the order of what the names' cells are called.
fn cut<T>(
    mut all: Vec<(Vec<u8>, T)>,
    (after, limit): (Option<&[u8]>, usize),
    place: impl Fn(&[u8]) -> Vec<u8>,
) -> Vec<(Vec<u8>, T)> {
    let after = after.map(&place);
    all.retain(|(name, _)| after.as_ref().is_none_or(|after| place(name) > *after));
    all.sort_by_cached_key(|(name, _)| place(name));
    all.truncate(limit);
    all
}
