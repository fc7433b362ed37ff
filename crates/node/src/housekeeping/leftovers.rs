//! What deleted and ended keys leave behind goes, once nothing on its way could need it.
//!
//! A key of many cells that has ended is hidden by a record; a counter that was reset is hidden by
//! floors. Both must stay for as long as something that they hide may still come:
//!
//! - What a record hides is removed when everything that any owner had minted until the end, and a
//!   margin for clocks that differ, is here: by then, nobody can have given the key a longer life
//!   that is not known here. The record itself stays for a day longer, for what a stand-in may have
//!   taken while no owner could be reached.
//! - The entry of a counter is removed when its floor hides all of it: by its owner, which alone
//!   writes to it, or by any owner once its owner is retired.
//! - The floor of this node's own births is removed when every owner has everything that was
//!   minted until the entry was seen gone: no copy of the entry can come then, under any name.
//!   Floors of retired actors stay: decision 0015.
//!
//! Everything goes by ordinary operations, so that owners agree at every moment. The walk over the
//! keys never ends, a few with each beat.

use std::collections::{BTreeMap, BTreeSet};

use causality::{Actor, Dot, Millis};
use cells::types::counter::{Fate, orphans, sweep};
use cells::types::key::{ReapLimits, reap};
use cells::{Draft, KeyAddress};
use replica::Leftover;
use storage::Store;
use wire::ShardId;

use crate::event::Outbox;
use crate::execute::mint;
use crate::mutation::Mutation;
use crate::node::Node;

/// The most keys that are looked at with one beat.
const KEYS_PER_BEAT: usize = 256;

/// The most shards.
const SHARDS_PER_BEAT: usize = 16;

/// The most cells that are emptied with one beat, and the most of a key that are looked at; the
/// rest follows with the next.
const EMPTIED_MAX: usize = 256;
const VISITED_MAX: usize = 4_096;

/// A key with more entries and floors of counters than this is left as it is.
const COUNTERS_MAX: u64 = 16_384;

/// Walks over all keys begin no sooner than this after each other.
const WALK_PERIOD_MS: u64 = 60_000;

/// By how much clocks may differ, and more.
const MARGIN_MS: u64 = 10_000;

/// For how long the record of a key that has ended stays after everything that it hides is gone.
const RECORD_KEPT_MS: u64 = 24 * 60 * 60 * 1_000;

/// The most births of one shard that wait for their floors to go.
const ORPHANS_MAX: usize = 1_024;

/// Where the walk stands.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    due: Millis,
    shard: u16,
    at: Place,
    orphans: BTreeMap<u16, Orphans>,
    pub(crate) counts: LeftoverCounts,
}

/// A place in a shard: a key to go on with and a column of it, or the beginning of either.
#[derive(Clone, Debug, Default)]
struct Place {
    key: Option<Vec<u8>>,
    column: Option<Vec<u8>>,
}

/// Own births of one shard of which only floors were left when it was walked last.
#[derive(Debug, Default)]
struct Orphans {
    births: BTreeSet<u64>,
    /// How much this node had minted by then.
    minted: u64,
    /// Those of the present walk, and how much was minted when it began.
    next: BTreeSet<u64>,
    minted_next: u64,
}

/// What housekeeping has removed since the node started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftoverCounts {
    /// Keys that were looked at.
    pub passed: u64,
    /// Operations minted to remove what deleted and ended keys have left.
    pub removed: u64,
}

impl<S: Store> Node<S> {
    /// Looks at the next few keys, and removes what nobody needs any more.
    pub(crate) fn remove_leftovers(&mut self, now: Millis, out: &mut Outbox) {
        if now < self.housekeeping.walk.due {
            return;
        }
        let mut left = KEYS_PER_BEAT;
        for _ in 0..SHARDS_PER_BEAT {
            let walk = &mut self.housekeeping.walk;
            let at = std::mem::take(&mut walk.at);
            let Some((shard, _)) = self.replicas.range(walk.shard..).next() else {
                walk.shard = 0;
                walk.due = walk.due.plus(WALK_PERIOD_MS).max(now);
                return;
            };
            let shard = *shard;
            let at = if shard == walk.shard { at } else { Place::default() };
            let (passed, next) = self.walk_shard(now, shard, (at, left), out);
            left -= passed.min(left);
            let walk = &mut self.housekeeping.walk;
            walk.counts.passed += passed as u64;
            walk.shard = if next.is_some() { shard } else { shard + 1 };
            if let Some(next) = next {
                walk.at = next;
                return;
            }
        }
    }

    /// Returns how many keys were passed, and where to go on in the shard.
    fn walk_shard(
        &mut self,
        now: Millis,
        shard: u16,
        (at, count_max): (Place, usize),
        out: &mut Outbox,
    ) -> (usize, Option<Place>) {
        if !self.serves(shard) || !self.is_comparable(shard) {
            return (0, None);
        }
        let Some(replica) = self.replicas.get(&shard) else { return (0, None) };
        if at.key.is_none() {
            let minted = replica.next_dot().counter - 1;
            self.housekeeping.walk.orphans.entry(shard).or_default().begin(minted);
        }
        // Rows that cannot be read are the business of verification.
        let Ok(found) = replica.find_leftovers(&mut self.store, at.key.as_deref(), count_max)
        else {
            return (0, None);
        };
        let (mut column, mut minted) = (at.column, 0);
        for leftover in &found.keys {
            let from = column.take().filter(|_| at.key.as_ref() == Some(&leftover.place));
            let (more, next) = self.tidy_key(now, shard, (leftover, from.as_deref()), out);
            minted += more;
            if minted >= EMPTIED_MAX || next.is_some() {
                // Enough for this beat; the walk comes back to this key.
                let key = Some(leftover.place.clone());
                return (count_max, Some(Place { key, column: next }));
            }
        }
        if found.next.is_none() {
            self.end_walk_of(shard);
        }
        (found.passed, found.next.map(|key| Place { key: Some(key), column: None }))
    }

