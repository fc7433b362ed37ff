//! An owner as the crash contract wants it: entries first, then rows, states before checkpoints;
//! and the list of everything it did, so that any recovered content can be compared with every
//! moment.

use std::collections::{BTreeMap, BTreeSet};

use storage::{
    Disk, DurableStore, Entry, EntryId, Millis, Options, PendingFlush, Report, Row, ScanControl,
    Store, StoreError, Ticket, Work,
};

pub(crate) const SHARDS: [u16; 2] = [3, 40];

type Rows = BTreeMap<(u16, Vec<u8>, Vec<u8>), Vec<u8>>;

/// Everything that must be there at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) rows: Rows,
    pub(crate) entries: BTreeMap<(u16, EntryId), Vec<u8>>,
    /// The last operation of each shard, as its state tells.
    pub(crate) last: BTreeMap<u16, u64>,
}

#[derive(Clone, Debug)]
enum Step {
    Change { shard: u16, id: EntryId, record: Vec<u8> },
    Forget { shard: u16, actor: u64, through: u64 },
    Drop { shard: u16 },
}

/// What the owner did, life after life.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// The content after each step; the first is empty.
    moments: Vec<Moment>,
    /// The moments that the present life has acknowledged: all before this.
    tickets: Vec<Ticket>,
    lives: u64,
    counter: u64,
}

/// One life of the owner.
pub(crate) struct Owner<D: Disk> {
    pub(crate) store: DurableStore<D>,
    pub(crate) report: Report,
    /// A flush under way beside the store.
    flush: Option<PendingFlush>,
}

impl History {
    pub(crate) fn new() -> Self {
        Self {
            moments: vec![Moment::default()],
            tickets: vec![Ticket::default()],
            ..Self::default()
        }
    }

    /// Counts the moments that a ticket covers.
    pub(crate) fn covered(&self, ticket: Ticket) -> usize {
        self.tickets.iter().take_while(|held| **held <= ticket).count() - 1
    }

    pub(crate) fn last(&self) -> &Moment {
        self.moments.last().unwrap()
    }

    /// Finds the moment that the recovered content is equal to, no earlier than `at_least`, and
    /// forgets what came after it.
    pub(crate) fn settle_at(&mut self, found: &Moment, at_least: usize) -> Option<usize> {
        let place = (at_least..self.moments.len()).find(|place| self.moments[*place] == *found)?;
        self.moments.truncate(place + 1);
        self.tickets = vec![Ticket::default(); place + 1];
        Some(place)
    }

    fn push(&mut self, step: &Step, ticket: Ticket) {
        let mut moment = self.last().clone();
        match step {
            Step::Change { shard, id, record } => {
                for change in changes(record) {
                    let (group, to) = (change.group, change.to);
                    let address = (*shard, group.clone(), change.column);
                    match change.value {
                        _ if to.is_some() => moment.rows.retain(|(held, other, _), _| {
                            held != shard || *other < group || Some(other) >= to.as_ref()
                        }),
                        Some(value) => drop(moment.rows.insert(address, value)),
                        None => drop(moment.rows.remove(&address)),
                    }
                }
                moment.entries.insert((*shard, *id), record.clone());
                moment.last.insert(*shard, id.counter);
            }
            Step::Forget { shard, actor, through } => moment.entries.retain(|(held, id), _| {
                held != shard || id.actor != *actor || id.counter > *through
            }),
            Step::Drop { shard } => {
                moment.rows.retain(|(held, _, _), _| held != shard);
                moment.entries.retain(|(held, _), _| held != shard);
                moment.last.remove(shard);
            }
        }
        self.moments.push(moment);
        self.tickets.push(ticket);
    }
}

struct Change {
    group: Vec<u8>,
    column: Vec<u8>,
    value: Option<Vec<u8>>,
    /// All groups from this one up to there are dropped.
    to: Option<Vec<u8>>,
}

/// Reads the changes of a record: pairs of a selector and a value length; 255 removes the row, a
/// little less drops the group, or all groups from it on.
fn changes(record: &[u8]) -> Vec<Change> {
    let change = |pair: &[u8]| Change {
        group: vec![b'g', pair[0] % 5],
        column: vec![pair[0] / 5 % 3; usize::from(pair[0] % 2)],
        to: match pair[1] {
            245..250 => Some(vec![b'g', pair[0] % 5, 0]),
            250..253 => Some(vec![b'g', 5]),
            _ => None,
        },
        value: (pair[1] != 255).then(|| vec![pair[0] ^ pair[1]; usize::from(pair[1])]),
    };
    record.chunks_exact(2).map(change).collect()
}

