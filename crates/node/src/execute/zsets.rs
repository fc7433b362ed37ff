//! Sorted sets: what is written and taken; ranges are found in `zsets/ranges.rs`.

mod ranges;

use std::collections::BTreeMap;

use api::{
    Amount, Comparison, Counted, Order, Outcome, Pick, Presence, Score, ScoreRule, ZsetOperation,
    ZsetRange,
};
use cells::types::key::{self, Kind};
use cells::types::{Draft, Scores, TypeError, pick, set, zset};
use cells::{KeyAddress, ReadCells};

use super::{Ran, Stop, count, each_once, expect_kind};
use ranges::Window;

/// Members and their scores.
type Scored = Vec<(Vec<u8>, Score)>;

pub(super) fn run<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    operation: &ZsetOperation,
    draft: &mut Draft,
) -> Ran {
    match operation {
        ZsetOperation::Replace { members } => return replace(cells, key, members, draft),
        ZsetOperation::All => return all(cells, key),
        _ => expect_kind(cells, key, Kind::Zset)?,
    }
    if operation.is_write() {
        write(cells, key, operation, draft)
    } else {
        read(cells, key, operation)
    }
}

fn write<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    operation: &ZsetOperation,
    draft: &mut Draft,
) -> Ran {
    match operation {
        ZsetOperation::Add { members, rule, counted } => {
            add(cells, key, members, (*rule, *counted), draft)
        }
        ZsetOperation::Increment { member, by, rule } => {
            increment(cells, key, member, (*by, *rule), draft)
        }
        ZsetOperation::RemoveIn { range } => {
            let found = ranges::select(cells, key, range, Window::whole(Order::Rising))?;
            take(cells, key, found.iter().map(|(member, _)| member.as_slice()), draft)
        }
        ZsetOperation::Pop { order, limit } => {
            let range = ZsetRange::Rank { start: 0, stop: -1 };
            let window = Window { order: *order, skip: 0, limit: *limit };
            let found = ranges::select(cells, key, &range, window)?;
            take(cells, key, found.iter().map(|(member, _)| member.as_slice()), draft)?;
            Ok(Outcome::Scored(found))
        }
        ZsetOperation::Remove { members } => take(cells, key, each_once(members), draft),
        _ => unreachable!("what only reads is not written"),
    }
}

fn read<R: ReadCells>(cells: &mut R, key: KeyAddress<'_>, operation: &ZsetOperation) -> Ran {
    match operation {
        ZsetOperation::Scores { members } => {
            let mut found = Vec::with_capacity(members.len());
            for member in members {
                found.push(zset::score(cells, key, member)?.and_then(Score::new));
            }
            Ok(Outcome::Scores(found))
        }
        ZsetOperation::CountIn { range } => Ok(count(ranges::count(cells, key, range)?)),
        ZsetOperation::Rank { member, order } => ranges::rank(cells, key, member, *order),
        ZsetOperation::Range { range, order, skip, limit } => {
            let window = Window { order: *order, skip: *skip, limit: *limit };
            Ok(Outcome::Scored(ranges::select(cells, key, range, window)?))
        }
        ZsetOperation::Ranges { ranges } => Ok(Outcome::Scored(ranges::join(cells, key, ranges)?)),
        ZsetOperation::Pick { pick } => Ok(Outcome::Scored(choose(cells, key, *pick)?)),
        _ => Ok(count(zset::count(cells, key)?)),
    }
}

/// What becomes of the members that one command names, some of them more than once: each is
/// written at most once in the end.
#[derive(Default)]
struct Additions<'m> {
    /// The score that is there, and the one that will be.
    scores: BTreeMap<&'m [u8], (Option<Score>, Option<Score>)>,
    added: u64,
    changed: u64,
}

