//! A few replicas of one key, and every operation that was ever minted.

use std::collections::BTreeMap;

use causality::{Actor, Clock, Dot, HybridClock, HybridTime, Incarnation, Millis, NodeId};
use cells::types::{Draft, Life, TypeError};
use cells::{
    Cell, Facts, Families, Family, KeyAddress, Keyspace, OwnedBody, OwnedCellAddress, OwnedOp,
    ReadCells, ReadControl, ReadError, Version, apply,
};

pub(crate) const KEY: KeyAddress<'static> = KeyAddress { keyspace: Keyspace(1), key: b"k" };

/// A cell as it is stored: what two replicas must have in common, byte for byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) live: Vec<(Dot, HybridTime, Option<Millis>, Vec<u8>)>,
    pub(crate) gone: Vec<Dot>,
}

impl Held {
    fn borrow(&self) -> Cell<'_> {
        let live = self.live.iter().map(|(dot, time, expiry, payload)| Version {
            dot: *dot,
            time: *time,
            expiry: *expiry,
            payload,
        });
        Cell { live: live.collect(), gone: self.gone.iter().copied().collect() }
    }

    fn of(cell: &Cell<'_>) -> Self {
        let live = cell.live.iter();
        Self {
            live: live.map(|v| (v.dot, v.time, v.expiry, v.payload.to_vec())).collect(),
            gone: cell.gone.to_vec(),
        }
    }
}

/// One replica: the real mutator over cells in memory.
#[derive(Clone)]
pub(crate) struct Replica {
    pub(crate) me: Actor,
    pub(crate) now: Millis,
    pub(crate) applied: Clock,
    pub(crate) cells: BTreeMap<Vec<u8>, Held>,
    clears: Vec<Clock>,
    time: HybridClock,
}

/// Which versions a reader is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// What is not over.
    Visible,
    /// Everything that is stored.
    Stored,
}

/// A replica, as the types read it.
pub(crate) struct View<'a> {
    replica: &'a Replica,
    life: Life,
    sight: Sight,
}

struct Known<'a> {
    replica: &'a Replica,
    clears: &'a [Clock],
}

impl Facts for Known<'_> {
    fn is_applied(&self, dot: Dot) -> bool {
        self.replica.applied.contains(dot)
    }

    fn is_cleared(&self, dot: Dot) -> bool {
        self.clears.iter().any(|clear| clear.contains(dot))
    }

    fn horizon(&self) -> Millis {
        Millis(0)
    }
}

impl Replica {
    pub(crate) fn new(node: u32) -> Self {
        Self {
            me: Actor::new(NodeId(node), Incarnation(1)),
            now: Millis(1_000),
            applied: Clock::new(),
            cells: BTreeMap::new(),
            clears: Vec::new(),
            time: HybridClock::new(HybridTime::default(), 500),
        }
    }

    pub(crate) fn next_dot(&self) -> Dot {
        let highest = self.applied.get(self.me).map_or(0, causality::Counters::highest);
        Dot::new(self.me, highest + 1)
    }

