//! The sorted set: members with scores; adding wins over a concurrent removal.
//!
//! A score is what the last writer wrote plus the increments that no write has reset. The order
//! by (score, member) is no replicated data: each replica derives it with [`index_key`] from the
//! scores it shows.

use std::collections::BTreeMap;

use codec::{Reader, put_slice};

use super::counter::{self, Part, Tally};
use super::walk::{live_dots, walk};
use super::{Draft, Fixed, TypeError};
use crate::{Cell, Family, KeyAddress, ReadCells, ReadControl, ReadError};

/// Increments nearer to zero would lose more than their ninth digit in seventeen places.
const INCREMENT_MIN: f64 = 1e-8;

/// Which way through the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toward {
    /// Rising.
    Up,
    /// Falling.
    Down,
}

/// Returns a score as eight bytes that sort like it; both zeros are one.
#[must_use]
pub fn score_key(score: f64) -> [u8; 8] {
    assert!(!score.is_nan(), "a score is a number");
    // Adding zero turns the negative zero into the positive one.
    let bits = (score + 0.0).to_bits();
    let sign = 1 << 63;
    let ordered = if bits & sign == 0 { bits | sign } else { !bits };
    ordered.to_be_bytes()
}

/// Returns the score of its sorted bytes; nothing when they are none.
#[must_use]
pub fn score_of_key(key: [u8; 8]) -> Option<f64> {
    let ordered = u64::from_be_bytes(key);
    let sign = 1 << 63;
    let bits = if ordered & sign > 0 { ordered ^ sign } else { !ordered };
    Some(f64::from_bits(bits)).filter(|score| !score.is_nan())
}

/// Returns the bytes under which an index by score lists a member.
#[must_use]
pub fn index_key(score: f64, member: &[u8]) -> Vec<u8> {
    [&score_key(score)[..], member].concat()
}

/// Splits an index key; nothing when the bytes are none.
#[must_use]
pub fn split_index_key(key: &[u8]) -> Option<(f64, &[u8])> {
    let (score, member) = key.split_first_chunk::<8>()?;
    Some((score_of_key(*score)?, member))
}

/// Visits index keys by reading and sorting all members: for readers that keep no index.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn sort_and_visit<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    from: Option<&[u8]>,
    toward: Toward,
    visit: &mut dyn FnMut(&[u8]) -> ReadControl,
) -> Result<(), ReadError> {
    let members = members(cells, key).map_err(|error| ReadError(error.to_string()))?;
    let keys = members.iter().map(|(member, score)| index_key(*score, member));
    let is_on = |key: &Vec<u8>| match (from, toward) {
        (None, _) => true,
        (Some(from), Toward::Up) => key.as_slice() >= from,
        (Some(from), Toward::Down) => key.as_slice() <= from,
    };
    let mut go = |key: Vec<u8>| visit(&key) == ReadControl::Continue;
    match toward {
        Toward::Up => keys.filter(is_on).all(&mut go),
        Toward::Down => keys.rev().filter(is_on).all(&mut go),
    };
    Ok(())
}

/// Counts members by visiting all cells: for readers that keep no count.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn count_shown<R: ReadCells>(cells: &mut R, key: KeyAddress<'_>) -> Result<u64, ReadError> {
    let members = members(cells, key).map_err(|error| ReadError(error.to_string()))?;
    Ok(members.len() as u64)
}

/// Computes the score that a member shows from its cell and its increments; nothing when it is
/// not there.
///
/// # Errors
/// A `Malformed` cell.
pub fn visible_score(cell: &Cell<'_>, tally: &Tally) -> Result<Option<f64>, TypeError> {
    let written = match cell.winner() {
        Some(version) => Some(read_score(version.payload)?),
        None => None,
    };
    Ok(match (written, tally.total()) {
        (written, None) => written,
        (None, Some(total)) => Some(total.to_float()),
        (Some(written), Some(total)) => Some(sum(written, total)),
    })
}

/// Returns the subkey under which the increments of a member are kept.
#[must_use]
pub fn count_subkey(member: &[u8]) -> Vec<u8> {
    let mut subkey = Vec::with_capacity(member.len() + 2);
    put_slice(&mut subkey, member);
    subkey
}

/// Returns the member whose score a cell is part of; nothing for cells of other types.
///
/// # Errors
/// `Malformed` columns.
pub fn member_of(column: &[u8]) -> Result<Option<&[u8]>, TypeError> {
    let Some((byte, subkey)) = column.split_first() else { return Ok(None) };
    match Family::from_byte(*byte) {
        Some(Family::ZsetMember) => Ok(Some(subkey)),
        Some(family @ (Family::ZsetCount | Family::ZsetFloor)) => {
            read_member(counter::split_birth(subkey, family)?.0).map(Some)
        }
        _ => Ok(None),
    }
}

/// Returns a member's score.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn score<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    member: &[u8],
) -> Result<Option<f64>, TypeError> {
    let tally = counter::tally(cells, key, Part::Zset, &count_subkey(member))?;
    cells.read(key, &Family::ZsetMember.column(member), |cell| visible_score(cell, &tally))?
}

/// Gives a member a score; says whether the member was new. Each member comes once in a draft.
///
/// # Errors
/// `NotANumber` scores; reading failed, or `Malformed` cells.
pub fn add<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    member: &[u8],
    score: f64,
    draft: &mut Draft,
) -> Result<bool, TypeError> {
    if score.is_nan() {
        return Err(TypeError::NotANumber);
    }
    let column = Family::ZsetMember.column(member);
    let subkey = count_subkey(member);
    let removed = live_dots(cells, key, &column)?;
    let tally = counter::tally(cells, key, Part::Zset, &subkey)?;
    let is_new = removed.is_empty() && tally.total().is_none();
    draft.insert(column, removed, score_key(score).to_vec(), None);
    tally.reset(Part::Zset, &subkey, draft);
    Ok(is_new)
}

