//! The state blob of a replica: everything beside rows and log that must survive with them.
//!
//! ```text
//! format 1 B | applied clock | sealed | floor count varint, count x (actor 8 B, counter)
//!   | horizon varint | last hybrid time 8 B
//!   | clear count varint, count x (keyspace varint, key, dot, clock)
//!   | freeze count varint, count x (actor 8 B, ballot varint,
//!     limit: 0, or 1 (2: sealed elsewhere) + counters)
//!   | element count varint, digest 16 B, gone digest 16 B | has losses 1 B
//! ```

use causality::{Actor, HybridTime, Millis};
use cells::Keyspace;
use codec::{DecodeError, Reader, put_slice, put_varint};

use super::{
    ITEMS_MAX, put_clock, put_counters, put_dot, put_sealed, read_clock, read_counters, read_dot,
    read_sealed,
};
use crate::clears::{Clear, Clears};
use crate::sealing::{Ballot, Freeze, Freezes};
use crate::state::DurableState;

const FORMAT: u8 = 1;

/// Writes the blob into `out`, which is cleared first.
pub(crate) fn encode_state(state: &DurableState, out: &mut Vec<u8>) {
    out.clear();
    out.push(FORMAT);
    put_clock(out, &state.applied);
    put_sealed(out, &state.sealed);
    put_varint(out, state.floors.len() as u64);
    for (actor, floor) in &state.floors {
        out.extend_from_slice(&actor.bits().to_le_bytes());
        put_varint(out, *floor);
    }
    put_varint(out, state.horizon.0);
    out.extend_from_slice(&state.last_time.bits().to_le_bytes());
    put_varint(out, state.clears.iter().count() as u64);
    for clear in state.clears.iter() {
        put_varint(out, u64::from(clear.keyspace.0));
        put_slice(out, &clear.key);
        put_dot(out, clear.dot);
        put_clock(out, &clear.covered);
    }
    put_freezes(out, &state.freezes);
    put_varint(out, state.element_count);
    out.extend_from_slice(&state.digest.to_le_bytes());
    out.extend_from_slice(&state.gone_digest.to_le_bytes());
    out.push(u8::from(state.has_losses));
}

fn put_freezes(out: &mut Vec<u8>, freezes: &Freezes) {
    put_varint(out, freezes.len() as u64);
    for (actor, freeze) in freezes {
        out.extend_from_slice(&actor.bits().to_le_bytes());
        put_varint(out, freeze.ballot.0);
        out.push(match (&freeze.allowed, freeze.is_sealed_elsewhere) {
            (None, _) => 0,
            (Some(_), false) => 1,
            (Some(_), true) => 2,
        });
        if let Some(allowed) = &freeze.allowed {
            put_counters(out, allowed);
        }
    }
}

/// Reads the blob.
pub(crate) fn decode_state(bytes: &[u8]) -> Result<DurableState, DecodeError> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != FORMAT {
        return Err(DecodeError::Unknown("state format"));
    }
    let mut state = DurableState {
        applied: read_clock(&mut reader)?,
        sealed: read_sealed(&mut reader)?,
        ..DurableState::default()
    };
    for _ in 0..reader.count("floors", ITEMS_MAX)? {
        let actor = Actor::from_bits(reader.u64()?);
        state.floors.insert(actor, reader.varint()?);
    }
    state.horizon = Millis(reader.varint()?);
    state.last_time = HybridTime::from_bits(reader.u64()?);
    state.clears = read_clears(&mut reader)?;
    state.freezes = read_freezes(&mut reader)?;
    state.element_count = reader.varint()?;
    state.digest = reader.u128()?;
    state.gone_digest = reader.u128()?;
    state.has_losses = match reader.byte()? {
        0 => false,
        1 => true,
        _ => return Err(DecodeError::Unknown("loss")),
    };
    reader.finish()?;
    Ok(state)
}

fn read_clears(reader: &mut Reader<'_>) -> Result<Clears, DecodeError> {
    let mut clears = Clears::default();
    for _ in 0..reader.count("clears", ITEMS_MAX)? {
        let keyspace = u32::try_from(reader.varint()?).map_err(|_| DecodeError::Number)?;
        let key = reader.slice("key", usize::MAX)?.to_vec();
        let dot = read_dot(reader)?;
        let covered = read_clock(reader)?;
        clears.add(Clear { keyspace: Keyspace(keyspace), key, dot, covered });
    }
    Ok(clears)
}

fn read_freezes(reader: &mut Reader<'_>) -> Result<Freezes, DecodeError> {
    let mut freezes = Freezes::new();
    for _ in 0..reader.count("freezes", ITEMS_MAX)? {
        let actor = Actor::from_bits(reader.u64()?);
        let ballot = Ballot(reader.varint()?);
        let kind = reader.byte()?;
        let allowed = match kind {
            0 => None,
            1 | 2 => Some(read_counters(reader)?),
            _ => return Err(DecodeError::Unknown("freeze")),
        };
        freezes.insert(actor, Freeze { ballot, allowed, is_sealed_elsewhere: kind == 2 });
    }
    Ok(freezes)
}
