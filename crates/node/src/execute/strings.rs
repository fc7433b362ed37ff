//! Strings: a register, and increments of it.

use api::{Lifetime, Operation, Outcome, SetCondition, Sibling, Siblings, StringOperation};
use causality::{Dot, Millis};
use cells::types::key::{self, Kind};
use cells::types::{Draft, string};
use cells::{KeyAddress, ReadCells};

use super::{Ran, Stop, bits, count, expect_kind};
use crate::contexts::Contexts;

pub(super) fn run<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    operation: &Operation,
    draft: &mut Draft,
) -> Ran {
    if let Operation::Set { value, lifetime, condition } = operation {
        return write(cells, key, value, (*lifetime, *condition), draft);
    }
    expect_kind(cells, key, Kind::String)?;
    match operation {
        Operation::Increment { by } => {
            Ok(Outcome::Integer(string::increment(cells, key, *by, draft)?))
        }
        _ => Ok(string::get(cells, key)?.map_or(Outcome::Nothing, Outcome::Value)),
    }
}

/// The string with every live version, and the context that names them.
pub(super) fn siblings<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    contexts: Contexts<'_>,
) -> Ran {
    expect_kind(cells, key, Kind::String)?;
    let shown = string::shown(cells, key)?;
    let (value, expiry) = shown.map_or((None, None), |shown| (Some(shown.value), shown.expiry));
    let versions = string::siblings(cells, key)?;
    let context = contexts.seal(versions.iter().map(|version| version.dot));
    let own =
        |held: string::OwnedSibling| Sibling { dot: held.dot, time: held.time, value: held.value };
    let versions = versions.into_iter().map(own).collect();
    Ok(Outcome::Siblings(Siblings { value, expiry, versions, context }))
}

/// Writes over the versions that a client was shown, or removes them, and leaves all others.
pub(super) fn resolve<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    (value, lifetime): (Option<&[u8]>, Lifetime),
    shown: &[Dot],
    draft: &mut Draft,
) -> Ran {
    expect_kind(cells, key, Kind::String)?;
    let expiry = expiry_after(cells, key, lifetime)?;
    let has_ended = expiry.is_some_and(|expiry| expiry <= cells.now());
    match value.filter(|_| !has_ended) {
        Some(value) => _ = string::resolve(cells, key, (value, expiry), shown, draft)?,
        None => string::remove_shown(cells, key, shown, draft)?,
    }
    Ok(Outcome::Done)
}

fn expiry_after<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    lifetime: Lifetime,
) -> Result<Option<Millis>, Stop> {
    Ok(match lifetime {
        Lifetime::Forever => None,
        Lifetime::Keep => key::expiry(cells, key)?,
        Lifetime::Until(at) => Some(at),
    })
}

fn write<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    value: &[u8],
    (lifetime, condition): (Lifetime, SetCondition),
    draft: &mut Draft,
) -> Ran {
    let is_sure = condition == SetCondition::Always && key::is_at_most(cells, key, Kind::String)?;
    let kinds = if is_sure { None } else { key::kinds(cells, key)? };
    let is_wanted = match condition {
        SetCondition::Always => true,
        SetCondition::IfPresent => kinds.is_some(),
        SetCondition::IfAbsent => kinds.is_none(),
    };
    if !is_wanted {
        return Ok(Outcome::Nothing);
    }
    let expiry = expiry_after(cells, key, lifetime)?;
    if kinds.is_some_and(|kinds| kinds.shown != Kind::String || !kinds.hidden.is_empty()) {
        key::delete(cells, key, draft)?;
    }
    if expiry.is_some_and(|expiry| expiry <= cells.now()) {
        key::delete(cells, key, draft)?;
    } else {
        string::set(cells, key, value, expiry, draft)?;
    }
    Ok(Outcome::Done)
}

/// Carries out what is more than reading or writing the whole string.
pub(super) fn run_more<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    operation: &StringOperation,
    draft: &mut Draft,
) -> Ran {
    expect_kind(cells, key, Kind::String)?;
    match operation {
        StringOperation::Exchange { value, lifetime, condition } => {
            let before = string::get(cells, key)?;
            write(cells, key, value, (*lifetime, *condition), draft)?;
            Ok(Outcome::Optionals(vec![before]))
        }
        // Who carries a call out opens its context first.
        StringOperation::Resolve { .. } => Err(Stop::BadContext),
        StringOperation::Take => {
            let before = string::get(cells, key)?;
            key::delete(cells, key, draft)?;
            Ok(before.map_or(Outcome::Nothing, Outcome::Value))
        }
        StringOperation::Touch { lifetime } => touch(cells, key, *lifetime, draft),
        StringOperation::Range { start, end } => {
            let value = string::get(cells, key)?.unwrap_or_default();
            Ok(Outcome::Value(slice(&value, *start, *end).to_vec()))
        }
        StringOperation::Append { bytes } => size(string::append(cells, key, bytes, draft)?),
        StringOperation::Overwrite { bytes, .. } if bytes.is_empty() => {
            size(string::get(cells, key)?.map_or(0, |value| value.len()))
        }
        StringOperation::Overwrite { offset, bytes } => {
            let offset = usize::try_from(*offset).unwrap_or(usize::MAX);
            size(string::set_range(cells, key, offset, bytes, draft)?)
        }
        StringOperation::IncrementDecimal { by } => {
            Ok(Outcome::Value(string::increment_decimal(cells, key, by, draft)?))
        }
        StringOperation::SetBit { offset, bit } => bits::set(cells, key, (*offset, *bit), draft),
        StringOperation::BitFields { steps } if operation.is_write() => {
            bits::fields(cells, key, steps, draft)
        }
        StringOperation::GetBit { .. }
        | StringOperation::CountBits { .. }
        | StringOperation::FindBit { .. }
        | StringOperation::BitFields { .. } => bits::read(cells, key, operation),
    }
}

fn touch<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    lifetime: Lifetime,
    draft: &mut Draft,
) -> Ran {
    let Some(value) = string::get(cells, key)? else { return Ok(Outcome::Nothing) };
    match lifetime {
        Lifetime::Keep => {}
        Lifetime::Forever => _ = key::persist(cells, key, draft)?,
        Lifetime::Until(at) if at <= cells.now() => _ = key::delete(cells, key, draft)?,
        Lifetime::Until(at) => _ = key::expire(cells, key, at, draft)?,
    }
    Ok(Outcome::Value(value))
}

fn size(size: usize) -> Ran {
    Ok(count(size as u64))
}

/// The bytes from `start` to `end`, both included; negative ones count from the end.
fn slice(bytes: &[u8], start: i64, end: i64) -> &[u8] {
    let total = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let place = |at: i64| (if at < 0 { at.saturating_add(total) } else { at }).max(0);
    let (first, last) = (place(start), place(end).min(total - 1));
    if (start < 0 && end < 0 && start > end) || first > last {
        return &[];
    }
    let index = |at: i64| usize::try_from(at).unwrap_or(usize::MAX);
    bytes.get(index(first)..=index(last)).unwrap_or_default()
}
