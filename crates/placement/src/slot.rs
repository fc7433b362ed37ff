//! Hash slots, exactly as in Redis Cluster: CRC16 (XMODEM) of the key or of its hash tag.

use std::fmt;

/// How many slots there are.
pub const SLOT_COUNT: u16 = 16_384;

/// One of the [`SLOT_COUNT`] hash slots; a key has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// Returns the slot of a key.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        Self(crc16(hash_tag(key)) % SLOT_COUNT)
    }

    /// Returns the slot with a number, if there is one.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number < SLOT_COUNT { Some(Self(number)) } else { None }
    }

    /// Returns the number, below [`SLOT_COUNT`].
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The part of a key that is hashed: what stands between the first `{` and the first `}` after
/// it, so that related keys can share a slot; the whole key when there is no such part or it is
/// empty.
fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|&byte| byte == b'{') else { return key };
    let rest = &key[open + 1..];
    match rest.iter().position(|&byte| byte == b'}') {
        None | Some(0) => key,
        Some(close) => &rest[..close],
    }
}

/// CRC16 as XMODEM has it: polynomial 0x1021, start 0, nothing reflected, nothing inverted.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        let [high, low] = crc.to_be_bytes();
        u16::from_be_bytes([low, 0]) ^ CRC16_TABLE[usize::from(high ^ byte)]
    })
}

const CRC16_TABLE: [u16; 256] = crc16_table();

const fn crc16_table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut index: u16 = 0;
    while index < 256 {
        let mut crc = index << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[index as usize] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc16_gives_the_known_values() {
        assert_eq!(crc16(b""), 0);
        assert_eq!(crc16(b"A"), 0x58E5);
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(CRC16_TABLE[..4], [0x0000, 0x1021, 0x2042, 0x3063]);
        assert_eq!(CRC16_TABLE[255], 0x1EF0);
    }

    #[test]
    fn keys_have_the_slots_that_redis_gives_them() {
        let check = |key: &[u8], slot| assert_eq!(Slot::of(key).number(), slot, "{key:?}");
        check(b"", 0);
        check(b"foo", 12_182);
        check(b"bar", 5_061);
        check(b"hello", 866);
        check(b"somekey", 11_058);
        check(b"foo{hash_tag}", 2_515);
        check(b"bar{hash_tag}", 2_515);
        check(b"123456789", 0x31C3);
    }

    #[test]
    fn only_the_first_pair_of_braces_counts() {
        let check = |key: &'static [u8], tag: &[u8]| assert_eq!(hash_tag(key), tag, "{key:?}");
        check(b"plain", b"plain");
        check(b"{user1000}.following", b"user1000");
        check(b"foo{bar}{zap}", b"bar");
        check(b"foo{{bar}}zap", b"{bar");
        check(b"foo{}{bar}", b"foo{}{bar}");
        check(b"{}", b"{}");
        check(b"{}key", b"{}key");
        check(b"open{only", b"open{only");
        check(b"close}only", b"close}only");
        check(b"close}first{tag}", b"tag");
        check(b"ends{", b"ends{");
        check(b"{a}", b"a");
        check(b"bytes{\x00\xff}\x80", b"\x00\xff");
    }

    #[test]
    fn numbers_beyond_the_last_slot_are_refused() {
        assert_eq!(Slot::new(16_383).map(Slot::number), Some(16_383));
        assert_eq!(Slot::new(16_384), None);
    }
}