impl<D: Disk> Owner<D> {
    /// Opens the store and applies what comes after the checkpoint.
    pub(crate) fn open(data: D, identity: D, options: &Options) -> Result<Self, StoreError> {
        let (store, recovery) = DurableStore::open(data, identity, options.clone())?;
        let mut owner = Self { store, report: recovery.report, flush: None };
        let mut entries = Vec::new();
        while owner.store.replay(&mut entries)? {}
        for Entry { shard, id, record } in entries {
            owner.apply(shard, id, &record)?;
        }
        Ok(owner)
    }

    fn apply(&mut self, shard: u16, id: EntryId, record: &[u8]) -> Result<(), StoreError> {
        for Change { group, column, value, to } in changes(record) {
            let row = Row { shard, group: &group, column: &column };
            match value {
                _ if to.is_some() => {
                    self.store.drop_groups(shard, &group, &to.expect("it was looked at"))?;
                }
                Some(value) => self.store.put(row, &value)?,
                None => self.store.delete(row)?,
            }
        }
        self.store.set_state(shard, &id.counter.to_le_bytes())
    }

    /// Does random steps and turns until the disk dies or the steps are done.
    pub(crate) fn live(
        &mut self,
        history: &mut History,
        rng: &mut fastrand::Rng,
        steps: usize,
    ) -> Result<(), StoreError> {
        history.lives += 1;
        let actor = history.lives;
        for _ in 0..steps {
            let shard = SHARDS[rng.usize(..SHARDS.len())];
            match rng.u8(..100) {
                0..60 => self.change(history, rng, shard, actor)?,
                60..64 => {
                    let through = history.counter.saturating_sub(rng.u64(..10));
                    let actor = actor - rng.u64(..2);
                    self.store.forget(shard, actor, through)?;
                    let step = Step::Forget { shard, actor, through };
                    history.push(&step, self.store.flush_ticket());
                }
                64 => {
                    self.store.drop_shard(shard)?;
                    history.push(&Step::Drop { shard }, self.store.flush_ticket());
                }
                65..72 => self.store.commit_turn(Millis(history.counter * 7))?,
                72..76 => {
                    self.store.write_turn()?;
                    let flush = self.store.begin_flush(Millis(history.counter * 7))?;
                    self.flush = self.flush.take().or(flush);
                }
                76..80 => {
                    if let Some(flush) = self.flush.take() {
                        self.store.end_flush(flush.run())?;
                    }
                }
                80..86 => self.store.begin_checkpoint(),
                86..97 => drop(self.store.maintain(rng.usize(1..200))?),
                97 => while self.store.maintain(1000)? == Work::More {},
                98 => self.store.checkpoint()?,
                _ => self.store.flush()?,
            }
        }
        Ok(())
    }

    fn change(
        &mut self,
        history: &mut History,
        rng: &mut fastrand::Rng,
        shard: u16,
        actor: u64,
    ) -> Result<(), StoreError> {
        history.counter += 1;
        let id = EntryId { actor, counter: history.counter };
        let mut record = vec![0; 2 * rng.usize(..5)];
        rng.fill(&mut record);
        if self.store.reserved(shard, actor) < id.counter {
            self.store.reserve(shard, actor, id.counter + 5);
        }
        self.store.append(shard, id, &record)?;
        let ticket = self.store.flush_ticket();
        history.push(&Step::Change { shard, id, record: record.clone() }, ticket);
        self.apply(shard, id, &record)
    }

    /// Reads everything back, every way there is.
    pub(crate) fn content(&mut self, history: &History) -> Result<Moment, StoreError> {
        let mut found = Moment::default();
        for shard in SHARDS {
            let part = self.content_of(history, shard)?;
            found.rows.extend(part.rows);
            found.entries.extend(part.entries);
            found.last.extend(part.last);
        }
        Ok(found)
    }

    /// Reads everything of one shard back.
    pub(crate) fn content_of(
        &mut self,
        history: &History,
        shard: u16,
    ) -> Result<Moment, StoreError> {
        let mut found = Moment::default();
        let rows = &mut found.rows;
        self.store.scan_shard(shard, &[], &mut |row, value| {
            let address = (row.shard, row.group.to_vec(), row.column.to_vec());
            rows.insert(address, value.to_vec());
            ScanControl::Continue
        })?;
        if let Some(state) = self.store.state(shard)? {
            found.last.insert(shard, u64::from_le_bytes(state.try_into().unwrap()));
        }
        for (address, value) in &found.rows {
            let row = Row { shard: address.0, group: &address.1, column: &address.2 };
            assert_eq!(self.store.get(row)?, Some(&value[..]), "scan and get differ");
        }
        let mut record = Vec::new();
        let ids = history.moments.iter().flat_map(|moment| moment.entries.keys());
        let ids = ids.filter(|(held, _)| *held == shard).map(|(_, id)| *id);
        for id in ids.collect::<BTreeSet<_>>() {
            if self.store.entry(shard, id, &mut record)? {
                found.entries.insert((shard, id), record.clone());
            }
        }
        Ok(found)
    }
}
