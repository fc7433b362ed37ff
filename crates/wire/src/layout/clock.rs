//! Clocks and counters: a base, then runs above it, in as few bytes as holes allow.
//!
//! ```text
//! clock    = count | count x (actor, counters), ascending by actor; so is what is sealed
//! counters = base * 4 + form | [run count, when form is 3] | runs    form: 0, 1, 2 runs, 3 more
//! run      = (length - 1) * 2 + (hole is wider than 1) | [hole - 2]
//! ```
//!
//! A hole is what is missing before a run. Losses of single operations, the usual case, cost a
//! bit for the hole and a varint for the run that follows it.

use causality::{Actor, Clock, Counters, Run, Sealed};
use codec::DecodeError;

use super::reader::checked_counter;
use super::{BodyReader, BodyWriter, COUNTER_MAX, Layout};

/// Says that the count of runs is written out.
const COUNTED: u64 = 3;

impl Layout for Clock {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        writer.varint(self.actor_count() as u64);
        write_entries(self.iter(), writer);
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        let mut clock = Self::new();
        read_entries(reader, |actor, counters| {
            clock.insert_all(actor, &counters);
            if counters.is_empty() { Err(DecodeError::Inconsistent("clock")) } else { Ok(()) }
        })?;
        Ok(clock)
    }
}

/// Unlike a clock it may hold an actor of which nothing counts.
impl Layout for Sealed {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        writer.varint(self.len() as u64);
        write_entries(self.iter(), writer);
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        let mut sealed = Self::default();
        read_entries(reader, |actor, counters| {
            sealed.insert(actor, counters);
            Ok(())
        })?;
        Ok(sealed)
    }
}

fn write_entries<'c>(
    entries: impl Iterator<Item = (Actor, &'c Counters)>,
    writer: &mut BodyWriter<'_>,
) {
    for (actor, counters) in entries {
        writer.actor(actor);
        counters.write(writer);
    }
}

/// Reads a count, then so many entries; actors ascend.
fn read_entries(
    reader: &mut BodyReader<'_, '_>,
    mut add: impl FnMut(Actor, Counters) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut last = None;
    for _ in 0..reader.bytes.count("actors of a clock", usize::MAX)? {
        let (actor, _) = reader.actor()?;
        if last >= Some(actor) {
            return Err(DecodeError::Inconsistent("clock"));
        }
        last = Some(actor);
        add(actor, Counters::read(reader)?)?;
    }
    Ok(())
}

impl Layout for Counters {
    fn write(&self, writer: &mut BodyWriter<'_>) {
        assert!(self.highest() <= COUNTER_MAX, "a counter beyond what peers accept");
        let count = self.runs().len() as u64;
        writer.varint(self.base() << 2 | count.min(COUNTED));
        if count >= COUNTED {
            writer.varint(count);
        }
        let mut last = self.base();
        for run in self.runs() {
            let hole = run.first - last - 1;
            writer.varint((run.count() - 1) << 1 | u64::from(hole > 1));
            if hole > 1 {
                writer.varint(hole - 2);
            }
            last = run.last;
        }
    }

    fn read(reader: &mut BodyReader<'_, '_>) -> Result<Self, DecodeError> {
        let head = reader.bytes.varint()?;
        let base = head >> 2;
        if base > COUNTER_MAX {
            return Err(DecodeError::Inconsistent("counter"));
        }
        let mut counters = Self::up_to(base);
        for _ in 0..read_run_count(reader, head & COUNTED)? {
            let run = read_run(reader, counters.highest())?;
            counters.insert_run(run);
        }
        Ok(counters)
    }
}

fn read_run_count(reader: &mut BodyReader<'_, '_>, form: u64) -> Result<u64, DecodeError> {
    if form != COUNTED {
        return Ok(form);
    }
    let count = reader.bytes.varint()?;
    if count < COUNTED {
        return Err(DecodeError::Inconsistent("count of runs"));
    }
    Ok(count)
}

fn read_run(reader: &mut BodyReader<'_, '_>, last: u64) -> Result<Run, DecodeError> {
    let head = reader.bytes.varint()?;
    let hole = if head & 1 == 0 { 1 } else { reader.bytes.varint()?.saturating_add(2) };
    let first = checked_counter(last.saturating_add(hole).saturating_add(1))?;
    let last = checked_counter(first.saturating_add(head >> 1))?;
    Ok(Run { first, last })
}
