//! What a run is made of: the cluster, the world around it, what clients do, what may go wrong.

use api::{Level, Staleness};
use node::CoordinationConfig;
use storage::FlushPolicy;

use crate::deeds::Mix;

/// How long a message takes on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// The least.
    pub least_ms: u64,
    /// Most messages take no longer.
    pub usual_ms: u64,
    /// None takes longer.
    pub most_ms: u64,
    /// How many of a thousand take longer than usual.
    pub late_permille: u32,
}

/// What the network does to messages on whole links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Noise {
    /// How many of a thousand messages are lost.
    pub lost_permille: u32,
    /// How many of a thousand arrive twice.
    pub doubled_permille: u32,
    /// How many of a thousand overtake others.
    pub overtaking_permille: u32,
}

/// Everything that is fixed for one run.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How many nodes each datacenter has.
    pub datacenters: Vec<u32>,
    /// Copies of each shard in each datacenter.
    pub replication: u8,
    /// How many shards there are; a power of two.
    pub shards: u16,
    /// How many clients ask; each waits for its answer before it asks again.
    pub clients: u32,
    /// How many of them have sessions.
    pub sessions: u32,
    /// How long clients ask and faults strike.
    pub duration_ms: u64,
    /// The mean time between two commands, all clients together.
    pub ask_every_ms: u64,
    /// The mean time between two faults; nothing for a world without any.
    pub fault_every_ms: Option<u64>,
    /// The way between two nodes of one datacenter.
    pub near: Delay,
    /// The way between two datacenters.
    pub far: Delay,
    /// What happens to messages.
    pub noise: Noise,
    /// After how long the ends of a broken link know that it is.
    pub notice_ms: u64,
    /// How far clocks differ from the start.
    pub skew_ms: u64,
    /// By how many millionths clocks are fast or slow.
    pub drift_ppm: u32,
    /// When disks flush.
    pub flush: FlushPolicy,
    /// After how long a request that lacks answers fails.
    pub request_timeout_ms: u64,
    /// How often clocks are compared with each peer.
    pub exchange_interval_ms: u64,
    /// The names of the faults that may strike.
    pub faults: Vec<&'static str>,
    /// What clients do.
    pub mix: Mix,
    /// Read and write levels; each command takes one of these.
    pub levels: Vec<(Level, Level)>,
    /// How stale reads may be; each read takes one of these, or none if there are none.
    pub staleness: Vec<Option<Staleness>>,
    /// How calls are coordinated, and the bounds of what that takes.
    pub coordination: CoordinationConfig,
    /// How long the cluster has to become equal once everything is mended.
    pub patience_ms: u64,
    /// How often nodes gossip.
    pub gossip_interval_ms: u64,
    /// Which rule is wrong.
    #[cfg(feature = "mutation")]
    pub mutation: Option<crate::mutation::Mutation>,
}

impl Delay {
    /// Between two bounds, each moment as likely as any other.
    #[must_use]
    pub const fn between(least_ms: u64, most_ms: u64) -> Self {
        Self { least_ms, usual_ms: most_ms, most_ms, late_permille: 0 }
    }

    pub(crate) fn draw(&self, rng: &mut fastrand::Rng) -> u64 {
        if rng.u32(0..1000) < self.late_permille {
            rng.u64(self.usual_ms..=self.most_ms.max(self.usual_ms))
        } else {
            rng.u64(self.least_ms..=self.usual_ms.max(self.least_ms))
        }
    }
}

impl Setup {
    /// How many nodes there are.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.datacenters.iter().map(|count| *count as usize).sum()
    }

    /// How many owners a shard has.
    #[must_use]
    pub fn owner_count(&self) -> u32 {
        self.datacenters.iter().map(|count| (*count).min(u32::from(self.replication))).sum()
    }

    /// Says whether every node owns every shard.
    #[must_use]
    pub fn owns_all(&self) -> bool {
        let is_full = |count: &u32| *count <= u32::from(self.replication);
        !self.has_changes() && self.datacenters.iter().all(is_full)
    }

    /// Says whether members come and go.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.faults.contains(&"members")
    }

    /// How many owners have a write, at least, that was answered at a level.
    #[must_use]
    pub fn copies(&self, level: Level) -> u32 {
        let majority = |owners: u32| owners / 2 + 1;
        let in_each = |count: &u32| (*count).min(u32::from(self.replication));
        match level {
            Level::Any | Level::One | Level::LocalOne => 1,
            Level::Two => 2,
            Level::Three => 3,
            Level::Quorum => majority(self.owner_count()),
            Level::LocalQuorum => {
                self.datacenters.iter().map(|count| majority(in_each(count))).min().unwrap_or(1)
            }
            Level::EachQuorum => {
                self.datacenters.iter().map(|count| majority(in_each(count))).sum()
            }
            Level::All => self.owner_count(),
        }
    }

    /// How many owners in one datacenter a level takes in at least, when a node coordinates; all
    /// nodes own everything.
    pub(crate) fn copies_in(&self, datacenter: usize, level: Level, node: usize) -> u32 {
        let owners = self.datacenters[datacenter];
        let first: u32 = self.datacenters[..datacenter].iter().sum();
        let is_local = (first as usize..(first + owners) as usize).contains(&node);
        match level {
            Level::All => owners,
            Level::EachQuorum => owners / 2 + 1,
            Level::LocalQuorum if is_local => owners / 2 + 1,
            Level::LocalOne if is_local => 1,
            _ => 0,
        }
    }

    /// How far any clock may be from the true time.
    #[must_use]
    pub fn clock_error_ms(&self) -> u64 {
        let drift = self.duration_ms.saturating_mul(u64::from(self.drift_ppm)) / 1_000_000;
        let jump = if self.faults.contains(&"jump") { crate::faults::JUMP_MS_MAX } else { 0 };
        self.skew_ms + drift + jump + 1
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            datacenters: vec![3],
            replication: 3,
            shards: 4,
            clients: 4,
            sessions: 2,
            duration_ms: 6_000,
            ask_every_ms: 20,
            fault_every_ms: Some(500),
            near: Delay::between(1, 20),
            far: Delay::between(20, 60),
            noise: Noise::default(),
            notice_ms: 0,
            skew_ms: 0,
            drift_ppm: 0,
            flush: FlushPolicy::Always,
            request_timeout_ms: 400,
            exchange_interval_ms: 1_000,
            faults: crate::faults::names(),
            mix: Mix::default(),
            levels: vec![(Level::Quorum, Level::Quorum)],
            staleness: Vec::new(),
            coordination: CoordinationConfig::default(),
            patience_ms: 60_000,
            gossip_interval_ms: 1_000,
            #[cfg(feature = "mutation")]
            mutation: None,
        }
    }
}
