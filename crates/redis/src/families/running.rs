//! Carrying a transaction out: its commands in order, in as few batches as that allows.

use std::collections::{BTreeMap, VecDeque};

use api::{Batch, Call, CallError, Check, Operation, Outcome, Part};
use resp::{Protocol, Writer};

use crate::assembly::write_failure;
use crate::refusal::Refusal;
use crate::rounds::{Asker, Next, Then, misfit};
use crate::slot::{SLOT_COUNT, Slot};
use crate::{Pending, Step};

/// A command of a transaction that was begun.
pub(crate) enum Planned {
    /// It is answered.
    Said(Vec<u8>),
    /// It asks.
    Asks(Vec<Call>, Pending),
}

impl Planned {
    /// Whether it is done after one round, so that others may share it.
    const fn is_simple(&self) -> bool {
        match self {
            Self::Said(_) => true,
            Self::Asks(_, pending) => pending.is_last_round(),
        }
    }
}

/// A transaction under way.
pub(crate) struct Run {
    ahead: VecDeque<Planned>,
    count: usize,
    checks: Vec<Check>,
    shard_count: u16,
    asker: Asker,
    /// Replies so far.
    replies: Vec<u8>,
}

/// Where the calls of commands have gone: shard, and place in its batch.
type Place = (u16, usize);

impl Run {
    pub(crate) fn new(
        planned: VecDeque<Planned>,
        checks: Vec<Check>,
        shard_count: u16,
        asker: Asker,
    ) -> Self {
        let count = planned.len();
        Self { ahead: planned, count, checks, shard_count, asker, replies: Vec::new() }
    }

    /// Begins: with the checks alone, unless they can go with everything else.
    pub(crate) fn start(mut self, writer: &mut Writer<'_>) -> Result<Next, Refusal> {
        if self.checks.is_empty() || self.is_of_one_shard() {
            return self.next(writer);
        }
        let mut batches: BTreeMap<u16, Batch> = BTreeMap::new();
        for check in std::mem::take(&mut self.checks) {
            batches.entry(self.shard_of(&check.key)).or_default().checks.push(check);
        }
        let calls = self.calls(batches);
        let then = Then::go_any(move |outcomes, writer| match verdict(outcomes) {
            Verdict::Done => self.next(writer),
            other => other.write(writer),
        });
        Ok(Next::Call(calls, then))
    }

    /// Carries out what comes next.
    fn next(mut self, writer: &mut Writer<'_>) -> Result<Next, Refusal> {
        while let Some(planned) = self.ahead.pop_front_if(|one| asks_nothing(one)) {
            match planned {
                Planned::Said(reply) => self.replies.extend_from_slice(&reply),
                Planned::Asks(_, pending) => self.answer(pending, &[], writer.protocol())?,
            }
        }
        if self.ahead.is_empty() && self.checks.is_empty() {
            writer.array(self.count);
            writer.raw(&self.replies);
            return Ok(Next::Answered);
        }
        match self.ahead.pop_front_if(|planned| !planned.is_simple()) {
            Some(Planned::Asks(calls, pending)) => Ok(self.rounds(calls, pending)),
            _ => Ok(self.ask_together()),
        }
    }

    /// Asks for a command that may take several rounds.
    fn rounds(mut self, calls: Vec<Call>, pending: Pending) -> Next {
        let then = Then::go_any(move |outcomes, writer| {
            let protocol = writer.protocol();
            let mut own = Writer::new(&mut self.replies, protocol);
            match crate::finish(pending, outcomes, &mut own) {
                Step::Calls { calls, pending } => Ok(self.rounds(calls, pending)),
                Step::Wait(blocked) => {
                    // Nobody else gets a turn within a transaction, so nothing would come.
                    blocked.give_up(&mut own);
                    self.next(writer)
                }
                _ => self.next(writer),
            }
        });
        Next::Call(calls, then)
    }