fn add<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    members: &[(Score, Vec<u8>)],
    (rule, counted): (ScoreRule, Counted),
    draft: &mut Draft,
) -> Ran {
    let mut additions = Additions::default();
    for (score, member) in members {
        let held = match additions.scores.get(member.as_slice()) {
            Some((_, next)) => *next,
            None => zset::score(cells, key, member)?.and_then(Score::new),
        };
        if !allows(rule, held, *score) {
            continue;
        }
        additions.added += u64::from(held.is_none());
        additions.changed += u64::from(held.is_some_and(|held| held != *score));
        additions.scores.entry(member).or_insert((held, None)).1 = Some(*score);
    }
    for (member, (_, next)) in &additions.scores {
        // A score that stays is written all the same: it outlives a removal that has not seen it.
        if let Some(next) = next {
            zset::add(cells, key, member, next.get(), draft)?;
        }
    }
    Ok(count(match counted {
        Counted::New => additions.added,
        Counted::Changed => additions.added + additions.changed,
    }))
}

fn increment<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    member: &[u8],
    (by, rule): (Score, ScoreRule),
    draft: &mut Draft,
) -> Ran {
    let held = zset::score(cells, key, member)?.and_then(Score::new);
    let sum = held.map_or(by.get(), |held| held.get() + by.get());
    let sum = Score::new(sum).ok_or(Stop::NotAScore)?;
    if !allows(rule, held, sum) {
        return Ok(Outcome::Scores(vec![None]));
    }
    let score = zset::increment(cells, key, member, by.get(), draft)?;
    Ok(Outcome::Scores(vec![Score::new(score)]))
}

fn allows(rule: ScoreRule, held: Option<Score>, next: Score) -> bool {
    let fits = match rule.presence {
        Presence::Any => true,
        Presence::Present => held.is_some(),
        Presence::Absent => held.is_none(),
    };
    let compares = |held| match rule.comparison {
        Comparison::Any => true,
        Comparison::Greater => next > held,
        Comparison::Less => next < held,
    };
    fits && held.is_none_or(compares)
}

/// Removes members; answers how many were there.
fn take<'m, R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    members: impl IntoIterator<Item = &'m [u8]>,
    draft: &mut Draft,
) -> Ran {
    let mut taken = 0;
    for member in members {
        taken += u64::from(zset::remove(cells, key, member, draft)?);
    }
    Ok(count(taken))
}

/// Whatever the key held, the sorted set takes its place.
fn replace<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    members: &[(Score, Vec<u8>)],
    draft: &mut Draft,
) -> Ran {
    key::delete(cells, key, draft)?;
    let members: BTreeMap<&[u8], Score> =
        members.iter().map(|(score, member)| (member.as_slice(), *score)).collect();
    for (member, score) in &members {
        zset::add(cells, key, member, score.get(), draft)?;
    }
    Ok(count(members.len() as u64))
}

/// Everything of a sorted set, in its order; members of a set have a score of one.
fn all<R: ReadCells>(cells: &mut R, key: KeyAddress<'_>) -> Ran {
    let found = match key::kinds(cells, key)?.map(|kinds| kinds.shown) {
        Some(Kind::Set) => {
            let one = Score::new(1.0).expect("one is a number");
            set::members(cells, key)?.into_iter().map(|member| (member, one)).collect()
        }
        Some(Kind::Zset) | None => {
            let range = ZsetRange::Rank { start: 0, stop: -1 };
            ranges::select(cells, key, &range, Window::whole(Order::Rising))?
        }
        Some(_) => return Err(Stop::WrongType),
    };
    Ok(Outcome::Scored(found))
}

fn choose<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    pick: Pick,
) -> Result<Scored, TypeError> {
    let total = zset::count(cells, key)?;
    let mut rng = fastrand::Rng::with_seed(pick.seed);
    let mut from = Scores { cells, key };
    let keys = match pick.amount {
        Amount::Distinct(wanted) => pick::distinct(&mut from, total, wanted, &mut rng),
        Amount::Repeated(wanted) => pick::repeated(&mut from, total, wanted, &mut rng),
    }?;
    Ok(keys.iter().filter_map(|key| ranges::split(key)).collect())
}
