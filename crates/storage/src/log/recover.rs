//! Opening the log again: every segment is read, damage is told apart from a torn tail, and the
//! entries after the checkpoint are handed out in order.
//!
//! Bytes that were durable must be sound. What was durable is known from outside the bytes in
//! question: a segment that has a successor was flushed as a whole, later records tell how far the
//! log was flushed, and so do the checkpoint and the identity. A hole before that is damage: it is
//! reported, and what stands after it is still used. A hole after that is a torn tail: the log is
//! cut there. Zeros up to the end of the last file were written ahead: there the log ends. Nothing
//! is ever skipped without being told.

use std::collections::{BTreeMap, BTreeSet};

use codec::Reader;

use super::record::{Body, Position, Record, Run};
use super::segment::{Parsed, file_name, file_segment, parse};
use super::{Ahead, Log, Reach, Replay, Segment, ShardLog};
use crate::by_shard::ByShard;
use crate::disk::{Disk, read_exact_into};
use crate::options::{Millis, Options};
use crate::report::{Affected, Cut, Damage, Report};
use crate::store::StoreError;

/// What a checkpoint knows of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// The rows contain everything logged before this position.
    pub(crate) position: Position,
    /// The segments that were there.
    pub(crate) segments: Vec<u32>,
    /// What earlier records made void, by shard.
    pub(crate) shards: BTreeMap<u16, ShardMarks>,
}

/// Which earlier entries of a shard do not count any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ShardMarks {
    /// Everything before this position is void.
    pub(crate) dropped: Position,
    /// (actor, counter, position): void up to the counter when before the position.
    pub(crate) forgotten: Vec<(u64, u64, Position)>,
}

impl ShardMarks {
    pub(super) fn forget(&mut self, actor: u64, through: u64, before: Position) {
        let is_told = |(held, counter, at): &(u64, u64, Position)| {
            *held == actor && *counter >= through && *at >= before
        };
        if !self.forgotten.iter().any(is_told) {
            self.forgotten
                .retain(|(held, counter, at)| *held != actor || *counter > through || *at > before);
            self.forgotten.push((actor, through, before));
        }
    }

    /// Leaves out what no segment from `oldest` on can need.
    pub(super) fn since(&self, oldest: u32) -> Self {
        let start = Position::new(oldest, 0);
        let forgotten = self.forgotten.iter().filter(|(_, _, before)| *before > start);
        let dropped = if self.dropped > start { self.dropped } else { Position::default() };
        Self { dropped, forgotten: forgotten.copied().collect() }
    }

    fn voids(&self, actor: u64, counter: u64, at: Position) -> bool {
        let is_forgotten = |(held, through, before): &(u64, u64, Position)| {
            *held == actor && counter <= *through && at < *before
        };
        at < self.dropped || self.forgotten.iter().any(is_forgotten)
    }
}

/// A log that was opened, and what it tells beside its entries.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) log: Log,
    pub(crate) replay: Replay,
    /// Where the log ended when it was found.
    pub(crate) end: Position,
    /// The run that begins.
    pub(crate) run: Run,
    /// The last run before that wrote a segment.
    pub(crate) last_run: Run,
    /// Shards that were dropped after the checkpoint.
    pub(crate) dropped: Vec<u16>,
}

/// Where a segment stands among those found.
#[derive(Clone, Copy)]
enum Place {
    /// It has a follower, which knows its end unless it is damaged.
    Before {
        limit: Option<u32>,
    },
    Last,
}

/// What the reading of all segments adds up to.
struct Scan<'a> {
    checkpoint: &'a Checkpoint,
    /// Everything before this was durable.
    durable: Position,
    segments: BTreeMap<u32, Segment>,
    shards: ByShard<ShardLog>,
    /// Shards whose next sequence number is known from a record of theirs.
    counted: BTreeSet<u16>,
    /// A segment start was read: the next sequence number of every shard is known.
    is_counting: bool,
    dropped_segments: BTreeSet<u32>,
    /// Shards of which records are missing since the last segment start.
    gaps: BTreeSet<u16>,
    /// Which damage in the report is not yet known to concern certain shards only.
    holes: Vec<usize>,
    /// Numbers that were never given to a segment: after a restored copy the log goes on behind
    /// everything that was known of the lost one.
    skipped: BTreeSet<u32>,
    /// Runs of absent segments (the first, the one behind the last), and the shards they had.
    absent: Vec<(u32, u32, BTreeSet<u16>)>,
    end: Position,
    run: Run,
    is_last_stillborn: bool,
    /// Memory for a segment, used again: what is new costs more than the reading.
    buffer: Vec<u8>,
}

