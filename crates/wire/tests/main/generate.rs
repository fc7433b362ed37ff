//! Random messages of every kind, seeded; sizes and numbers are skewed towards edges.

use causality::{
    Actor, Clock, Counters, Dot, Dots, HybridTime, Incarnation, Millis, NodeId, Run, Sealed,
};
use cells::{Family, Keyspace, OwnedBody, OwnedCellAddress, OwnedOp};
use merkle::{Ask, Depth, Digest, FANOUT, Fingerprint, NodeRef, Tell};
use wire::shard::{
    Comparison, Detail, Group, GroupsGiven, GroupsWanted, KeySum, LostVersion, Member, Names,
    Reinstate, Rest, SealedPart, Sealing, StateCell, StateCells, StateCellsWanted, StateClear,
    StateOpened, StateSession, StateVersion, Summary,
};
use wire::{
    Challenge, ClockHash, ClusterId, Hello, Kind, Message, Outcome, Proof, ProtocolRange,
    ProtocolVersion, Reason, Repair, RequestId, RootHash, ShardHash, ShardId,
};

const COUNTER_MAX: u64 = (1 << 48) - 1;

/// A source of random messages.
pub(crate) struct Generator {
    rng: fastrand::Rng,
    /// Most dots are of these actors, as on a real link.
    actors: Vec<Actor>,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let count = rng.usize(1..12);
        let actors = (0..count).map(|_| Actor::from_bits(rng.u64(..))).collect();
        Self { rng, actors }
    }

    /// Makes a message of any kind.
    pub(crate) fn message(&mut self) -> Message {
        let kind = Kind::ALL[self.rng.usize(..Kind::ALL.len())];
        self.message_of(kind)
    }

    /// Makes a message of a kind.
    pub(crate) fn message_of(&mut self, kind: Kind) -> Message {
        let shard = ShardId(self.rng.u16(..));
        let request = RequestId(self.number());
        match kind {
            Kind::Hello => Message::Hello(self.hello()),
            Kind::Refused => {
                let reason = Reason::ALL[self.rng.usize(..Reason::ALL.len())];
                let text = (0..self.rng.usize(..40)).map(|_| self.rng.char(..)).collect();
                Message::Refused { request, reason, text }
            }
            Kind::Gossip => Message::Gossip(self.bytes(300)),
            Kind::Forward => Message::Forward { request, bytes: self.bytes(300) },
            Kind::Forwarded => Message::Forwarded { request, bytes: self.bytes(300) },
            Kind::Describe => Message::Describe { request, bytes: self.bytes(300) },
            Kind::Described => Message::Described { request, bytes: self.bytes(300) },
            Kind::Replicate => {
                let ops = (0..self.small()).map(|_| self.op()).collect();
                Message::Replicate { shard, request, ops }
            }
            Kind::Acknowledged => {
                let outcome = Outcome::ALL[self.rng.usize(..Outcome::ALL.len())];
                let clock = self.rng.bool().then(|| self.clock());
                Message::Acknowledged { shard, request, outcome, clock }
            }
            Kind::Beat => {
                let root = RootHash(self.rng.u64(..));
                Message::Beat { now: self.time(), horizon: self.millis(), root }
            }
            Kind::BeatShards => {
                Message::BeatShards { now: self.time(), shards: self.shard_hashes() }
            }
            Kind::Wanted => Message::Wanted { shard, request, wanted: self.groups_wanted() },
            Kind::KeysWanted => {
                let keys = (0..self.small()).map(|_| self.key_sum()).collect();
                let repair = Repair::ALL[self.rng.usize(..Repair::ALL.len())];
                let (patience_ms, wanted) = (self.number(), self.groups_wanted());
                Message::KeysWanted { shard, request, repair, patience_ms, keys, wanted }
            }
            Kind::Given => Message::Given { shard, request, given: self.groups_given() },
            Kind::StateWanted => Message::StateWanted { shard, request, horizon: self.millis() },
            Kind::StateOpened => {
                Message::StateOpened { shard, request, opened: self.state_opened() }
            }
            Kind::CellsWanted => {
                Message::CellsWanted { shard, request, wanted: self.cells_wanted() }
            }
            Kind::CellsGiven => Message::CellsGiven { shard, request, cells: self.state_cells() },
            Kind::StateClosed => Message::StateClosed { shard, session: self.session() },
            Kind::Ask => Message::Ask { shard, request, session: self.session(), ask: self.ask() },
            Kind::Tell => {
                Message::Tell { shard, request, session: self.session(), tell: self.tell() }
            }
            Kind::Summary => Message::Summary { shard, request, summary: self.summary() },
            Kind::Reinstate => Message::Reinstate { shard, request, reinstate: self.reinstate() },
            Kind::Keep => {
                let ops = (0..self.small()).map(|_| self.op()).collect();
                Message::Keep { shard, request, target: NodeId(self.rng.u32(..)), ops }
            }
            Kind::Relay => {
                let ops = (0..self.small()).map(|_| self.op()).collect();
                let targets = (0..self.small()).map(|_| NodeId(self.rng.u32(..))).collect();
                Message::Relay { shard, request, targets, ops }
            }
            Kind::Relayed => {
                let ops = (0..self.small()).map(|_| self.op()).collect();
                Message::Relayed { shard, request, origin: NodeId(self.rng.u32(..)), ops }
            }
            Kind::Sealing => Message::Sealing { shard, request, sealing: self.sealing() },
            Kind::Compared => Message::Compared { shard, request, comparison: self.comparison() },
            Kind::Names => Message::Names { shard, request, names: self.names() },
            Kind::Lost => {
                let versions = (0..self.small()).map(|_| self.lost()).collect();
                Message::Lost { shard, request, versions }
            }
        }
    }

    pub(crate) fn op(&mut self) -> OwnedOp {
        let dot = self.dot();
        let (cell, removed, body) = self.cell_change(dot);
        OwnedOp { dot, time: self.time(), cell, removed, body }
    }

    pub(crate) fn clock(&mut self) -> Clock {
        let mut clock = Clock::new();
        for _ in 0..self.small() {
            clock.insert_all(self.actor(), &self.counters());
        }
        clock
    }

    fn key_sum(&mut self) -> KeySum {
        let mut key = self.bytes(20).into_vec();
        key.push(self.rng.u8(..));
        let (keyspace, depth) = (Keyspace(self.rng.u32(..)), self.rng.u8(..));
        KeySum { keyspace, key: key.into(), depth, digest: self.rng.u128(..) }
    }

    fn hello(&mut self) -> Hello {
        let newest = self.rng.u8(1..);
        let oldest = self.rng.u8(1..=newest);
        let versions = ProtocolRange::stated(ProtocolVersion(oldest), ProtocolVersion(newest));
        Hello {
            versions: versions.unwrap(),
            cluster: ClusterId(self.rng.u64(..)),
            node: NodeId(self.rng.u32(..)),
            incarnation: Incarnation(self.rng.u32(..)),
            challenge: Challenge(self.rng.u128(..).to_le_bytes()),
            proof: Proof(self.rng.u64(..)),
        }
    }

    fn shard_hashes(&mut self) -> Vec<ShardHash> {
        let mut shards: Vec<u16> = (0..self.small()).map(|_| self.rng.u16(..)).collect();
        shards.extend(self.rng.bool().then_some([0, 1, u16::MAX]).into_iter().flatten());
        shards.sort_unstable();
        shards.dedup();
        let hash =
            |shard| ShardHash { shard: ShardId(shard), hash: ClockHash::of(self.rng.u64(..)) };
        shards.into_iter().map(hash).collect()
    }

    fn groups_wanted(&mut self) -> GroupsWanted {
        let sealed = if self.rng.bool() {
            SealedPart::Hash(self.rng.u64(..))
        } else {
            SealedPart::Whole(self.sealed())
        };
        let (applied, horizon) = (self.clock(), self.millis());
        GroupsWanted { applied, sealed, horizon, budget: self.rng.u32(..) }
    }

    fn groups_given(&mut self) -> GroupsGiven {
        match self.rng.u8(..8) {
            0 => GroupsGiven::StateNeeded,
            1 => GroupsGiven::SealedNeeded,
            _ => GroupsGiven::Groups {
                groups: (0..self.small()).map(|_| self.group()).collect(),
                rest: if self.rng.bool() { Rest::Nothing } else { Rest::More },
                horizon: self.millis(),
                sealed: self.rng.bool().then(|| self.sealed()),
            },
        }
    }

    fn group(&mut self) -> Group {
        let is_clear = self.rng.u8(..8) == 0;
        let cell = if is_clear { self.clear_cell() } else { self.cell() };
        let dots = self.dots();
        let first = if dots.is_empty() { Dots::from_iter([self.dot()]) } else { dots };
        let members = first.iter().map(|dot| {
            let removed = self.removed(*dot);
            let body = if is_clear { OwnedBody::Clear(self.clock()) } else { self.body() };
            Member { dot: *dot, time: self.time(), removed, body }
        });
        Group { cell, members: members.collect() }
    }

    fn state_opened(&mut self) -> StateOpened {
        let clears = (0..self.small())
            .map(|_| StateClear { cell: self.clear_cell(), dot: self.dot(), covered: self.clock() })
            .collect();
        StateOpened {
            session: self.session(),
            applied: self.clock(),
            sealed: self.sealed(),
            horizon: self.millis(),
            clears,
            digest: self.rng.u128(..),
            element_count: self.number(),
        }
    }

    fn cells_wanted(&mut self) -> StateCellsWanted {
        StateCellsWanted {
            session: self.session(),
            first: self.number(),
            last: self.number(),
            after: self.rng.bool().then(|| self.cell()),
            detail: if self.rng.bool() { Detail::Names } else { Detail::Values },
            budget: self.rng.u32(..),
        }
    }

    fn state_cells(&mut self) -> StateCells {
        StateCells {
            session: self.session(),
            cells: (0..self.small()).map(|_| self.state_cell()).collect(),
            next: self.rng.bool().then(|| self.cell()),
            digest: self.rng.u128(..),
        }
    }

    fn state_cell(&mut self) -> StateCell {
        let versions = self.dots().into_iter().map(|dot| self.version(dot)).collect();
        StateCell { cell: self.cell(), versions, gone: self.dots() }
    }

    fn version(&mut self, dot: Dot) -> StateVersion {
        StateVersion {
            dot,
            time: self.time(),
            expiry: self.expiry(),
            payload: self.rng.bool().then(|| self.bytes(100)),
        }
    }

    fn ask(&mut self) -> Ask {
        if self.rng.bool() {
            return Ask::Open { root: Digest(self.rng.u128(..)), count: self.number() };
        }
        let node = |rng: &mut fastrand::Rng| {
            let level = rng.u32(..=6);
            NodeRef::from_bits(level << 24 | rng.u32(..1 << (4 * level))).unwrap()
        };
        Ask::Nodes((0..self.small()).map(|_| node(&mut self.rng)).collect())
    }

    fn tell(&mut self) -> Tell {
        let depth = Depth::new(self.rng.u8(1..=6)).unwrap();
        match self.rng.u8(..3) {
            0 => Tell::Same,
            1 => Tell::Shallow { depth },
            _ => {
                let sums = (0..self.small())
                    .map(|_| std::array::from_fn::<_, FANOUT, _>(|_| Fingerprint(self.rng.u64(..))))
                    .collect();
                Tell::Children { depth, sums }
            }
        }
    }

    fn summary(&mut self) -> Summary {
        Summary {
            clock: self.clock(),
            horizon: self.millis(),
            digest: self.rng.u128(..),
            element_count: self.number(),
        }
    }

    fn reinstate(&mut self) -> Reinstate {
        let dot = self.dot();
        Reinstate { clock: self.clock(), cell: self.cell(), version: self.version(dot) }
    }

    fn comparison(&mut self) -> Comparison {
        match self.rng.u8(..5) {
            0 => Comparison::Equal,
            1 => Comparison::EqualWithLosses,
            2 => Comparison::Apart { horizon: self.millis() },
            3 => Comparison::Different,
            _ => Comparison::Unable,
        }
    }

    fn names(&mut self) -> Names {
        let StateCells { next, cells, .. } = self.state_cells();
        Names { clock: self.clock(), horizon: self.millis(), next, cells }
    }

    fn lost(&mut self) -> LostVersion {
        LostVersion { cell: self.cell(), dot: self.dot() }
    }

    fn sealing(&mut self) -> Sealing {
        let (actor, ballot) = (self.actor(), self.number());
        let counters = if self.rng.bool() { self.counters() } else { Counters::default() };
        match self.rng.u8(..5) {
            0 => Sealing::Freeze { actor, ballot },
            1 => Sealing::Frozen { actor, ballot, counters },
            2 => Sealing::Allow { actor, ballot, counters },
            3 => Sealing::Complete { actor, ballot },
            _ => Sealing::Seal { actor, counters },
        }
    }

    fn sealed(&mut self) -> Sealed {
        let mut sealed = Sealed::default();
        for _ in 0..self.small() {
            let counters = if self.rng.bool() { self.counters() } else { Counters::default() };
            sealed.insert(self.actor(), counters);
        }
        sealed
    }

    fn cell_change(&mut self, dot: Dot) -> (OwnedCellAddress, Dots, OwnedBody) {
        let removed = self.removed(dot);
        if self.rng.u8(..8) == 0 {
            (self.clear_cell(), removed, OwnedBody::Clear(self.clock()))
        } else {
            (self.cell(), removed, self.body())
        }
    }

    fn body(&mut self) -> OwnedBody {
        match self.rng.u8(..4) {
            0 => OwnedBody::Remove,
            1 => OwnedBody::Dead { expiry: self.expiry() },
            _ => OwnedBody::Insert { payload: self.bytes(200), expiry: self.expiry() },
        }
    }

    fn removed(&mut self, own: Dot) -> Dots {
        let count = if self.rng.bool() { self.rng.usize(..3) } else { self.small() };
        (0..count).map(|_| self.dot()).filter(|dot| *dot != own).collect()
    }

    fn dots(&mut self) -> Dots {
        let mut dots: Dots = (0..self.rng.usize(..4)).map(|_| self.dot()).collect();
        dots.sort_unstable();
        dots.dedup();
        dots
    }

    fn cell(&mut self) -> OwnedCellAddress {
        let family = Family::from_byte(self.rng.u8(2..=15)).unwrap();
        let mut column = family.column(&self.short());
        if self.rng.u8(..16) == 0 {
            // A family of a later release.
            column[0] = self.rng.u8(16..);
        }
        let key = self.key();
        OwnedCellAddress { keyspace: self.keyspace(), key, column: column.into() }
    }

    fn clear_cell(&mut self) -> OwnedCellAddress {
        let key = self.key();
        let column = Family::Clear.column(&[]).into();
        OwnedCellAddress { keyspace: self.keyspace(), key, column }
    }

    fn keyspace(&mut self) -> Keyspace {
        Keyspace(if self.rng.bool() { 1 } else { self.rng.u32(..) })
    }

    /// A few keys return again and again, some of them at the bound of what is left out.
    fn key(&mut self) -> Box<[u8]> {
        let sizes = [0, 1, 16, 63, 64, 65];
        match self.rng.u8(..4) {
            0 => self.bytes(100),
            byte => vec![byte; sizes[self.rng.usize(..sizes.len())]].into(),
        }
    }

    fn short(&mut self) -> Box<[u8]> {
        self.bytes(20)
    }

    fn bytes(&mut self, limit: usize) -> Box<[u8]> {
        let count = self.rng.usize(..limit);
        (0..count).map(|_| self.rng.u8(..)).collect()
    }

    fn dot(&mut self) -> Dot {
        Dot::new(self.actor(), self.counter())
    }

    fn actor(&mut self) -> Actor {
        if self.rng.u8(..8) == 0 {
            return Actor::from_bits(self.rng.u64(..));
        }
        self.actors[self.rng.usize(..self.actors.len())]
    }

    fn counter(&mut self) -> u64 {
        match self.rng.u8(..16) {
            0 => COUNTER_MAX,
            1 => 1,
            2..8 => self.rng.u64(1..100),
            _ => (self.number() & COUNTER_MAX).max(1),
        }
    }

    fn counters(&mut self) -> Counters {
        let mut counters = Counters::up_to(self.counter() >> self.rng.u32(..48));
        for _ in 0..self.small() {
            let first = self.counter();
            let last = first.saturating_add(self.number()).min(COUNTER_MAX);
            let last = if self.rng.bool() { first } else { last };
            counters.insert_run(Run { first, last });
        }
        if counters.is_empty() { Counters::up_to(1) } else { counters }
    }

    fn time(&mut self) -> HybridTime {
        match self.rng.u8(..16) {
            0 => HybridTime::from_bits(u64::MAX),
            1 => HybridTime::default(),
            2..8 => HybridTime::from_bits(self.rng.u64(..)),
            _ => HybridTime::at(Millis(1_760_000_000_000 + self.rng.u64(..3_600_000))),
        }
    }

    fn expiry(&mut self) -> Option<Millis> {
        self.rng.bool().then(|| self.millis())
    }

    fn millis(&mut self) -> Millis {
        let near = Millis(1_760_000_000_000 + self.rng.u64(..3_600_000));
        if self.rng.bool() { near } else { Millis(self.number()) }
    }

    fn session(&mut self) -> StateSession {
        StateSession(self.number())
    }

    /// Any width of number is as likely as any other.
    fn number(&mut self) -> u64 {
        self.rng.u64(..) >> self.rng.u32(..64)
    }

    fn small(&mut self) -> usize {
        self.rng.usize(..6)
    }
}
