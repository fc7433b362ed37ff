//! Profiles: families of worlds. The seed draws one world of the family, by swarm testing: every
//! world leaves some faults, commands and levels out, so that each can be alone with few others.

use api::{Level, Staleness};
use fastrand::Rng;
use node::{CoordinationConfig, QuorumMode};
use storage::FlushPolicy;

use crate::deeds::Mix;
use crate::faults;
use crate::setup::{Delay, Noise, Setup};

/// A family of worlds.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// What it is called.
    pub name: &'static str,
    draw: fn(&mut Rng) -> Setup,
}

impl Profile {
    /// Every family.
    pub const ALL: [Self; 6] = [
        Self { name: "mixed", draw: mixed },
        Self { name: "narrow", draw: narrow },
        Self { name: "small", draw: small },
        Self { name: "true_clocks", draw: true_clocks },
        Self { name: "calm", draw: calm },
        Self { name: "members", draw: members },
    ];

    /// Finds a family by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name == name)
    }

    /// The world that a seed draws from the family.
    #[must_use]
    pub fn setup(&self, seed: u64) -> Setup {
        (self.draw)(&mut Rng::with_seed(seed ^ 0x5e7_0b5e_ed5e_7000))
    }
}

/// Anything that may happen.
fn mixed(rng: &mut Rng) -> Setup {
    let setup = narrow(rng);
    widened(setup, rng)
}

/// What later drawing must not disturb: the seeds that were given names draw these worlds.
fn narrow(rng: &mut Rng) -> Setup {
    let datacenters = match rng.u8(0..8) {
        0..=2 => vec![3],
        3 => vec![5],
        4 => vec![2, 2],
        5 => vec![3, 3],
        6 => vec![1, 2, 1],
        _ => vec![4, 2],
    };
    Setup {
        datacenters,
        replication: *pick(rng, &[1, 2, 3, 3, 3]),
        shards: *pick(rng, &[1, 4, 8]),
        clients: rng.u32(1..=8),
        sessions: *pick(rng, &[0, 2, 8]),
        duration_ms: rng.u64(4_000..=12_000),
        ask_every_ms: *pick(rng, &[10, 20, 40, 80]),
        fault_every_ms: Some(*pick(rng, &[150, 300, 600, 1_500])),
        near: delay(rng),
        far: *pick(rng, &[Delay::between(20, 60), Delay::between(5, 200)]),
        noise: noise(rng),
        notice_ms: *pick(rng, &[0, 50, 700, 3_000]),
        skew_ms: *pick(rng, &[0, 0, 20, 200, 2_000]),
        drift_ppm: *pick(rng, &[0, 0, 200]),
        flush: *pick(
            rng,
            &[
                FlushPolicy::Always,
                FlushPolicy::Always,
                FlushPolicy::Interval(storage::Millis(500)),
                FlushPolicy::Os,
            ],
        ),
        request_timeout_ms: *pick(rng, &[200, 400, 1_000]),
        exchange_interval_ms: *pick(rng, &[200, 1_000, 1_000, 3_000]),
        faults: swarm(rng, &faults::names()),
        mix: Mix::swarm(rng),
        levels: levels(rng),
        patience_ms: 120_000,
        ..Setup::default()
    }
}

/// More commands, bounds on staleness, stand-ins, and narrow limits.
fn widened(setup: Setup, rng: &mut Rng) -> Setup {
    let mut levels = setup.levels;
    if rng.u8(0..4) == 0 {
        let read = levels[0].0;
        levels.push((read, Level::Any));
    }
    let bound = |rng: &mut Rng| Some(Staleness(*pick(rng, &[200, 1_000, 4_000])));
    Setup {
        mix: setup.mix.widened(rng),
        levels,
        staleness: match rng.u8(0..3) {
            0 => vec![None, bound(rng)],
            _ => Vec::new(),
        },
        coordination: coordination(rng),
        ..setup
    }
}

fn coordination(rng: &mut Rng) -> CoordinationConfig {
    let usual = CoordinationConfig::default();
    CoordinationConfig {
        quorum: *pick(rng, &[QuorumMode::Strict, QuorumMode::Strict, QuorumMode::Sloppy]),
        hint_ttl_ms: *pick(rng, &[usual.hint_ttl_ms, 2_000]),
        hint_bytes_max: *pick(rng, &[usual.hint_bytes_max, usual.hint_bytes_max, 500]),
        calls_max: *pick(rng, &[usual.calls_max, usual.calls_max, 3]),
        ..usual
    }
}

