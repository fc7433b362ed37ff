//! What a key holds, as bytes with a version and a checksum.
//!
//! Bytes that come from outside are bounded by their own size and never trusted: what does not
//! parse is [`Damage`].

use std::collections::BTreeSet;

use api::Score;

use crate::content::Content;

/// The version of the format, as Redis 7.0 counts them.
const VERSION: u16 = 10;
/// Version and checksum.
const FOOTER_SIZE: usize = 10;

const STRING: u8 = 0;
const LIST: u8 = 1;
const SET: u8 = 2;
const MAP: u8 = 4;
const ZSET: u8 = 5;
const SKETCH: u8 = 200;

/// Why bytes are no dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// Version or checksum.
    Frame,
    /// What is between them.
    Content,
}

/// Turns what a key holds into bytes.
pub(crate) fn encode(content: &Content) -> Vec<u8> {
    let mut out = Vec::new();
    match content {
        Content::String(value) => {
            out.push(STRING);
            put_bytes(&mut out, value);
        }
        Content::Sketch(registers) => {
            out.push(SKETCH);
            put_bytes(&mut out, registers);
        }
        Content::List(values) => put_all(&mut out, LIST, values),
        Content::Set(members) => put_all(&mut out, SET, members),
        Content::Map(pairs) => {
            out.push(MAP);
            put_size(&mut out, pairs.len());
            for (field, value) in pairs {
                put_bytes(&mut out, field);
                put_bytes(&mut out, value);
            }
        }
        Content::Zset(scored) => {
            out.push(ZSET);
            put_size(&mut out, scored.len());
            for (member, score) in scored {
                put_bytes(&mut out, member);
                out.extend_from_slice(&score.get().to_le_bytes());
            }
        }
    }
    out.extend_from_slice(&VERSION.to_le_bytes());
    let sum = crc64(&out);
    out.extend_from_slice(&sum.to_le_bytes());
    out
}

/// Turns bytes into what a key is to hold: never an empty collection.
pub(crate) fn decode(bytes: &[u8]) -> Result<Content, Damage> {
    let at = bytes.len().checked_sub(FOOTER_SIZE).ok_or(Damage::Frame)?;
    let (body, footer) = bytes.split_at(at);
    let (version, sum) = footer.split_at(2);
    let version = u16::from_le_bytes(version.try_into().map_err(|_| Damage::Frame)?);
    let sum = u64::from_le_bytes(sum.try_into().map_err(|_| Damage::Frame)?);
    if version > VERSION || crc64(&bytes[..at + 2]) != sum {
        return Err(Damage::Frame);
    }
    let mut rest = body;
    let content = take_content(&mut rest).ok_or(Damage::Content)?;
    let is_empty = match &content {
        Content::List(values) | Content::Set(values) => values.is_empty(),
        Content::Map(pairs) => pairs.is_empty(),
        Content::Zset(scored) => scored.is_empty(),
        Content::String(_) | Content::Sketch(_) => false,
    };
    if is_empty || !rest.is_empty() { Err(Damage::Content) } else { Ok(content) }
}

fn take_content(rest: &mut &[u8]) -> Option<Content> {
    let (&kind, behind) = rest.split_first()?;
    *rest = behind;
    Some(match kind {
        STRING => Content::String(take_bytes(rest)?),
        SKETCH => Content::Sketch(take_bytes(rest)?),
        LIST => Content::List(take_all(rest, take_bytes)?),
        SET => {
            let members = take_all(rest, |rest| Some((take_bytes(rest)?, ())))?;
            Content::Set(each_once(members)?.into_iter().map(|(member, ())| member).collect())
        }
        MAP => {
            let pairs = take_all(rest, |rest| Some((take_bytes(rest)?, take_bytes(rest)?)))?;
            Content::Map(each_once(pairs)?)
        }
        ZSET => {
            let scored = take_all(rest, |rest| {
                let member = take_bytes(rest)?;
                let (score, behind) = rest.split_first_chunk()?;
                *rest = behind;
                Some((member, Score::new(f64::from_le_bytes(*score))?))
            })?;
            Content::Zset(each_once(scored)?)
        }
        _ => return None,
    })
}

/// Refuses elements of which two have the same name.
fn each_once<T>(elements: Vec<(Vec<u8>, T)>) -> Option<Vec<(Vec<u8>, T)>> {
    let names: BTreeSet<&[u8]> = elements.iter().map(|(name, _)| name.as_slice()).collect();
    (names.len() == elements.len()).then_some(elements)
}

