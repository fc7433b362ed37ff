//! Taking over a shard's state from a peer whose log no longer tells what is missing here.

use causality::{Millis, NodeId};
use merkle::{HashRange, Walk};
use replica::{EVERY_KEY, StateTaking};
use storage::Store;
use wire::shard::{Detail, StateCell, StateCells, StateCellsWanted, StateOpened, StateSession};
use wire::{Message, RequestId, ShardId};

use crate::event::Outbox;
use crate::mutation::Mutation;
use crate::node::Node;

/// How many bytes of cells travel at a time.
const CELLS_BUDGET: u32 = 1024 * 1024;

/// How long a takeover may stand still before it is given up.
const PATIENCE_MS: u64 = 10_000;

/// The most shards taken over at once.
const TAKEOVERS_MAX: usize = 8;

const UNAWAITED: RequestId = RequestId(0);

/// One takeover under way.
#[derive(Debug)]
pub(crate) struct Takeover {
    source: NodeId,
    deadline: Millis,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// The source was asked for an image.
    Asked,
    /// The trees are walked.
    Walking { taking: StateTaking, walk: Walk },
    /// Cells are fetched, range by range.
    Fetching { taking: StateTaking, ranges: Vec<HashRange> },
}

impl<S: Store> Node<S> {
    /// Asks a peer for its state of a shard.
    pub(crate) fn want_state(&mut self, now: Millis, shard: u16, source: NodeId, out: &mut Outbox) {
        if self.takeovers.contains_key(&shard) || self.takeovers.len() >= TAKEOVERS_MAX {
            return;
        }
        let deadline = now.plus(PATIENCE_MS);
        self.takeovers.insert(shard, Takeover { source, deadline, step: Step::Asked });
        let horizon = self.replicas[&shard].horizon();
        let request = UNAWAITED;
        let message = Message::StateWanted { shard: ShardId(shard), request, horizon };
        self.send(source, message, out);
    }

    /// Takes the messages of state exchanges, of both sides.
    pub(crate) fn take_state_message(
        &mut self,
        now: Millis,
        from: NodeId,
        message: Message,
        out: &mut Outbox,
    ) {
        match message {
            Message::StateWanted { shard, request, horizon } => {
                let Some(replica) = self.replicas.get_mut(&shard.0) else { return };
                if let Ok(opened) = replica.open_image(&mut self.store, now, horizon) {
                    self.send(from, Message::StateOpened { shard, request, opened }, out);
                }
            }
            Message::Ask { shard, request, session: StateSession::PRESENT, ask } => {
                self.take_ask(from, (shard, request), &ask, out);
            }
            Message::Tell { shard, request, session: StateSession::PRESENT, tell } => {
                self.take_tell(now, from, (shard.0, request), &tell);
            }
            Message::CellsWanted { shard, request, wanted }
                if wanted.session == StateSession::PRESENT =>
            {
                self.take_names_wanted(from, (shard, request), wanted, out);
            }
            Message::Ask { shard, request, session, ask } => {
                let Some(replica) = self.replicas.get_mut(&shard.0) else { return };
                if let Ok(tell) = replica.image_answer(session, &ask) {
                    self.send(from, Message::Tell { shard, request, session, tell }, out);
                }
            }
            Message::CellsWanted { shard, request, wanted } => {
                let Some(replica) = self.replicas.get_mut(&shard.0) else { return };
                if let Ok(cells) = replica.image_cells(&mut self.store, &wanted) {
                    self.send(from, Message::CellsGiven { shard, request, cells }, out);
                }
            }
            Message::StateClosed { shard, session } => {
                if let Some(replica) = self.replicas.get_mut(&shard.0) {
                    replica.close_image(session);
                }
            }
            Message::StateOpened { shard, opened, .. } => {
                self.begin_walk(now, from, shard.0, opened, out);
            }
            Message::Tell { shard, tell, .. } => self.walk_on(now, from, shard.0, &tell, out),
            Message::CellsGiven { shard, cells, .. } => {
                self.stage(now, from, shard.0, cells, out);
            }
            // Spoken by drivers, or by nodes of a later release.
            _ => {}
        }
    }

    fn begin_walk(
        &mut self,
        now: Millis,
        from: NodeId,
        shard: u16,
        opened: StateOpened,
        out: &mut Outbox,
    ) {
        let Some(takeover) = self.takeover_from(now, shard, from) else { return };
        if !matches!(takeover.step, Step::Asked) {
            return;
        }
        self.heed_clock(now, from, (shard, &opened.applied), out);
        self.heed_sealed(now, from, (shard, &opened.sealed), out);
        let is_early = self.is_mutated(Mutation::TakeoverEarly);
        let Some(replica) = self.replicas.get_mut(&shard) else { return };
        let is_empty = replica.summary().element_count == 0;
        let taking = match replica.begin_taking(&mut self.store, now, opened) {
            Ok(taking) => taking,
            Err(_) => {
                self.takeovers.remove(&shard);
                return;
            }
        };
        let step = if is_early {
            Step::Fetching { taking, ranges: Vec::new() }
        } else if is_empty {
            Step::Fetching { taking, ranges: vec![EVERY_KEY] }
        } else {
            Step::Walking { taking, walk: replica.start_walk() }
        };
        self.step(now, shard, step, out);
    }