/// Three nodes that own everything, few keys, every level a quorum: where most is promised.
fn small(rng: &mut Rng) -> Setup {
    Setup {
        sessions: *pick(rng, &[0, 4]),
        faults: swarm(rng, &faults::names()),
        skew_ms: *pick(rng, &[0, 200]),
        shards: *pick(rng, &[1, 4]),
        mix: Mix::swarm(rng),
        ..Setup::default()
    }
}

/// As small, with clocks that are right: the order of writes is the order of their times.
fn true_clocks(rng: &mut Rng) -> Setup {
    let faults: Vec<_> = faults::names().into_iter().filter(|name| *name != "jump").collect();
    Setup { faults, ..Setup { skew_ms: 0, drift_ppm: 0, ..small(rng) } }
}

/// Members come and go, while links and processes fail. Nobody loses what it has flushed but
/// machines that are lost for good: otherwise nothing would be promised while shards move.
fn members(rng: &mut Rng) -> Setup {
    let replication = *pick(rng, &[1, 2, 3, 3, 3]);
    let more = rng.u32(0..=1);
    let datacenters = match rng.u8(0..4) {
        0 => vec![u32::from(replication) + more, u32::from(replication)],
        _ => vec![u32::from(replication).max(2) + more],
    };
    let others = ["cut", "crash", "tear", "pause", "slow", "clog", "double"];
    let mut faults = swarm(rng, &others);
    // About every second change is one of the operator's.
    faults.extend(std::iter::repeat_n("members", faults.len()));
    let setup = Setup {
        datacenters,
        replication,
        shards: 8,
        sessions: *pick(rng, &[0, 4]),
        duration_ms: rng.u64(20_000..=60_000),
        ask_every_ms: *pick(rng, &[50, 100, 200]),
        fault_every_ms: Some(*pick(rng, &[1_000, 2_000, 4_000])),
        notice_ms: *pick(rng, &[0, 50, 700]),
        exchange_interval_ms: *pick(rng, &[200, 500, 1_000]),
        gossip_interval_ms: *pick(rng, &[100, 200, 500]),
        request_timeout_ms: 800,
        noise: noise(rng),
        faults,
        mix: Mix::swarm(rng).widened(rng),
        levels: levels(rng),
        patience_ms: 300_000,
        ..Setup::default()
    };
    Setup { flush: FlushPolicy::Always, ..setup }
}

/// No faults at all: everything that is asked is promised.
fn calm(rng: &mut Rng) -> Setup {
    Setup {
        fault_every_ms: None,
        noise: Noise::default(),
        skew_ms: 0,
        drift_ppm: 0,
        request_timeout_ms: 2_000,
        near: Delay::between(1, 10),
        far: Delay::between(20, 60),
        replication: *pick(rng, &[2, 3]),
        ..narrow(rng)
    }
}

fn delay(rng: &mut Rng) -> Delay {
    let delays = [
        Delay::between(1, 2),
        Delay::between(1, 20),
        Delay { least_ms: 1, usual_ms: 5, most_ms: 2_000, late_permille: 20 },
        Delay::between(50, 150),
    ];
    *pick(rng, &delays)
}

fn noise(rng: &mut Rng) -> Noise {
    Noise {
        lost_permille: *pick(rng, &[0, 0, 0, 10, 50]),
        doubled_permille: *pick(rng, &[0, 0, 0, 50]),
        overtaking_permille: *pick(rng, &[0, 0, 0, 100]),
    }
}

fn levels(rng: &mut Rng) -> Vec<(Level, Level)> {
    const ANY_LEVEL: [Level; 8] = [
        Level::One,
        Level::Two,
        Level::Three,
        Level::Quorum,
        Level::LocalOne,
        Level::LocalQuorum,
        Level::EachQuorum,
        Level::All,
    ];
    match rng.u8(0..6) {
        0 | 1 => vec![(Level::Quorum, Level::Quorum)],
        2 => vec![(Level::All, Level::One), (Level::One, Level::One)],
        3 => vec![(Level::LocalOne, Level::LocalQuorum), (Level::LocalQuorum, Level::LocalQuorum)],
        _ => (0..3).map(|_| (*pick(rng, &ANY_LEVEL), *pick(rng, &ANY_LEVEL))).collect(),
    }
}

/// Some of them, at least one.
fn swarm(rng: &mut Rng, names: &[&'static str]) -> Vec<&'static str> {
    let sure = *pick(rng, names);
    names.iter().copied().filter(|name| *name == sure || rng.u8(0..3) == 0).collect()
}

fn pick<'a, T>(rng: &mut Rng, items: &'a [T]) -> &'a T {
    &items[rng.usize(0..items.len())]
}
