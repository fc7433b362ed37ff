//! What nodes tell each other for their clients' sake: what was said on a channel, what is waited
//! for, and that it may have come.
//!
//! ```text
//! 1 | kind 1 B | keyspace 4 B LE | moment 8 B LE | size of the name 4 B LE | name | payload
//! ```
//!
//! They travel as questions that want no answer. A rumour that is lost is made good, or is lost
//! for those who listened; bytes that do not parse are ignored.

use causality::Millis;
use cells::Keyspace;
use redis::{Awaited, Kind, Said};
use wire::{Message, RequestId};

/// The first byte of a rumour; questions that want an answer are JSON and never begin with it.
pub(crate) const RUMOUR: u8 = 1;

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rumour {
    /// On a channel.
    Said(Said),
    /// Somebody of the sender waits for a key, since a moment.
    Awaited(Awaited, Millis),
    /// Whoever waits for a key at the receiver may look again.
    Fed(Awaited),
}

impl Rumour {
    /// Returns the message to a node.
    pub(crate) fn message(&self) -> Message {
        let bytes = self.encode().into_boxed_slice();
        Message::Describe { request: RequestId(0), bytes }
    }

    fn encode(&self) -> Vec<u8> {
        let none: &[u8] = &[];
        let (kind, keyspace, moment, name, payload) = match self {
            Self::Said(Said { kind: Kind::Shard, channel, payload }) => {
                (1, 0, 0, channel, payload.as_slice())
            }
            Self::Said(Said { channel, payload, .. }) => (0, 0, 0, channel, payload.as_slice()),
            Self::Awaited((keyspace, key), since) => (2, keyspace.0, since.0, key, none),
            Self::Fed((keyspace, key)) => (3, keyspace.0, 0, key, none),
        };
        let size = u32::try_from(name.len()).expect("names are bounded by requests");
        let mut out = vec![RUMOUR, kind];
        out.extend_from_slice(&keyspace.to_le_bytes());
        out.extend_from_slice(&moment.to_le_bytes());
        out.extend_from_slice(&size.to_le_bytes());
        out.extend_from_slice(name);
        out.extend_from_slice(payload);
        out
    }

    /// Reads a rumour.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&[RUMOUR, kind], rest) = bytes.split_first_chunk()? else { return None };
        let (keyspace, rest) = rest.split_first_chunk()?;
        let (moment, rest) = rest.split_first_chunk()?;
        let (size, rest) = rest.split_first_chunk()?;
        let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
        let (name, payload) = rest.split_at_checked(size)?;
        let (name, payload) = (name.to_vec(), payload.to_vec());
        let key = (Keyspace(u32::from_le_bytes(*keyspace)), name.clone());
        match kind {
            0 => Some(Self::Said(Said { kind: Kind::Channel, channel: name, payload })),
            1 => Some(Self::Said(Said { kind: Kind::Shard, channel: name, payload })),
            2 => Some(Self::Awaited(key, Millis(u64::from_le_bytes(*moment)))),
            3 => Some(Self::Fed(key)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rumours_come_as_they_were_told() {
        let (channel, payload) = (b"news".to_vec(), b"\r\n\0".to_vec());
        let key = (Keyspace(3), b"jobs".to_vec());
        let all = [
            Rumour::Said(Said { kind: Kind::Channel, channel: channel.clone(), payload }),
            Rumour::Said(Said { kind: Kind::Shard, channel, payload: Vec::new() }),
            Rumour::Awaited(key.clone(), Millis(7)),
            Rumour::Fed(key),
        ];
        for rumour in all {
            let bytes = rumour.encode();
            assert_eq!(Rumour::decode(&bytes), Some(rumour));
            for size in 0..18 {
                assert_eq!(Rumour::decode(&bytes[..size]), None);
            }
        }
        assert_eq!(
            Rumour::decode(&[RUMOUR, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            None
        );
    }
}
