//! What is done with sets: members are added, removed, looked for, and chosen at random.

use api::{Amount, Operation, Outcome, Pick};
use cells::types::key::{self, Kind};
use cells::types::{Draft, Elements, TypeError, pick, set};
use cells::{Family, KeyAddress, ReadCells};

use super::{Ran, count, each_once, expect_kind};

pub(super) fn run<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    operation: &Operation,
    draft: &mut Draft,
) -> Ran {
    if let Operation::SetReplace { members } = operation {
        return replace(cells, key, members, draft);
    }
    expect_kind(cells, key, Kind::Set)?;
    match operation {
        Operation::SetAdd { members } => {
            let mut count = 0;
            for member in each_once(members) {
                count += i64::from(set::add(cells, key, member, draft)?);
            }
            Ok(Outcome::Integer(count))
        }
        Operation::SetRemove { members } => {
            let mut count = 0;
            for member in each_once(members) {
                count += i64::from(set::remove(cells, key, member, draft)?);
            }
            Ok(Outcome::Integer(count))
        }
        Operation::SetContains { members } => {
            let mut found = Vec::with_capacity(members.len());
            for member in members {
                found.push(i64::from(set::contains(cells, key, member)?));
            }
            Ok(Outcome::Integers(found))
        }
        Operation::SetCount => Ok(count(set::count(cells, key)?)),
        Operation::SetPick { pick } => Ok(Outcome::Values(choose(cells, key, *pick)?)),
        Operation::SetPop { limit, seed } => {
            let pick = Pick { amount: Amount::Distinct(*limit), seed: *seed };
            let taken = choose(cells, key, pick)?;
            for member in &taken {
                set::remove(cells, key, member, draft)?;
            }
            Ok(Outcome::Values(taken))
        }
        _ => Ok(Outcome::Values(set::members(cells, key)?)),
    }
}

/// Whatever the key held, the set takes its place.
fn replace<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    members: &[Vec<u8>],
    draft: &mut Draft,
) -> Ran {
    key::delete(cells, key, draft)?;
    let members = each_once(members);
    for member in &members {
        set::add(cells, key, member, draft)?;
    }
    Ok(count(members.len() as u64))
}

fn choose<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    pick: Pick,
) -> Result<Vec<Vec<u8>>, TypeError> {
    let total = set::count(cells, key)?;
    let mut rng = fastrand::Rng::with_seed(pick.seed);
    let mut from = Elements { cells, key, family: Family::SetMember };
    match pick.amount {
        Amount::Distinct(wanted) => pick::distinct(&mut from, total, wanted, &mut rng),
        Amount::Repeated(wanted) => pick::repeated(&mut from, total, wanted, &mut rng),
    }
}