    fn walk_on(
        &mut self,
        now: Millis,
        from: NodeId,
        shard: u16,
        tell: &merkle::Tell,
        out: &mut Outbox,
    ) {
        let Some(takeover) = self.takeover_from(now, shard, from) else { return };
        let Step::Walking { taking, mut walk } = std::mem::replace(&mut takeover.step, Step::Asked)
        else {
            return;
        };
        let Some(replica) = self.replicas.get_mut(&shard) else { return };
        if replica.walk_take(&mut walk, tell).is_err() {
            self.give_up(shard);
            return;
        }
        let step = if walk.is_done() {
            Step::Fetching { taking, ranges: walk.take_ranges() }
        } else {
            Step::Walking { taking, walk }
        };
        self.step(now, shard, step, out);
    }

    fn stage(
        &mut self,
        now: Millis,
        from: NodeId,
        shard: u16,
        cells: StateCells,
        out: &mut Outbox,
    ) {
        let Some(takeover) = self.takeover_from(now, shard, from) else { return };
        let Step::Fetching { mut taking, mut ranges } =
            std::mem::replace(&mut takeover.step, Step::Asked)
        else {
            return;
        };
        let Some(range) = ranges.last().copied() else { return };
        let after = cells.next.clone();
        let bytes = cells.cells.iter().map(size_of_cell).sum();
        if taking.stage(range, cells).is_err() {
            self.give_up(shard);
            return;
        }
        if after.is_none() {
            ranges.pop();
        }
        self.transfers.fetched(bytes);
        self.fetch(now, shard, (taking, ranges), after, out);
    }

    /// Sends what a step needs next.
    fn step(&mut self, now: Millis, shard: u16, step: Step, out: &mut Outbox) {
        match step {
            Step::Fetching { taking, ranges } => {
                self.fetch(now, shard, (taking, ranges), None, out);
            }
            Step::Walking { taking, walk } => {
                let ask = self.replicas[&shard].walk_ask(&walk);
                let session = taking.opened().session;
                self.keep(now, shard, Step::Walking { taking, walk });
                if let (Some(ask), Some(takeover)) = (ask, self.takeovers.get(&shard)) {
                    let (shard, request) = (ShardId(shard), UNAWAITED);
                    let message = Message::Ask { shard, request, session, ask };
                    self.send(takeover.source, message, out);
                }
            }
            Step::Asked => {}
        }
    }

    /// Fetches the next cells, or publishes when there are none left.
    fn fetch(
        &mut self,
        now: Millis,
        shard: u16,
        (taking, ranges): (StateTaking, Vec<HashRange>),
        after: Option<cells::OwnedCellAddress>,
        out: &mut Outbox,
    ) {
        let session = taking.opened().session;
        let Some(range) = ranges.last().copied() else {
            self.publish(shard, taking, out);
            return;
        };
        let wanted = StateCellsWanted {
            session,
            first: range.first,
            last: range.last,
            after,
            detail: Detail::Values,
            budget: CELLS_BUDGET,
        };
        self.keep(now, shard, Step::Fetching { taking, ranges });
        if let Some(takeover) = self.takeovers.get(&shard) {
            let (shard, request) = (ShardId(shard), UNAWAITED);
            self.send(takeover.source, Message::CellsWanted { shard, request, wanted }, out);
        }
    }

    fn publish(&mut self, shard: u16, taking: StateTaking, out: &mut Outbox) {
        let Some(takeover) = self.takeovers.remove(&shard) else { return };
        let session = taking.opened().session;
        let Some(replica) = self.replicas.get_mut(&shard) else { return };
        let published = replica
            .publish(&mut self.store, taking)
            .and_then(|()| replica.save_state(&mut self.store));
        if published.is_ok() {
            self.delivered.shards_taken_over += 1;
        }
        // The clock now names what no log entry here explains: it must not be told before a
        // checkpoint holds it.
        out.is_checkpoint_due = !self.is_mutated(Mutation::TakeoverUnsaved);
        let message = Message::StateClosed { shard: ShardId(shard), session };
        self.send(takeover.source, message, out);
    }

    fn keep(&mut self, now: Millis, shard: u16, step: Step) {
        if let Some(takeover) = self.takeovers.get_mut(&shard) {
            takeover.deadline = now.plus(PATIENCE_MS);
            takeover.step = step;
        }
    }

    fn takeover_from(&mut self, now: Millis, shard: u16, source: NodeId) -> Option<&mut Takeover> {
        let takeover = self.takeovers.get_mut(&shard)?;
        takeover.deadline = now.plus(PATIENCE_MS);
        (takeover.source == source).then_some(takeover)
    }

    fn give_up(&mut self, shard: u16) {
        self.takeovers.remove(&shard);
        if let Some(replica) = self.replicas.get_mut(&shard) {
            replica.give_up_taking();
        }
    }

    /// Gives up what has stood still for too long; the next exchange starts again.
    pub(crate) fn give_up_late_takeovers(&mut self, now: Millis) {
        let late = self.takeovers.iter().filter(|(_, takeover)| takeover.deadline <= now);
        let late: Vec<u16> = late.map(|(shard, _)| *shard).collect();
        late.into_iter().for_each(|shard| self.give_up(shard));
    }

    pub(crate) fn give_up_takeovers_from(&mut self, peer: NodeId) {
        let lost = self.takeovers.iter().filter(|(_, takeover)| takeover.source == peer);
        let lost: Vec<u16> = lost.map(|(shard, _)| *shard).collect();
        lost.into_iter().for_each(|shard| self.give_up(shard));
    }
}

/// The bytes of a cell's address and values.
fn size_of_cell(cell: &StateCell) -> u64 {
    let payloads = cell.versions.iter().filter_map(|version| version.payload.as_ref());
    let address = cell.cell.key.len() + cell.cell.column.len();
    (address + payloads.map(|payload| payload.len()).sum::<usize>()) as u64
}
