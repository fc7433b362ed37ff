//! What a run shows beside its checks: how long every write took to reach every owner and by which
//! way it came there, what was sent, how long clients waited, what stood open over time.

use std::collections::{BTreeMap, BTreeSet};

use api::Outcome;
use causality::{Dot, Millis};
use node::Event;
use wire::shard::GroupsGiven;
use wire::{Encoder, FrameLimit, Kind, Message, ProtocolVersion};

use crate::history::Record;
use crate::network::Way;

/// How an operation came to an owner that did not mint it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Path {
    /// Sent by the coordinator of the write.
    Write,
    /// Passed on by an owner of the same datacenter, to whom the coordinator had sent it.
    Relay,
    /// Kept for the owner while it was away, and handed to it then.
    Hint,
    /// Asked for by a read that compared clocks.
    Read,
    /// Asked for by the regular exchange of clocks.
    Exchange,
    /// A part of a state that was taken over.
    Takeover,
}

impl Path {
    /// Every way, in the order in which they are told.
    pub const ALL: [Self; 6] =
        [Self::Write, Self::Relay, Self::Hint, Self::Read, Self::Exchange, Self::Takeover];

    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Relay => "relay",
            Self::Hint => "hint",
            Self::Read => "read",
            Self::Exchange => "exchange",
            Self::Takeover => "takeover",
        }
    }
}

/// What was sent of one kind of message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// How many messages.
    pub messages: u64,
    /// How many bytes they have on the wire.
    pub bytes: u64,
}

/// How things stood at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Since the start.
    pub at_ms: u64,
    /// How many writes some owner still lacks.
    pub open_writes: usize,
    /// How many commands were answered since the moment before.
    pub answered: u64,
    /// How many were refused or not answered in time since then.
    pub failed: u64,
}

/// Everything that was measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measures {
    /// For every write that reached every owner: how long that took, in milliseconds.
    pub converged_ms: Vec<u64>,
    /// For each of them: how many rounds of comparing clocks that took, none when it came to
    /// everybody as it was written.
    pub rounds: Vec<u64>,
    /// How long reads took that were answered.
    pub read_ms: Vec<u64>,
    /// How long writes took that were answered.
    pub write_ms: Vec<u64>,
    /// Copies of operations at owners, by how they came.
    pub paths: BTreeMap<Path, u64>,
    /// Messages by kind.
    pub sent: BTreeMap<Kind, Sent>,
    /// Messages that were lost.
    pub lost_messages: u64,
    /// Commands that failed, by what was answered.
    pub failures: BTreeMap<String, u64>,
    /// The run over time.
    pub moments: Vec<Moment>,
    /// What broke when, until when, in words.
    pub faults: Vec<(u64, u64, String)>,
}

/// One operation of one shard.
type Name = (u16, Dot);

/// A write that some owner lacks.
#[derive(Debug)]
struct Open {
    minted: Millis,
    lacking: BTreeSet<usize>,
    /// It came to somebody otherwise than as it was written.
    is_late: bool,
}

/// Measures while a run goes on.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub(crate) measures: Measures,
    /// How often clocks are compared.
    round_ms: u64,
    open: BTreeMap<Name, Open>,
    known: BTreeSet<Name>,
    owners: BTreeMap<u16, BTreeSet<usize>>,
    encoders: BTreeMap<Way, Encoder>,
    buffer: Vec<u8>,
    answered: u64,
    failed: u64,
}

impl Meter {
    /// Who owns what, and how often clocks are compared.
    pub(crate) fn new(owners: BTreeMap<u16, BTreeSet<usize>>, round_ms: u64) -> Self {
        Self { owners, round_ms: round_ms.max(1), ..Self::default() }
    }

    /// A node sends a message.
    pub(crate) fn sent(&mut self, now: Millis, at: usize, way: Way, message: &Message) {
        if let Message::Replicate { shard, ops, .. }
        | Message::Relay { shard, ops, .. }
        | Message::Keep { shard, ops, .. } = message
        {
            for op in ops {
                self.minted(now, at, (shard.0, op.dot));
            }
        }
        let encoder = self
            .encoders
            .entry(way)
            .or_insert_with(|| Encoder::new(ProtocolVersion::CURRENT, FrameLimit::default()));
        self.buffer.clear();
        let sent = self.measures.sent.entry(message.kind()).or_default();
        sent.messages += 1;
        if encoder.message(message, &mut self.buffer).is_ok() {
            sent.bytes += self.buffer.len() as u64;
        }
    }

    fn minted(&mut self, now: Millis, at: usize, name: Name) {
        if !self.known.insert(name) {
            return;
        }
        let mut lacking = self.owners.get(&name.0).cloned().unwrap_or_default();
        lacking.remove(&at);
        self.open.insert(name, Open { minted: now, lacking, is_late: false });
    }

