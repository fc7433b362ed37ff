//! The scenarios, in the order of the table.

mod clients;
mod crashes;
mod cuts;
mod disks;
mod mixed;

use crate::scenario::Scenario;

/// Every scenario.
pub(crate) const ALL: &[&Scenario] = &[
    &crashes::CALM,
    &crashes::KILL_ONE,
    &crashes::KILL_TWO,
    &crashes::KILL_ALL,
    &crashes::KILL_OFTEN,
    &crashes::ROLLING,
    &crashes::PAUSE,
    &cuts::CUT_ONE,
    &cuts::CUT_FLAPPING,
    &cuts::CUT_DATACENTERS,
    &disks::WIPE,
    &disks::RESTORE,
    &disks::DAMAGE,
    &disks::DOUBLE,
    &disks::FOREIGN,
    &clients::HOSTILE,
    &mixed::MIXED,
];
