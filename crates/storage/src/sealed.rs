//! Small files that must survive one damaged byte: the content twice, each with its checksum.
//!
//! Format of each copy: magic (8 bytes), payload length (u64), checksum of what comes before and
//! after it (u32), payload. Both copies have the same length, so that the second one is found when
//! the length in the first is damaged. Files are replaced whole, never changed in place.

use std::io;

use crate::disk::{Disk, read_exact_at, replace_file};
use crate::store::StoreError;

/// How much of a sealed file was sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copies {
    Both,
    One,
}

pub(crate) const HEAD_BYTES: usize = 20;

/// Reads a whole file, or nothing when it is not there.
pub(crate) fn read(
    disk: &mut impl Disk,
    name: &str,
    doing: &'static str,
) -> Result<Option<Vec<u8>>, StoreError> {
    let bytes = disk
        .len(name)
        .and_then(|len| read_exact_at(disk, name, 0, usize::try_from(len).unwrap_or(usize::MAX)));
    match bytes {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::Disk { doing, source }),
    }
}

/// Replaces a whole file durably.
pub(crate) fn replace(
    disk: &mut impl Disk,
    name: &str,
    bytes: &[u8],
    doing: &'static str,
) -> Result<(), StoreError> {
    replace_file(disk, name, bytes).map_err(|source| {
        if source.kind() == io::ErrorKind::StorageFull {
            return StoreError::Full { what: "disk" };
        }
        StoreError::Disk { doing, source }
    })
}

/// Builds the file content for a payload.
pub(crate) fn seal(magic: [u8; 8], payload: &[u8]) -> Vec<u8> {
    let len = payload.len() as u64;
    let mut hasher = checksum_of_head(magic, len);
    hasher.update(payload);
    let mut copy = Vec::with_capacity(2 * (HEAD_BYTES + payload.len()));
    copy.extend_from_slice(&head(magic, len, hasher.finalize()));
    copy.extend_from_slice(payload);
    copy.extend_from_within(..);
    copy
}

/// Begins the checksum of a copy; the payload follows.
pub(crate) fn checksum_of_head(magic: [u8; 8], payload_len: u64) -> crc32fast::Hasher {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&magic);
    hasher.update(&payload_len.to_le_bytes());
    hasher
}

/// Builds what stands before the payload of a copy.
pub(crate) fn head(magic: [u8; 8], payload_len: u64, checksum: u32) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..8].copy_from_slice(&magic);
    head[8..16].copy_from_slice(&payload_len.to_le_bytes());
    head[16..].copy_from_slice(&checksum.to_le_bytes());
    head
}

/// Returns the payload of a file, or nothing when both copies are damaged.
pub(crate) fn unseal(magic: [u8; 8], bytes: &[u8]) -> Option<(&[u8], Copies)> {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    match (unseal_copy(magic, first), unseal_copy(magic, second)) {
        (Some(payload), Some(_)) => Some((payload, Copies::Both)),
        (Some(payload), None) | (None, Some(payload)) => Some((payload, Copies::One)),
        (None, None) => None,
    }
}

fn unseal_copy(magic: [u8; 8], copy: &[u8]) -> Option<&[u8]> {
    let (found, payload) = copy.split_at_checked(HEAD_BYTES)?;
    let len = payload.len() as u64;
    let mut hasher = checksum_of_head(magic, len);
    hasher.update(payload);
    (found == head(magic, len, hasher.finalize())).then_some(payload)
}

#[cfg(test)]
mod tests {
    use super::{Copies, seal, unseal};

    const MAGIC: [u8; 8] = *b"test\0\0\0\x01";

    #[test]
    fn any_one_damaged_byte_costs_one_copy() {
        for len in [0, 1, 7, 255] {
            let payload: Vec<u8> = (0..len).collect();
            let bytes = seal(MAGIC, &payload);
            assert_eq!(unseal(MAGIC, &bytes), Some((&payload[..], Copies::Both)));
            assert_eq!(unseal(*b"another\0", &bytes), None);
            for at in 0..bytes.len() {
                let mut damaged = bytes.clone();
                damaged[at] ^= 0x10;
                assert_eq!(unseal(MAGIC, &damaged), Some((&payload[..], Copies::One)), "{at}");
            }
            for cut in 0..bytes.len() {
                assert!(unseal(MAGIC, &bytes[..cut]).is_none_or(|(held, _)| held == payload));
            }
        }
    }
}
