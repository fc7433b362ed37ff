//! The ledger against the plain truth: every write with the set of owners that still lack it.

use causality::Incarnation;

use super::*;

const SHARDS: [u16; 2] = [3, 9];

fn me() -> Actor {
    Actor::new(NodeId(1), Incarnation(7))
}

fn owners(ids: &[u32]) -> Vec<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

/// One request, as it is.
struct Write {
    shard: u16,
    minted: Minted,
    lacking: BTreeSet<NodeId>,
    is_answered: BTreeSet<NodeId>,
}

struct World {
    ledger: Ledger,
    owners: Vec<NodeId>,
    writes: Vec<Write>,
    next: BTreeMap<u16, u64>,
    rng: fastrand::Rng,
    now: Micros,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            ledger: Ledger::default(),
            owners: owners(&[2, 3, 4]),
            writes: Vec::new(),
            next: BTreeMap::new(),
            rng: fastrand::Rng::with_seed(seed),
            now: Micros(1_000),
        }
    }

    fn write(&mut self) {
        let shard = SHARDS[self.rng.usize(0..2)];
        let next = self.next.entry(shard).or_insert(1);
        let count = self.rng.u64(1..4);
        let request = wire::RequestId(self.writes.len() as u64 + 1);
        let minted = Minted { request, first: *next, last: *next + count - 1, at: self.now };
        *next += count;
        self.ledger.minted((shard, me()), &self.owners, minted);
        let lacking = self.owners.iter().copied().collect();
        self.writes.push(Write { shard, minted, lacking, is_answered: BTreeSet::new() });
    }

    /// Some owner applies some write; the answer may get lost.
    fn apply(&mut self) {
        if self.writes.is_empty() {
            return;
        }
        let at = self.rng.usize(0..self.writes.len());
        let owner = self.owners[self.rng.usize(0..self.owners.len())];
        let is_heard = self.rng.u8(0..3) > 0;
        let write = &mut self.writes[at];
        write.lacking.remove(&owner);
        if is_heard && write.is_answered.insert(owner) {
            let request = write.minted.request;
            self.ledger.acknowledged(self.now, (write.shard, me()), request, owner);
        }
    }

    /// An owner tells its clock.
    fn tell(&mut self) {
        let owner = self.owners[self.rng.usize(0..self.owners.len())];
        let shard = SHARDS[self.rng.usize(0..2)];
        let mut clock = Clock::new();
        for write in self.writes.iter().filter(|write| write.shard == shard) {
            if !write.lacking.contains(&owner) {
                let counters = write.minted.first..=write.minted.last;
                counters.for_each(|counter| {
                    clock.insert(causality::Dot::new(me(), counter));
                });
            }
        }
        self.ledger.covered(self.now, shard, owner, &clock);
    }

    fn change_owners(&mut self) {
        self.owners = owners([&[2, 3, 4][..], &[3, 5], &[2, 4, 5]][self.rng.usize(0..3)]);
        let everyone: BTreeSet<NodeId> = self.owners.iter().copied().collect();
        // What had converged before, stays so; what had not must reach the new owners too.
        for write in self.writes.iter_mut().filter(|write| !write.lacking.is_empty()) {
            let came = everyone.iter().filter(|owner| !write.is_answered.contains(owner));
            let lacking = came.filter(|owner| owner.0 == 5 || write.lacking.contains(owner));
            write.lacking = lacking.copied().collect();
        }
        for shard in SHARDS {
            self.ledger.restate(self.now, shard, &self.owners);
        }
    }

    /// What is reported converged has converged; nothing is counted twice or lost.
    fn check(&self) {
        let report = self.ledger.report(self.now, |_| None);
        let count = |write: &Write| write.minted.count();
        let minted: u64 = self.writes.iter().map(count).sum();
        let done = self.writes.iter().filter(|write| write.lacking.is_empty());
        let converged: u64 = done.map(count).sum();
        assert_eq!(report.minted, minted);
        assert!(report.converged <= converged, "{} of {converged}", report.converged);
        assert_eq!(report.everywhere.count(), report.converged);
        for peer in &report.peers {
            let lacking = self.writes.iter().filter(|write| write.lacking.contains(&peer.id));
            let least: u64 = lacking.map(count).sum();
            assert!(peer.writes_behind >= least, "{peer:?}: {least} are missing");
            assert_eq!(peer.writes_behind > 0, peer.behind_micros.is_some(), "{peer:?}");
        }
    }

    /// Everyone applies everything and says so.
    fn settle(&mut self) {
        self.writes.iter_mut().for_each(|write| write.lacking.clear());
        for _ in 0..200 {
            self.tell();
        }
        self.check();
        let report = self.ledger.report(self.now, |_| None);
        assert_eq!(report.open(), 0);
        assert!(report.peers.iter().all(|peer| peer.writes_behind == 0), "{:?}", report.peers);
        assert!(self.ledger.open_shards().is_empty());
        assert_eq!(self.ledger.watched, 0);
    }
}

