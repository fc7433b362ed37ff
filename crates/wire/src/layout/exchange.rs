//! The log exchange: what is wanted, and the groups that are given.
//!
//! ```text
//! wanted = sealed form 1 B (0 hash, 1 whole) | hash 8 B or sealed | horizon | budget | clock
//! key    = keyspace | key length | key | depth 1 B | digest 16 B
//! given  = form 1 B (bits 0-1: 0 groups, 1 state needed, 2 sealed needed; with groups:
//!          bit 2 more to come, bit 3 sealed present)
//!          | groups: horizon, [sealed], count, groups
//! ```

use cells::Keyspace;
use codec::DecodeError;

use super::{BodyReader, BodyWriter, Layout, fields};
use crate::shard::{GroupsGiven, GroupsWanted, KeySum, Rest, SealedPart};

const SEALED_HASH: u8 = 0;
const SEALED_WHOLE: u8 = 1;

const GROUPS: u8 = 0;
const STATE_NEEDED: u8 = 1;
const SEALED_NEEDED: u8 = 2;
const HAS_MORE: u8 = 1 << 2;
const HAS_SEALED: u8 = 1 << 3;

fields!(GroupsWanted { sealed, horizon, budget, applied });

impl Layout for KeySum {
    const SIZE_MIN: usize = 20;

    fn write(&self, writer: &mut BodyWriter<'_>) {
        writer.varint(u64::from(self.keyspace.0));
        writer.slice(&self.key);
        writer.byte(self.depth);
        self.digest.write(writer);
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        let keyspace = Keyspace(u32::read(reader)?);
        let key: Box<[u8]> = reader.slice("key")?.into();
        if key.is_empty() {
            return Err(DecodeError::Inconsistent("key"));
        }
        let depth = reader.bytes.byte()?;
        Ok(Self { keyspace, key, depth, digest: Layout::read(reader)? })
    }
}

impl Layout for SealedPart {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        match self {
            Self::Hash(hash) => {
                writer.byte(SEALED_HASH);
                writer.fixed(&hash.to_le_bytes());
            }
            Self::Whole(sealed) => {
                writer.byte(SEALED_WHOLE);
                sealed.write(writer);
            }
        }
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        match reader.bytes.byte()? {
            SEALED_HASH => reader.bytes.u64().map(Self::Hash),
            SEALED_WHOLE => Layout::read(reader).map(Self::Whole),
            _ => Err(DecodeError::Unknown("form of a sealed clock")),
        }
    }
}

impl Layout for GroupsGiven {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        match self {
            Self::Groups { groups, rest, horizon, sealed } => {
                let more = if *rest == Rest::More { HAS_MORE } else { 0 };
                let has_sealed = if sealed.is_some() { HAS_SEALED } else { 0 };
                writer.byte(GROUPS | more | has_sealed);
                horizon.write(writer);
                writer.items(sealed.as_slice());
                writer.list(groups);
            }
            Self::StateNeeded => writer.byte(STATE_NEEDED),
            Self::SealedNeeded => writer.byte(SEALED_NEEDED),
        }
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        let form = reader.bytes.byte()?;
        match form {
            STATE_NEEDED => return Ok(Self::StateNeeded),
            SEALED_NEEDED => return Ok(Self::SealedNeeded),
            _ if form & !(HAS_MORE | HAS_SEALED) == GROUPS => {}
            _ => return Err(DecodeError::Unknown("form of an answer")),
        }
        let horizon = Layout::read(reader)?;
        let has_sealed = form & HAS_SEALED != 0;
        let sealed = has_sealed.then(|| Layout::read(reader)).transpose()?;
        let groups = Layout::read(reader)?;
        let rest = if form & HAS_MORE == 0 { Rest::Nothing } else { Rest::More };
        Ok(Self::Groups { groups, rest, horizon, sealed })
    }
}
