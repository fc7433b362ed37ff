//! Where a cell lives: keyspace, key, and the column within the key.
//!
//! A column is one byte that names the family (which data type, or which part of one), then the
//! subkey. Columns sort bytewise, so the elements of one family of one key lie together in order.

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

/// A named set of keys with its own policies; 0 is never used by clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Keyspace(pub u32);

/// What a column holds. The numbers are part of the disk and wire formats: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Family {
    /// Whole-key clears; their cell holds no versions.
    Clear = 1,
    /// The key's own expiry, for the types made of many cells.
    KeyExpiry = 2,
    /// The string: a register with siblings.
    Register = 3,
    /// Additions to the string, one cell per birth dot.
    RegisterCount = 4,
    /// What of those additions was reset, one cell per birth dot.
    RegisterFloor = 5,
    /// Set members.
    SetMember = 6,
    /// Map fields that are registers.
    MapField = 7,
    /// Additions to map fields: field, then birth dot.
    MapCount = 8,
    /// Resets of additions to map fields.
    MapFloor = 9,
    /// Sorted set members with their score.
    ZsetMember = 10,
    /// Additions to scores: member, then birth dot.
    ZsetCount = 11,
    /// Resets of additions to scores.
    ZsetFloor = 12,
    /// List elements by position.
    ListItem = 13,
    /// Flag tokens.
    Flag = 14,
    /// HyperLogLog registers as one merged sketch.
    Sketch = 15,
}

/// A key in its keyspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyAddress<'a> {
    /// The keyspace.
    pub keyspace: Keyspace,
    /// The key's bytes; empty names the keyspace as a whole (clears only).
    pub key: &'a [u8],
}

/// One cell of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellAddress<'a> {
    /// The key.
    pub key: KeyAddress<'a>,
    /// Family byte and subkey.
    pub column: &'a [u8],
}

impl Family {
    const ALL: [Self; 15] = [
        Self::Clear,
        Self::KeyExpiry,
        Self::Register,
        Self::RegisterCount,
        Self::RegisterFloor,
        Self::SetMember,
        Self::MapField,
        Self::MapCount,
        Self::MapFloor,
        Self::ZsetMember,
        Self::ZsetCount,
        Self::ZsetFloor,
        Self::ListItem,
        Self::Flag,
        Self::Sketch,
    ];

    /// Returns the family of a column's first byte.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte).checked_sub(1)?).copied()
    }

    /// Says whether a whole-key clear hides the family's versions. Counter entries and their
    /// floors carry the effect of superseded values, so a clear raises floors instead.
    #[must_use]
    pub const fn is_clearable(self) -> bool {
        !matches!(
            self,
            Self::RegisterCount
                | Self::RegisterFloor
                | Self::MapCount
                | Self::MapFloor
                | Self::ZsetCount
                | Self::ZsetFloor
        )
    }

    /// Builds a column of this family.
    #[must_use]
    pub fn column(self, subkey: &[u8]) -> Vec<u8> {
        let mut column = Vec::with_capacity(1 + subkey.len());
        column.push(self as u8);
        column.extend_from_slice(subkey);
        column
    }
}

impl KeyAddress<'_> {
    /// Returns the 64-bit hash that places the key in the hash tree and in the store's order.
    #[must_use]
    pub fn hash(self) -> u64 {
        // One contiguous input: hashing it at once is several times faster than streaming.
        let mut bytes = SmallVec::<[u8; 96]>::from_slice(&self.keyspace.0.to_be_bytes());
        bytes.extend_from_slice(self.key);
        xxh3_64(&bytes)
    }
}

impl<'a> CellAddress<'a> {
    /// Names a cell.
    #[must_use]
    pub const fn new(keyspace: Keyspace, key: &'a [u8], column: &'a [u8]) -> Self {
        Self { key: KeyAddress { keyspace, key }, column }
    }

    /// Returns the family, or nothing for a column of a future format.
    #[must_use]
    pub fn family(self) -> Option<Family> {
        Family::from_byte(*self.column.first()?)
    }

    /// Returns the subkey after the family byte.
    #[must_use]
    pub fn subkey(self) -> &'a [u8] {
        self.column.get(1..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_keep_their_numbers() {
        for (number, family) in (1u8..).zip(Family::ALL) {
            assert_eq!(family as u8, number);
            assert_eq!(Family::from_byte(number), Some(family));
        }
        assert_eq!(Family::from_byte(0), None);
        assert_eq!(Family::from_byte(16), None);
    }

    #[test]
    fn key_hashes_depend_on_the_keyspace_and_never_change() {
        let hash = |keyspace, key| KeyAddress { keyspace: Keyspace(keyspace), key }.hash();
        assert_ne!(hash(1, b"a"), hash(2, b"a"));
        // Golden: disks and peers hold data placed by it.
        assert_eq!(hash(1, b"starling"), GOLDEN);
    }

    const GOLDEN: u64 = 13_483_909_760_747_113_499;
}
