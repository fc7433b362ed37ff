//! Dots and clocks in bytes, as rows, records, tokens and messages between nodes hold them.
//!
//! Little-endian actors, varint counters; a clock is its actors with a base and runs above it:
//!
//! ```text
//! clock:    count varint | count x (actor 8 B | counters)
//! counters: base varint | runs varint | runs x (gap varint | length varint)
//! ```
//!
//! Decoders are total and refuse what an encoder never writes.

use codec::{DecodeError, Reader, put_varint};

use crate::{Actor, Clock, Counters, Dot, Run, Sealed};

/// The most actors, runs or dots that one decoded value may name.
pub const ITEMS_MAX: usize = 1 << 24;

/// The highest counter that makes sense: the one that peers accept. Arithmetic with it is safe.
pub const COUNTER_MAX: u64 = (1 << 48) - 1;

/// Writes a dot.
pub fn put_dot(out: &mut Vec<u8>, dot: Dot) {
    out.extend_from_slice(&dot.actor.bits().to_le_bytes());
    put_varint(out, dot.counter);
}

/// Reads a dot.
///
/// # Errors
/// The bytes are no dot.
pub fn read_dot(reader: &mut Reader<'_>) -> Result<Dot, DecodeError> {
    let actor = Actor::from_bits(reader.u64()?);
    let counter = reader.varint()?;
    if counter == 0 || counter > COUNTER_MAX {
        return Err(DecodeError::Inconsistent("counter"));
    }
    Ok(Dot::new(actor, counter))
}

/// Writes a clock.
pub fn put_clock(out: &mut Vec<u8>, clock: &Clock) {
    put_varint(out, clock.actor_count() as u64);
    for (actor, counters) in clock.iter() {
        out.extend_from_slice(&actor.bits().to_le_bytes());
        put_counters(out, counters);
    }
}

/// Writes the counters of one actor.
pub fn put_counters(out: &mut Vec<u8>, counters: &Counters) {
    put_varint(out, counters.base());
    put_varint(out, counters.runs().len() as u64);
    let mut end = counters.base();
    for run in counters.runs() {
        put_varint(out, run.first - end);
        put_varint(out, run.last - run.first);
        end = run.last;
    }
}

/// Writes the retired actors.
pub fn put_sealed(out: &mut Vec<u8>, sealed: &Sealed) {
    put_varint(out, sealed.len() as u64);
    for (actor, counters) in sealed.iter() {
        out.extend_from_slice(&actor.bits().to_le_bytes());
        put_counters(out, counters);
    }
}

/// Reads the retired actors.
///
/// # Errors
/// The bytes are no such thing.
pub fn read_sealed(reader: &mut Reader<'_>) -> Result<Sealed, DecodeError> {
    let mut sealed = Sealed::default();
    for _ in 0..reader.count("actors", ITEMS_MAX)? {
        let actor = Actor::from_bits(reader.u64()?);
        sealed.insert(actor, read_counters(reader)?);
    }
    Ok(sealed)
}

/// Reads a clock.
///
/// # Errors
/// The bytes are no clock.
pub fn read_clock(reader: &mut Reader<'_>) -> Result<Clock, DecodeError> {
    let mut clock = Clock::new();
    for _ in 0..reader.count("actors", ITEMS_MAX)? {
        let actor = Actor::from_bits(reader.u64()?);
        let counters = read_counters(reader)?;
        if counters.is_empty() || clock.get(actor).is_some() {
            return Err(DecodeError::Inconsistent("clock"));
        }
        clock.insert_all(actor, &counters);
    }
    Ok(clock)
}

/// Reads the counters of one actor.
///
/// # Errors
/// The bytes are no counters.
pub fn read_counters(reader: &mut Reader<'_>) -> Result<Counters, DecodeError> {
    let mut end = reader.varint()?;
    if end > COUNTER_MAX {
        return Err(DecodeError::Inconsistent("counter"));
    }
    let mut counters = Counters::up_to(end);
    for _ in 0..reader.count("runs", ITEMS_MAX)? {
        let (gap, length) = (reader.varint()?, reader.varint()?);
        let first = end.checked_add(gap).ok_or(DecodeError::Number)?;
        let last = first.checked_add(length).ok_or(DecodeError::Number)?;
        if gap < 2 || last > COUNTER_MAX {
            return Err(DecodeError::Inconsistent("run"));
        }
        counters.insert_run(Run { first, last });
        end = last;
    }
    Ok(counters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random_clock(rng: &mut fastrand::Rng) -> Clock {
        let mut clock = Clock::new();
        for _ in 0..rng.usize(..40) {
            let actor = Actor::from_bits(rng.u64(1..4));
            clock.insert(Dot::new(actor, rng.u64(1..30)));
        }
        clock
    }

    #[test]
    fn clocks_survive_their_bytes_and_nothing_else_decodes_to_them() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..2_000 {
            let clock = random_clock(&mut rng);
            let mut bytes = Vec::new();
            put_clock(&mut bytes, &clock);
            assert_eq!(read_clock(&mut Reader::new(&bytes)), Ok(clock.clone()));
            if !bytes.is_empty() {
                let at = rng.usize(..bytes.len());
                bytes[at] ^= 1 << rng.u32(..8);
                assert_ne!(read_clock(&mut Reader::new(&bytes)), Ok(clock), "byte {at}");
            }
        }
    }
}