    /// Asks for all commands up to the next that takes several rounds.
    fn ask_together(mut self) -> Next {
        let mut batches: BTreeMap<u16, Batch> = BTreeMap::new();
        for check in std::mem::take(&mut self.checks) {
            batches.entry(self.shard_of(&check.key)).or_default().checks.push(check);
        }
        let mut together = Vec::new();
        while let Some(planned) = self.ahead.pop_front_if(|planned| planned.is_simple()) {
            let mut places: Vec<Place> = Vec::new();
            let (said, pending) = match planned {
                Planned::Said(reply) => (reply, None),
                Planned::Asks(calls, pending) => {
                    for Call { keyspace, key, operation, .. } in calls {
                        let shard = self.shard_of(&key);
                        let parts = &mut batches.entry(shard).or_default().parts;
                        places.push((shard, parts.len()));
                        parts.push(Part { keyspace, key, operation });
                    }
                    (Vec::new(), Some(pending))
                }
            };
            together.push((said, pending, places));
        }
        let shards: Vec<u16> = batches.keys().copied().collect();
        let calls = self.calls(batches);
        let then = Then::go_any(move |outcomes, writer| {
            let by_shard: BTreeMap<u16, &Outcome> = shards.into_iter().zip(outcomes).collect();
            if outcomes.contains(&Outcome::Nothing) {
                return Verdict::Changed.write(writer);
            }
            let protocol = writer.protocol();
            for (said, pending, places) in together {
                self.replies.extend_from_slice(&said);
                if let Some(pending) = pending {
                    let outcomes: Vec<_> =
                        places.iter().map(|place| outcome_at(&by_shard, *place)).collect();
                    self.answer(pending, &outcomes, protocol)?;
                }
            }
            self.next(writer)
        });
        Next::Call(calls, then)
    }

    fn answer(
        &mut self,
        pending: Pending,
        outcomes: &[Outcome],
        protocol: Protocol,
    ) -> Result<(), Refusal> {
        let mut own = Writer::new(&mut self.replies, protocol);
        match crate::finish(pending, outcomes, &mut own) {
            Step::Reply => Ok(()),
            _ => Err(misfit()),
        }
    }

    /// One call for each batch; its key is any key of its shard.
    fn calls(&self, batches: BTreeMap<u16, Batch>) -> Vec<Call> {
        let call = |batch: Batch| {
            let checked = batch.checks.first().map(|check| &check.key);
            let key = checked.or(batch.parts.first().map(|part| &part.key)).cloned();
            let key = key.expect("a batch that is there holds something");
            self.asker.make(key, Operation::Batch(batch))
        };
        batches.into_values().map(call).collect()
    }

    fn shard_of(&self, key: &[u8]) -> u16 {
        Slot::of(key).0 / (SLOT_COUNT / self.shard_count.max(1))
    }

    fn is_of_one_shard(&self) -> bool {
        let asked = self.ahead.iter().flat_map(|planned| match planned {
            Planned::Said(_) => &[],
            Planned::Asks(calls, _) => calls.as_slice(),
        });
        let keys = asked.map(|call| &call.key).chain(self.checks.iter().map(|check| &check.key));
        let mut shards = keys.map(|key| self.shard_of(key));
        let first = shards.next();
        self.ahead.iter().all(Planned::is_simple) && shards.all(|shard| Some(shard) == first)
    }
}

/// Whether a command's turn has come without any call.
fn asks_nothing(planned: &Planned) -> bool {
    match planned {
        Planned::Said(_) => true,
        Planned::Asks(calls, _) => calls.is_empty(),
    }
}

/// What checks alone came to.
enum Verdict {
    Done,
    Changed,
    Failed(CallError),
}

fn verdict(outcomes: &[Outcome]) -> Verdict {
    for outcome in outcomes {
        match outcome {
            Outcome::Failed(error) => return Verdict::Failed(error.clone()),
            Outcome::Nothing => return Verdict::Changed,
            _ => {}
        }
    }
    Verdict::Done
}

impl Verdict {
    fn write(self, writer: &mut Writer<'_>) -> Result<Next, Refusal> {
        match self {
            Self::Failed(error) => write_failure(&error, writer),
            Self::Changed | Self::Done => writer.null_array(),
        }
        Ok(Next::Answered)
    }
}

/// Finds what one call came to; a batch that failed has failed in all its parts.
fn outcome_at(by_shard: &BTreeMap<u16, &Outcome>, (shard, place): Place) -> Outcome {
    let found = match by_shard.get(&shard) {
        Some(Outcome::Batch(outcomes)) => outcomes.get(place).cloned(),
        Some(Outcome::Failed(error)) => Some(Outcome::Failed(error.clone())),
        _ => None,
    };
    let lost = || Outcome::Failed(CallError::Elsewhere("the answer is incomplete".into()));
    found.unwrap_or_else(lost)
}
