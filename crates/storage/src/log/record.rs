//! The bytes of one log record.
//!
//! ```text
//! 0   checksum  u32   of bytes 4.. xor the place, so that a record elsewhere is not a record
//! 4   marker    u8    0xD7
//! 5   kind      u8
//! 6   shard     u16   0 when the record is of no shard
//! 8   body len  u32
//! 12  sequence  u32   counts the records of the shard, so that a loss shows whose it was
//! 16  body
//! ```
//!
//! Integers are little-endian. Decoding is total: anything else than a sound record is `None`.

use crate::store::EntryId;

pub(crate) const HEADER_BYTES: usize = 16;
const ENTRY_BYTES: usize = 16;
const MARKER: u8 = 0xD7;
/// No record is longer; a longer length field is damage.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 30;

/// A place in the log: segment number above, byte offset below, so that later is greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position(pub(crate) u64);

impl Position {
    pub(crate) fn new(segment: u32, offset: u32) -> Self {
        Self(u64::from(segment) << 32 | u64::from(offset))
    }

    pub(crate) fn segment(self) -> u32 {
        (self.0 >> 32) as u32
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower half is the offset")]
    pub(crate) fn offset(self) -> u32 {
        self.0 as u32
    }

    fn salt(self) -> u32 {
        self.segment().wrapping_mul(0x9E37_79B1).rotate_left(7)
            ^ self.offset().wrapping_mul(0x85EB_CA77)
    }
}

/// One opening of the directory: counted, and told apart from its clones by a random number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Run {
    pub(crate) number: u64,
    pub(crate) nonce: u64,
}

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body<'a> {
    /// First of each segment: the run that writes it, where the segment before it ends, and the
    /// next sequence number of each shard (encoded by the owner).
    Start { run: Run, previous_end: Position, sequences: &'a [u8] },
    /// One operation.
    Entry { id: EntryId, record: &'a [u8] },
    /// Entries of an actor up to a counter are not needed any more.
    Forget { actor: u64, through: u64 },
    /// Everything before this place is void for the shard.
    DropShard,
    /// Everything before this position was durable when this record was written.
    Synced { through: Position },
    /// A segment was removed on purpose.
    DropSegment { segment: u32 },
}

/// One record with the shard it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) shard: u16,
    pub(crate) sequence: u32,
    pub(crate) body: Body<'a>,
}

impl Record<'_> {
    /// Says whether the record takes a sequence number of its shard.
    pub(crate) fn is_counted(&self) -> bool {
        matches!(self.body, Body::Entry { .. } | Body::Forget { .. } | Body::DropShard)
    }
}

/// Appends the bytes of a record that will stand at `at`.
pub(crate) fn encode(out: &mut Vec<u8>, at: Position, record: &Record<'_>) {
    let place = out.len();
    let mut start = [0; 16];
    let (kind, parts): (u8, [&[u8]; 3]) = match &record.body {
        Body::Start { run, previous_end, sequences } => {
            start[..8].copy_from_slice(&run.number.to_le_bytes());
            start[8..].copy_from_slice(&run.nonce.to_le_bytes());
            (1, [&start, &previous_end.0.to_le_bytes(), sequences])
        }
        Body::Entry { id, record } => {
            (2, [&id.actor.to_le_bytes(), &id.counter.to_le_bytes(), record])
        }
        Body::Forget { actor, through } => (3, [&actor.to_le_bytes(), &through.to_le_bytes(), &[]]),
        Body::DropShard => (4, [&[], &[], &[]]),
        Body::Synced { through } => (5, [&through.0.to_le_bytes(), &[], &[]]),
        Body::DropSegment { segment } => (6, [&segment.to_le_bytes(), &[], &[]]),
    };
    let body_len: usize = parts.iter().map(|part| part.len()).sum();
    assert!(body_len <= BODY_BYTES_MAX, "a log record of {body_len} bytes");
    let mut header = [0; HEADER_BYTES];
    header[4] = MARKER;
    header[5] = kind;
    header[6..8].copy_from_slice(&record.shard.to_le_bytes());
    header[8..12]
        .copy_from_slice(&u32::try_from(body_len).expect("below a gigabyte").to_le_bytes());
    header[12..16].copy_from_slice(&record.sequence.to_le_bytes());
    out.reserve(HEADER_BYTES + body_len);
    out.extend_from_slice(&header);
    for part in parts {
        out.extend_from_slice(part);
    }
    let sum = crc32fast::hash(&out[place + 4..]) ^ at.salt();
    out[place..place + 4].copy_from_slice(&sum.to_le_bytes());
}

