//! What a replica keeps in its store: rows of cells, records of operations, the state blob.
//!
//! Drawn byte by byte in `docs/formats/store.md`. Each format starts with or is governed by a
//! version; decoders are total.

mod record;
mod row;
mod state;

pub(crate) use record::{decode_record, encode_record, record_cell};
pub(crate) use row::{decode_cell, encode_cell};
pub(crate) use state::{decode_state, encode_state};

use causality::{Actor, Clock, Counters, Dot, Run, Sealed};
use codec::{DecodeError, Reader, put_varint};

/// The most actors, runs or dots that one decoded value may name.
pub(crate) const ITEMS_MAX: usize = 1 << 24;

/// The highest counter that makes sense: the one that peers accept. Arithmetic with it is safe.
pub(crate) const COUNTER_MAX: u64 = (1 << 48) - 1;

pub(crate) fn put_dot(out: &mut Vec<u8>, dot: Dot) {
    out.extend_from_slice(&dot.actor.bits().to_le_bytes());
    put_varint(out, dot.counter);
}

pub(crate) fn read_dot(reader: &mut Reader<'_>) -> Result<Dot, DecodeError> {
    let actor = Actor::from_bits(reader.u64()?);
    let counter = reader.varint()?;
    if counter == 0 || counter > COUNTER_MAX {
        return Err(DecodeError::Inconsistent("counter"));
    }
    Ok(Dot::new(actor, counter))
}

pub(crate) fn put_clock(out: &mut Vec<u8>, clock: &Clock) {
    put_varint(out, clock.actor_count() as u64);
    for (actor, counters) in clock.iter() {
        out.extend_from_slice(&actor.bits().to_le_bytes());
        put_counters(out, counters);
    }
}

pub(crate) fn put_counters(out: &mut Vec<u8>, counters: &Counters) {
    put_varint(out, counters.base());
    put_varint(out, counters.runs().len() as u64);
    let mut end = counters.base();
    for run in counters.runs() {
        put_varint(out, run.first - end);
        put_varint(out, run.last - run.first);
        end = run.last;
    }
}

pub(crate) fn put_sealed(out: &mut Vec<u8>, sealed: &Sealed) {
    put_varint(out, sealed.len() as u64);
    for (actor, counters) in sealed.iter() {
        out.extend_from_slice(&actor.bits().to_le_bytes());
        put_counters(out, counters);
    }
}

pub(crate) fn read_sealed(reader: &mut Reader<'_>) -> Result<Sealed, DecodeError> {
    let mut sealed = Sealed::default();
    for _ in 0..reader.count("actors", ITEMS_MAX)? {
        let actor = Actor::from_bits(reader.u64()?);
        sealed.insert(actor, read_counters(reader)?);
    }
    Ok(sealed)
}

pub(crate) fn read_clock(reader: &mut Reader<'_>) -> Result<Clock, DecodeError> {
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

pub(crate) fn read_counters(reader: &mut Reader<'_>) -> Result<Counters, DecodeError> {
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
