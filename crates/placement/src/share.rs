//! How many shards each member may own: its fair share, and a tenth above it.
//!
//! A fair share is proportional to weight as far as the copies of a shard can be apart: a member
//! holds at most one copy of each shard, and a rack at most [`Limits::per_rack`]. What a heavy
//! member or a small rack cannot hold is shared among the others, as water that finds its level:
//! without that, three racks of 1, 1 and 8 members would leave the eight idle at the limit and
//! the two far above it.

use crate::matching::Candidate;
use crate::{ShardCount, Weight};

/// What a matching of shards and members must keep to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// How many members own each shard.
    pub(crate) copies: usize,
    /// How many of them at most stand in one rack.
    pub(crate) per_rack: usize,
    /// How many shards each candidate may own.
    pub(crate) capacities: Vec<u32>,
}

/// A number of shards with [`FRACTION_BITS`] behind the point.
pub(crate) type Share = u64;

/// Bits behind the point of a [`Share`].
pub(crate) const FRACTION_BITS: u32 = 32;
/// Bits behind the point of a level: of the shards due to each unit of weight.
const LEVEL_BITS: u32 = 64;

impl Limits {
    /// Computes the limits for as many copies as there can be of the `wanted`.
    pub(crate) fn new(candidates: &[Candidate], wanted: u8, shards: ShardCount) -> Self {
        let copies = candidates.len().min(usize::from(wanted));
        let racks = racks(candidates);
        let per_rack = per_rack(&racks, copies);
        let shares = fair_shares(&racks, copies, per_rack, shards);
        let mut capacities = vec![0; candidates.len()];
        for (index, share) in shares {
            capacities[index] = capacity(share, shards);
        }
        Self { copies, per_rack, capacities }
    }
}

/// The members of one rack: their indices and weights.
type Rack = Vec<(usize, Weight)>;

fn racks(candidates: &[Candidate]) -> Vec<Rack> {
    let count = candidates.iter().map(|one| one.rack + 1).max().unwrap_or(0);
    let mut racks = vec![Rack::new(); count];
    for (index, one) in candidates.iter().enumerate() {
        racks[one.rack].push((index, one.weight));
    }
    racks
}

/// The smallest number of copies per rack with which all copies find a place: one, when there
/// are as many racks as copies.
fn per_rack(racks: &[Rack], copies: usize) -> usize {
    let places = |limit| racks.iter().map(|rack| rack.len().min(limit)).sum::<usize>();
    (1..copies).find(|&limit| places(limit) >= copies).unwrap_or(copies)
}

/// Index and fair share of every candidate.
pub(crate) fn fair_shares(
    racks: &[Rack],
    copies: usize,
    per_rack: usize,
    shards: ShardCount,
) -> Vec<(usize, Share)> {
    let whole = Share::from(shards.get()) << FRACTION_BITS;
    let in_rack = |rack: &Rack, level| -> Share {
        rack.iter().map(|(_, weight)| share_at(level, *weight, whole)).sum()
    };
    let rack_most = |rack: &Rack| whole * rack.len().min(per_rack) as Share;
    let level_most = u128::from(shards.get()) << LEVEL_BITS;
    let common = highest(level_most, whole * copies as Share, |level| {
        racks.iter().map(|rack| in_rack(rack, level).min(rack_most(rack))).sum()
    });
    let mut shares = Vec::new();
    for rack in racks {
        let level = highest(common, rack_most(rack), |level| in_rack(rack, level));
        shares.extend(rack.iter().map(|(index, w)| (*index, share_at(level, *w, whole))));
    }
    shares
}

/// What a member of this weight is due at a level; never more than every shard.
fn share_at(level: u128, weight: Weight, whole: Share) -> Share {
    let due = (level * u128::from(weight.0)) >> (LEVEL_BITS - FRACTION_BITS);
    Share::try_from(due).map_or(whole, |due| due.min(whole))
}

