//! Client contexts: the exact dots a client has read, handed out and taken back as opaque bytes.
//!
//! A context names dots and nothing else: no version vector, so it never claims to have seen what
//! it has not. It is bound by a keyed hash to one cluster, shard and key, because a context that
//! names dots of the future would kill writes before they are made.
//!
//! ```text
//! version 1 B | count varint
//!   | count x (node varint, incarnation 4 B, counter varint) | hash 8 B
//! ```

use std::fmt;
use std::hash::Hasher;

use codec::{DecodeError, Reader, put_varint};
use siphasher::sip::SipHasher24;
use thiserror::Error;

use crate::{Actor, Dot, Incarnation, NodeId};

const FORMAT: u8 = 1;
const MAC_SIZE: usize = 8;

/// What a client has read of one key: the dots of the versions it was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The dots, ascending, each once.
    pub dots: Vec<Dot>,
}

/// What a context is valid for; not sent, but covered by the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContextScope {
    /// The cluster that issued it.
    pub cluster: u64,
    /// The shard of the key.
    pub shard: u16,
    /// The hash of the key with its keyspace.
    pub key: u64,
}

/// The cluster's secret from which contexts and tokens are hashed.
#[derive(Clone)]
pub struct ContextKey([u8; 16]);

impl fmt::Debug for ContextKey {
    /// Never shows the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContextKey(..)")
    }
}

/// Why a context was refused. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ContextError {
    /// The bytes are not a context.
    #[error("this is not a context: {0}")]
    Malformed(#[from] DecodeError),
    /// The hash does not fit: another key, shard or cluster, or the bytes were changed.
    #[error("this context was not issued for this key of this cluster")]
    Foreign,
}

impl ContextKey {
    /// Takes the cluster's secret.
    #[must_use]
    pub const fn new(secret: [u8; 16]) -> Self {
        Self(secret)
    }

    /// Hashes bytes under the secret; the label keeps uses of one secret apart.
    #[must_use]
    pub fn mac(&self, label: &str, bytes: &[u8]) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write_u64(label.len() as u64);
        hasher.write(label.as_bytes());
        hasher.write(bytes);
        hasher.finish()
    }
}

impl Context {
    /// The most dots one context may name: far above the sibling limit of a register.
    pub const DOTS_MAX: usize = 1_024;

    /// Builds the context of a read; what exceeds the limit is left out, oldest dots kept, so the
    /// client merely supersedes less than it saw.
    #[must_use]
    pub fn new(dots: impl IntoIterator<Item = Dot>) -> Self {
        let mut dots: Vec<Dot> = dots.into_iter().collect();
        dots.sort_unstable();
        dots.dedup();
        dots.truncate(Self::DOTS_MAX);
        Self { dots }
    }

    /// Writes the context as bytes that only this scope takes back.
    #[must_use]
    pub fn seal(&self, key: &ContextKey, scope: ContextScope) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.dots.len() * 10 + 16);
        out.push(FORMAT);
        put_varint(&mut out, self.dots.len() as u64);
        for dot in &self.dots {
            put_varint(&mut out, u64::from(dot.actor.node().0));
            out.extend_from_slice(&dot.actor.incarnation().0.to_le_bytes());
            put_varint(&mut out, dot.counter);
        }
        let mac = scope.mac(key, &out);
        out.extend_from_slice(&mac.to_le_bytes());
        out
    }

    /// Reads a context back.
    ///
    /// # Errors
    /// [`ContextError`]: malformed, or issued for something else, or changed.
    pub fn open(bytes: &[u8], key: &ContextKey, scope: ContextScope) -> Result<Self, ContextError> {
        let (body, mac) = bytes.split_last_chunk::<MAC_SIZE>().ok_or(DecodeError::Truncated)?;
        let context = Self::decode(body)?;
        // SipHash of a 128-bit secret: a guess succeeds once in 2^64, and a wrong one tells no
        // more than "wrong", so an ordinary comparison is enough.
        if scope.mac(key, body) != u64::from_le_bytes(*mac) {
            return Err(ContextError::Foreign);
        }
        Ok(context)
    }

    fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        if reader.byte()? != FORMAT {
            return Err(DecodeError::Unknown("context format"));
        }
        let count = reader.count("context", Self::DOTS_MAX)?;
        let mut dots = Vec::new();
        for _ in 0..count {
            let dot = decode_dot(&mut reader)?;
            if dots.last().is_some_and(|last| *last >= dot) {
                return Err(DecodeError::Inconsistent("order of dots"));
            }
            dots.push(dot);
        }
        reader.finish()?;
        Ok(Self { dots })
    }
}

impl ContextScope {
    fn mac(self, key: &ContextKey, body: &[u8]) -> u64 {
        let mut bound = Vec::with_capacity(body.len() + 18);
        bound.extend_from_slice(&self.cluster.to_le_bytes());
        bound.extend_from_slice(&self.shard.to_le_bytes());
        bound.extend_from_slice(&self.key.to_le_bytes());
        bound.extend_from_slice(body);
        key.mac("context", &bound)
    }
}

fn decode_dot(reader: &mut Reader<'_>) -> Result<Dot, DecodeError> {
    let node = u32::try_from(reader.varint()?).map_err(|_| DecodeError::Number)?;
    let incarnation = u32::from_le_bytes(reader.array()?);
    let counter = reader.varint()?;
    if counter == 0 {
        return Err(DecodeError::Inconsistent("counter"));
    }
    Ok(Dot::new(Actor::new(NodeId(node), Incarnation(incarnation)), counter))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: ContextScope = ContextScope { cluster: 7, shard: 3, key: 99 };

    fn key() -> ContextKey {
        ContextKey::new([5; 16])
    }

    fn sample(count: u64) -> Context {
        let dot = |n| Dot::new(Actor::new(NodeId(3), Incarnation(200_000_000)), n + 100_000);
        Context::new((0..count).map(dot))
    }

    #[test]
    fn round_trips_and_stays_small() {
        for count in [0, 1, 2, 10, 1_024] {
            let context = sample(count);
            let bytes = context.seal(&key(), SCOPE);
            assert_eq!(Context::open(&bytes, &key(), SCOPE), Ok(context));
            assert!(bytes.len() as u64 <= 16 + 10 * count, "{count}: {}", bytes.len());
        }
        assert_eq!(sample(5_000).dots.len(), Context::DOTS_MAX);
    }

    #[test]
    fn another_scope_or_secret_or_any_changed_bit_is_refused() {
        let bytes = sample(2).seal(&key(), SCOPE);
        for scope in [
            ContextScope { cluster: 8, ..SCOPE },
            ContextScope { shard: 4, ..SCOPE },
            ContextScope { key: 98, ..SCOPE },
        ] {
            assert_eq!(Context::open(&bytes, &key(), scope), Err(ContextError::Foreign));
        }
        let other = ContextKey::new([6; 16]);
        assert_eq!(Context::open(&bytes, &other, SCOPE), Err(ContextError::Foreign));
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(Context::open(&forged, &key(), SCOPE).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(Context::open(&bytes[..length], &key(), SCOPE).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn garbage_is_an_error() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..rng.usize(0..64)).map(|_| rng.u8(..)).collect();
            assert!(Context::open(&bytes, &key(), SCOPE).is_err());
        }
    }
}
