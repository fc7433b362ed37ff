//! One thing after another.

use std::time::Duration;

use anyhow::Context as _;

use crate::clock;
use crate::cluster::Shape;
use crate::scenario::{Scenario, Stage};
use crate::scenarios::{clients, crashes, cuts, disks};

/// What may come next.
const EPISODES: &[&Scenario] = &[
    &crashes::KILL_ONE,
    &crashes::KILL_TWO,
    &crashes::KILL_ALL,
    &crashes::KILL_OFTEN,
    &crashes::ROLLING,
    &crashes::PAUSE,
    &cuts::CUT_ONE,
    &cuts::CUT_FLAPPING,
    &disks::WIPE,
    &disks::RESTORE,
    &disks::DAMAGE,
    &disks::DOUBLE,
    &disks::FOREIGN,
    &clients::HOSTILE,
    &CRASH_BEHIND_A_CUT,
    &CRASH_BESIDE_A_PAUSE,
];

/// How long each takes.
const SPAN: Duration = Duration::from_secs(4);

pub(crate) const MIXED: Scenario = Scenario {
    name: "mixed",
    what: "one of these after another, chosen at random",
    shape: Shape::THREE,
    during: mixed,
};

/// Two faults at once.
const CRASH_BEHIND_A_CUT: Scenario = Scenario {
    name: "crash-behind-a-cut",
    what: "a node that is cut off is killed, and comes back while another one is cut off",
    shape: Shape::THREE,
    during: |stage| {
        let first = stage.any_node();
        let [second, third] = [(first + 1) % 3, (first + 2) % 3];
        stage.cluster.cut(&[first], &[second, third])?;
        stage.wait(0.3);
        stage.cluster.kill(first)?;
        stage.wait(0.2);
        stage.cluster.heal()?;
        stage.cluster.cut(&[second], &[first, third])?;
        stage.cluster.start_one(first)?;
        stage.wait(0.3);
        stage.cluster.heal()?;
        stage.cluster.wait_for_links()
    },
};

const CRASH_BESIDE_A_PAUSE: Scenario = Scenario {
    name: "crash-beside-a-pause",
    what: "one node is killed while another one stands still",
    shape: Shape::THREE,
    during: |stage| {
        let still = stage.any_node();
        let killed = (still + 1) % 3;
        stage.cluster.pause(still)?;
        stage.wait(0.2);
        stage.cluster.kill(killed)?;
        stage.wait(0.2);
        stage.cluster.resume(still)?;
        stage.cluster.start_one(killed)?;
        stage.wait(0.3);
        stage.cluster.wait_for_links()
    },
};

/// Each begins when everyone has what the one before took from somebody: then no two of them
/// together take every copy.
fn mixed(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    let start = clock::now();
    while start.elapsed() < stage.span {
        let episode = EPISODES[stage.rng.usize(..EPISODES.len())];
        let done = (episode.during)(&mut stage.part(SPAN));
        let done = done.and_then(|()| stage.cluster.wait_until_caught_up());
        done.with_context(|| format!("{} after {:?}", episode.name, start.elapsed()))?;
    }
    Ok(())
}
