//! What was dropped at once: rows of older tables that are void, without a mark for each.
//!
//! A floor is an age: rows in tables younger than it are void for whatever it stands for, a shard
//! or a range of groups. It goes when no table is left that is younger.
//!
//! The drop of a shard has a record of its own in the log, so that it counts at once, whatever
//! checkpoint is current. The drop of a range is a change of rows like any other: it is explained
//! by an entry of the log, and counts durably with the checkpoint that begins after it.

use std::collections::BTreeMap;
use std::ops::Bound;

use codec::{DecodeError, Reader, put_slice, put_varint};

/// Decoded counts above this are damage that a checksum missed.
const COUNT_MAX: usize = 1 << 24;

/// The floors of shards, and of ranges of groups within shards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Floors {
    shards: BTreeMap<u16, u64>,
    pub(crate) ranges: Ranges,
}

/// Ranges of groups, none of which overlap: by shard and first group, the end and the floor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges {
    shards: BTreeMap<u16, ByStart>,
    bytes: usize,
}

type ByStart = BTreeMap<Vec<u8>, (Vec<u8>, u64)>;

impl Floors {
    pub(crate) fn drop_shard(&mut self, shard: u16, age: u64) {
        self.shards.insert(shard, age);
        self.ranges.remove_shard(shard);
    }

    /// Forgets floors that no table is younger than.
    pub(crate) fn forget(&mut self, oldest: u64) {
        self.shards.retain(|_, floor| *floor > oldest);
        self.ranges.forget(oldest);
    }

    pub(crate) fn of_shard(&self, shard: u16) -> u64 {
        self.shards.get(&shard).copied().unwrap_or(0)
    }

    pub(crate) fn of_group(&self, shard: u16, group: &[u8]) -> u64 {
        let range = self.ranges.find(shard, group).map_or(0, |(_, age)| age);
        self.of_shard(shard).max(range)
    }

    /// Encodes the floors of shards; the ranges stand elsewhere.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.shards.len() as u64);
        for (shard, floor) in &self.shards {
            put_varint(out, u64::from(*shard));
            put_varint(out, *floor);
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut floors = Self::default();
        for _ in 0..reader.count("floors", COUNT_MAX)? {
            let shard = shard(reader)?;
            floors.shards.insert(shard, reader.varint()?);
        }
        Ok(floors)
    }
}

impl Ranges {
    /// Adds a range with the greatest floor so far; those that it overlaps are cut.
    pub(crate) fn insert(&mut self, shard: u16, from: &[u8], to: &[u8], age: u64) {
        if from >= to {
            return;
        }
        let held = self.shards.entry(shard).or_default();
        let overlapping = held
            .range::<[u8], _>((Bound::Unbounded, Bound::Excluded(to)))
            .rev()
            .take_while(|(_, (end, _))| &end[..] > from)
            .map(|(start, _)| start.clone());
        for start in overlapping.collect::<Vec<_>>() {
            let (end, older) = held.remove(&start).expect("it was found just now");
            if end[..] > *to {
                held.insert(to.to_vec(), (end, older));
            }
            if start[..] < *from {
                held.insert(start, (from.to_vec(), older));
            }
        }
        held.insert(from.to_vec(), (to.to_vec(), age));
        self.count_bytes();
    }

    /// Returns the end and the floor of the range that a group is in.
    pub(crate) fn find(&self, shard: u16, group: &[u8]) -> Option<(&[u8], u64)> {
        let held = self.shards.get(&shard)?;
        let before = (Bound::Unbounded, Bound::Included(group));
        let (_, (end, age)) = held.range::<[u8], _>(before).next_back()?;
        (group < &end[..]).then_some((&end[..], *age))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.iter().count() as u64);
        for (shard, from, to, age) in self.iter() {
            put_varint(out, u64::from(shard));
            put_slice(out, from);
            put_slice(out, to);
            put_varint(out, age);
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut ranges = Self::default();
        for _ in 0..reader.count("ranges", COUNT_MAX)? {
            let shard = shard(reader)?;
            let from = reader.slice("from", COUNT_MAX)?;
            let to = reader.slice("to", COUNT_MAX)?;
            ranges.insert(shard, from, to, reader.varint()?);
        }
        Ok(ranges)
    }

    /// Estimates the memory held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn forget(&mut self, oldest: u64) {
        self.shards.retain(|_, ranges| {
            ranges.retain(|_, (_, age)| *age > oldest);
            !ranges.is_empty()
        });
        self.count_bytes();
    }

    fn remove_shard(&mut self, shard: u16) {
        self.shards.remove(&shard);
        self.count_bytes();
    }

    fn count_bytes(&mut self) {
        self.bytes = self.iter().map(|(_, from, to, _)| from.len() + to.len() + 96).sum();
    }

    fn iter(&self) -> impl Iterator<Item = (u16, &[u8], &[u8], u64)> {
        self.shards.iter().flat_map(|(shard, ranges)| {
            ranges.iter().map(|(from, (to, age))| (*shard, &from[..], &to[..], *age))
        })
    }
}

fn shard(reader: &mut Reader<'_>) -> Result<u16, DecodeError> {
    u16::try_from(reader.varint()?).map_err(|_| DecodeError::Number)
}

#[cfg(test)]
mod tests {
    use super::{Floors, Ranges};
    use codec::Reader;

    #[test]
    fn ranges_agree_with_a_floor_for_each_group() {
        for seed in 0..300 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut floors = Floors::default();
            let mut model = [0_u64; 40];
            for age in 1..30 {
                let (from, to) = (rng.u8(..40), rng.u8(..=40));
                floors.ranges.insert(7, &[from], &[to], age);
                for group in from..to {
                    model[usize::from(group)] = age;
                }
                if rng.u8(..8) == 0 {
                    let oldest = rng.u64(..age);
                    floors.forget(oldest);
                    model
                        .iter_mut()
                        .for_each(|held| *held = if *held > oldest { *held } else { 0 });
                }
                for (group, held) in (0_u8..).zip(&model) {
                    assert_eq!(floors.of_group(7, &[group]), *held, "seed {seed}");
                    assert_eq!(floors.of_group(7, &[group, 0]), *held, "seed {seed}");
                    assert_eq!(floors.of_group(8, &[group]), 0, "seed {seed}");
                }
                let mut bytes = Vec::new();
                floors.ranges.encode(&mut bytes);
                let mut reader = Reader::new(&bytes);
                assert_eq!(Ranges::decode(&mut reader).unwrap(), floors.ranges, "seed {seed}");
                assert!(reader.rest().is_empty());
            }
            floors.drop_shard(7, 99);
            assert_eq!((floors.of_group(7, &[0]), floors.ranges.bytes()), (99, 0));
            floors.forget(99);
            assert_eq!(floors, Floors::default());
        }
    }
}