/// Adds to a member's score; answers the new score. An absent member counts as zero. Infinite and
/// huge increments, and those of less than 1e-8, are writes of the sum: the last writer wins.
///
/// # Errors
/// `NotFinite` when the sum is no number; reading failed, or `Malformed` cells.
pub fn increment<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    member: &[u8],
    by: f64,
    draft: &mut Draft,
) -> Result<f64, TypeError> {
    let subkey = count_subkey(member);
    let tally = counter::tally(cells, key, Part::Zset, &subkey)?;
    let column = Family::ZsetMember.column(member);
    let shown = cells.read(key, &column, |cell| visible_score(cell, &tally))??;
    let before = shown.unwrap_or(0.0);
    if (before + by).is_nan() {
        return Err(TypeError::NotFinite);
    }
    if by == 0.0 && shown.is_some() {
        return Ok(before);
    }
    let total = tally.total().unwrap_or_default();
    let amount = Fixed::from_float(by).filter(|_| by.abs() >= INCREMENT_MIN);
    match amount.filter(|amount| total.checked_add(*amount).is_some()) {
        Some(amount) => {
            tally.add(Part::Zset, &subkey, amount, draft);
            Ok(sum(before, amount))
        }
        None => {
            add(cells, key, member, before + by, draft)?;
            Ok(before + by)
        }
    }
}

/// Removes a member; says whether it was there.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn remove<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    member: &[u8],
    draft: &mut Draft,
) -> Result<bool, TypeError> {
    let column = Family::ZsetMember.column(member);
    let subkey = count_subkey(member);
    let removed = live_dots(cells, key, &column)?;
    let tally = counter::tally(cells, key, Part::Zset, &subkey)?;
    let was_there = !removed.is_empty() || tally.total().is_some();
    draft.remove(column, removed);
    tally.reset(Part::Zset, &subkey, draft);
    Ok(was_there)
}

/// Returns every member with its score, in the order of (score, member).
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn members<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
) -> Result<Vec<(Vec<u8>, f64)>, TypeError> {
    let mut tallies = tallies(cells, key)?;
    let nothing = Tally::default();
    let mut members = Vec::new();
    walk(cells, key, &[Family::ZsetMember as u8], |member, cell| {
        let tally = tallies.remove(member).unwrap_or_else(|| nothing.clone());
        let score = visible_score(cell, &tally)?;
        members.extend(score.map(|score| (member.to_vec(), score)));
        Ok(ReadControl::Continue)
    })?;
    let counted = tallies
        .into_iter()
        .filter_map(|(member, tally)| tally.total().map(|total| (member, total.to_float())));
    members.extend(counted);
    members.sort_by_cached_key(|(member, score)| index_key(*score, member));
    Ok(members)
}

/// Counts the members.
///
/// # Errors
/// Reading failed, or `Malformed` cells.
pub fn count<R: ReadCells>(cells: &mut R, key: KeyAddress<'_>) -> Result<u64, TypeError> {
    Ok(cells.count_scores(key)?)
}

/// Reads the increments of every member, by member.
fn tallies<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
) -> Result<BTreeMap<Vec<u8>, Tally>, TypeError> {
    let by_subkey = counter::tallies(cells, key, Part::Zset)?.into_iter();
    let named = by_subkey.map(|(subkey, tally)| Ok((read_member(&subkey)?.to_vec(), tally)));
    named.collect()
}

fn read_member(subkey: &[u8]) -> Result<&[u8], TypeError> {
    let mut reader = Reader::new(subkey);
    let member = reader.slice("member", subkey.len());
    member
        .and_then(|member| reader.finish().map(|()| member))
        .map_err(|_| TypeError::Malformed(Family::ZsetCount))
}

fn read_score(payload: &[u8]) -> Result<f64, TypeError> {
    let key = <[u8; 8]>::try_from(payload).ok();
    key.and_then(score_of_key).ok_or(TypeError::Malformed(Family::ZsetMember))
}

/// Adds as decimals where both are, so that a tenth and two tenths are three tenths.
fn sum(score: f64, total: Fixed) -> f64 {
    if total == Fixed::ZERO {
        return score;
    }
    let exact = Fixed::from_float(score).filter(|fixed| fixed.to_float() == score);
    let sum = exact.and_then(|score| score.checked_add(total));
    sum.map_or_else(|| score + total.to_float(), Fixed::to_float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn score_keys_sort_like_scores_and_come_back() {
        let mut scores = vec![
            f64::NEG_INFINITY,
            f64::MIN,
            -1.5,
            -f64::MIN_POSITIVE,
            -5e-324,
            0.0,
            5e-324,
            1.0,
            1.5,
            f64::MAX,
            f64::INFINITY,
        ];
        let mut rng = fastrand::Rng::with_seed(6);
        scores.extend((0..5_000).map(|_| f64::from_bits(rng.u64(..))).filter(|s| !s.is_nan()));
        scores.sort_by(f64::total_cmp);
        for pair in scores.windows(2) {
            assert_eq!(pair[0] < pair[1], score_key(pair[0]) < score_key(pair[1]), "{pair:?}");
        }
        for score in scores {
            assert_eq!(score_of_key(score_key(score)), Some(score));
        }
        assert_eq!(score_key(-0.0), score_key(0.0));
        assert!(index_key(1.0, b"b") > index_key(1.0, b"a"));
        assert!(index_key(-0.0, b"b") > index_key(0.0, b"a"));
        assert_eq!(score_of_key([0xff; 8]), None);
    }
}