fn put_all(out: &mut Vec<u8>, kind: u8, items: &[Vec<u8>]) {
    out.push(kind);
    put_size(out, items.len());
    items.iter().for_each(|item| put_bytes(out, item));
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_size(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Writes a size: 6 bits, 14 bits, or 32 or 64 behind a byte of their own.
fn put_size(out: &mut Vec<u8>, size: usize) {
    match u32::try_from(size) {
        Ok(size @ 0..0x40) => out.push(size.to_le_bytes()[0]),
        Ok(size @ 0x40..0x4000) => {
            let [_, _, high, low] = size.to_be_bytes();
            out.extend_from_slice(&[0x40 | high, low]);
        }
        Ok(size) => {
            out.push(0x80);
            out.extend_from_slice(&size.to_be_bytes());
        }
        Err(_) => {
            out.push(0x81);
            out.extend_from_slice(&(size as u64).to_be_bytes());
        }
    }
}

/// A size, or how a number stands in place of bytes.
enum Size {
    Bytes(usize),
    Integer(usize),
}

fn take_size(rest: &mut &[u8]) -> Option<Size> {
    let (&first, behind) = rest.split_first()?;
    *rest = behind;
    let low = usize::from(first & 0x3f);
    Some(match first >> 6 {
        0 => Size::Bytes(low),
        1 => {
            let (&second, behind) = rest.split_first()?;
            *rest = behind;
            Size::Bytes(low << 8 | usize::from(second))
        }
        2 if first == 0x80 => {
            let (bytes, behind) = rest.split_first_chunk()?;
            *rest = behind;
            Size::Bytes(usize::try_from(u32::from_be_bytes(*bytes)).ok()?)
        }
        2 if first == 0x81 => {
            let (bytes, behind) = rest.split_first_chunk()?;
            *rest = behind;
            Size::Bytes(usize::try_from(u64::from_be_bytes(*bytes)).ok()?)
        }
        3 if low < 3 => Size::Integer(1 << low),
        _ => return None,
    })
}

fn take_bytes(rest: &mut &[u8]) -> Option<Vec<u8>> {
    match take_size(rest)? {
        Size::Bytes(size) => {
            let (bytes, behind) = rest.split_at_checked(size)?;
            *rest = behind;
            Some(bytes.to_vec())
        }
        Size::Integer(size) => {
            let (bytes, behind) = rest.split_at_checked(size)?;
            *rest = behind;
            let is_negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
            let mut wide = [if is_negative { 0xff } else { 0 }; 8];
            wide.get_mut(..size)?.copy_from_slice(bytes);
            Some(i64::from_le_bytes(wide).to_string().into_bytes())
        }
    }
}

fn take_all<T>(rest: &mut &[u8], take: impl Fn(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let Size::Bytes(count) = take_size(rest)? else { return None };
    // Every item takes a byte at least, so the count cannot make us reserve more than came.
    (count <= rest.len()).then_some(())?;
    (0..count).map(|_| take(rest)).collect()
}

/// The CRC that Redis uses: Jones's polynomial, reflected, from zero.
fn crc64(bytes: &[u8]) -> u64 {
    const REFLECTED: u64 = 0x95ac_9329_ac4b_c9b5;
    const TABLE: [u64; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let (mut sum, mut bit) = (byte as u64, 0);
            while bit < 8 {
                sum = sum >> 1 ^ if sum & 1 == 1 { REFLECTED } else { 0 };
                bit += 1;
            }
            table[byte] = sum;
            byte += 1;
        }
        table
    };
    bytes.iter().fold(0, |sum, byte| {
        let low = (sum & 0xff) as usize ^ usize::from(*byte);
        TABLE[low] ^ sum >> 8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_known_one() {
        assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }

    fn contents() -> Vec<Content> {
        let long = |size: usize| vec![b'x'; size];
        let score = |value| Score::new(value).expect("a number");
        vec![
            Content::String(Vec::new()),
            Content::String(long(63)),
            Content::String(long(64)),
            Content::String(long(16_384)),
            Content::List(vec![long(1), long(1), Vec::new()]),
            Content::Set((0_u8..100).map(|byte| vec![byte]).collect()),
            Content::Map(vec![(b"f".to_vec(), b"v".to_vec()), (Vec::new(), long(70))]),
            Content::Zset(vec![
                (b"m".to_vec(), score(-1.5)),
                (b"n".to_vec(), score(f64::INFINITY)),
            ]),
            Content::Sketch(long(9)),
        ]
    }

    #[test]
    fn what_is_dumped_is_restored() {
        for content in contents() {
            assert_eq!(decode(&encode(&content)), Ok(content));
        }
    }

    #[test]
    fn damage_is_noticed_wherever_it_is() {
        for content in contents().into_iter().filter(|one| encode(one).len() < 2_000) {
            let whole = encode(&content);
            for at in 0..whole.len() {
                let mut broken = whole.clone();
                broken[at] ^= 1;
                assert!(decode(&broken).is_err(), "byte {at} of {content:?}");
                assert!(decode(&whole[..at]).is_err(), "{at} bytes of {content:?}");
            }
        }
    }

    #[test]
    fn arbitrary_bytes_panic_nothing() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let mut bytes: Vec<u8> = (0..rng.usize(..40)).map(|_| rng.u8(..)).collect();
            if let Some(kind) = bytes.first_mut() {
                *kind = [0, 1, 2, 4, 5, 200][rng.usize(..6)];
            }
            bytes.extend_from_slice(&VERSION.to_le_bytes());
            let sum = crc64(&bytes);
            bytes.extend_from_slice(&sum.to_le_bytes());
            let _ = decode(&bytes);
        }
    }

    /// What Redis 7.0 dumps for the number 1000, and for an empty set that nothing could hold.
    #[test]
    fn numbers_in_place_of_bytes_are_read() {
        let mut bytes = vec![0, 0xc1, 0xe8, 0x03, 10, 0];
        let sum = crc64(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        assert_eq!(decode(&bytes), Ok(Content::String(b"1000".to_vec())));
        let empty = encode(&Content::Set(Vec::new()));
        assert_eq!(decode(&empty), Err(Damage::Content));
    }
}
