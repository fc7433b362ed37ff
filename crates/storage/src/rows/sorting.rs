//! New groups on their way into the order of their shard, some at a time.
//!
//! Runs of them are sorted where they stand; then the runs and the order so far are merged into a
//! new order. Those that come meanwhile wait for the next time. Whoever moves slots meanwhile ends
//! it: it is then begun again.

use std::cmp::Ordering;

use super::group::Group;

/// So many groups are sorted at once.
const RUN_LEN: usize = 1024;
/// Bringing one group into order counts as so many bytes of work, and so does copying more of those
/// that were in order before.
const GROUP_BYTES: usize = 32;
const COPIED_PER_GROUP: usize = 64;

/// An order that is being made.
#[derive(Debug)]
pub(super) struct Sorting {
    /// So many of the new slots take part,
    count: usize,
    /// and so many stand in sorted runs.
    sorted_count: usize,
    runs: Vec<Run>,
    /// Bytes that the keys of all runs have in common.
    shared: usize,
    /// So many of the order so far are merged.
    taken: usize,
    merged: Vec<u32>,
}

/// A part of the new slots that is in order.
#[derive(Debug)]
struct Run {
    next: usize,
    end: usize,
    /// What tells the key of the next one apart, mostly.
    head: u64,
}

impl Sorting {
    pub(super) fn new(count: usize, old_count: usize) -> Self {
        Self {
            count,
            sorted_count: 0,
            runs: Vec::new(),
            shared: usize::MAX,
            taken: 0,
            merged: Vec::with_capacity(old_count + count),
        }
    }

    /// Goes on until about so many bytes of work are done. True when all are in order.
    pub(super) fn step(
        &mut self,
        slots: &[Group],
        old: &[u32],
        new: &mut [u32],
        left: &mut usize,
    ) -> bool {
        while self.sorted_count < self.count {
            if *left == 0 {
                return false;
            }
            self.sort_run(slots, new);
            *left = left.saturating_sub(RUN_LEN * GROUP_BYTES);
        }
        while let Some(run) = self.first_run(slots, new) {
            if *left == 0 {
                return false;
            }
            let slot = new[self.runs[run].next];
            let key = slots[slot as usize].key();
            let rest = &old[self.taken..];
            let count = count_before(rest, |held| slots[held as usize].key() < key);
            self.merged.extend_from_slice(&rest[..count]);
            self.merged.push(slot);
            self.taken += count;
            self.advance(run, slots, new);
            *left = left.saturating_sub((1 + count / COPIED_PER_GROUP) * GROUP_BYTES);
        }
        self.merged.extend_from_slice(&old[self.taken..]);
        true
    }

    /// Returns the new order, and how many new slots are in it.
    pub(super) fn finish(self) -> (Vec<u32>, usize) {
        (self.merged, self.count)
    }

    pub(super) fn bytes(&self) -> usize {
        self.merged.capacity() * 4 + self.runs.capacity() * size_of::<Run>()
    }

    fn sort_run(&mut self, slots: &[Group], new: &mut [u32]) {
        let end = self.count.min(self.sorted_count + RUN_LEN);
        let run = self.sorted_count..end;
        let shared = sort_slots(slots, &mut new[run]);
        let key = |place: usize| slots[new[place] as usize].key();
        let across = shared_len(key(0), key(self.sorted_count));
        self.shared = self.shared.min(shared).min(across);
        self.runs.push(Run { next: self.sorted_count, end, head: 0 });
        self.sorted_count = end;
        if end == self.count {
            for run in &mut self.runs {
                run.head = head(key(run.next), self.shared);
            }
        }
    }

    fn first_run(&self, slots: &[Group], new: &[u32]) -> Option<usize> {
        let key = |run: usize| slots[new[self.runs[run].next] as usize].key();
        (0..self.runs.len()).reduce(|first, run| {
            match self.runs[run].head.cmp(&self.runs[first].head) {
                Ordering::Less => run,
                Ordering::Equal if key(run) < key(first) => run,
                _ => first,
            }
        })
    }

    fn advance(&mut self, number: usize, slots: &[Group], new: &[u32]) {
        let run = &mut self.runs[number];
        run.next += 1;
        if run.next < run.end {
            run.head = head(slots[new[run.next] as usize].key(), self.shared);
        } else {
            self.runs.swap_remove(number);
        }
    }
}