impl Log {
    /// Reads the log and starts a new segment, as the run given or, when the log
    /// tells of that one already, a later one. `durable` is a position that is known from elsewhere
    /// to have been flushed.
    pub(crate) fn open(
        disk: &mut impl Disk,
        options: &Options,
        mut run: Run,
        checkpoint: &Checkpoint,
        durable: Position,
        report: &mut Report,
    ) -> Result<Opened, StoreError> {
        let names = disk.list().map_err(|source| StoreError::Disk { doing: "listing", source })?;
        let found: BTreeSet<u32> = names.iter().filter_map(|name| file_segment(name)).collect();
        let mut scan = Scan::new(checkpoint, durable.max(checkpoint.position));
        scan.run(disk, &found, report)?;
        scan.report_missing(&found, report);
        report.is_tail_lost |= scan.end < scan.durable;
        scan.remove_dropped(disk)?;
        let last = found.last().copied().unwrap_or(0);
        let mut number = scan.durable.segment().max(last) + 1;
        if scan.is_last_stillborn {
            number = last;
        } else if found.contains(&last) {
            settle_last(disk, &file_name(last), scan.end)
                .map_err(|source| StoreError::Disk { doing: "settling the log", source })?;
        }
        let replay = scan.replay();
        let (end, last_run) = (scan.end, scan.run);
        run.number = run.number.max(last_run.number + 1);
        let is_dropped = |(shard, held): (u16, &ShardLog)| {
            (held.marks.dropped >= checkpoint.position && held.marks.dropped > Position(0))
                .then_some(shard)
        };
        let dropped = scan.shards.iter().filter_map(is_dropped).collect();
        let mut log = Self {
            policy: options.flush,
            segment_bytes: options.segment_bytes,
            run,
            segments: scan.segments,
            active: number,
            shards: scan.shards,
            buffer: Vec::new(),
            written: Position::default(),
            synced: Position::default(),
            stamped: Position::default(),
            synced_at: Millis(0),
            is_flushing: false,
            reach: Reach::new(0),
            ahead: Ahead::new(options.flush, options.segment_bytes, 0),
            doomed: Vec::new(),
            is_failed: false,
        };
        log.start_segment(disk, number, end)?;
        Ok(Opened { log, replay, end, run, last_run, dropped })
    }
}

impl<'a> Scan<'a> {
    fn new(checkpoint: &'a Checkpoint, durable: Position) -> Self {
        let mut shards = ByShard::<ShardLog>::default();
        for (shard, marks) in &checkpoint.shards {
            shards.get_or_default(*shard).marks = marks.clone();
        }
        Self {
            checkpoint,
            durable,
            segments: BTreeMap::new(),
            shards,
            counted: BTreeSet::new(),
            is_counting: false,
            dropped_segments: BTreeSet::new(),
            gaps: BTreeSet::new(),
            holes: Vec::new(),
            skipped: BTreeSet::new(),
            absent: Vec::new(),
            end: Position::default(),
            run: Run::default(),
            is_last_stillborn: false,
            buffer: Vec::new(),
        }
    }

    fn run(
        &mut self,
        disk: &mut impl Disk,
        found: &BTreeSet<u32>,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        let (mut bytes, mut next) = (Vec::new(), Vec::new());
        if let Some(&first) = found.first() {
            load(disk, first, &mut next)?;
        }
        for &number in found {
            std::mem::swap(&mut bytes, &mut next);
            let follower = found.range(number + 1..).next().copied();
            let mut limit = None;
            if let Some(follower) = follower {
                load(disk, follower, &mut next)?;
                limit = previous_end(&next, follower, number);
                if limit.is_some() {
                    self.skipped.extend(number + 1..follower);
                }
            }
            let is_last = follower.is_none();
            if is_last && self.is_stillborn(number, &bytes) {
                disk.remove(&file_name(number))
                    .map_err(|source| StoreError::Disk { doing: "removing a segment", source })?;
                self.is_last_stillborn = true;
                continue;
            }
            let len = limit.map_or(bytes.len(), |limit| (limit as usize).min(bytes.len()));
            let mut parsed = parse(&bytes[..len], number, 0);
            let mut end = u32::try_from(len).expect("segments are far shorter than 4 GiB");
            let place = if is_last { Place::Last } else { Place::Before { limit } };
            if is_last {
                end = end_before_zeros(&bytes, &mut parsed).unwrap_or(end);
            }
            self.segment(Position::new(number, end), place, parsed, report);
        }
        self.buffer = bytes;
        if !self.gaps.is_empty() && self.holes.is_empty() {
            report.damage.push(Damage {
                what: "records missing near the end of the log".to_owned(),
                affected: Affected::Shards(self.gaps.iter().copied().collect()),
                is_covered: false,
            });
        }
        Ok(())
    }

