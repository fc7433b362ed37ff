//! Sessions: what a client has seen of each shard, so that it never sees less.
//!
//! A session's own writes and everything it has read stay visible to it, whichever owner answers:
//! a call is carried out only where everything is that the session has seen of the shard. What an
//! owner has applied only grows, so for the shards of this node it is enough to know that the
//! session was here; of other shards the clock of the owner that answered is kept. A write is
//! minted on top of what its session has seen, so every replica orders it after that.
//!
//! Bounds: clocks of [`SEEN_MAX`] shards are kept; for shards forgotten since, the session asks a
//! quorum first.

mod token;

use std::collections::BTreeMap;

use api::SessionId;
use causality::Clock;
use storage::Store;

use crate::mutation::Mutation;
use crate::node::Node;

/// The most shards of which a session keeps a clock.
const SEEN_MAX: usize = 1_024;

/// What an owner must hold before it carries out a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing: no session, or it has seen nothing of the shard.
    #[default]
    Nothing,
    /// Everything in this clock.
    Clock(Clock),
    /// More than is remembered: what a quorum holds.
    Forgotten,
}

/// The open sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: BTreeMap<SessionId, Session>,
}

#[derive(Debug, Default)]
struct Session {
    /// Shards of this node where the session has seen something, by number.
    touched: Vec<u64>,
    seen: BTreeMap<u16, Seen>,
    uses: u64,
    has_forgotten: bool,
}

#[derive(Debug)]
struct Seen {
    clock: Clock,
    last_use: u64,
}

impl Session {
    fn touch(&mut self, shard: u16) {
        let (word, bit) = (usize::from(shard) / 64, shard % 64);
        if self.touched.len() <= word {
            self.touched.resize(word + 1, 0);
        }
        self.touched[word] |= 1 << bit;
    }

    fn is_touched(&self, shard: u16) -> bool {
        let (word, bit) = (usize::from(shard) / 64, shard % 64);
        self.touched.get(word).is_some_and(|held| held & (1 << bit) != 0)
    }

    fn touched(&self) -> impl Iterator<Item = u16> + '_ {
        let count = u16::try_from(self.touched.len() * 64).unwrap_or(u16::MAX);
        (0..count).filter(|shard| self.is_touched(*shard))
    }

    /// Adds to what has been seen of a shard; the shard used longest ago makes room.
    fn saw(&mut self, shard: u16, clock: &Clock) {
        self.uses += 1;
        let last_use = self.uses;
        let seen = self.seen.entry(shard).or_insert_with(|| Seen { clock: Clock::new(), last_use });
        seen.clock.union(clock);
        seen.last_use = last_use;
        if self.seen.len() > SEEN_MAX {
            let oldest = self.seen.iter().min_by_key(|(_, seen)| seen.last_use);
            let oldest = oldest.map(|(shard, _)| *shard).expect("more than none is kept");
            self.seen.remove(&oldest);
            self.has_forgotten = true;
        }
    }
}

impl Sessions {
    /// Forgets a session.
    pub(crate) fn end(&mut self, session: SessionId) {
        self.open.remove(&session);
    }

    /// Notes that everything the session needs of a shard of this node is here.
    pub(crate) fn touch(&mut self, session: Option<SessionId>, shard: u16) {
        let Some(session) = session else { return };
        let session = self.open.entry(session).or_default();
        session.touch(shard);
        if !session.seen.is_empty() {
            session.seen.remove(&shard);
        }
    }

    /// Notes what the owner of a shard of other nodes had when it answered.
    pub(crate) fn saw(&mut self, session: SessionId, shard: u16, clock: &Clock) {
        self.open.entry(session).or_default().saw(shard, clock);
    }

    /// Returns what the owner of a shard must hold for the session.
    fn needs(&self, session: Option<SessionId>, shard: u16) -> Needs {
        let Some(session) = session.and_then(|session| self.open.get(&session)) else {
            return Needs::Nothing;
        };
        match session.seen.get(&shard) {
            Some(seen) => Needs::Clock(seen.clock.clone()),
            None if session.is_touched(shard) || !session.has_forgotten => Needs::Nothing,
            None => Needs::Forgotten,
        }
    }
}

impl<S: Store> Node<S> {
    /// Forgets a session whose client is gone.
    pub fn end_session(&mut self, session: SessionId) {
        self.sessions.end(session);
    }

    pub(crate) fn needs_of(&self, session: Option<SessionId>, shard: u16) -> Needs {
        if self.is_mutated(Mutation::SessionForgotten) {
            return Needs::Nothing;
        }
        self.sessions.needs(session, shard)
    }
}

#[cfg(test)]
mod tests {
    use causality::{Actor, Dot};

    use super::*;

    const ME: Option<SessionId> = Some(SessionId(1));

    fn clock(counter: u64) -> Clock {
        let mut clock = Clock::new();
        clock.insert(Dot::new(Actor::from_bits(7), counter));
        clock
    }

    #[test]
    fn what_was_seen_elsewhere_is_needed_until_it_is_here() {
        let mut sessions = Sessions::default();
        assert_eq!(sessions.needs(ME, 3), Needs::Nothing);
        sessions.saw(SessionId(1), 3, &clock(1));
        sessions.saw(SessionId(1), 3, &clock(2));
        let Needs::Clock(needed) = sessions.needs(ME, 3) else { panic!("a clock is needed") };
        assert!(needed.covers(&clock(1)) && needed.covers(&clock(2)));
        assert_eq!(sessions.needs(Some(SessionId(2)), 3), Needs::Nothing, "another's");
        sessions.touch(ME, 3);
        assert_eq!(sessions.needs(ME, 3), Needs::Nothing);
    }

    #[test]
    fn what_was_forgotten_is_asked_of_a_quorum_and_nothing_else_is() {
        let mut sessions = Sessions::default();
        sessions.touch(ME, 9_000);
        for shard in 0..=u16::try_from(SEEN_MAX).unwrap() {
            assert_eq!(sessions.needs(ME, 5_000), Needs::Nothing);
            sessions.saw(SessionId(1), shard, &clock(1));
        }
        assert_eq!(sessions.needs(ME, 0), Needs::Forgotten, "the oldest made room");
        assert!(matches!(sessions.needs(ME, 1), Needs::Clock(_)));
        assert_eq!(sessions.needs(ME, 9_000), Needs::Nothing, "the session was here");
        sessions.end(SessionId(1));
        assert_eq!(sessions.needs(ME, 0), Needs::Nothing);
    }
}
