//! Reading one segment back: its sound records, and the holes between them.
//!
//! A record is sound only at the place it was written for, so after damage the next sound record is
//! found by trying every byte. What a hole means (a torn tail or real damage) is for the caller.

use std::ops::Range;

use super::record::{Body, Position, Record, decode};

/// The content of a segment file.
#[derive(Debug, Default)]
pub(crate) struct Parsed<'a> {
    /// Sound records with their offsets, in order.
    pub(crate) records: Vec<(u32, Record<'a>)>,
    /// Ranges that hold no sound record, in order; the last one may reach the end.
    pub(crate) holes: Vec<Range<u32>>,
    /// Everything before this position was durable, says some record.
    pub(crate) synced: Position,
}

/// Returns the name of a segment's file.
pub(crate) fn file_name(segment: u32) -> String {
    format!("log-{segment:08x}")
}

/// Returns the segment that a file name stands for.
pub(crate) fn file_segment(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("log-").filter(|digits| digits.len() == 8)?;
    u32::from_str_radix(digits, 16).ok()
}

/// Reads the records of a segment from an offset on.
pub(crate) fn parse(bytes: &[u8], segment: u32, from: u32) -> Parsed<'_> {
    parse_some(bytes, segment, from, usize::MAX).0
}

/// Reads records from an offset on, so many bytes of them or a little more, and tells where the
/// next ones stand unless that was all.
pub(crate) fn parse_some(
    bytes: &[u8],
    segment: u32,
    from: u32,
    bytes_max: usize,
) -> (Parsed<'_>, Option<Position>) {
    let mut parsed = Parsed::default();
    let mut at = from as usize;
    let enough = at.saturating_add(bytes_max);
    while at < bytes.len() && at < enough {
        if let Some((record, len)) = record_at(bytes, segment, at) {
            if let Body::Synced { through } = record.body {
                parsed.synced = parsed.synced.max(through);
            }
            parsed.records.push((offset(at), record));
            at += len;
        } else {
            let next = (at + 1..bytes.len()).find(|at| record_at(bytes, segment, *at).is_some());
            let end = next.unwrap_or(bytes.len());
            parsed.holes.push(offset(at)..offset(end));
            at = end;
        }
    }
    let next = (at < bytes.len()).then(|| Position::new(segment, offset(at)));
    (parsed, next)
}

fn record_at(bytes: &[u8], segment: u32, at: usize) -> Option<(Record<'_>, usize)> {
    decode(&bytes[at..], Position::new(segment, u32::try_from(at).ok()?))
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("segments are far shorter than 4 GiB")
}
