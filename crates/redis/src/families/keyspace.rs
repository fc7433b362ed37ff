//! A keyspace as a whole: walks over the keys of all shards, and clearing.
//!
//! A walk goes shard by shard and in each in the order of the keys' hashes, which every owner
//! shares. So a key that is there all the time is met once, whoever answers and whatever else is
//! written meanwhile. A cursor says how far the walk has come and nothing about the connection:
//! any node goes on with it.

use api::{Operation, Outcome, Position, ShardOperation};
use cells::Keyspace;
use resp::Writer;

use crate::Step;
use crate::command::{Category, Command, Flag, Group, READ, READ_FAST, WRITE, integer};
use crate::families::places::{Asked, Everything, Place, ROUND_SHARDS_MAX, Shown, page};
use crate::glob;
use crate::refusal::Refusal;
use crate::rounds::{Next, Then, misfit};
use crate::session::{DATABASE_COUNT, Database};
use crate::slot::{SLOT_COUNT, Slot};
use crate::turn::{Turn, is_word, parse_integer};

/// How many keys a shard is asked for when all are wanted.
const PAGE_COUNT_MAX: u32 = 1024;
/// The most keys that a reply holds; a walk with `SCAN` has no such bound.
const REPLY_KEYS_MAX: usize = 1 << 20;

const fn row(
    group: Group,
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(group, name, arity, since, summary)
}

pub(crate) const COMMANDS: &[Command] = &[
    row(Group::Generic, "scan", -2, "2.8.0", "Incrementally iterate the keys space")
        .flags(READ)
        .tips(&["nondeterministic_output", "request_policy:special"])
        .run(scan),
    row(Group::Generic, "keys", 2, "1.0.0", "Find all keys matching the given pattern")
        .flags(READ)
        .categories(&[Category::Dangerous])
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"])
        .run(keys),
    row(Group::Generic, "randomkey", 1, "1.0.0", "Return a random key from the keyspace")
        .flags(READ)
        .tips(&["request_policy:all_shards", "nondeterministic_output"])
        .run(random_key),
    row(Group::Server, "dbsize", 1, "1.0.0", "Return the number of keys in the selected database")
        .flags(READ_FAST)
        .categories(&[Category::Keyspace])
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"])
        .run(database_size),
    row(Group::Server, "flushdb", -1, "1.0.0", "Remove all keys from the current database")
        .flags(WRITE)
        .categories(&[Category::Keyspace, Category::Dangerous])
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .run(flush_database),
    row(Group::Server, "flushall", -1, "1.0.0", "Remove all keys from all databases")
        .flags(WRITE)
        .categories(&[Category::Keyspace, Category::Dangerous])
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .run(flush_all),
];

/// The subcommands of `CLUSTER` that look at the keys of a slot.
pub(crate) const COUNT_KEYS_IN_SLOT: Command = row(
    Group::Cluster,
    "countkeysinslot",
    3,
    "3.0.0",
    "Return the number of local keys in the specified hash slot",
)
.within("cluster")
.flags(&[Flag::Stale])
.run(count_keys_in_slot);

/// See [`COUNT_KEYS_IN_SLOT`].
pub(crate) const GET_KEYS_IN_SLOT: Command = row(
    Group::Cluster,
    "getkeysinslot",
    4,
    "3.0.0",
    "Return local key names in the specified hash slot",
)
.within("cluster")
.flags(&[Flag::Stale])
.tips(&["nondeterministic_output"])
.run(get_keys_in_slot);

/// Whether a key is wanted.
type Fits = Box<dyn Fn(&[u8]) -> bool>;

/// A walk in steps of about `wanted` keys.
struct Scan {
    pattern: Option<Vec<u8>>,
    kind: Option<Vec<u8>>,
    wanted: usize,
    shard_count: u16,
    /// Where the next round begins; nothing at the end.
    at: Option<Place>,
    /// How many shards the next round asks.
    width: u16,
    /// How many the rounds so far asked.
    asked: u16,
    seen: usize,
    found: Vec<Vec<u8>>,
}