/// The highest level up to `most` at which a growing `volume` is not above `target`.
fn highest(most: u128, target: Share, volume: impl Fn(u128) -> Share) -> u128 {
    let (mut low, mut high) = (0, most);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if volume(middle) <= target {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

/// A tenth above the fair share, rounded up: a twentieth would move much more with each change
/// of members. Yet never above 1.12 shares, so that the fullest member is known to keep to that;
/// but at least one more than the whole shards of the share, or there would be no slack at all.
fn capacity(share: Share, shards: ShardCount) -> u32 {
    let scale = 100_u128 << FRACTION_BITS;
    let tenth_above = (u128::from(share) * 110).div_ceil(scale);
    let eighth_above = u128::from(share) * 112 / scale;
    let one_above = u128::from(share >> FRACTION_BITS) + 1;
    let capacity = tenth_above.min(eighth_above).max(one_above);
    u32::try_from(capacity.min(u128::from(shards.get()))).expect("no more than all shards")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemberId;

    /// Racks given by the weights of their members; shares in thousandths of a shard.
    fn check(racks: &[&[u32]], copies: u8, expected_per_rack: usize, expected: &[u64]) {
        let mut candidates = Vec::new();
        for (rack, weights) in racks.iter().enumerate() {
            for weight in *weights {
                let id = MemberId(u32::try_from(candidates.len()).unwrap());
                candidates.push(Candidate { id, weight: Weight(*weight), rack });
            }
        }
        let shards = ShardCount::new(1_024).unwrap();
        let limits = Limits::new(&candidates, copies, shards);
        assert_eq!(limits.per_rack, expected_per_rack, "{racks:?}");
        let mut shares =
            fair_shares(&super::racks(&candidates), limits.copies, limits.per_rack, shards);
        shares.sort_unstable();
        let rounded: Vec<u64> =
            shares.iter().map(|(_, share)| (share * 1_000 + (1 << 31)) >> 32).collect();
        assert_eq!(rounded, expected, "{racks:?}");
        let room: u32 = limits.capacities.iter().sum();
        assert!(room as usize >= limits.copies * 1_024, "{racks:?}: {limits:?}");
    }

    #[test]
    fn equal_members_share_equally() {
        check(&[&[5], &[5], &[5], &[5]], 3, 1, &[768_000; 4]);
        check(&[&[7, 7, 7, 7]], 3, 3, &[768_000; 4]);
        check(&[&[1, 1], &[1, 1], &[1, 1]], 3, 1, &[512_000; 6]);
    }

    #[test]
    fn weights_count_as_far_as_one_copy_per_member_allows() {
        check(&[&[100, 200, 300]], 1, 1, &[170_667, 341_333, 512_000]);
        check(&[&[10, 1, 1, 1, 1]], 3, 3, &[1_024_000, 512_000, 512_000, 512_000, 512_000]);
        check(&[&[u32::MAX, 1, u32::MAX]], 2, 2, &[1_024_000, 0, 1_024_000]);
    }

    #[test]
    fn small_racks_fill_up_and_the_rest_is_shared() {
        check(&[&[1], &[1], &[1, 1]], 3, 1, &[1_024_000, 1_024_000, 512_000, 512_000]);
        check(&[&[1], &[1, 1, 1, 1]], 3, 2, &[1_024_000, 512_000, 512_000, 512_000, 512_000]);
        check(&[&[1, 3], &[4]], 2, 1, &[256_000, 768_000, 1_024_000]);
    }

    #[test]
    fn fewer_members_than_copies_own_everything() {
        check(&[&[1], &[100]], 3, 1, &[1_024_000; 2]);
        check(&[&[1]], 255, 1, &[1_024_000]);
        check(&[], 3, 0, &[]);
        check(&[&[1, 2]], 0, 0, &[0, 0]);
    }

    #[test]
    fn capacities_keep_to_the_bound_for_every_number_of_members() {
        for count in 4..=100_u64 {
            let share = ((3 * 1_024) << FRACTION_BITS) / count;
            let room = u64::from(capacity(share, ShardCount::default()));
            assert!((room << FRACTION_BITS) * 100 <= share * 112, "{count} members: {room}");
            assert!((room << FRACTION_BITS) * 100 >= share * 107, "{count} members: {room}");
        }
    }
}
