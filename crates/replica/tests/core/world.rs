//! A few replicas of one shard, a network that delivers in any order, and random steps.
//!
//! The world knows every operation ever minted, so it can say what each replica must hold.

mod heal;
mod keyed;
mod node;
mod profile;
mod retire;
mod steps;

use std::collections::BTreeMap;

use causality::{Actor, Counters, Dot, Dots, Millis, NodeId};
use cells::{Family, Keyspace, OwnedCellAddress, OwnedOp};
use merkle::HashRange;
use replica::{Mutation, SealingRound, StateTaking};

pub use node::Node;
pub use profile::{Profile, Step};

/// What a checker or a step found wrong; the seed is added by the caller.
pub type Found = Result<(), String>;

/// A state exchange under way.
pub struct Taking {
    pub taker: usize,
    pub source: usize,
    pub staged: StateTaking,
    pub after: Option<OwnedCellAddress>,
    pub range: HashRange,
}

pub struct World {
    pub rng: fastrand::Rng,
    pub profile: Profile,
    pub mutation: Option<Mutation>,
    pub nodes: Vec<Node>,
    /// Every operation ever minted and not lost with its only holder.
    pub ops: BTreeMap<Dot, OwnedOp>,
    /// Operations under way: to whom, and which.
    pub network: Vec<(usize, Dot)>,
    /// What clients have read of each cell lately.
    pub contexts: BTreeMap<OwnedCellAddress, Vec<Dots>>,
    pub takings: Vec<Taking>,
    pub sealed: BTreeMap<Actor, Counters>,
    /// Dots under which late operations of retired actors were named anew.
    pub reminted: std::collections::BTreeSet<Dot>,
    pub rounds: Vec<SealingRound>,
    pub ballot: u64,
    pub now: Millis,
    pub next_node: u32,
    pub trace: Vec<String>,
}

impl World {
    pub fn new(seed: u64, profile: Profile, mutation: Option<Mutation>) -> Self {
        let mut world = Self {
            rng: fastrand::Rng::with_seed(seed),
            profile,
            mutation,
            nodes: Vec::new(),
            ops: BTreeMap::new(),
            network: Vec::new(),
            contexts: BTreeMap::new(),
            takings: Vec::new(),
            sealed: BTreeMap::new(),
            reminted: std::collections::BTreeSet::new(),
            rounds: Vec::new(),
            ballot: 0,
            now: Millis(1_000_000),
            next_node: 1,
            trace: Vec::new(),
        };
        for _ in 0..3 {
            world.add_node();
        }
        world
    }

    pub fn add_node(&mut self) {
        let skew = self.rng.u64(0..400);
        let node = Node::new(NodeId(self.next_node), skew, self.mutation);
        self.next_node += 1;
        self.nodes.push(node);
    }

    pub fn alive(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|at| self.nodes[*at].is_alive).collect()
    }

    pub fn some_alive(&mut self) -> usize {
        let alive = self.alive();
        alive[self.rng.usize(0..alive.len())]
    }

    /// Two different live nodes, if there are two.
    pub fn some_pair(&mut self) -> Option<(usize, usize)> {
        let mut alive = self.alive();
        if alive.len() < 2 {
            return None;
        }
        self.rng.shuffle(&mut alive);
        Some((alive[0], alive[1]))
    }

    pub fn clock_of(&self, node: usize) -> Millis {
        self.now.plus(self.nodes[node].skew_ms)
    }

    pub fn random_cell(&mut self) -> OwnedCellAddress {
        let keyspace = Keyspace(self.rng.u32(1..=self.profile.keyspaces));
        let key: Box<[u8]> = vec![b'a' + self.rng.u8(0..self.profile.keys)].into();
        let family = if self.rng.bool() { Family::SetMember } else { Family::Register };
        let subkey = [b'x' + self.rng.u8(0..self.profile.members)];
        let subkey: &[u8] = if family == Family::SetMember { &subkey } else { &[] };
        OwnedCellAddress { keyspace, key, column: family.column(subkey).into() }
    }

    pub fn note(&mut self, line: impl FnOnce() -> String) {
        if self.profile.is_traced {
            self.trace.push(line());
        }
    }
}
