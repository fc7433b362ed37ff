//! How much a node wants a shard: the weighted rendezvous score, in integers only.
//!
//! Thaler and Ravishankar (1998) let each node draw a number per shard by hashing, and the
//! highest own it. With weights (Schindelhauer and Schomaker, 2005) the number `u` in (0, 1)
//! becomes the cost `-log2(u) / weight`, and the lowest cost owns: a shard goes to a node with
//! the probability of its share of the weight, and a change of one weight moves only what that
//! node gains or loses.
//!
//! Floating point would let two platforms disagree in the last bit, and so on an owner. The
//! logarithm is a table of 257 values with straight lines between them, computed by repeated
//! squaring when this is compiled. Straight lines are within 0.1 % of the curve where it matters,
//! at `u` near 1, and within 0.00001 everywhere; hashes that order two nodes of one weight order
//! their costs the same.

use std::fmt;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{MemberId, ShardId, Weight};

/// Which function computes placements.
///
/// It is agreed upon in the view: two builds that computed different tables from one view would
/// each be sure of their own. A build that does not know a version refuses to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlacementVersion(pub u16);

impl PlacementVersion {
    /// Capacity-bounded weighted rendezvous.
    pub const V1: Self = Self(1);
}

impl Default for PlacementVersion {
    fn default() -> Self {
        Self::V1
    }
}

impl fmt::Display for PlacementVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

/// How little a node wants a shard: the lowest cost comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cost(u64);

/// Keeps placement apart from every other use of the same hash.
const SEED: u64 = 0x706c_6163_656d_0001;

impl Cost {
    /// Computes what `shard` costs on `member`; the weight is not zero.
    pub(crate) fn of(shard: ShardId, member: MemberId, weight: Weight) -> Self {
        debug_assert!(weight.0 > 0, "members without weight own nothing");
        let [s0, s1] = shard.0.to_le_bytes();
        let [m0, m1, m2, m3] = member.0.to_le_bytes();
        let hash = xxh3_64_with_seed(&[s0, s1, 0, 0, m0, m1, m2, m3], SEED);
        Self(minus_log2(hash) / u64::from(weight.0))
    }
}

/// Bits behind the point of a logarithm: 64 has seven bits before it.
const FRACTION_BITS: u32 = 57;
/// Bits of the mantissa that choose a table entry.
const INDEX_BITS: u32 = 8;
/// Bits of the mantissa that place a value between two entries.
const BETWEEN_BITS: u32 = 63 - INDEX_BITS;

/// Returns `-log2(hash / 2^64)` with [`FRACTION_BITS`] behind the point; zero counts as one.
fn minus_log2(hash: u64) -> u64 {
    let hash = hash.max(1);
    let exponent = u64::from(hash.ilog2());
    let mantissa = hash << hash.leading_zeros();
    // The highest bit of a mantissa is always set.
    let index = usize::try_from(mantissa << 1 >> (64 - INDEX_BITS)).expect("eight bits");
    let between = u128::from(mantissa & ((1 << BETWEEN_BITS) - 1));
    let step = u128::from(LOG2_TABLE[index + 1] - LOG2_TABLE[index]);
    let above = u64::try_from((step * between) >> BETWEEN_BITS).expect("no larger than a step");
    (64 << FRACTION_BITS) - ((exponent << FRACTION_BITS) + LOG2_TABLE[index] + above)
}

/// `log2(1 + index / 256)` with [`FRACTION_BITS`] behind the point, rounded down.
const LOG2_TABLE: [u64; (1 << INDEX_BITS) + 1] = log2_table();

const fn log2_table() -> [u64; (1 << INDEX_BITS) + 1] {
    let mut table = [0; (1 << INDEX_BITS) + 1];
    let mut index = 0;
    while index < 1 << INDEX_BITS {
        table[index] = log2_of_mantissa((1 << 63) | ((index as u64) << BETWEEN_BITS));
        index += 1;
    }
    table[1 << INDEX_BITS] = 1 << FRACTION_BITS;
    table
}