/// Reads the record at the front of `bytes`, which stand at `at`, and its length.
pub(crate) fn decode(bytes: &[u8], at: Position) -> Option<(Record<'_>, usize)> {
    let header: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
    let body_len = u32_at(header, 8)? as usize;
    if header[4] != MARKER || body_len > BODY_BYTES_MAX {
        return None;
    }
    let len = HEADER_BYTES + body_len;
    let whole = bytes.get(..len)?;
    if crc32fast::hash(&whole[4..]) ^ at.salt() != u32_at(header, 0)? {
        return None;
    }
    let shard = u16::from_le_bytes([header[6], header[7]]);
    let body = decode_body(header[5], &whole[HEADER_BYTES..])?;
    Some((Record { shard, sequence: u32_at(header, 12)?, body }, len))
}

fn decode_body(kind: u8, body: &[u8]) -> Option<Body<'_>> {
    Some(match kind {
        1 => Body::Start {
            run: Run { number: u64_at(body, 0)?, nonce: u64_at(body, 8)? },
            previous_end: Position(u64_at(body, 16)?),
            sequences: &body[24..],
        },
        2 => Body::Entry {
            id: EntryId { actor: u64_at(body, 0)?, counter: u64_at(body, 8)? },
            record: &body[ENTRY_BYTES..],
        },
        3 => Body::Forget { actor: u64_at(body, 0)?, through: u64_at(body, 8)? },
        4 => Body::DropShard,
        5 => Body::Synced { through: Position(u64_at(body, 0)?) },
        6 => Body::DropSegment { segment: u32_at(body, 0)? },
        _ => return None,
    })
}

/// Returns the length of the record whose header stands at the front, unchecked.
pub(crate) fn claimed_len(header: &[u8; HEADER_BYTES]) -> Option<usize> {
    let body_len = u32_at(header, 8)? as usize;
    (header[4] == MARKER && body_len <= BODY_BYTES_MAX).then_some(HEADER_BYTES + body_len)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::{Body, Position, Record, Run, decode, encode};
    use crate::store::EntryId;

    #[test]
    fn every_kind_round_trips_and_no_damaged_byte_goes_unseen() {
        let bodies = [
            Body::Start {
                run: Run { number: 7, nonce: 8 },
                previous_end: Position::new(3, 99),
                sequences: &[1, 2, 3],
            },
            Body::Entry { id: EntryId { actor: 5, counter: u64::MAX }, record: b"payload" },
            Body::Entry { id: EntryId { actor: 0, counter: 0 }, record: b"" },
            Body::Forget { actor: 1, through: 2 },
            Body::DropShard,
            Body::Synced { through: Position::new(1, 2) },
            Body::DropSegment { segment: 9 },
        ];
        let at = Position::new(4, 123);
        for body in bodies {
            let record = Record { shard: 77, sequence: 8, body };
            let mut bytes = Vec::new();
            encode(&mut bytes, at, &record);
            let len = bytes.len();
            bytes.extend_from_slice(b"next");
            assert_eq!(decode(&bytes, at), Some((record, len)));
            assert_eq!(decode(&bytes, Position::new(4, 124)), None, "misplaced");
            assert_eq!(decode(&bytes, Position::new(5, 123)), None, "another segment's");
            assert_eq!(decode(&bytes[..len - 1], at), None, "cut");
            for index in 0..len {
                for bit in 0..8 {
                    bytes[index] ^= 1 << bit;
                    assert_eq!(decode(&bytes, at), None, "byte {index} bit {bit}");
                    bytes[index] ^= 1 << bit;
                }
            }
        }
    }

    #[test]
    fn no_bytes_panic_the_decoder() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let mut bytes = vec![0; rng.usize(..64)];
            rng.fill(&mut bytes);
            if bytes.len() > 12 {
                bytes[4] = super::MARKER;
                bytes[8..12].copy_from_slice(&[rng.u8(..48), 0, 0, 0]);
            }
            assert_eq!(decode(&bytes, Position::default()), None);
        }
    }
}
