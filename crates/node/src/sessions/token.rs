//! Session tokens: what a session has seen, in bytes that any node of the cluster takes.
//!
//! ```text
//! format 1 B | forgotten 1 B | count varint | count x (shard varint | clock) | hash 8 B
//! ```
//!
//! The hash is keyed with the cluster's secret, because a token that names operations of the
//! future would keep its bearer waiting for them. Decoders are total.

use api::{SessionId, Token, TokenError};
use causality::format::{put_clock, read_clock};
use causality::{Clock, ContextKey};
use codec::{DecodeError, Reader, put_varint};
use storage::Store;

use crate::node::Node;

const FORMAT: u8 = 1;
const MAC_SIZE: usize = 8;
const LABEL: &str = "session token";

/// The most shards that a token names; of the others it says that they are forgotten.
const SHARDS_MAX: usize = 64;

/// What a token says.
#[derive(Debug, PartialEq, Eq)]
struct Contents {
    shards: Vec<(u16, Clock)>,
    has_forgotten: bool,
}

impl Contents {
    fn seal(&self, key: &ContextKey, cluster: u64) -> Vec<u8> {
        let mut out = vec![FORMAT, u8::from(self.has_forgotten)];
        put_varint(&mut out, self.shards.len() as u64);
        for (shard, clock) in &self.shards {
            put_varint(&mut out, u64::from(*shard));
            put_clock(&mut out, clock);
        }
        let mac = mac(key, cluster, &out);
        out.extend_from_slice(&mac.to_le_bytes());
        out
    }

    fn open(bytes: &[u8], key: &ContextKey, cluster: u64) -> Result<Self, TokenError> {
        let Some((body, held)) = bytes.split_last_chunk::<MAC_SIZE>() else {
            return Err(TokenError::Malformed);
        };
        let token = Self::decode(body).map_err(|_| TokenError::Malformed)?;
        if mac(key, cluster, body) == u64::from_le_bytes(*held) {
            Ok(token)
        } else {
            Err(TokenError::Foreign)
        }
    }

    fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        if reader.byte()? != FORMAT {
            return Err(DecodeError::Unknown("token format"));
        }
        let has_forgotten = match reader.byte()? {
            0 => false,
            1 => true,
            _ => return Err(DecodeError::Unknown("flag")),
        };
        let mut shards: Vec<(u16, Clock)> = Vec::new();
        for _ in 0..reader.count("shards", SHARDS_MAX)? {
            let shard = u16::try_from(reader.varint()?).map_err(|_| DecodeError::Number)?;
            if shards.last().is_some_and(|(last, _)| *last >= shard) {
                return Err(DecodeError::Inconsistent("order of shards"));
            }
            shards.push((shard, read_clock(&mut reader)?));
        }
        reader.finish()?;
        Ok(Self { shards, has_forgotten })
    }
}

fn mac(key: &ContextKey, cluster: u64, body: &[u8]) -> u64 {
    let mut bound = Vec::with_capacity(body.len() + 8);
    bound.extend_from_slice(&cluster.to_le_bytes());
    bound.extend_from_slice(body);
    key.mac(LABEL, &bound)
}

impl<S: Store> Node<S> {
    /// Returns what a session has seen, for use at another node or in another session.
    ///
    /// Of the shards of this node the token names everything that is here now, which is at least
    /// what the session saw.
    #[must_use]
    pub fn session_token(&self, session: SessionId) -> Token {
        let mut token = Contents { shards: Vec::new(), has_forgotten: false };
        if let Some(session) = self.sessions.open.get(&session) {
            token.has_forgotten = session.has_forgotten;
            let here = |shard: u16| Some((shard, self.replicas.get(&shard)?.whole_clock()));
            token.shards.extend(session.touched().filter_map(here));
            let elsewhere = session.seen.iter().map(|(shard, seen)| (*shard, seen.clock.clone()));
            token.shards.extend(elsewhere);
        }
        token.shards.sort_by_key(|(shard, _)| *shard);
        token.shards.dedup_by(|later, first| {
            let is_same = later.0 == first.0;
            if is_same {
                first.1.union(&later.1);
            }
            is_same
        });
        if token.shards.len() > SHARDS_MAX {
            token.shards.truncate(SHARDS_MAX);
            token.has_forgotten = true;
        }
        Token(token.seal(&self.config.secret, self.config.cluster))
    }

    /// Makes a session need everything that a token names.
    ///
    /// # Errors
    /// The token is none, or not of this cluster; the session is as it was.
    pub fn adopt_token(&mut self, session: SessionId, token: &Token) -> Result<(), TokenError> {
        let token = Contents::open(&token.0, &self.config.secret, self.config.cluster)?;
        let session = self.sessions.open.entry(session).or_default();
        session.has_forgotten |= token.has_forgotten;
        for (shard, clock) in &token.shards {
            session.saw(*shard, clock);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use causality::{Actor, Dot};

    use super::*;

    fn token() -> Contents {
        let mut clock = Clock::new();
        for counter in [1, 2, 3, 9] {
            clock.insert(Dot::new(Actor::from_bits(5), counter));
        }
        Contents { shards: vec![(3, clock.clone()), (700, clock)], has_forgotten: true }
    }

    #[test]
    fn a_token_comes_back_and_nothing_near_it_does() {
        let key = ContextKey::new([7; 16]);
        let bytes = token().seal(&key, 1);
        assert_eq!(Contents::open(&bytes, &key, 1), Ok(token()));
        assert_eq!(Contents::open(&bytes, &key, 2), Err(TokenError::Foreign), "another cluster");
        let other = ContextKey::new([8; 16]);
        assert_eq!(Contents::open(&bytes, &other, 1), Err(TokenError::Foreign), "another secret");
        for at in 0..bytes.len() {
            assert!(Contents::open(&bytes[..at], &key, 1).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert!(Contents::open(&changed, &key, 1).is_err(), "bit {bit} of byte {at}");
            }
        }
    }
}