/// The logarithm of a number in [1, 2) with 63 bits behind the point, bit by bit: squaring a
/// number doubles its logarithm, and where that passes 1 the next bit is set.
const fn log2_of_mantissa(mut mantissa: u64) -> u64 {
    let mut log = 0;
    let mut bit = 0;
    while bit < FRACTION_BITS {
        let square = mantissa as u128 * mantissa as u128;
        let passes = (square >> 127) as u64;
        #[expect(clippy::cast_possible_truncation, reason = "shifted to fit by what it passes")]
        let next = (square >> (63 + passes)) as u64;
        mantissa = next;
        log = log << 1 | passes;
        bit += 1;
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same by floating point, which is good enough to find mistakes.
    fn expected(hash: u64) -> f64 {
        64.0 - (hash.max(1) as f64).log2()
    }

    fn as_float(log: u64) -> f64 {
        log as f64 / (1_u64 << FRACTION_BITS) as f64
    }

    #[test]
    fn the_table_holds_logarithms() {
        for (index, log) in LOG2_TABLE.iter().enumerate() {
            let error = as_float(*log) - (1.0 + index as f64 / 256.0).log2();
            assert!(error.abs() < 1e-15, "{index}: {error}");
        }
        // The first 57 binary digits of log2(3/2).
        assert_eq!(LOG2_TABLE[128], 0x012b_8034_73f7_ad0f);
    }

    #[test]
    fn lines_between_the_values_stay_near_the_curve() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..100_000 {
            let hash = rng.u64(..) >> rng.u32(0..64);
            let error = as_float(minus_log2(hash)) - expected(hash);
            assert!(error.abs() < 1e-5, "{hash}: {error}");
        }
        // Nearer to the end the last bit of the fraction shows.
        for distance in (1 << 24..1_u64 << 60).step_by(1 << 44) {
            let hash = u64::MAX - distance;
            let exact = -(-(distance as f64 + 1.0) / 2.0_f64.powi(64)).ln_1p() / 2.0_f64.ln();
            let ratio = as_float(minus_log2(hash)) / exact;
            assert!((ratio - 1.0).abs() < 1e-3, "{hash}: {ratio}");
        }
    }

    #[test]
    fn a_higher_hash_never_costs_more() {
        let mut rng = fastrand::Rng::with_seed(2);
        for _ in 0..100_000 {
            let hash = rng.u64(1..) >> rng.u32(0..63);
            let more = hash.saturating_add(1 + (rng.u64(..) >> rng.u32(1..64)));
            assert!(minus_log2(more) <= minus_log2(hash), "{hash} {more}");
        }
        for edge in (0..64).map(|bits| 1_u64 << bits) {
            assert!(minus_log2(edge) <= minus_log2(edge - 1), "{edge}");
        }
        assert!(minus_log2(u64::MAX) > 0);
        assert_eq!(minus_log2(0), 64 << FRACTION_BITS);
        assert_eq!(minus_log2(1 << 63), 1 << FRACTION_BITS);
    }

    #[test]
    fn shards_fall_by_weight() {
        let weights = [Weight(50), Weight(100), Weight(350)];
        let mut wins = [0_u32; 3];
        for shard in (0..16_384).map(ShardId) {
            let cost = |member: u32| Cost::of(shard, MemberId(member), weights[member as usize]);
            let winner = (0..3).min_by_key(|&member| cost(member)).unwrap();
            wins[winner as usize] += 1;
        }
        // Four standard deviations of 16,384 draws are 154 to 235 shards.
        let want = [1_638.4, 3_276.8, 11_468.8];
        let is_near = |(&wins, want): (&u32, f64)| (f64::from(wins) - want).abs() < 240.0;
        assert!(wins.iter().zip(want).all(is_near), "{wins:?}");
    }
}
