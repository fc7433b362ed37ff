//! What a replica misses on some keys alone, ahead of everything else.
//!
//! A read that asks other owners needs one key, not the shard. The asker says which, with its clock
//! and the sum of the hash tree's leaf around each key. Where the sums are equal, both hold the
//! same versions of the key, whatever else they miss: nothing is sent. Otherwise all that the asker
//! misses on the cells of the key is sent, in the groups of any exchange, and the clears that hit
//! the key before them; so the asker's clock gets holes, and the rest of the exchange fills them.
//!
//! Whose operations touch a key is found in the log. While few are missing they are looked at one
//! by one; after an outage, an index that is built on the first question and follows the log.

use causality::{Actor, Clock, Counters, Dot, Run};
use cells::{CellAddress, Family, KeyAddress};
use merkle::Depth;
use storage::{EntryId, Store};
use wire::shard::{GroupsGiven, GroupsWanted, KeySum, Rest};

use crate::error::ReplicaError;
use crate::exchange::{Missed, Missing};
use crate::format::record_cell;
use crate::mutation::Mutation;
use crate::replica::{Condition, Replica};

/// After how many beats without a question the index is dropped.
const IDLE_BEATS_MAX: u8 = 10;

/// The operations of the log by the hash of their key.
#[derive(Debug, Default)]
pub(crate) struct ByKey {
    /// What is in it.
    listed: Clock,
    actors: Vec<Actor>,
    /// Sorted.
    entries: Vec<Listed>,
    /// Clears of whole keyspaces, which touch every key.
    clears: Vec<Dot>,
    idle_beats: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Listed {
    /// The upper half of the key's hash.
    hash: u32,
    actor: u32,
    counter: u64,
}

impl ByKey {
    fn add(&mut self, cell: CellAddress<'_>, dot: Dot) {
        if cell.key.key.is_empty() {
            self.clears.push(dot);
            return;
        }
        let at = self.actors.iter().position(|actor| *actor == dot.actor);
        let at = at.unwrap_or_else(|| {
            self.actors.push(dot.actor);
            self.actors.len() - 1
        });
        let actor = u32::try_from(at).expect("fewer actors than bytes of memory");
        self.entries.push(Listed { hash: upper_half(cell.key), actor, counter: dot.counter });
    }

