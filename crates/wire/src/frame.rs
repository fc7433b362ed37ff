//! Where one message ends and the next begins in a stream of bytes.
//!
//! ```text
//! length 4 B, little-endian: of all that follows | version 1 B | kind 1 B | body
//! ```
//!
//! Invariants: nothing here allocates, so a stated length costs nothing; a frame that this node
//! will refuse is refused as soon as its six bytes of header are there, before its body is waited
//! for. Bodies are the business of the layouts.

use codec::DecodeError;
use thiserror::Error;

use crate::message::{Kind, TEXT_SIZE_MAX};
use crate::version::{ProtocolRange, ProtocolVersion};

const LENGTH_SIZE: usize = 4;
const VERSION_AND_KIND_SIZE: usize = 2;

/// The size of a frame without its body.
pub const HEADER_SIZE: usize = LENGTH_SIZE + VERSION_AND_KIND_SIZE;

/// How long a frame may be, its first four bytes not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FrameLimit(pub u32);

/// One complete frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The protocol version its body is written in.
    pub version: ProtocolVersion,
    /// What its body is.
    pub kind: Kind,
    /// The body.
    pub body: &'a [u8],
}

/// What the front of a buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan<'a> {
    /// Not yet a frame.
    Incomplete {
        /// How many more bytes it takes, at least, to know more.
        missing: usize,
    },
    /// A frame.
    Complete {
        /// The frame.
        frame: Frame<'a>,
        /// How many bytes of the buffer it takes.
        size: usize,
    },
}

/// Why bytes from a peer are not a message. The link must be closed: what follows on it has no
/// meaning. Nothing was changed but the link's own decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WireError {
    /// The frame is longer than allowed, or shorter than its own header.
    #[error("a frame of {found} bytes: 2 to {max} are allowed")]
    Length {
        /// The length it states.
        found: u32,
        /// How long it may be.
        max: u32,
    },
    /// The frame is written in a version that this node does not speak.
    #[error("a frame of protocol version {found}: this node speaks {supported}")]
    Version {
        /// The frame's version.
        found: ProtocolVersion,
        /// What this node speaks.
        supported: ProtocolRange,
    },
    /// The frame is of a kind that its version does not have.
    #[error("a frame of the unknown kind {0}")]
    Kind(u8),
    /// The body is not what the kind says.
    #[error("a malformed {kind:?} message")]
    Body {
        /// What it should have been.
        kind: Kind,
        /// Why it is not.
        source: DecodeError,
    },
    /// An earlier frame of the link was malformed.
    #[error("an earlier frame of this link was malformed")]
    Broken,
}

/// A message does not fit into a frame. Nothing was written, and the link is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a {kind:?} message takes {size} bytes, more than the {max} of a frame")]
pub struct TooLong {
    /// What was to be sent.
    pub kind: Kind,
    /// How long the frame would be.
    pub size: usize,
    /// How long it may be.
    pub max: u32,
}

/// A refusal: a request of ten bytes at most, a reason, and a text with its length.
const REFUSED_SIZE_MAX: usize = VERSION_AND_KIND_SIZE + 10 + 1 + 2 + TEXT_SIZE_MAX;
const _: () = assert!(REFUSED_SIZE_MAX <= 1040, "a handshake holds a refusal");

impl FrameLimit {
    /// Enough for a handshake: a hello, or a refusal with its text. A peer that has not proven
    /// who it is gets no more.
    pub const HANDSHAKE: Self = Self(1040);
}

impl Default for FrameLimit {
    /// 16 MiB: above every budget of an exchange, below what a node can spare for each link.
    fn default() -> Self {
        Self(16 << 20)
    }
}

/// Looks for a frame at the front of `input`.
///
/// # Errors
/// The header is one that this node refuses.
pub fn scan(input: &[u8], limit: FrameLimit) -> Result<Scan<'_>, WireError> {
    let Some((length, rest)) = input.split_first_chunk::<LENGTH_SIZE>() else {
        return Ok(Scan::Incomplete { missing: HEADER_SIZE - input.len() });
    };
    let length = checked_length(u32::from_le_bytes(*length), limit)?;
    let Some((version, kind)) = checked_header(rest)? else {
        return Ok(Scan::Incomplete { missing: HEADER_SIZE - input.len() });
    };
    match rest.get(VERSION_AND_KIND_SIZE..length) {
        Some(body) => {
            let frame = Frame { version, kind, body };
            Ok(Scan::Complete { frame, size: LENGTH_SIZE + length })
        }
        None => Ok(Scan::Incomplete { missing: length - rest.len() }),
    }
}

fn checked_length(found: u32, limit: FrameLimit) -> Result<usize, WireError> {
    let refused = WireError::Length { found, max: limit.0 };
    let length = usize::try_from(found).map_err(|_| refused)?;
    if VERSION_AND_KIND_SIZE <= length && found <= limit.0 { Ok(length) } else { Err(refused) }
}