#[test]
fn what_is_reported_converged_is_and_everything_is_in_the_end() {
    for seed in 0..200 {
        let mut world = World::new(seed);
        for _ in 0..300 {
            world.now.0 += world.rng.u64(0..500);
            match world.rng.u8(0..10) {
                0..=3 => world.write(),
                4..=8 => world.apply(),
                _ => world.tell(),
            }
            world.check();
        }
        world.settle();
    }
}

#[test]
fn a_change_of_owners_restates_what_is_open() {
    for seed in 0..50 {
        let mut world = World::new(seed);
        for round in 0..200 {
            world.now.0 += 10;
            match world.rng.u8(0..10) {
                0..=4 => world.write(),
                _ => world.apply(),
            }
            if round % 40 == 39 {
                world.change_owners();
            }
            let report = world.ledger.report(world.now, |_| None);
            assert!(report.converged <= report.minted);
        }
        world.settle();
    }
}

#[test]
fn an_owner_away_for_long_costs_bounded_memory_and_is_closed_by_its_clock() {
    let mut world = World::new(1);
    let (away, here) = (NodeId(4), owners(&[2, 3]));
    for _ in 0..40_000 {
        world.now.0 += 100;
        world.write();
        let at = world.writes.len() - 1;
        for owner in &here {
            let write = &mut world.writes[at];
            write.lacking.remove(owner);
            let request = write.minted.request;
            world.ledger.acknowledged(world.now, (write.shard, me()), request, *owner);
        }
    }
    assert!(world.ledger.watched <= 2 * 4_097, "{}", world.ledger.watched);
    let report = world.ledger.report(world.now, |_| None);
    let lag = report.peers.iter().find(|peer| peer.id == away).unwrap();
    assert_eq!(lag.writes_behind, report.minted);
    assert_eq!(lag.behind_micros, Some(world.now.since(Micros(1_100))));
    world.settle();
}

#[test]
fn many_sets_of_owners_are_joined_without_losing_count() {
    let mut ledger = Ledger::default();
    let all: Vec<NodeId> = (2..10).map(NodeId).collect();
    let mut rng = fastrand::Rng::with_seed(1);
    for n in 1..=10_000 {
        let minted = Minted { request: wire::RequestId(n), first: n, last: n, at: Micros(n) };
        ledger.minted((3, me()), &all, minted);
        for owner in all.iter().filter(|_| rng.bool()) {
            ledger.acknowledged(Micros(n), (3, me()), wire::RequestId(n), *owner);
        }
    }
    let clock: Clock = (1..=10_000).map(|n| causality::Dot::new(me(), n)).collect();
    all.iter().for_each(|owner| ledger.covered(Micros(20_000), 3, *owner, &clock));
    let report = ledger.report(Micros(20_000), |_| None);
    assert_eq!((report.minted, report.converged), (10_000, 10_000));
    assert!(report.peers.iter().all(|peer| peer.writes_behind == 0), "{:?}", report.peers);
}

#[test]
fn a_shard_with_one_owner_has_converged_at_once() {
    let mut ledger = Ledger::default();
    let minted = Minted { request: wire::RequestId(1), first: 1, last: 3, at: Micros(5) };
    ledger.minted((1, me()), &[], minted);
    let report = ledger.report(Micros(9), |_| None);
    assert_eq!((report.minted, report.converged, report.everywhere.max()), (3, 3, 0));
}

#[test]
fn times_run_from_minting_to_hearing() {
    let mut ledger = Ledger::default();
    let minted = Minted { request: wire::RequestId(1), first: 1, last: 1, at: Micros(1_000) };
    ledger.minted((1, me()), &owners(&[2, 3]), minted);
    ledger.acknowledged(Micros(1_004), (1, me()), wire::RequestId(1), NodeId(2));
    ledger.level_met(Micros(1_004), (1, me()), wire::RequestId(1));
    ledger.acknowledged(Micros(1_007), (1, me()), wire::RequestId(1), NodeId(3));
    let report = ledger.report(Micros(1_010), |id| Some(format!("dc{}", id.0)));
    assert_eq!((report.answered.max(), report.everywhere.max()), (4, 7));
    assert_eq!(report.arrivals["dc2"].heard.max(), 4);
    assert_eq!(report.arrivals["dc3"].heard.max(), 7);
}