fn scan(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, cursor, words @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let at = Place::of_cursor(parse_cursor(cursor)?);
    let options = ScanOptions::parse(words)?;
    let scan = Scan {
        pattern: options.pattern.map(<[u8]>::to_vec),
        kind: options.kind.map(<[u8]>::to_ascii_lowercase),
        wanted: options.count,
        shard_count: turn.view.shard_count,
        at: (at.shard < turn.view.shard_count).then_some(at),
        width: 1,
        asked: 0,
        seen: 0,
        found: Vec::new(),
    };
    match scan.next()? {
        Next::Answered => {
            write_page(0, &[], turn.writer);
            Ok(Step::Reply)
        }
        next => turn.go_on(next),
    }
}

impl Scan {
    /// Asks the next shards for what is still wanted, each for all of it: most have less.
    fn next(self) -> Result<Next, Refusal> {
        let Some(at) = self.at else { return Ok(Next::Answered) };
        let count = u32::try_from(self.wanted - self.seen).unwrap_or(u32::MAX);
        let end = at.shard.saturating_add(self.width).min(self.shard_count);
        let rest = (at.shard + 1..end).map(|shard| Place::start_of(shard).keys(count));
        let asked = std::iter::once(at.keys(count)).chain(rest).collect();
        Ok(Next::Ask(asked, Then::go(|outcomes, writer| self.take(outcomes, writer))))
    }

    /// Takes pages as far as they are wanted; the others are asked for again.
    fn take(mut self, outcomes: &[Outcome], writer: &mut Writer<'_>) -> Result<Next, Refusal> {
        for outcome in outcomes {
            let (keys, next) = page(outcome)?;
            self.seen += keys.len();
            let matching = keys.iter().filter(|shown| self.fits(shown)).map(|(key, _)| key.clone());
            let matching: Vec<_> = matching.collect();
            self.found.extend(matching);
            let shard = self.at.map_or(0, |at| at.shard);
            self.at = match next {
                Some(position) => Some(Place { shard, position }),
                None => (shard + 1 < self.shard_count).then(|| Place::start_of(shard + 1)),
            };
            self.asked = self.asked.saturating_add(1);
            if self.seen >= self.wanted || next.is_some() {
                break;
            }
        }
        let is_enough = self.seen >= self.wanted || self.asked >= ROUND_SHARDS_MAX;
        if self.at.is_some() && !is_enough {
            self.width = (self.width * 4).min(ROUND_SHARDS_MAX);
            return self.next();
        }
        write_page(self.at.map_or(0, Place::cursor), &self.found, writer);
        Ok(Next::Answered)
    }

    fn fits(&self, (key, kind): &Shown) -> bool {
        self.kind.as_ref().is_none_or(|wanted| wanted == kind.as_bytes())
            && self.pattern.as_ref().is_none_or(|pattern| glob::matches_exactly(pattern, key))
    }
}

/// Reads a cursor as Redis does: nothing is 0, and a negative one lies beyond the end.
pub(super) fn parse_cursor(text: &[u8]) -> Result<u64, Refusal> {
    let refusal = Refusal::text("ERR invalid cursor");
    let (sign, digits) = match text {
        [] => return Ok(0),
        [b'-', digits @ ..] => (-1, digits),
        digits => (1, digits),
    };
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_number);
    let Some(cursor) = digits.and_then(|digits| digits.parse::<u64>().ok()) else {
        return Err(refusal);
    };
    Ok(if sign < 0 { cursor.wrapping_neg() } else { cursor })
}

/// Writes a cursor and what was found before it.
fn write_page(cursor: u64, found: &[Vec<u8>], writer: &mut Writer<'_>) {
    writer.array(2);
    writer.bulk(cursor.to_string().as_bytes());
    writer.array(found.len());
    found.iter().for_each(|one| writer.bulk(one));
}

/// What `SCAN` may be given.
pub(super) struct ScanOptions<'a> {
    pub(super) pattern: Option<&'a [u8]>,
    pub(super) count: usize,
    pub(super) kind: Option<&'a [u8]>,
}