    pub(crate) fn view(&self) -> View<'_> {
        self.view_with(Sight::Visible)
    }

    pub(crate) fn view_with(&self, sight: Sight) -> View<'_> {
        let record = self.cells.get(&Family::KeyExpiry.column(&[])).cloned().unwrap_or_default();
        let life = Life::of(&record.borrow()).unwrap();
        View { replica: self, life, sight }
    }

    pub(crate) fn apply(&mut self, op: &OwnedOp) {
        if self.applied.contains(op.dot) {
            return;
        }
        let family = Family::from_byte(op.cell.column[0]).unwrap();
        match &op.body {
            OwnedBody::Clear(covered) => self.clear(covered.clone()),
            _ => {
                let held = self.cells.remove(&*op.cell.column).unwrap_or_default();
                let mut cell = held.borrow();
                let clears: &[Clock] = if family.is_clearable() { &self.clears } else { &[] };
                apply(&mut cell, &op.borrow(), &Known { replica: self, clears });
                let after = Held::of(&cell);
                if after != Held::default() {
                    self.cells.insert(op.cell.column.to_vec(), after);
                }
            }
        }
        self.applied.insert(op.dot);
        self.time.observe(self.now, op.time);
    }

    fn clear(&mut self, covered: Clock) {
        self.cells.retain(|column, held| {
            if Family::from_byte(column[0]).unwrap().is_clearable() {
                held.live.retain(|(dot, ..)| !covered.contains(*dot));
            }
            *held != Held::default()
        });
        self.clears.push(covered);
    }

    /// Mints a draft, in the order that drafts promise.
    fn mint(&mut self, draft: &Draft) -> Vec<OwnedOp> {
        let mut minted = Vec::new();
        if draft.clears_key() {
            let body = OwnedBody::Clear(self.applied.clone());
            minted.push(self.mint_op(&Family::Clear.column(&[]), &[], body));
        }
        for change in draft.changes() {
            let body = match &change.insert {
                Some((payload, expiry)) => {
                    OwnedBody::Insert { payload: payload.clone().into(), expiry: *expiry }
                }
                None => OwnedBody::Remove,
            };
            minted.push(self.mint_op(&change.column, &change.removed, body));
        }
        assert_eq!(draft.next_dot(), self.next_dot(), "the draft counts its dots right");
        minted
    }

    fn mint_op(&mut self, column: &[u8], removed: &[Dot], body: OwnedBody) -> OwnedOp {
        let seen = self.cells.get(column).map(|held| held.borrow().newest()).unwrap_or_default();
        let op = OwnedOp {
            dot: self.next_dot(),
            time: self.time.mint(self.now, seen),
            cell: OwnedCellAddress {
                keyspace: KEY.keyspace,
                key: KEY.key.into(),
                column: column.into(),
            },
            removed: removed.into(),
            body,
        };
        self.apply(&op);
        op
    }
}

impl View<'_> {
    fn visible<'a>(&self, column: &[u8], held: &'a Held) -> Cell<'a> {
        let mut cell = held.borrow();
        let family = Family::from_byte(column[0]).unwrap();
        let now = self.replica.now;
        if self.sight == Sight::Visible {
            cell.live.retain(|v| !v.is_expired(now) && !self.life.hides(family, v, now));
        }
        cell
    }
}