/// Reads version and kind, nothing while they have not come. A hello may be of any version, or
/// two nodes could never tell each other which versions they speak.
fn checked_header(rest: &[u8]) -> Result<Option<(ProtocolVersion, Kind)>, WireError> {
    let [version, kind, ..] = *rest else { return Ok(None) };
    let found = ProtocolVersion(version);
    let supported = ProtocolRange::SUPPORTED;
    if kind != Kind::Hello as u8 && !supported.contains(found) {
        return Err(WireError::Version { found, supported });
    }
    let kind = Kind::from_byte(kind).ok_or(WireError::Kind(kind))?;
    Ok(Some((found, kind)))
}

/// Opens a frame at the end of `out`; its length is not known yet.
pub(crate) fn open(out: &mut Vec<u8>, version: ProtocolVersion, kind: Kind) -> Opened {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_SIZE]);
    out.extend_from_slice(&[version.0, kind as u8]);
    Opened { start, kind }
}

/// A frame that is being written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    start: usize,
    kind: Kind,
}

impl Opened {
    /// Ends the frame with `out`; one that is too long is taken out again.
    pub(crate) fn seal(self, out: &mut Vec<u8>, limit: FrameLimit) -> Result<(), TooLong> {
        let size = out.len() - self.start - LENGTH_SIZE;
        assert!(VERSION_AND_KIND_SIZE <= size, "the header was written on opening");
        let Some(length) = u32::try_from(size).ok().filter(|length| *length <= limit.0) else {
            out.truncate(self.start);
            return Err(TooLong { kind: self.kind, size, max: limit.0 });
        };
        let at = self.start..self.start + LENGTH_SIZE;
        out.get_mut(at)
            .expect("the length was reserved on opening")
            .copy_from_slice(&length.to_le_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: FrameLimit = FrameLimit(100);

    fn frame(version: u8, kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(body.len() + 2).unwrap().to_le_bytes().to_vec();
        bytes.extend_from_slice(&[version, kind]);
        bytes.extend_from_slice(body);
        bytes
    }

    #[test]
    fn a_frame_is_found_once_its_last_byte_is_there() {
        let mut stream = frame(1, Kind::Gossip as u8, b"hello");
        let size = stream.len();
        for end in 0..size {
            let scanned = scan(&stream[..end], LIMIT).unwrap();
            let Scan::Incomplete { missing } = scanned else { panic!("{end}: {scanned:?}") };
            assert!(0 < missing && end + missing <= size, "{end}");
        }
        stream.extend_from_slice(b"next");
        let Scan::Complete { frame, size: taken } = scan(&stream, LIMIT).unwrap() else {
            panic!("a whole frame is there")
        };
        assert_eq!((frame.version.0, frame.kind, frame.body), (1, Kind::Gossip, &b"hello"[..]));
        assert_eq!(taken, size);
    }

    #[test]
    fn what_is_missing_leads_to_the_frame_in_two_reads() {
        let stream = frame(1, Kind::Gossip as u8, &[7; 90]);
        let mut reads = 0;
        let mut end = 0;
        while let Scan::Incomplete { missing } = scan(&stream[..end], LIMIT).unwrap() {
            end += missing;
            reads += 1;
        }
        assert_eq!((reads, end), (2, stream.len()));
    }

    #[test]
    fn refused_headers_are_refused_before_the_body() {
        let check = |bytes: &[u8], expected| assert_eq!(scan(bytes, LIMIT), Err(expected));
        check(&[101, 0, 0, 0], WireError::Length { found: 101, max: 100 });
        check(&[0xff; 4], WireError::Length { found: u32::MAX, max: 100 });
        check(&[1, 0, 0, 0], WireError::Length { found: 1, max: 100 });
        check(&[50, 0, 0, 0, 1, 0xee], WireError::Kind(0xee));
        let supported = ProtocolRange::SUPPORTED;
        let version = WireError::Version { found: ProtocolVersion(9), supported };
        check(&[50, 0, 0, 0, 9, Kind::Gossip as u8], version);
        assert_eq!(version.to_string(), "a frame of protocol version 9: this node speaks 1 to 1");
        // A browser or a Redis client that knocks at the wrong door.
        check(b"GET / HTTP", WireError::Length { found: 0x2054_4547, max: 100 });
    }

    #[test]
    fn a_hello_of_any_version_is_heard() {
        for version in 0..=255 {
            let bytes = frame(version, Kind::Hello as u8, b"");
            let scanned = scan(&bytes, LIMIT).unwrap();
            assert!(matches!(scanned, Scan::Complete { frame, .. } if frame.version.0 == version));
        }
    }

    #[test]
    fn a_frame_that_is_too_long_leaves_nothing_behind() {
        let mut out = b"before".to_vec();
        let opened = open(&mut out, ProtocolVersion::CURRENT, Kind::Gossip);
        out.extend_from_slice(&[0; 99]);
        let refused = opened.seal(&mut out, LIMIT).unwrap_err();
        assert_eq!(refused, TooLong { kind: Kind::Gossip, size: 101, max: 100 });
        assert_eq!(out, b"before");
    }
}
