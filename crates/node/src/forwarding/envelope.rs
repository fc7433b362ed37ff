//! What goes around a forwarded call and its answer: what the session needs, what it has seen.
//!
//! ```text
//! asked:  how long the asking node waits, in ms, varint
//!         | 0 (no session) or 1 (needs nothing) or 2, clock or 3 (needs a quorum)
//!         | 0 or how stale in ms + 1, varint | call
//! told:   1 B: + 1 a clock follows, + 2 stand-ins took part | [clock of the owner] | outcome
//! ```

use api::{Call, Outcome, Staleness};
use causality::Clock;
use causality::format::{put_clock, read_clock};
use codec::{DecodeError, Reader, put_varint};

use super::{call_format, outcome_format};
use crate::sessions::Needs;

/// A call as it comes from another node.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Handed {
    pub(super) call: Call,
    pub(super) needs: Needs,
    /// The answer is to say what the owner had.
    pub(super) wants_seen: bool,
    /// How long the asking node waits.
    pub(super) patience_ms: u64,
}

/// An answer as it comes from another node.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) outcome: Outcome,
    pub(super) seen: Option<Clock>,
    pub(super) is_sloppy: bool,
}

const HAS_CLOCK: u8 = 1;
const IS_SLOPPY: u8 = 2;

pub(super) fn ask(call: &Call, needs: &Needs, patience_ms: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, patience_ms);
    match needs {
        Needs::Nothing => out.push(u8::from(call.session.is_some())),
        Needs::Clock(clock) => {
            out.push(2);
            put_clock(&mut out, clock);
        }
        Needs::Forgotten => out.push(3),
    }
    put_varint(&mut out, call.staleness.map_or(0, |Staleness(ms)| ms.saturating_add(1)));
    out.extend_from_slice(&call_format::encode(call));
    out
}

pub(super) fn read_ask(bytes: &[u8]) -> Result<Handed, DecodeError> {
    let mut reader = Reader::new(bytes);
    let patience_ms = reader.varint()?;
    let (needs, wants_seen) = match reader.byte()? {
        0 => (Needs::Nothing, false),
        1 => (Needs::Nothing, true),
        2 => (Needs::Clock(read_clock(&mut reader)?), true),
        3 => (Needs::Forgotten, true),
        _ => return Err(DecodeError::Unknown("session")),
    };
    let staleness = reader.varint()?.checked_sub(1).map(Staleness);
    let mut call = call_format::decode(reader.rest())?;
    call.staleness = staleness;
    Ok(Handed { call, needs, wants_seen, patience_ms })
}

pub(super) fn answer(Told { outcome, seen, is_sloppy }: &Told) -> Vec<u8> {
    let has_clock = if seen.is_some() { HAS_CLOCK } else { 0 };
    let mut out = vec![has_clock | if *is_sloppy { IS_SLOPPY } else { 0 }];
    if let Some(clock) = seen {
        put_clock(&mut out, clock);
    }
    out.extend_from_slice(&outcome_format::encode(outcome));
    out
}

pub(super) fn read_answer(bytes: &[u8]) -> Result<Told, DecodeError> {
    let mut reader = Reader::new(bytes);
    let flags = reader.byte()?;
    if flags & !(HAS_CLOCK | IS_SLOPPY) != 0 {
        return Err(DecodeError::Unknown("flags of an answer"));
    }
    let has_clock = flags & HAS_CLOCK != 0;
    let seen = has_clock.then(|| read_clock(&mut reader)).transpose()?;
    let outcome = outcome_format::decode(reader.rest())?;
    Ok(Told { outcome, seen, is_sloppy: flags & IS_SLOPPY != 0 })
}

#[cfg(test)]
mod tests {
    use api::{Level, Operation, SessionId};
    use causality::{Actor, Dot};
    use cells::Keyspace;

    use super::*;

    #[test]
    fn what_a_session_needs_and_sees_travels_with_the_call() {
        let mut clock = Clock::new();
        clock.insert(Dot::new(Actor::from_bits(3), 4));
        let mut call = Call {
            keyspace: Keyspace(1),
            key: b"k".to_vec(),
            read: Level::One,
            write: Level::One,
            session: None,
            staleness: Some(Staleness(0)),
            operation: Operation::Get,
        };
        for needs in [Needs::Nothing, Needs::Clock(clock.clone()), Needs::Forgotten] {
            for session in [None, Some(SessionId(1))] {
                call.session = session;
                let asked = read_ask(&ask(&call, &needs, 700)).unwrap();
                assert_eq!(asked.needs, needs);
                assert_eq!(asked.patience_ms, 700);
                assert_eq!(asked.wants_seen, session.is_some() || needs != Needs::Nothing);
                assert_eq!(asked.call.staleness, Some(Staleness(0)));
                assert_eq!(asked.call.session, None, "a session stays at its node");
            }
        }
        for (seen, is_sloppy) in [(None, false), (None, true), (Some(clock), true)] {
            let told = Told { outcome: Outcome::Done, seen, is_sloppy };
            let bytes = answer(&told);
            assert_eq!(read_answer(&bytes), Ok(told));
            assert!(read_answer(&bytes[..bytes.len() - 1]).is_err());
        }
    }
}