impl<'a> ScanOptions<'a> {
    pub(super) fn parse(mut words: &[&'a [u8]]) -> Result<Self, Refusal> {
        let mut options = Self { pattern: None, count: 10, kind: None };
        while let [word, value, rest @ ..] = words {
            if is_word(word, "count") {
                let count = parse_integer(value)?;
                let count = usize::try_from(count).ok().filter(|count| *count > 0);
                options.count = count.ok_or(Refusal::Syntax)?;
            } else if is_word(word, "match") {
                options.pattern = Some(value).filter(|pattern| **pattern != b"*").copied();
            } else if is_word(word, "type") {
                options.kind = Some(value);
            } else {
                return Err(Refusal::Syntax);
            }
            words = rest;
        }
        words.is_empty().then_some(options).ok_or(Refusal::Syntax)
    }
}

/// Keys that fit, wherever they are.
struct Gathering {
    places: Everything,
    found: Vec<Vec<u8>>,
    count_max: usize,
    fits: Fits,
    write: fn(&[Vec<u8>], &mut Writer<'_>),
}

impl Gathering {
    fn next(mut self) -> (Vec<Asked>, Then) {
        let round = self.places.round();
        let asked = round.iter().map(|place| place.keys(PAGE_COUNT_MAX)).collect();
        let go = move |outcomes: &[Outcome], writer: &mut Writer<'_>| {
            for (place, outcome) in round.into_iter().zip(outcomes) {
                let (keys, next) = page(outcome)?;
                let fitting = keys.iter().map(|(key, _)| key).filter(|key| (self.fits)(key));
                self.found.extend(fitting.cloned());
                self.places.go_on(place, next);
            }
            if self.found.len() > REPLY_KEYS_MAX {
                return Err(Refusal::text("ERR too many keys for one reply; use SCAN"));
            }
            if self.places.ahead.is_empty() || self.found.len() >= self.count_max {
                self.found.truncate(self.count_max);
                (self.write)(&self.found, writer);
                return Ok(Next::Answered);
            }
            let (asked, then) = self.next();
            Ok(Next::Ask(asked, then))
        };
        (asked, Then::go(go))
    }
}

fn write_keys(found: &[Vec<u8>], writer: &mut Writer<'_>) {
    writer.array(found.len());
    found.iter().for_each(|key| writer.bulk(key));
}

fn write_count(found: &[Vec<u8>], writer: &mut Writer<'_>) {
    writer.integer(integer(found.len()));
}

fn keys(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let pattern = turn.only()?.to_vec();
    let gathering = Gathering {
        places: Everything::of(0..turn.view.shard_count),
        found: Vec::new(),
        count_max: usize::MAX,
        fits: Box::new(move |key| glob::matches_exactly(&pattern, key)),
        write: write_keys,
    };
    let (asked, then) = gathering.next();
    turn.ask(asked, then)
}

fn count_keys_in_slot(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, _, slot] = turn.args else {
        return Err(Refusal::Arity);
    };
    in_slot(turn, slot, usize::MAX, write_count)
}

fn get_keys_in_slot(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, _, slot, count] = turn.args else {
        return Err(Refusal::Arity);
    };
    let count = parse_integer(count)?;
    match usize::try_from(count) {
        Ok(count) => in_slot(turn, slot, count, write_keys),
        Err(_) => Err(Refusal::text("ERR Invalid number of keys")),
    }
}