    fn end_walk_of(&mut self, shard: u16) {
        let orphans = &mut self.housekeeping.walk.orphans;
        if orphans.get_mut(&shard).is_some_and(Orphans::end) {
            orphans.remove(&shard);
        }
    }

    /// Removes what is left of one key, as far as that is safe. Returns how many operations that
    /// took, and the column to go on from when there is more to look at.
    fn tidy_key(
        &mut self,
        now: Millis,
        shard: u16,
        (found, from): (&Leftover, Option<&[u8]>),
        out: &mut Outbox,
    ) -> (usize, Option<Vec<u8>>) {
        let key = KeyAddress { keyspace: found.keyspace, key: &found.key };
        let limits = self.reap_limits(now, shard);
        let known = Known {
            me: Actor::new(self.config.me, self.config.incarnation),
            settled: self.settled_births(shard),
            is_leader: self.leads(shard),
            is_careless: self.is_mutated(Mutation::FloorsForgotten),
        };
        let Some(replica) = self.replicas.get_mut(&shard) else { return (0, None) };
        let mut draft = Draft::new(replica.next_dot());
        let mut stored = replica.stored_reader(&mut self.store);
        let mut next = None;
        // Cells that make no sense are left to a person.
        if found.has_end && known.is_leader {
            match reap(&mut stored, key, from, limits, &mut draft) {
                Ok(more) => next = more,
                Err(_) => return (0, None),
            }
        }
        if (1..=COUNTERS_MAX).contains(&found.counter_count) && draft.changes().is_empty() {
            let sealed = replica.sealed();
            let fate = |birth: Dot| known.fate(birth, sealed.is_retired(birth.actor));
            let alone = orphans(&mut stored, key);
            let swept = sweep(&mut stored, key, fate, &mut draft);
            let (Ok(alone), Ok(())) = (alone, swept) else { return (0, None) };
            let mine = alone.into_iter().filter(|birth| birth.actor == known.me);
            if let Some(orphans) = self.housekeeping.walk.orphans.get_mut(&shard) {
                orphans.note(mine.map(|birth| birth.counter));
            }
        }
        if draft.changes().is_empty() {
            return (0, next);
        }
        // What could not be minted is found again.
        let Ok(ops) = mint(replica, &mut self.store, now, key, draft) else { return (0, None) };
        self.housekeeping.walk.counts.removed += ops.len() as u64;
        self.unstable.insert(shard);
        let request = self.new_request();
        self.watch(now, shard, request, &ops);
        let mut owners = self.topology.all_owners(shard).to_vec();
        owners.retain(|owner| owner.node != self.config.me && self.is_reachable(owner.node));
        // Nobody waits: who misses this takes it with the next comparison of clocks.
        self.send_to_owners(now, (ShardId(shard), request), &owners, &ops, out);
        (ops.len(), next)
    }

    fn reap_limits(&self, now: Millis, shard: u16) -> ReapLimits {
        let complete_until = if self.is_mutated(Mutation::ReapedByClock) {
            now
        } else {
            self.complete_until(now, shard).min(now).minus(MARGIN_MS)
        };
        let forget_before = complete_until.minus(RECORD_KEPT_MS);
        ReapLimits { complete_until, forget_before, count_max: EMPTIED_MAX, visit_max: VISITED_MAX }
    }

    /// Whether this node does for a shard what one owner should. Two that do it harm nobody.
    fn leads(&self, shard: u16) -> bool {
        let owners = self.topology.owners(shard);
        let able = owners.iter().map(|owner| owner.node).filter(|node| self.is_reachable(*node));
        able.min() == Some(self.config.me)
    }

    /// Own births of which only floors are left, and of which no copy can come any more.
    fn settled_births(&self, shard: u16) -> BTreeSet<u64> {
        let (Some(orphans), Some(replica)) =
            (self.housekeeping.walk.orphans.get(&shard), self.replicas.get(&shard))
        else {
            return BTreeSet::new();
        };
        let everyone = self.topology.everyone(shard);
        let everywhere = replica.stable_base(replica.actor(), everyone);
        if everywhere >= orphans.minted { orphans.births.clone() } else { BTreeSet::new() }
    }
}

/// What decides about a birth.
struct Known {
    me: Actor,
    settled: BTreeSet<u64>,
    is_leader: bool,
    is_careless: bool,
}

impl Known {
    fn fate(&self, birth: Dot, is_retired: bool) -> Fate {
        if self.is_careless && (birth.actor == self.me || is_retired) {
            Fate::Settled
        } else if birth.actor == self.me {
            if self.settled.contains(&birth.counter) { Fate::Settled } else { Fate::Owned }
        } else if is_retired && self.is_leader {
            Fate::Owned
        } else {
            Fate::Kept
        }
    }
}

impl Orphans {
    fn begin(&mut self, minted: u64) {
        (self.next, self.minted_next) = (BTreeSet::new(), minted);
    }

    fn note(&mut self, births: impl Iterator<Item = u64>) {
        let room = ORPHANS_MAX.saturating_sub(self.next.len());
        self.next.extend(births.take(room));
    }

    /// The walk has come to its end; says whether nothing is left.
    fn end(&mut self) -> bool {
        self.births = std::mem::take(&mut self.next);
        self.minted = self.minted_next;
        self.births.is_empty()
    }
}
