//! Where a replica's rows lie in its store.
//!
//! A client key's group is `keyspace 4 B, key hash 8 B, key`, all sorting bytewise: a keyspace is
//! one range, and a range of key hashes (a leaf of the hash tree) is one range within it.
//! Group `0` of keyspace 0 and columns that start with a byte of [`Local`] hold derived rows,
//! which are neither replicated nor part of the digest.

use causality::{Dot, Millis};
use cells::{CellAddress, KeyAddress, Keyspace};
use codec::{DecodeError, Reader};

/// First byte of the columns that are derived here.
pub(crate) const HEAD_COLUMN: &[u8] = &[0];

/// Groups of keyspace 0 that index cells of the whole shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Index {
    /// By expiry: column = expiry 8 B, dot 16 B, cell.
    Expiry,
    /// Cells that hold dots known to be superseded before they came: column = cell.
    Gone,
}

const LOCAL_KEYSPACE_SIZE: usize = 4;
const HASH_SIZE: usize = 8;

/// What stands before the key in a group.
pub(crate) const GROUP_PREFIX_SIZE: usize = LOCAL_KEYSPACE_SIZE + HASH_SIZE;

impl Index {
    pub(crate) const fn group(self) -> &'static [u8] {
        match self {
            Self::Expiry => &[0, 0, 0, 0, 1],
            Self::Gone => &[0, 0, 0, 0, 2],
        }
    }
}

/// Writes the group of a key into `out`, unless it is there; returns the key's hash.
pub(crate) fn put_group(key: KeyAddress<'_>, out: &mut Vec<u8>) -> u64 {
    if let Some((held, hash)) = split_group(out)
        && held == key
    {
        debug_assert_eq!(hash, key.hash(), "only groups of keys are put here");
        return hash;
    }
    let hash = key.hash();
    out.clear();
    out.reserve(GROUP_PREFIX_SIZE + key.key.len());
    out.extend_from_slice(&key.keyspace.0.to_be_bytes());
    out.extend_from_slice(&hash.to_be_bytes());
    out.extend_from_slice(key.key);
    hash
}

/// The first group of a keyspace whose key hash is at least `hash`.
pub(crate) fn first_group(keyspace: Keyspace, hash: u64) -> Vec<u8> {
    let mut group = keyspace.0.to_be_bytes().to_vec();
    group.extend_from_slice(&hash.to_be_bytes());
    group
}

/// Splits a group into key and key hash; nothing for derived groups.
pub(crate) fn split_group(group: &[u8]) -> Option<(KeyAddress<'_>, u64)> {
    let (keyspace, rest) = group.split_first_chunk::<LOCAL_KEYSPACE_SIZE>()?;
    let (hash, key) = rest.split_first_chunk::<HASH_SIZE>()?;
    let keyspace = u32::from_be_bytes(*keyspace);
    let key = KeyAddress { keyspace: Keyspace(keyspace), key };
    (keyspace != 0).then_some((key, u64::from_be_bytes(*hash)))
}

/// Says whether a column of a client key holds a replicated cell.
pub(crate) fn is_cell_column(column: &[u8]) -> bool {
    column.first().is_some_and(|family| (1..0xf0).contains(family))
}

/// Writes a column of the gone index.
pub(crate) fn put_gone_column(cell: CellAddress<'_>, out: &mut Vec<u8>) {
    out.clear();
    put_index_cell(cell, out);
}

/// Writes a column of the expiry index: one per version, since versions of one cell may expire
/// together.
pub(crate) fn put_expiry_column(
    expiry: Millis,
    dot: Dot,
    cell: CellAddress<'_>,
    out: &mut Vec<u8>,
) {
    out.clear();
    out.extend_from_slice(&expiry.0.to_be_bytes());
    out.extend_from_slice(&dot.actor.bits().to_be_bytes());
    out.extend_from_slice(&dot.counter.to_be_bytes());
    put_index_cell(cell, out);
}

fn put_index_cell(cell: CellAddress<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&cell.key.keyspace.0.to_be_bytes());
    codec::put_slice(out, cell.key.key);
    out.extend_from_slice(cell.column);
}

/// Reads a column of the expiry index.
pub(crate) fn read_expiry_column(column: &[u8]) -> Result<(Millis, CellAddress<'_>), DecodeError> {
    let mut reader = Reader::new(column);
    let expiry = Millis(u64::from_be_bytes(reader.array()?));
    reader.take(16)?;
    Ok((expiry, read_index_cell(reader.rest())?))
}

/// Reads a column of the gone index, or the cell behind an expiry.
pub(crate) fn read_index_cell(column: &[u8]) -> Result<CellAddress<'_>, DecodeError> {
    let mut reader = Reader::new(column);
    let keyspace = u32::from_be_bytes(reader.array()?);
    let key = reader.slice("key", usize::MAX)?;
    Ok(CellAddress::new(Keyspace(keyspace), key, reader.rest()))
}