    /// The operations that an event may bring, and how.
    pub(crate) fn brought(&self, at: usize, event: &Event) -> Vec<(Name, Path)> {
        let Event::Received { message, .. } = event else { return Vec::new() };
        match message {
            Message::Replicate { shard, ops, .. } | Message::Relay { shard, ops, .. } => {
                ops.iter().map(|op| ((shard.0, op.dot), Path::Write)).collect()
            }
            Message::Relayed { shard, ops, .. } => {
                ops.iter().map(|op| ((shard.0, op.dot), Path::Relay)).collect()
            }
            Message::Keep { shard, ops, .. } => {
                ops.iter().map(|op| ((shard.0, op.dot), Path::Hint)).collect()
            }
            Message::Given { shard, request, given: GroupsGiven::Groups { groups, .. } } => {
                let path = if request.0 == 0 { Path::Exchange } else { Path::Read };
                let members = groups.iter().flat_map(|group| &group.members);
                members.map(|member| ((shard.0, member.dot), path)).collect()
            }
            Message::Tell { shard, .. } | Message::CellsGiven { shard, .. } => {
                let first = (shard.0, Dot::default());
                let of_shard = self.open.range(first..).take_while(|((of, _), _)| *of == shard.0);
                let open = of_shard.filter(|(_, open)| open.lacking.contains(&at));
                open.map(|(name, _)| (*name, Path::Takeover)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// An owner has applied an operation.
    pub(crate) fn applied(&mut self, now: Millis, at: usize, name: Name, path: Path) {
        let Some(open) = self.open.get_mut(&name) else { return };
        if !open.lacking.remove(&at) {
            return;
        }
        *self.measures.paths.entry(path).or_default() += 1;
        open.is_late |= !matches!(path, Path::Write | Path::Relay);
        if open.lacking.is_empty() {
            let took = now.0 - open.minted.0;
            let rounds = if open.is_late { took.div_ceil(self.round_ms) } else { 0 };
            self.measures.converged_ms.push(took);
            self.measures.rounds.push(rounds);
            self.open.remove(&name);
        }
    }

    /// A client got its answer.
    pub(crate) fn answered(&mut self, record: &Record) {
        let Some((at, outcome)) = &record.answer else { return };
        let took = at.0 - record.asked.0;
        match outcome {
            Outcome::Failed(error) => {
                self.failed += 1;
                *self.measures.failures.entry(error.to_string()).or_default() += 1;
            }
            _ if record.deed.is_read() => self.measures.read_ms.push(took),
            _ => self.measures.write_ms.push(took),
        }
        self.answered += u64::from(!matches!(outcome, Outcome::Failed(_)));
    }

    /// Ends the measuring.
    pub(crate) fn finish(mut self, lost_messages: u64) -> Measures {
        self.measures.lost_messages = lost_messages;
        self.measures.sort();
        self.measures
    }

    /// Takes down how things stand.
    pub(crate) fn sample(&mut self, at_ms: u64) {
        let answered = std::mem::take(&mut self.answered);
        let failed = std::mem::take(&mut self.failed);
        let open_writes = self.open.len();
        self.measures.moments.push(Moment { at_ms, open_writes, answered, failed });
    }
}

impl Measures {
    /// Adds another run's numbers; how things stood over time stays that of the first.
    pub fn add(&mut self, other: Self) {
        self.converged_ms.extend(other.converged_ms);
        self.rounds.extend(other.rounds);
        self.read_ms.extend(other.read_ms);
        self.write_ms.extend(other.write_ms);
        self.lost_messages += other.lost_messages;
        for (path, count) in other.paths {
            *self.paths.entry(path).or_default() += count;
        }
        for (kind, sent) in other.sent {
            let held = self.sent.entry(kind).or_default();
            held.messages += sent.messages;
            held.bytes += sent.bytes;
        }
        for (error, count) in other.failures {
            *self.failures.entry(error).or_default() += count;
        }
        if self.moments.is_empty() {
            (self.moments, self.faults) = (other.moments, other.faults);
        }
        self.sort();
    }

    fn sort(&mut self) {
        [&mut self.converged_ms, &mut self.rounds, &mut self.read_ms, &mut self.write_ms]
            .into_iter()
            .for_each(|values| values.sort_unstable());
    }
}

/// The value that so many thousandths of sorted values do not exceed.
#[must_use]
pub fn percentile(sorted: &[u64], permille: u32) -> Option<u64> {
    let rank = (sorted.len() * permille as usize).div_ceil(1000).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_there() {
        let values: Vec<u64> = (1..=200).collect();
        for (permille, value) in [(0, 1), (500, 100), (990, 198), (1000, 200)] {
            assert_eq!(percentile(&values, permille), Some(value), "{permille}");
        }
        assert_eq!(percentile(&[7], 999), Some(7));
        assert_eq!(percentile(&[], 500), None);
    }
}