    /// Says whether the last segment's creation never finished: nothing was ever written to it.
    fn is_stillborn(&self, number: u32, bytes: &[u8]) -> bool {
        self.durable.segment() < number && parse(bytes, number, 0).records.is_empty()
    }

    fn segment(
        &mut self,
        read_to: Position,
        place: Place,
        mut parsed: Parsed<'_>,
        report: &mut Report,
    ) {
        let number = read_to.segment();
        self.durable = self.durable.max(parsed.synced);
        if !parsed.records.is_empty() {
            // The first record was durable before any other was written.
            self.durable = self.durable.max(Position::new(number, 1));
        }
        let mut end = read_to.offset();
        match place {
            Place::Last => end = self.cut_tail(number, end, &mut parsed, report),
            Place::Before { limit: Some(limit) } if limit > end => parsed.holes.push(end..limit),
            Place::Before { .. } => {}
        }
        self.segments.insert(number, Segment { name: file_name(number), end, entries: 0 });
        self.end = Position::new(number, end);
        for (offset, record) in &parsed.records {
            self.record(Position::new(number, *offset), record, number, report);
        }
        for hole in &parsed.holes {
            self.holes.push(report.damage.len());
            report.damage.push(Damage {
                what: format!("{} bytes {}..{}", file_name(number), hole.start, hole.end),
                affected: Affected::All,
                is_covered: Position::new(number, hole.end) <= self.checkpoint.position,
            });
        }
    }

    /// Cuts the last segment at its first hole that was not durable, and returns its new end.
    fn cut_tail(&self, number: u32, end: u32, parsed: &mut Parsed<'_>, report: &mut Report) -> u32 {
        let is_torn = |offset: u32| Position::new(number, offset) >= self.durable;
        let Some(hole) = parsed.holes.iter().find(|hole| is_torn(hole.start)) else { return end };
        let start = hole.start;
        let kept = parsed.records.partition_point(|(offset, _)| *offset < start);
        report.cut = Some(Cut {
            file: file_name(number),
            at: u64::from(start),
            bytes: u64::from(end - start),
            records: (parsed.records.len() - kept) as u64,
        });
        parsed.records.truncate(kept);
        parsed.holes.retain(|hole| hole.start < start);
        start
    }

    fn record(&mut self, at: Position, record: &Record<'_>, number: u32, report: &mut Report) {
        if record.is_counted() {
            let held = self.shards.get_or_default(record.shard);
            let is_first = self.counted.insert(record.shard) && !self.is_counting;
            if !is_first && held.sequence != record.sequence {
                self.gaps.insert(record.shard);
            }
            held.sequence = record.sequence.wrapping_add(1);
        }
        match record.body {
            Body::Start { run, sequences, .. } => {
                self.run = self.run.max(run);
                self.start(sequences, number, report);
            }
            Body::Entry { id, .. } => {
                let held = self.shards.get_or_default(record.shard);
                if !held.marks.voids(id.actor, id.counter, at) && held.index.insert(id, at) {
                    self.segments.entry(number).and_modify(|segment| segment.entries += 1);
                }
            }
            Body::Forget { actor, through } => self.forget(record.shard, actor, through, at),
            Body::DropShard => {
                let held = self.shards.get_or_default(record.shard);
                if held.marks.dropped < at {
                    let index = std::mem::take(&mut held.index);
                    held.marks = ShardMarks { dropped: at, ..ShardMarks::default() };
                    index.for_each(|_, at| {
                        self.segments.entry(at.segment()).and_modify(|held| held.entries -= 1);
                    });
                }
            }
            Body::DropSegment { segment } => {
                self.dropped_segments.insert(segment);
            }
            Body::Synced { .. } => {}
        }
    }

    fn forget(&mut self, shard: u16, actor: u64, through: u64, at: Position) {
        let held = self.shards.get_or_default(shard);
        let segments = &mut self.segments;
        held.index.forget(actor, through, at, |at| {
            segments.entry(at.segment()).and_modify(|held| held.entries -= 1);
        });
        held.marks.forget(actor, through, at);
    }

    /// Compares the sequence numbers that a segment starts with to those seen before it.
    fn start(&mut self, sequences: &[u8], number: u32, report: &mut Report) {
        let mut reader = Reader::new(sequences);
        while let (Ok(shard), Ok(sequence)) = (reader.varint(), reader.varint()) {
            let (Ok(shard), Ok(sequence)) = (u16::try_from(shard), u32::try_from(sequence)) else {
                break;
            };
            let held = self.shards.get_or_default(shard);
            let is_first = self.counted.insert(shard) && !self.is_counting;
            if !is_first && held.sequence != sequence {
                self.gaps.insert(shard);
            }
            held.sequence = sequence;
        }
        let behind = self.segments.range(..number).next_back().map(|(last, _)| last + 1);
        match behind {
            Some(behind) if behind < number => {
                self.absent.push((behind, number, std::mem::take(&mut self.gaps)));
                self.holes.clear();
            }
            _ if self.is_counting => self.attribute_gaps(number, report),
            _ => {}
        }
        self.is_counting = true;
    }