impl ReadCells for View<'_> {
    fn read<T>(
        &mut self,
        _: KeyAddress<'_>,
        column: &[u8],
        see: impl FnOnce(&Cell<'_>) -> T,
    ) -> Result<T, ReadError> {
        let nothing = Held::default();
        let held = self.replica.cells.get(column).unwrap_or(&nothing);
        Ok(see(&self.visible(column, held)))
    }

    fn scan(
        &mut self,
        _: KeyAddress<'_>,
        from: &[u8],
        visit: &mut dyn FnMut(&[u8], &Cell<'_>) -> ReadControl,
    ) -> Result<(), ReadError> {
        for (column, held) in self.replica.cells.range(from.to_vec()..) {
            let cell = self.visible(column, held);
            if !cell.live.is_empty() && visit(column, &cell) == ReadControl::Stop {
                break;
            }
        }
        Ok(())
    }

    fn scan_back(
        &mut self,
        _: KeyAddress<'_>,
        from: &[u8],
        visit: &mut dyn FnMut(&[u8], &Cell<'_>) -> ReadControl,
    ) -> Result<(), ReadError> {
        for (column, held) in self.replica.cells.range(..=from.to_vec()).rev() {
            let cell = self.visible(column, held);
            if !cell.live.is_empty() && visit(column, &cell) == ReadControl::Stop {
                break;
            }
        }
        Ok(())
    }

    fn count(&mut self, _: KeyAddress<'_>, family: Family) -> Result<u64, ReadError> {
        let cells = self.replica.cells.iter();
        let of_family = cells.filter(|(column, held)| {
            column[0] == family as u8 && !self.visible(column, held).live.is_empty()
        });
        Ok(of_family.count() as u64)
    }

    /// All that can be known, at every other moment; then both ways of looking are tried.
    fn families(&mut self, _: KeyAddress<'_>) -> Result<Families, ReadError> {
        if self.replica.now.0.is_multiple_of(2) {
            return Ok(Families::UNKNOWN);
        }
        let mut known = Families::PLAIN;
        for (column, held) in &self.replica.cells {
            let family = Family::from_byte(column[0]).unwrap();
            known = if self.visible(column, held).live.is_empty() {
                known.with_possible(family)
            } else {
                known.with_certain(family)
            };
        }
        Ok(known)
    }

    fn now(&self) -> Millis {
        self.replica.now
    }
}

/// One operation with what its coordinator had applied when it minted it.
#[derive(Clone)]
pub(crate) struct Minted {
    pub(crate) op: OwnedOp,
    pub(crate) seen: Clock,
}

/// The replicas and everything they ever minted.
pub(crate) struct World {
    pub(crate) replicas: Vec<Replica>,
    pub(crate) minted: Vec<Minted>,
}

impl World {
    pub(crate) fn new(count: u32) -> Self {
        Self { replicas: (1..=count).map(Replica::new).collect(), minted: Vec::new() }
    }

    /// Runs a command at a replica, mints what it asks for, and answers what it answers.
    pub(crate) fn run<T>(
        &mut self,
        at: usize,
        command: impl FnOnce(&mut View<'_>, &mut Draft) -> Result<T, TypeError>,
    ) -> Result<T, TypeError> {
        let replica = &mut self.replicas[at];
        let mut draft = Draft::new(replica.next_dot());
        let answer = command(&mut replica.view(), &mut draft)?;
        self.mint(at, &draft);
        Ok(answer)
    }

    pub(crate) fn mint(&mut self, at: usize, draft: &Draft) {
        let seen = self.replicas[at].applied.clone();
        let ops = self.replicas[at].mint(draft);
        self.minted.extend(ops.into_iter().map(|op| Minted { op, seen: seen.clone() }));
    }

    /// Runs a command that only reads.
    pub(crate) fn see<T>(
        &self,
        at: usize,
        read: impl FnOnce(&mut View<'_>) -> Result<T, TypeError>,
    ) -> T {
        read(&mut self.replicas[at].view()).unwrap()
    }

    /// Gives an operation a new name at a replica, as is done with late ones of a lost actor.
    pub(crate) fn remint(&mut self, at: usize, index: usize) {
        let replica = &mut self.replicas[at];
        let seen = replica.applied.clone();
        let op = OwnedOp { dot: replica.next_dot(), ..self.minted[index].op.clone() };
        replica.apply(&op);
        self.minted.push(Minted { op, seen });
    }

    /// Delivers a few operations, whichever they are, new or not, to whomever.
    pub(crate) fn deliver(&mut self, rng: &mut fastrand::Rng, count: usize) {
        for _ in 0..count {
            if self.minted.is_empty() {
                return;
            }
            let at = rng.usize(0..self.replicas.len());
            self.replicas[at].apply(&self.minted[rng.usize(0..self.minted.len())].op);
        }
    }

    /// Delivers everything that one replica has minted or heard to another.
    pub(crate) fn send(&mut self, from: usize, to: usize) {
        let heard = self.replicas[from].applied.clone();
        for minted in self.minted.iter().filter(|minted| heard.contains(minted.op.dot)) {
            self.replicas[to].apply(&minted.op);
        }
    }

    /// Delivers everything to everybody, and checks that they hold the same bytes.
    pub(crate) fn settle(&mut self, rng: &mut fastrand::Rng) {
        let mut order: Vec<usize> = (0..self.minted.len()).collect();
        for replica in &mut self.replicas {
            rng.shuffle(&mut order);
            order.iter().for_each(|index| replica.apply(&self.minted[*index].op));
        }
        for replica in &self.replicas[1..] {
            assert_eq!(replica.cells, self.replicas[0].cells, "replicas hold the same bytes");
        }
        for held in self.replicas[0].cells.values() {
            assert_eq!(held.gone, [], "nothing is awaited any more");
        }
    }

    pub(crate) fn set_time(&mut self, now: u64) {
        self.replicas.iter_mut().for_each(|replica| replica.now = Millis(now));
    }
}
