//! Deeds as calls, and outcomes as what was seen.

use std::collections::BTreeSet;

use api::{
    Batch, Call, Counted, Level, Lifetime, ListEnd, ListOperation, Operation, Outcome, Part,
    PushRule, Score, ScoreRule, SetCondition, Staleness, ZsetOperation,
};
use cells::Keyspace;

use super::{Deed, Place, Seen};

const KEYSPACE: Keyspace = Keyspace(1);
const FIELD: &[u8] = b"field";

/// The call that does a deed.
pub(crate) fn command(
    deed: &Deed,
    (read, write): (Level, Level),
    staleness: Option<Staleness>,
) -> Call {
    let key = deed.place().to_string().into_bytes();
    let session = None;
    let (key, operation) = match deed.place() {
        Place::Pair(_) => (half(&key, b'a'), Operation::Batch(both(deed, &key))),
        _ => (key, operation(deed)),
    };
    Call { keyspace: KEYSPACE, key, read, write, session, staleness, operation }
}

/// A plain read at one owner, for checkers.
pub(crate) fn look(place: Place) -> Call {
    command(&Deed::Look { place }, (Level::One, Level::One), None)
}

fn operation(deed: &Deed) -> Operation {
    match deed.place() {
        Place::Set(_) | Place::Pair(_) => in_set(deed),
        Place::Map(_) => in_map(deed),
        Place::FieldCounter(_) | Place::FieldRegister(_) => in_field(deed),
        Place::Zset(_) => in_zset(deed),
        Place::ScoreCounter(_) | Place::Score(_) => in_score(deed),
        Place::List(_) => in_list(deed),
        Place::Counter(_) | Place::Register(_) | Place::Key(_) => in_string(deed),
    }
}

fn in_string(deed: &Deed) -> Operation {
    match deed {
        Deed::Add { by, .. } => Operation::Increment { by: *by },
        Deed::Put { item, until, .. } => {
            set(text(*item), until.map_or(Lifetime::Forever, Lifetime::Until))
        }
        Deed::Extend { until, .. } => Operation::ExpireAt { at: *until },
        Deed::Take { .. } | Deed::Clear { .. } => Operation::Delete,
        Deed::Write { number, .. } => set(text(*number), Lifetime::Forever),
        Deed::Look { .. } => Operation::Get,
        Deed::LookWide { .. } => Operation::Siblings,
    }
}

fn in_set(deed: &Deed) -> Operation {
    match deed {
        Deed::Put { item, .. } => Operation::SetAdd { members: vec![text(*item)] },
        Deed::Take { item, .. } => Operation::SetRemove { members: vec![text(*item)] },
        Deed::Clear { .. } => Operation::Delete,
        _ => Operation::SetMembers,
    }
}

fn in_map(deed: &Deed) -> Operation {
    match deed {
        Deed::Put { item, .. } => {
            Operation::MapSet { fields: vec![(text(*item), b"there".into())] }
        }
        Deed::Take { item, .. } => Operation::MapRemove { fields: vec![text(*item)] },
        Deed::Clear { .. } => Operation::Delete,
        _ => Operation::MapAll,
    }
}

fn in_field(deed: &Deed) -> Operation {
    match deed {
        Deed::Add { by, .. } => Operation::MapIncrement { field: FIELD.into(), by: *by },
        Deed::Write { number, .. } => {
            Operation::MapSet { fields: vec![(FIELD.into(), text(*number))] }
        }
        _ => Operation::MapGet { fields: vec![FIELD.into()] },
    }
}

fn in_zset(deed: &Deed) -> Operation {
    Operation::Zset(match deed {
        Deed::Put { item, .. } => give(score(i64::try_from(*item)), text(*item)),
        Deed::Take { item, .. } => ZsetOperation::Remove { members: vec![text(*item)] },
        Deed::Clear { .. } => return Operation::Delete,
        _ => ZsetOperation::All,
    })
}

fn in_score(deed: &Deed) -> Operation {
    let member = FIELD.to_vec();
    Operation::Zset(match deed {
        Deed::Add { by, .. } => {
            let rule = ScoreRule::default();
            ZsetOperation::Increment { member, by: score(Ok(*by)), rule }
        }
        Deed::Write { number, .. } => give(score(i64::try_from(*number)), member),
        _ => ZsetOperation::Scores { members: vec![member] },
    })
}

