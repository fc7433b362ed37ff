//! One node of the world: a replica, its store, its clock.

use std::collections::BTreeMap;

use causality::{Actor, Dot, Dots, Incarnation, NodeId};
use cells::{Cell, CellHash, OwnedCellAddress, element_digest};
use replica::{Mutation, Replica, Settings};

use crate::recording::RecordingStore;

pub const SHARD: u16 = 7;

pub const SETTINGS: Settings = Settings {
    skew_bound_ms: 500,
    expiry_margin_ms: 1_000,
    expiry_grid_ms: 500,
    key_size_max: 64,
    column_size_max: 64,
    payload_size_max: 64,
    image_bytes_max: 1_500,
    unlisted_max: 2,
};

pub struct Node {
    pub id: NodeId,
    pub incarnation: u32,
    pub replica: Replica,
    pub store: RecordingStore,
    pub skew_ms: u64,
    pub is_alive: bool,
    pub mutation: Option<Mutation>,
}

impl Node {
    pub fn new(id: NodeId, skew_ms: u64, mutation: Option<Mutation>) -> Self {
        let mut store = RecordingStore::default();
        let me = Actor::new(id, Incarnation(1));
        let mut replica = Replica::open(SHARD, me, SETTINGS, &mut store).unwrap();
        replica.mutate(mutation);
        Self { id, incarnation: 1, replica, store, skew_ms, is_alive: true, mutation }
    }

    /// Makes rows, log and state durable.
    pub fn checkpoint(&mut self) {
        self.replica.save_state(&mut self.store).unwrap();
        self.store.checkpoint();
    }

    /// Restarts from what survived: the checkpoint and `kept` entries after it.
    pub fn crash(&mut self, kept: usize, now: causality::Millis) -> Result<(), String> {
        let entries = self.store.crash(kept);
        if self.mutation != Some(Mutation::DotReused) {
            self.incarnation += 1;
        }
        let me = Actor::new(self.id, Incarnation(self.incarnation));
        let opened = Replica::open(SHARD, me, SETTINGS, &mut self.store);
        self.replica = opened.map_err(|error| format!("reopen: {error}"))?;
        self.replica.mutate(self.mutation);
        for entry in &entries {
            let done = self.replica.replay(&mut self.store, now, entry);
            done.map_err(|error| format!("replay: {error}"))?;
        }
        Ok(())
    }

    /// The live versions of every cell, with their payloads.
    pub fn live(&mut self) -> BTreeMap<OwnedCellAddress, BTreeMap<Dot, Vec<u8>>> {
        let mut live = BTreeMap::new();
        self.each_cell(|address, cell| {
            let dots = cell.live.iter().map(|v| (v.dot, v.payload.to_vec()));
            let dots: BTreeMap<_, _> = dots.collect();
            if !dots.is_empty() {
                live.insert(address, dots);
            }
        });
        live
    }

    /// The gone dots of every cell.
    pub fn gone(&mut self) -> BTreeMap<OwnedCellAddress, Dots> {
        let mut gone = BTreeMap::new();
        self.each_cell(|address, cell| {
            if !cell.gone.is_empty() {
                gone.insert(address, cell.gone.clone());
            }
        });
        gone
    }

    pub fn live_dots(&mut self, cell: &OwnedCellAddress) -> Dots {
        self.live().remove(cell).map(|dots| dots.into_keys().collect()).unwrap_or_default()
    }

    /// Damages the rows behind the replica's back: one live version is no longer there.
    pub fn lose(&mut self, cell: &OwnedCellAddress, dot: Dot) {
        replica::lose_version(&mut self.store, SHARD, cell.borrow(), dot);
    }

    fn each_cell(&mut self, mut see: impl FnMut(OwnedCellAddress, &Cell<'_>)) {
        let visit = &mut |address: cells::CellAddress<'_>, cell: &Cell<'_>| {
            see(address.into(), cell);
        };
        self.replica.for_each_cell(&mut self.store, visit).unwrap();
    }

    /// The digest that the live versions add up to.
    pub fn digest(&mut self) -> u128 {
        let mut sum = 0u128;
        for (cell, dots) in self.live() {
            let hash = CellHash::new(cell.borrow());
            for dot in dots.keys() {
                sum = sum.wrapping_add(element_digest(hash, *dot));
            }
        }
        sum
    }
}
