//! Digests that add up, and the short fingerprints of them that travel.
//!
//! Invariant: a digest is an element of the group of integers mod 2^128, so a sum does not depend
//! on the order of its parts and every part can be taken out again. Exclusive-or is never used: in
//! it an element added twice would vanish.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

/// A sum of element digests, mod 2^128; of one element or of a whole range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Digest(pub u128);

/// The 64 bits that stand for a digest in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u64);

impl Digest {
    /// The sum of nothing.
    pub const ZERO: Self = Self(0);

    /// Returns the 64 bits that stand for this digest in a message.
    ///
    /// Two different digests share a fingerprint with probability 2^-64: a node that compares a
    /// thousand million differing sums every hour misses one in two million years. And a miss is
    /// not the end: it leaves one range out of a walk, while the roots, compared at 128 bits,
    /// still differ and call for the next one.
    ///
    /// The halves are mixed, not cut off. The two sides' sums of a range differ by a constant
    /// until it is repaired; were that constant a multiple of 2^64, the low halves would stay
    /// equal whatever else was written. Mixed fingerprints part at the next write to the range.
    #[must_use]
    pub fn fingerprint(self) -> Fingerprint {
        const MASK: u128 = u64::MAX as u128;
        let low = u64::try_from(self.0 & MASK).expect("masked to 64 bits");
        let high = u64::try_from(self.0 >> 64).expect("64 bits are left");
        Fingerprint(mix(low ^ mix(high.wrapping_add(0x9e37_79b9_7f4a_7c15))))
    }
}

impl Add for Digest {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }
}

impl AddAssign for Digest {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Digest {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.wrapping_sub(other.0))
    }
}

impl SubAssign for Digest {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Digest {
    fn sum<I: Iterator<Item = Self>>(digests: I) -> Self {
        digests.fold(Self::ZERO, Add::add)
    }
}

/// Spreads every bit over all 64: the finaliser of splitmix64, a bijection.
fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Digest, Fingerprint};

    #[test]
    fn sums_wrap_and_undo() {
        let big = Digest(u128::MAX - 3);
        assert_eq!(big + Digest(10) - Digest(10), big);
        assert_eq!(Digest::ZERO - Digest(1) + Digest(1), Digest::ZERO);
        assert_eq!([Digest(u128::MAX), Digest(1)].into_iter().sum::<Digest>(), Digest::ZERO);
    }

    #[test]
    fn a_fingerprint_never_changes_between_releases() {
        let check = |digest: u128, expected: u64| {
            assert_eq!(Digest(digest).fingerprint(), Fingerprint(expected), "{digest:#x}");
        };
        check(0, 0x4821_8226_ff3c_d4bf);
        check(1, 0x9e01_6029_3a33_aaf7);
        check(1 << 64, 0xdce4_23fc_82c0_d5b8);
        check(u128::MAX, 0x4650_bc0e_b331_2e23);
    }

    #[test]
    fn a_fingerprint_depends_on_every_bit() {
        let digest = Digest(0x0123_4567_89ab_cdef_0f1e_2d3c_4b5a_6978);
        for bit in 0..128 {
            let flipped = Digest(digest.0 ^ (1 << bit));
            assert_ne!(flipped.fingerprint(), digest.fingerprint(), "bit {bit}");
        }
    }

    #[test]
    fn sums_equal_in_their_low_halves_part_at_the_next_write() {
        // Cut-off low halves would stay equal under every one of these writes.
        let (ours, theirs) = (Digest(7), Digest(7 + (1 << 64)));
        for write in (0..1000).map(|i| Digest(i * 0x1234_5678_9abc_def1)) {
            assert_ne!((ours + write).fingerprint(), (theirs + write).fingerprint());
        }
    }
}