fn in_list(deed: &Deed) -> Operation {
    Operation::List(match deed {
        Deed::Put { item, .. } => {
            let end = if item.is_multiple_of(3) { ListEnd::Front } else { ListEnd::Back };
            ListOperation::Push { end, values: vec![text(*item)], rule: PushRule::Always }
        }
        Deed::Take { item, .. } => {
            ListOperation::Remove { end: ListEnd::Front, limit: u64::MAX, value: text(*item) }
        }
        Deed::Clear { .. } => return Operation::Delete,
        _ => ListOperation::Range { start: 0, stop: -1 },
    })
}

/// The same in both sets of a pair, in one batch.
fn both(deed: &Deed, key: &[u8]) -> Batch {
    let part =
        |which| Part { keyspace: KEYSPACE, key: half(key, which), operation: operation(deed) };
    Batch { checks: Vec::new(), parts: vec![part(b'a'), part(b'b')] }
}

/// The key of one set of a pair: what is in braces says which shard.
fn half(key: &[u8], which: u8) -> Vec<u8> {
    [b"{", key, b"}", &[which]].concat()
}

const fn set(value: Vec<u8>, lifetime: Lifetime) -> Operation {
    Operation::Set { value, lifetime, condition: SetCondition::Always }
}

fn give(score: Score, member: Vec<u8>) -> ZsetOperation {
    let (rule, counted) = (ScoreRule::default(), Counted::New);
    ZsetOperation::Add { members: vec![(score, member)], rule, counted }
}

fn score(number: Result<i64, std::num::TryFromIntError>) -> Score {
    let number = number.ok().and_then(|number| i32::try_from(number).ok());
    Score::new(f64::from(number.expect("runs are short"))).expect("it is a number")
}

fn text(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}

/// An outcome as a whole: a batch of which a part failed has failed, and may be done in part.
pub(crate) fn as_a_whole(outcome: Outcome) -> Outcome {
    let Outcome::Batch(parts) = &outcome else { return outcome };
    let failed = parts.iter().find(|part| matches!(part, Outcome::Failed(_)));
    failed.cloned().unwrap_or(outcome)
}

/// Says whether a removal found nothing to remove.
pub(crate) fn found_nothing(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Integer(count) => *count == 0,
        Outcome::Batch(parts) => parts.iter().all(found_nothing),
        _ => false,
    }
}

/// What an outcome of a read shows; nothing when it makes no sense.
pub(crate) fn seen(place: Place, outcome: &Outcome) -> Option<Seen> {
    if let (Place::Pair(_), Outcome::Batch(parts)) = (place, outcome) {
        // What is in one set only is half there: it need not be shown, and may be.
        let mut halves = parts.iter().map(|part| unsigned(&numbers(part)?));
        let (left, right) = (halves.next()??, halves.next()??);
        return Some(Seen::Items(left.intersection(&right).copied().collect()));
    }
    let numbers = numbers(outcome)?;
    Some(match place {
        Place::Counter(_) | Place::FieldCounter(_) | Place::ScoreCounter(_) => {
            Seen::Sum(numbers.first().map_or(0, |n| *n))
        }
        Place::Register(_) | Place::FieldRegister(_) | Place::Score(_) => {
            Seen::Numbers(unsigned(&numbers)?)
        }
        _ => Seen::Items(unsigned(&numbers)?),
    })
}

fn unsigned(numbers: &[i64]) -> Option<BTreeSet<u64>> {
    numbers.iter().map(|number| u64::try_from(*number).ok()).collect()
}

/// The numbers in an outcome, whatever its form, in their order.
fn numbers(outcome: &Outcome) -> Option<Vec<i64>> {
    let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse::<i64>().ok();
    match outcome {
        Outcome::Nothing => Some(Vec::new()),
        Outcome::Value(value) => Some(vec![number(value)?]),
        Outcome::Values(values) => values.iter().map(|value| number(value)).collect(),
        Outcome::Optionals(values) => values.iter().flatten().map(|value| number(value)).collect(),
        Outcome::Pairs(pairs) => pairs.iter().map(|(field, _)| number(field)).collect(),
        Outcome::Scored(members) => members.iter().map(|(member, _)| number(member)).collect(),
        Outcome::Scores(scores) => scores.iter().flatten().map(|score| whole(*score)).collect(),
        Outcome::Siblings(held) => held.versions.iter().map(|one| number(&one.value)).collect(),
        _ => None,
    }
}

/// A score that is a whole number.
fn whole(score: Score) -> Option<i64> {
    let text = format!("{}", score.get());
    text.parse().ok()
}
