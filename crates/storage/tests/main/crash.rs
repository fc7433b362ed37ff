//! The machine goes down at every single change of the disk, in three ways; what comes back is a
//! moment that really was, no earlier than what was promised, and the store goes on from there.

use storage::{Crash, FlushPolicy, Millis, Options, SimDisk};

use crate::conformance::{Told, seeds};
use crate::owner::{History, Owner};

const CRASHES: [Crash; 3] = [Crash::Process, Crash::Power, Crash::PowerLosesAll];

fn options(rng: &mut fastrand::Rng) -> Options {
    Options {
        store: rng.u128(..),
        flush: [FlushPolicy::Always, FlushPolicy::Interval(Millis(40)), FlushPolicy::Os]
            [rng.usize(..3)],
        segment_bytes: rng.u32(100..2000),
        free_bytes_min: 0,
        ..Options::default()
    }
}

/// Where a life ends: at a change of the disk, or with the steps.
struct End {
    dies_at: Option<u64>,
    crash: Crash,
}

/// Lives once, dies, and returns how many moments were promised to survive.
fn live_and_die(
    disks: (&SimDisk, &SimDisk),
    options: &Options,
    history: &mut History,
    rng: &mut fastrand::Rng,
    end: &End,
) -> usize {
    let (data, identity) = disks;
    if let Some(change) = end.dies_at {
        data.die_at(data.change_count() + change);
    }
    let opened = Owner::open(data.process(), identity.process(), options);
    let mut promised = 0;
    if let Ok(mut owner) = opened {
        let found = owner.content(history).unwrap();
        promised = history.settle_at(&found, 0).unwrap();
        let outcome = owner.live(history, rng, 70);
        assert!(outcome.is_ok() || end.dies_at.is_some(), "{outcome:?}");
        let ticket = match end.crash {
            Crash::Process => owner.store.flushed(),
            Crash::Power | Crash::PowerLosesAll => owner.store.durable(),
        };
        promised = promised.max(history.covered(ticket));
    }
    data.crash(end.crash);
    identity.crash(end.crash);
    promised
}

fn recovered(
    disks: (&SimDisk, &SimDisk),
    options: &Options,
    history: &mut History,
    promised: usize,
) {
    let (data, identity) = disks;
    let mut owner = Owner::open(data.process(), identity.process(), options).unwrap();
    let report = &owner.report;
    assert!(report.damage.is_empty(), "{report:?}");
    assert!(!report.is_tail_lost && !report.is_restored && !report.is_identity_lost, "{report:?}");
    let found = owner.content(history).unwrap();
    assert!(
        history.settle_at(&found, promised).is_some(),
        "found {found:#?}\nwhich is no moment from the promised one on; the last was {:#?}",
        history.last()
    );
    owner.store.close().unwrap();
}

/// Returns how many places there were to crash at.
fn crash_everywhere(seed: u64, crash: Crash) -> u64 {
    let mut rng = fastrand::Rng::with_seed(seed);
    let options = options(&mut rng);
    let mut dies_at = 1;
    loop {
        let (data, other) = (SimDisk::new(dies_at), SimDisk::new(dies_at));
        // The identity on the same disk dies with it; on another one it is ahead of the data.
        let disks = (&data, if seed.is_multiple_of(2) { &data } else { &other });
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut history = History::new();
        let first = End { dies_at: Some(dies_at), crash };
        let promised = live_and_die(disks, &options, &mut history, &mut rng, &first);
        let is_over = data.change_count() < dies_at;
        let mut rng = fastrand::Rng::with_seed(seed ^ dies_at);
        let second = End { dies_at: Some(rng.u64(1..60)), crash };
        recovered(disks, &options, &mut history, promised);
        let promised = live_and_die(disks, &options, &mut history, &mut rng, &second);
        recovered(disks, &options, &mut history, promised);
        if is_over {
            break;
        }
        dies_at += 1;
    }
    dies_at
}

#[test]
fn a_crash_at_any_change_of_the_disk_keeps_what_was_promised() {
    let mut places = 0;
    for seed in 0..seeds(40) {
        let _told = Told(seed);
        for crash in CRASHES {
            places += crash_everywhere(seed, crash);
        }
    }
    assert!(places > 30 * 3 * seeds(40), "the lives change the disk often enough to be worth it");
}
