//! Deeds as calls, and outcomes as what was seen.

use std::collections::BTreeSet;

use api::{Call, Level, Lifetime, Operation, Outcome, SetCondition};
use cells::Keyspace;

use super::{Deed, Place, Seen};

const KEYSPACE: Keyspace = Keyspace(1);
const FIELD: &[u8] = b"field";

/// The call that does a deed.
pub(crate) fn command(deed: &Deed, (read, write): (Level, Level)) -> Call {
    let key = deed.place().to_string().into_bytes();
    let session = None;
    let staleness = None;
    Call { keyspace: KEYSPACE, key, read, write, session, staleness, operation: operation(deed) }
}

/// A plain read at one owner, for checkers.
pub(crate) fn look(place: Place) -> Call {
    command(&Deed::Look { place }, (Level::One, Level::One))
}

fn operation(deed: &Deed) -> Operation {
    match (deed, deed.place()) {
        (Deed::Add { by, .. }, Place::FieldCounter(_)) => {
            Operation::MapIncrement { field: FIELD.into(), by: *by }
        }
        (Deed::Add { by, .. }, _) => Operation::Increment { by: *by },
        (Deed::Put { item, .. }, Place::Set(_)) => Operation::SetAdd { members: vec![text(*item)] },
        (Deed::Put { item, .. }, Place::Map(_)) => {
            Operation::MapSet { fields: vec![(text(*item), b"there".into())] }
        }
        (Deed::Put { item, until, .. }, _) => {
            set(text(*item), until.map_or(Lifetime::Forever, Lifetime::Until))
        }
        (Deed::Take { item, .. }, Place::Set(_)) => {
            Operation::SetRemove { members: vec![text(*item)] }
        }
        (Deed::Take { item, .. }, Place::Map(_)) => {
            Operation::MapRemove { fields: vec![text(*item)] }
        }
        (Deed::Take { .. } | Deed::Clear { .. }, _) => Operation::Delete,
        (Deed::Write { number, .. }, Place::FieldRegister(_)) => {
            Operation::MapSet { fields: vec![(FIELD.into(), text(*number))] }
        }
        (Deed::Write { number, .. }, _) => set(text(*number), Lifetime::Forever),
        (Deed::Look { .. }, Place::Set(_)) => Operation::SetMembers,
        (Deed::Look { .. }, Place::Map(_)) => Operation::MapAll,
        (Deed::Look { .. }, Place::FieldCounter(_) | Place::FieldRegister(_)) => {
            Operation::MapGet { fields: vec![FIELD.into()] }
        }
        (Deed::Look { .. }, _) => Operation::Get,
        (Deed::LookWide { .. }, _) => Operation::Siblings,
    }
}

const fn set(value: Vec<u8>, lifetime: Lifetime) -> Operation {
    Operation::Set { value, lifetime, condition: SetCondition::Always }
}

fn text(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}

/// What an outcome of a read shows; nothing when it makes no sense.
pub(crate) fn seen(place: Place, outcome: &Outcome) -> Option<Seen> {
    let numbers = numbers(outcome)?;
    Some(match place {
        Place::Counter(_) | Place::FieldCounter(_) => Seen::Sum(numbers.first().map_or(0, |n| *n)),
        Place::Register(_) | Place::FieldRegister(_) => Seen::Numbers(unsigned(&numbers)?),
        Place::Set(_) | Place::Map(_) | Place::Key(_) => Seen::Items(unsigned(&numbers)?),
    })
}

fn unsigned(numbers: &[i64]) -> Option<BTreeSet<u64>> {
    numbers.iter().map(|number| u64::try_from(*number).ok()).collect()
}

/// The numbers in an outcome, whatever its form.
fn numbers(outcome: &Outcome) -> Option<Vec<i64>> {
    let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse::<i64>().ok();
    match outcome {
        Outcome::Nothing => Some(Vec::new()),
        Outcome::Value(value) => Some(vec![number(value)?]),
        Outcome::Values(values) => values.iter().map(|value| number(value)).collect(),
        Outcome::Optionals(values) => values.iter().flatten().map(|value| number(value)).collect(),
        Outcome::Pairs(pairs) => pairs.iter().map(|(field, _)| number(field)).collect(),
        Outcome::Siblings(siblings) => siblings.iter().map(|held| number(&held.value)).collect(),
        _ => None,
    }
}