fn in_slot(
    turn: &Turn<'_, '_>,
    slot: &[u8],
    count_max: usize,
    write: fn(&[Vec<u8>], &mut Writer<'_>),
) -> Result<Step, Refusal> {
    let slot = u16::try_from(parse_integer(slot)?).ok().filter(|slot| *slot < SLOT_COUNT);
    let slot = slot.ok_or(Refusal::text("ERR Invalid slot"))?;
    let shard = slot / (SLOT_COUNT / turn.view.shard_count.max(1));
    let gathering = Gathering {
        places: Everything::of([shard]),
        found: Vec::new(),
        count_max,
        fits: Box::new(move |key| Slot::of(key).0 == slot),
        write,
    };
    let (asked, then) = gathering.next();
    turn.ask(asked, then)
}

fn database_size(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let (asked, then) = count_all(Everything::of(0..turn.view.shard_count), 0);
    turn.ask(asked, then)
}

fn count_all(mut places: Everything, sum: u64) -> (Vec<Asked>, Then) {
    let round = places.round();
    let asked = round.iter().map(|place| place.count()).collect();
    let go = move |outcomes: &[Outcome], writer: &mut Writer<'_>| {
        let mut sum = sum;
        for (place, outcome) in round.into_iter().zip(outcomes) {
            let Outcome::Counted { count, next } = outcome else { return Err(misfit()) };
            sum = sum.saturating_add(*count);
            places.go_on(place, *next);
        }
        if places.ahead.is_empty() {
            writer.integer(i64::try_from(sum).unwrap_or(i64::MAX));
            return Ok(Next::Answered);
        }
        let (asked, then) = count_all(places, sum);
        Ok(Next::Ask(asked, then))
    };
    (asked, Then::go(go))
}

/// A shard and a place in it by chance, then everything behind that, then what is before.
fn random_key(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let seed = turn.session.seed();
    let shard_count = turn.view.shard_count.max(1);
    let shard = u16::try_from((seed >> 48) % u64::from(shard_count)).unwrap_or(0);
    let first = Place { shard, position: Position::of_hash(seed << 16) };
    let others = (shard + 1..shard_count).chain(0..=shard).map(Place::start_of);
    let ahead = std::iter::once(first).chain(others).collect();
    let (asked, then) = first_key(Everything { ahead }, 1);
    turn.ask(asked, then)
}

fn first_key(mut places: Everything, width: usize) -> (Vec<Asked>, Then) {
    let count = width.min(places.ahead.len()).min(usize::from(ROUND_SHARDS_MAX));
    let round: Vec<Place> = places.ahead.drain(..count).collect();
    let asked = round.iter().map(|place| place.keys(1)).collect();
    let go = move |outcomes: &[Outcome], writer: &mut Writer<'_>| {
        let mut left = Vec::new();
        for (place, outcome) in round.into_iter().zip(outcomes) {
            let (keys, next) = page(outcome)?;
            if let Some((key, _)) = keys.first() {
                writer.bulk(key);
                return Ok(Next::Answered);
            }
            // What was there is over, and more lies behind it.
            left.extend(next.map(|position| Place { position, ..place }));
        }
        for place in left.into_iter().rev() {
            places.ahead.push_front(place);
        }
        if places.ahead.is_empty() {
            writer.null();
            return Ok(Next::Answered);
        }
        let (asked, then) = first_key(places, width * 4);
        Ok(Next::Ask(asked, then))
    };
    (asked, Then::go(go))
}

fn flush_database(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let keyspace = turn.session.database.keyspace();
    flush(turn, vec![keyspace])
}

fn flush_all(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let all = (0..DATABASE_COUNT).map(|number| Database(number).keyspace()).collect();
    flush(turn, all)
}

fn flush(turn: &Turn<'_, '_>, keyspaces: Vec<Keyspace>) -> Result<Step, Refusal> {
    match turn.args {
        [_] => {}
        [_, word] if is_word(word, "async") || is_word(word, "sync") => {}
        _ => return Err(Refusal::Syntax),
    }
    let (asked, then) = clear(Everything::of(0..turn.view.shard_count), keyspaces);
    turn.ask(asked, then)
}

fn clear(mut places: Everything, keyspaces: Vec<Keyspace>) -> (Vec<Asked>, Then) {
    let clear_one = |place: Place| {
        let operation = ShardOperation::Clear { keyspaces: keyspaces.clone() };
        (Vec::new(), Operation::OnShard { shard: place.shard, operation })
    };
    let asked = places.round().into_iter().map(clear_one).collect();
    let go = move |_: &[Outcome], writer: &mut Writer<'_>| {
        if places.ahead.is_empty() {
            writer.ok();
            return Ok(Next::Answered);
        }
        let (asked, then) = clear(places, keyspaces);
        Ok(Next::Ask(asked, then))
    };
    (asked, Then::go(go))
}
