//! Which of the 16,384 hash slots a key has: the rule of Redis Cluster, which its clients compute
//! for themselves.

/// How many slots there are.
pub(crate) const SLOT_COUNT: u16 = 16_384;

/// One hash slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot(pub(crate) u16);

impl Slot {
    /// Returns the slot of a key: of the part in its first braces, if they hold anything.
    pub(crate) fn of(key: &[u8]) -> Self {
        Self(crc16(hash_tag(key)) % SLOT_COUNT)
    }
}

/// Returns the shard of a key: each is a run of slots of the same length.
pub(crate) fn shard_of(key: &[u8], shard_count: u16) -> u16 {
    Slot::of(key).0 / (SLOT_COUNT / shard_count.max(1))
}

fn hash_tag(key: &[u8]) -> &[u8] {
    let tag = || {
        let start = key.iter().position(|&byte| byte == b'{')? + 1;
        let rest = key.get(start..)?;
        let size = rest.iter().position(|&byte| byte == b'}')?;
        rest.get(..size).filter(|tag| !tag.is_empty())
    };
    tag().unwrap_or(key)
}

/// The CRC that the Redis Cluster specification names: XMODEM, polynomial 0x1021, from zero.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        let shifted = crc ^ u16::from(byte) << 8;
        (0..8).fold(shifted, |crc, _| crc << 1 ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_specified_one() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(crc16(b""), 0);
    }

    #[test]
    fn only_a_full_first_tag_counts() {
        let same = [("{user}.a", "user"), ("a{user}b", "user"), ("{a}{b}", "a"), ("{{a}}", "{a")];
        for (key, part) in same {
            assert_eq!(Slot::of(key.as_bytes()), Slot(crc16(part.as_bytes()) % SLOT_COUNT));
        }
        for whole in ["{}a", "a{", "a}b{c", "{}{a}", "plain", ""] {
            assert_eq!(Slot::of(whole.as_bytes()), Slot(crc16(whole.as_bytes()) % SLOT_COUNT));
        }
    }
}