/// Sorts slots by key and returns how many bytes all keys share. Keys are all over memory, so that
/// most comparisons are made on the eight bytes behind what is shared, kept beside the slot.
pub(super) fn sort_slots(slots: &[Group], these: &mut [u32]) -> usize {
    let key = |slot: u32| slots[slot as usize].key();
    let Some(first) = these.first().map(|slot| key(*slot)) else { return usize::MAX };
    let shared =
        these.iter().fold(first.len(), |shared, slot| shared_len(&first[..shared], key(*slot)));
    let mut heads: Vec<(u64, u32)> =
        these.iter().map(|slot| (head(key(*slot), shared), *slot)).collect();
    heads.sort_unstable_by(|(one, slot), (other, other_slot)| {
        one.cmp(other).then_with(|| key(*slot).cmp(key(*other_slot)))
    });
    for (place, (_, slot)) in these.iter_mut().zip(heads) {
        *place = slot;
    }
    shared
}

/// Counts the leading slots for which `is_before` holds, looking near the front first: the next
/// place of a walk in order is seldom far.
pub(super) fn count_before(slots: &[u32], is_before: impl Fn(u32) -> bool) -> usize {
    let mut reach = 1;
    while reach < slots.len() && is_before(slots[reach]) {
        reach *= 2;
    }
    let end = slots.len().min(reach + 1);
    slots[..end].partition_point(|slot| is_before(*slot))
}

fn shared_len(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// The eight bytes behind what all keys share.
fn head(key: &[u8], shared: usize) -> u64 {
    let mut head = [0; 8];
    let rest = &key[shared..];
    let len = rest.len().min(8);
    head[..len].copy_from_slice(&rest[..len]);
    u64::from_be_bytes(head)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::group::{Body, Group};
    use super::super::one::One;
    use super::super::shard::ShardRows;

    fn group(key: &[u8]) -> Group {
        Group {
            epoch: 1,
            is_used: false,
            is_complete: true,
            is_absent_below: true,
            body: Body::One(One::new(key, b"", Some(b"value"))),
        }
    }

    /// Keys that share much, of several lengths, some beginning with others.
    fn random_key(rng: &mut fastrand::Rng) -> Vec<u8> {
        let mut key = b"shared:".to_vec();
        for _ in 0..rng.usize(1..12) {
            key.push(rng.u8(..3));
        }
        key
    }

    fn order(rows: &ShardRows) -> Vec<Vec<u8>> {
        let slots = (0..).map_while(|place| rows.at_place(place));
        let there = slots.map(|slot| rows.group(slot)).filter(|group| !group.is_gone());
        there.map(|group| group.key().to_vec()).collect()
    }

    #[test]
    fn many_new_groups_are_no_single_piece_of_work() {
        const GROUPS: usize = 50_000;
        const BYTES: usize = 32 << 10;
        let mut rows = ShardRows::new(true);
        for number in 0..GROUPS as u64 {
            let key = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
            rows.insert(number << 40, group(&key));
        }
        let mut calls = 1;
        while !rows.tidy_some(&mut { BYTES }) {
            calls += 1;
        }
        // Each is sorted into a run once and merged once.
        let least = 2 * GROUPS * super::GROUP_BYTES / BYTES;
        assert!((least..least + 10).contains(&calls), "{calls} calls, {least} at least");
        assert!(order(&rows).is_sorted() && order(&rows).len() == GROUPS);
    }

    #[test]
    fn what_is_there_comes_into_order_whatever_happens_meanwhile() {
        for seed in 0..10 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut rows = ShardRows::new(true);
            let mut model: BTreeMap<Vec<u8>, (u64, u32)> = BTreeMap::new();
            for _ in 0..8 {
                let wanted = model.clone();
                rows.stop_tidying();
                while !rows.tidy_some(&mut rng.usize(..60_000)) {
                    for _ in 0..rng.usize(..300) {
                        let key = random_key(&mut rng);
                        if let Some((hash, slot)) = model.remove(&key) {
                            rows.remove(hash, slot);
                        } else {
                            let hash = rng.u64(..);
                            model.insert(key.clone(), (hash, rows.insert(hash, group(&key))));
                        }
                    }
                    if rng.u8(..20) == 0 {
                        rows.tidy();
                    }
                }
                let order = order(&rows);
                assert!(order.is_sorted(), "seed {seed}");
                // A key that went and came back is another group.
                let mut still = wanted.iter().filter(|(key, held)| model.get(*key) == Some(held));
                let is_here = |key: &Vec<u8>| order.binary_search(key).is_ok();
                assert!(still.all(|(key, _)| is_here(key)), "seed {seed}");
                for _ in 0..rng.usize(..3000) {
                    let (key, hash) = (random_key(&mut rng), rng.u64(..));
                    if !model.contains_key(&key) {
                        model.insert(key.clone(), (hash, rows.insert(hash, group(&key))));
                    }
                }
            }
            rows.tidy();
            assert_eq!(order(&rows), model.into_keys().collect::<Vec<_>>(), "seed {seed}");
        }
    }
}
