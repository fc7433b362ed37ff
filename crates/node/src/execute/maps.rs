//! What is done with maps: fields are written, read, removed, added to, and chosen at random.

use api::{Amount, Operation, Outcome, Pick};
use cells::types::key::Kind;
use cells::types::map::{self, Path};
use cells::types::{Draft, Elements, TypeError, pick};
use cells::{Family, KeyAddress, ReadCells};
use smallvec::SmallVec;

use super::{Ran, count, each_once, expect_kind, integer};

/// Fields and values.
pub(super) type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

pub(super) fn run<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    operation: &Operation,
    draft: &mut Draft,
) -> Ran {
    expect_kind(cells, key, Kind::Map)?;
    match operation {
        Operation::MapSet { fields } => {
            // Of a field named twice, the last value counts.
            let mut last: SmallVec<[&(Vec<u8>, Vec<u8>); 4]> = fields.iter().rev().collect();
            last.sort_by_key(|(field, _)| field);
            last.dedup_by_key(|(field, _)| field);
            let mut count = 0;
            for (field, value) in last {
                count += i64::from(map::set(cells, key, &Path::field(field), value, draft)?);
            }
            Ok(Outcome::Integer(count))
        }
        Operation::MapGet { fields } => {
            let mut values = Vec::with_capacity(fields.len());
            for field in fields {
                values.push(map::get(cells, key, &Path::field(field))?);
            }
            Ok(Outcome::Optionals(values))
        }
        Operation::MapRemove { fields } => {
            let mut count = 0;
            for field in each_once(fields) {
                count += i64::from(map::remove(cells, key, &Path::field(field), draft)?);
            }
            Ok(Outcome::Integer(count))
        }
        Operation::MapIncrement { field, by } => {
            let sum = map::increment(cells, key, &Path::field(field), *by, draft)?;
            Ok(Outcome::Integer(sum))
        }
        Operation::MapSetAbsent { field, value } => {
            let path = Path::field(field);
            let is_absent = map::get(cells, key, &path)?.is_none();
            if is_absent {
                map::set(cells, key, &path, value, draft)?;
            }
            Ok(integer(is_absent))
        }
        Operation::MapIncrementDecimal { field, by } => {
            Ok(Outcome::Value(map::increment_decimal(cells, key, &Path::field(field), by, draft)?))
        }
        Operation::MapPick { pick } => Ok(Outcome::Pairs(choose(cells, key, *pick)?)),
        Operation::MapCount => Ok(count(map::count(cells, key)?)),
        _ => Ok(Outcome::Pairs(all(cells, key)?)),
    }
}

/// Returns the fields of the key's own map: those of nested maps have no place in a flat reply.
pub(super) fn all<R: ReadCells>(cells: &mut R, key: KeyAddress<'_>) -> Result<Pairs, TypeError> {
    let mut pairs = Vec::new();
    for (path, value) in map::below(cells, key, &Path::default())? {
        if let [field] = path.components()?[..] {
            pairs.push((field.to_vec(), value));
        }
    }
    Ok(pairs)
}

fn choose<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    pick: Pick,
) -> Result<Pairs, TypeError> {
    let written = cells.count(key, Family::MapField)?;
    let mut rng = fastrand::Rng::with_seed(pick.seed);
    if map::count(cells, key)? != written {
        // Fields that were only ever incremented are found by reading everything.
        return Ok(choose_among(&all(cells, key)?, pick.amount, &mut rng));
    }
    let mut from = Elements { cells, key, family: Family::MapField };
    let paths = match pick.amount {
        Amount::Distinct(wanted) => pick::distinct(&mut from, written, wanted, &mut rng),
        Amount::Repeated(wanted) => pick::repeated(&mut from, written, wanted, &mut rng),
    }?;
    let mut pairs = Vec::with_capacity(paths.len());
    for path in paths.into_iter().map(Path::from_subkey) {
        if let [field] = path.components()?[..]
            && let Some(value) = map::get(cells, key, &path)?
        {
            pairs.push((field.to_vec(), value));
        }
    }
    Ok(pairs)
}

fn choose_among(all: &Pairs, amount: Amount, rng: &mut fastrand::Rng) -> Pairs {
    match amount {
        Amount::Distinct(wanted) => {
            let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
            let mut shuffled: Vec<usize> = (0..all.len()).collect();
            rng.shuffle(&mut shuffled);
            shuffled.into_iter().take(wanted).filter_map(|at| all.get(at).cloned()).collect()
        }
        Amount::Repeated(wanted) => (0..wanted).filter_map(|_| rng.choice(all).cloned()).collect(),
    }
}