    /// A complete count before `number` says exactly which shards lost records to the damage.
    fn attribute_gaps(&mut self, number: u32, report: &mut Report) {
        let gaps = std::mem::take(&mut self.gaps);
        let start = Position::new(number, 0);
        let holes = std::mem::take(&mut self.holes);
        for hole in &holes {
            report.damage[*hole].affected = Affected::Shards(gaps.iter().copied().collect());
        }
        if !gaps.is_empty() && holes.is_empty() {
            report.damage.push(Damage {
                what: format!("records missing before {}", file_name(number)),
                affected: Affected::Shards(gaps.into_iter().collect()),
                is_covered: start <= self.checkpoint.position,
            });
        }
    }

    /// Tells of segments that should be there: the checkpoint's and all later ones.
    fn report_missing(&self, found: &BTreeSet<u32>, report: &mut Report) {
        let mut expected: BTreeSet<u32> = self.checkpoint.segments.iter().copied().collect();
        let first_later = expected.last().map_or(1, |last| last + 1);
        // A segment whose creation never finished says nothing of those before it: after a restored
        // copy its number lies behind all that was known of the lost one.
        let last = found.iter().rev().nth(usize::from(self.is_last_stillborn));
        expected.extend(first_later..=last.copied().unwrap_or(0));
        for number in expected.difference(found) {
            if !self.dropped_segments.contains(number) && !self.skipped.contains(number) {
                let mut runs = self.absent.iter();
                let run = runs.find(|(first, behind, _)| (*first..*behind).contains(number));
                let affected = run.map(|(_, _, shards)| shards.iter().copied().collect());
                report.damage.push(Damage {
                    what: format!("{} is missing", file_name(*number)),
                    affected: affected.map_or(Affected::All, Affected::Shards),
                    is_covered: Position::new(number + 1, 0) <= self.checkpoint.position,
                });
            }
        }
    }

    fn remove_dropped(&mut self, disk: &mut impl Disk) -> Result<(), StoreError> {
        for number in &self.dropped_segments {
            if self.segments.remove(number).is_some() {
                disk.remove(&file_name(*number))
                    .map_err(|source| StoreError::Disk { doing: "removing a segment", source })?;
            }
        }
        Ok(())
    }

    fn replay(&mut self) -> Replay {
        let marks = self.shards.iter().map(|(shard, held)| (shard, held.marks.dropped));
        let ends = self.segments.iter().map(|(number, held)| (*number, held.end));
        let (ends, dropped) = (ends.collect(), marks.collect());
        let buffer = std::mem::take(&mut self.buffer);
        Replay::new(self.checkpoint.position, ends, dropped, buffer)
    }
}

/// Takes what is torn or was written ahead off the last segment and makes the rest durable, before
/// it gets a follower.
fn settle_last(disk: &mut impl Disk, name: &str, end: Position) -> std::io::Result<()> {
    if disk.len(name)? > u64::from(end.offset()) {
        disk.cut(name, u64::from(end.offset()))?;
    }
    disk.sync(name)
}

/// Returns where zeros begin that reach to the end of the last segment. They are no hole: what was
/// written behind them is as if it had not been, and whether it was durable is told by others.
fn end_before_zeros(bytes: &[u8], parsed: &mut Parsed<'_>) -> Option<u32> {
    let last = parsed.holes.last().filter(|hole| hole.end as usize == bytes.len())?;
    let is_zero = bytes[last.start as usize..].iter().all(|byte| *byte == 0);
    is_zero.then(|| parsed.holes.pop().expect("it was looked at just now").start)
}

fn load(disk: &mut impl Disk, segment: u32, into: &mut Vec<u8>) -> Result<(), StoreError> {
    let name = file_name(segment);
    disk.len(&name)
        .and_then(|len| {
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            read_exact_into(disk, &name, 0, len, into)
        })
        .map_err(|source| StoreError::Disk { doing: "reading the log", source })
}

/// Returns where a segment ends, as its follower's first record says.
fn previous_end(bytes: &[u8], follower: u32, segment: u32) -> Option<u32> {
    let (record, _) = super::record::decode(bytes, Position::new(follower, 0))?;
    match record.body {
        Body::Start { previous_end, .. } if previous_end.segment() == segment => {
            Some(previous_end.offset())
        }
        _ => None,
    }
}
