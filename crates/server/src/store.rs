//! The node's store: how it is opened, what ends a turn, how it keeps itself small.
//!
//! Rules kept here: what was minted before is not doubted, or the node takes a new incarnation;
//! a store whose damage no checkpoint covers is not served, because its clocks would promise what
//! its rows do not hold.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use storage::{
    DurableStore, Entry, FlushPolicy, Millis, Options, RealDisk, Recovery, Report, Work,
};
use tokio::time::Instant;

use crate::config::{Config, Flush};
use crate::identity::Identity;
use crate::log::Log;
use crate::serve::ServeError;
use crate::{clock, identity};

/// The body of the store that nodes run on.
pub(crate) type Body = DurableStore<RealDisk>;

/// Background work of one turn, in bytes: a fraction of a millisecond.
const WORK_SIZE: usize = 256 * 1024;
/// How long nothing is tried after background work failed.
const WORK_PAUSE: Duration = Duration::from_secs(1);
/// How often bytes are made durable when that is not done before every promise.
const PERIOD: Millis = Millis(1000);

/// Opens the store of a node; the entries are those its last checkpoint does not cover.
pub(crate) fn open(
    config: &Config,
    identity: &mut Identity,
) -> Result<(Body, Vec<Entry>), ServeError> {
    let path = config.data.join("store");
    let disk = || RealDisk::open(&path).map_err(identity::unusable(&path));
    let (mut store, Recovery { report, .. }) =
        DurableStore::open(disk()?, disk()?, options(config))?;
    refuse_damage(config, &report)?;
    let is_store_lost = report.is_new && !identity.is_new();
    if is_store_lost || report.must_reincarnate() {
        identity.renew(clock::now())?;
        Log::new(config.log).warn("what was minted before is in doubt: a new incarnation begins");
    }
    let mut entries = Vec::new();
    while store.replay(&mut entries)? {}
    Ok((store, entries))
}

fn options(config: &Config) -> Options {
    let random = RandomState::new();
    let halves = [random.hash_one(0), random.hash_one(1)].map(u128::from);
    Options {
        cluster: u128::from(config.cluster),
        store: halves[0] << 64 | halves[1],
        flush: match config.flush {
            Flush::Always => FlushPolicy::Always,
            Flush::Periodic => FlushPolicy::Interval(PERIOD),
            Flush::Never => FlushPolicy::Os,
        },
        memory_bytes: config.store_memory_max,
        free_bytes_min: config.disk_free_min,
        ..Options::default()
    }
}

/// Reports damage, and refuses to go on with one that no checkpoint covers.
fn refuse_damage(config: &Config, report: &Report) -> Result<(), ServeError> {
    let log = Log::new(config.log);
    for name in &report.healed {
        log.warn(format_args!("one of two copies of {name} was damaged; the other one serves"));
    }
    for damage in &report.damage {
        log.error(format_args!("damaged: {}; shards: {:?}", damage.what, damage.affected));
    }
    match report.damage.iter().find(|damage| !damage.is_covered) {
        None => Ok(()),
        Some(damage) => {
            Err(ServeError::Damaged { what: damage.what.clone(), store: config.data.join("store") })
        }
    }
}

/// Work in the background, a little in each turn.
#[derive(Debug)]
pub(crate) struct Upkeep {
    log: Log,
    is_more: bool,
    paused_until: Option<Instant>,
}

impl Upkeep {
    pub(crate) const fn new(log: Log) -> Self {
        Self { log, is_more: false, paused_until: None }
    }

    /// Whether there is work to be done even if nothing arrives.
    pub(crate) const fn is_more(&self) -> bool {
        self.is_more
    }

    /// Whether the node should save its states, so that a checkpoint can begin.
    pub(crate) fn is_checkpoint_due(&self, store: &Body) -> bool {
        self.paused_until.is_none_or(|until| until <= Instant::now()) && store.is_checkpoint_due()
    }

    /// Does a little; a failure is reported and tried again later, and nothing is lost by it.
    pub(crate) fn work(&mut self, store: &mut Body) {
        if self.paused_until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        self.paused_until = None;
        match store.maintain(WORK_SIZE) {
            Ok(work) => self.is_more = work == Work::More,
            Err(error) => self.failed(&error),
        }
    }

    /// Notes that background work failed.
    pub(crate) fn failed(&mut self, error: &dyn std::error::Error) {
        self.log.warn(format_args!("background work is put off: {error}"));
        self.is_more = false;
        self.paused_until = Some(Instant::now() + WORK_PAUSE);
    }
}
