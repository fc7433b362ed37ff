//! From the hash of a key to its slot: one array, so that a look touches one line of memory.
//!
//! An entry is the upper half of the hash beside the slot. Entries stand at or behind the place
//! that their half hash points to, without a gap (linear probing; a removal moves followers back).
//! Places rise with hashes, so that growing is one walk through old and new memory, which touches
//! neither slots nor keys.

/// Empty places hold this; a slot is kept one higher.
const EMPTY: u64 = 0;
/// The array grows when more than this of eight places are taken, by half.
const EIGHTHS_MAX: usize = 6;

/// All slots of one shard, by hash.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    entries: Vec<u64>,
    count: usize,
}

impl Lookup {
    /// Adds a slot that is not there yet.
    pub(crate) fn insert(&mut self, hash: u64, slot: u32) {
        if (self.count + 1) * 8 > self.entries.len() * EIGHTHS_MAX {
            self.grow();
        }
        self.put(entry(hash, slot));
        self.count += 1;
    }

    /// Finds the slot for which `is_it` holds among those of a hash.
    pub(crate) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        if self.entries.is_empty() {
            return None;
        }
        let mut place = self.home(half(hash));
        loop {
            let held = self.entries[place];
            if held == EMPTY {
                return None;
            }
            if held >> 32 == half(hash) && is_it(slot(held)) {
                return Some(slot(held));
            }
            place = self.next(place);
        }
    }

    /// Takes a slot out that is there.
    pub(crate) fn remove(&mut self, hash: u64, slot: u32) {
        let wanted = entry(hash, slot);
        let mut hole = self.home(half(hash));
        while self.entries[hole] != wanted {
            assert!(self.entries[hole] != EMPTY, "slot {slot} is not under its hash");
            hole = self.next(hole);
        }
        let mut place = hole;
        loop {
            place = self.next(place);
            let held = self.entries[place];
            if held == EMPTY {
                break;
            }
            // Whoever stands as far behind its home as behind the hole may move up to it.
            if self.distance(self.home(held >> 32), place) >= self.distance(hole, place) {
                self.entries[hole] = held;
                hole = place;
            }
        }
        self.entries[hole] = EMPTY;
        self.count -= 1;
    }

    /// Returns the memory held.
    pub(crate) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<u64>()
    }

    fn grow(&mut self) {
        let len = (self.entries.len() + self.entries.len() / 2).max(8);
        let old = std::mem::replace(&mut self.entries, vec![EMPTY; len]);
        for held in old.into_iter().filter(|held| *held != EMPTY) {
            self.put(held);
        }
    }

    fn put(&mut self, entry: u64) {
        let mut place = self.home(entry >> 32);
        while self.entries[place] != EMPTY {
            place = self.next(place);
        }
        self.entries[place] = entry;
    }

    fn home(&self, half: u64) -> usize {
        ((half * self.entries.len() as u64) >> 32) as usize
    }

    fn next(&self, place: usize) -> usize {
        if place + 1 == self.entries.len() { 0 } else { place + 1 }
    }

    /// Counts the steps from one place on to another.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.entries.len() - from }
    }
}

fn entry(hash: u64, slot: u32) -> u64 {
    half(hash) << 32 | (u64::from(slot) + 1)
}

fn half(hash: u64) -> u64 {
    hash >> 32
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is the slot")]
fn slot(entry: u64) -> u32 {
    (entry as u32).wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Lookup;

    /// Hashes of few different halves, so that runs are long and wrap around the end.
    fn hash(rng: &mut fastrand::Rng, spread: u64) -> u64 {
        let half = u64::from(u32::MAX) - rng.u64(..spread);
        half << 32 | rng.u64(..4)
    }

    #[test]
    fn agrees_with_an_ordered_map() {
        for seed in 0..200 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let spread = 1 << rng.u32(1..32);
            let mut lookup = Lookup::default();
            let mut model: BTreeMap<u32, u64> = BTreeMap::new();
            for slot in 0..300 {
                if rng.u8(..3) == 0 && !model.is_empty() {
                    let nth = rng.usize(..model.len());
                    let (&slot, &hash) = model.iter().nth(nth).expect("below the count");
                    lookup.remove(hash, slot);
                    model.remove(&slot);
                } else {
                    let hash = hash(&mut rng, spread);
                    lookup.insert(hash, slot);
                    model.insert(slot, hash);
                }
                for (slot, hash) in &model {
                    let found = lookup.find(*hash, |found| found == *slot);
                    assert_eq!(found, Some(*slot), "seed {seed}");
                }
                let hash = hash(&mut rng, spread);
                let found = lookup.find(hash, |slot| model.get(&slot) == Some(&hash));
                let is_known = model.values().any(|held| *held == hash);
                assert_eq!(found.is_some(), is_known, "seed {seed}");
            }
        }
    }

    #[test]
    fn the_greatest_slot_and_hash_are_kept() {
        let mut lookup = Lookup::default();
        assert_eq!(lookup.find(0, |_| true), None);
        lookup.insert(u64::MAX, u32::MAX - 1);
        lookup.insert(0, 0);
        assert_eq!(lookup.find(u64::MAX, |_| true), Some(u32::MAX - 1));
        assert_eq!(lookup.find(0, |_| true), Some(0));
        lookup.remove(u64::MAX, u32::MAX - 1);
        assert_eq!(lookup.find(u64::MAX, |_| true), None);
        assert_eq!(lookup.find(0, |_| true), Some(0));
    }
}