    /// The listed operations that may touch a key.
    fn of(&self, key: KeyAddress<'_>) -> impl Iterator<Item = Dot> {
        let hash = upper_half(key);
        let from = self.entries.partition_point(|entry| entry.hash < hash);
        let entries = self.entries[from..].iter().take_while(move |entry| entry.hash == hash);
        entries.map(|entry| Dot::new(self.actors[entry.actor as usize], entry.counter))
    }
}

fn upper_half(key: KeyAddress<'_>) -> u32 {
    u32::try_from(key.hash() >> 32).expect("32 bits are left")
}

impl Replica {
    /// Names some keys, with what is held around them, to ask others for what is missing of them.
    #[must_use]
    pub fn key_sums<'a>(&self, keys: impl IntoIterator<Item = KeyAddress<'a>>) -> Vec<KeySum> {
        let depth = self.tree.depth();
        let sum_of = |key: KeyAddress<'_>| {
            let digest = self.tree.sum_near(key.hash(), depth).expect("it is this tree's depth");
            let (keyspace, depth) = (key.keyspace, depth.get());
            KeySum { keyspace, key: key.key.into(), depth, digest: digest.0 }
        };
        keys.into_iter().map(sum_of).collect()
    }

    /// Answers like [`Replica::give_groups`], but only with what touches some keys.
    ///
    /// # Errors
    /// As [`Replica::give_groups`].
    pub fn give_key_groups<S: Store>(
        &mut self,
        store: &mut S,
        wanted: &GroupsWanted,
        keys: &[KeySum],
    ) -> Result<GroupsGiven, ReplicaError> {
        if self.condition == Condition::Fetching {
            return Err(ReplicaError::Fetching);
        }
        let horizon = self.state.horizon;
        let differing: Vec<KeyAddress<'_>> =
            keys.iter().filter(|key| !self.is_equal_near(key)).map(KeySum::address).collect();
        if differing.is_empty() {
            let (groups, rest, sealed) = (Vec::new(), Rest::Nothing, None);
            return Ok(GroupsGiven::Groups { groups, rest, horizon, sealed });
        }
        let (missing, sealed) = match self.missed(wanted) {
            Missed::Unknown => return Ok(GroupsGiven::SealedNeeded),
            Missed::These { dots, sealed } => (dots, sealed),
        };
        let Some(found) = self.group_by_key(store, &missing, &differing)? else {
            return Ok(GroupsGiven::StateNeeded);
        };
        let (groups, rest) = self.build_groups(store, found, wanted.budget)?;
        Ok(GroupsGiven::Groups { groups, rest, horizon, sealed })
    }

    /// Says whether one that asks for some keys may have something of them that is missing here.
    #[must_use]
    pub fn is_behind(&self, wanted: &GroupsWanted, keys: &[KeySum]) -> bool {
        !self.covers(&wanted.applied) && keys.iter().any(|key| !self.is_equal_near(key))
    }

    /// Says whether the asker holds the same versions of a key, and of its neighbours.
    fn is_equal_near(&self, key: &KeySum) -> bool {
        let Ok(depth) = Depth::new(key.depth) else { return false };
        let digest = self.tree.sum_near(key.address().hash(), depth);
        digest.is_some_and(|digest| digest.0 == key.digest)
            || self.is_mutated(Mutation::KeysEqualUnseen)
    }

    /// Sorts those of some missing dots that touch keys by their cells; nothing when the log no
    /// longer has one.
    fn group_by_key<S: Store>(
        &mut self,
        store: &mut S,
        missing: &[(Actor, Vec<Run>)],
        keys: &[KeyAddress<'_>],
    ) -> Result<Option<Missing>, ReplicaError> {
        let is_clearless = self.is_mutated(Mutation::KeysWithoutClears);
        let is_wanted = move |cell: CellAddress<'_>| {
            if is_clearless && cell.family() == Some(Family::Clear) {
                return false;
            }
            let is_hit = |key: &KeyAddress<'_>| {
                key.keyspace == cell.key.keyspace
                    && (key.key == cell.key.key || cell.key.key.is_empty())
            };
            keys.iter().any(is_hit)
        };
        if count(missing) <= self.settings.unlisted_max {
            return self.group_by_cell(store, missing, is_wanted);
        }
        if self.is_log_short_of(missing) {
            return Ok(None);
        }
        let missed = clock_of(missing);
        if !self.list_by_key(store, &missed)? {
            return Ok(None);
        }
        let mut dots: Vec<Dot> = self.by_key.clears.clone();
        keys.iter().for_each(|key| dots.extend(self.by_key.of(*key)));
        let unlisted = missed.difference(&self.by_key.listed);
        dots.retain(|dot| missed.contains(*dot));
        dots.sort_unstable();
        dots.dedup();
        let Some(mut found) = self.group_by_cell(store, &unlisted, is_wanted)? else {
            return Ok(None);
        };
        for dot in dots {
            let run = Run { first: dot.counter, last: dot.counter };
            let one = [(dot.actor, vec![run])];
            let Some(more) = self.group_by_cell(store, &one, is_wanted)? else { return Ok(None) };
            more.into_iter().for_each(|(cell, dots)| found.entry(cell).or_default().extend(dots));
        }
        found.values_mut().for_each(|dots| dots.sort_unstable());
        Ok(Some(found))
    }

    /// Brings the index up to date, when too much of what is missing is not in it; false when the
    /// log lacks an entry that it should have.
    fn list_by_key<S: Store>(
        &mut self,
        store: &mut S,
        missed: &Clock,
    ) -> Result<bool, ReplicaError> {
        self.by_key.idle_beats = 0;
        if count(&missed.difference(&self.by_key.listed)) <= self.settings.unlisted_max {
            return Ok(true);
        }
        let mut record = Vec::new();
        let held = self.state.whole_clock();
        for (actor, runs) in held.difference(&self.by_key.listed) {
            let floor = self.state.floor(actor);
            for counter in runs.iter().flat_map(|run| run.first.max(floor + 1)..=run.last) {
                let id = EntryId { actor: actor.bits(), counter };
                if !store.entry(self.shard, id, &mut record)? {
                    self.by_key = ByKey::default();
                    return Ok(false);
                }
                let cell = record_cell(&record).map_err(|source| self.damaged("record", source))?;
                self.by_key.add(cell, Dot::new(actor, counter));
            }
        }
        self.by_key.listed = held;
        self.by_key.entries.sort();
        Ok(true)
    }

    /// Forgets the index: the state was replaced, and its log with it.
    pub(crate) fn drop_index(&mut self) {
        self.by_key = ByKey::default();
    }

    /// Drops the index when nobody has asked for a while.
    pub(crate) fn age_index(&mut self) {
        self.by_key.idle_beats = self.by_key.idle_beats.saturating_add(1);
        if self.by_key.idle_beats > IDLE_BEATS_MAX {
            self.drop_index();
        }
    }
}

fn count(dots: &[(Actor, Vec<Run>)]) -> u64 {
    dots.iter().flat_map(|(_, runs)| runs).map(|run| run.last - run.first + 1).sum()
}

fn clock_of(dots: &[(Actor, Vec<Run>)]) -> Clock {
    let mut clock = Clock::new();
    for (actor, runs) in dots {
        let mut counters = Counters::default();
        runs.iter().for_each(|run| counters.insert_run(*run));
        clock.insert_all(*actor, &counters);
    }
    clock
}
