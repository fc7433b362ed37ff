//! Housekeeping: what nobody needs any more goes, a little with each beat.

mod leftovers;
mod retiring;

pub use leftovers::LeftoverCounts;
use leftovers::Walk;
use retiring::Retiring;

/// Where the rounds of housekeeping stand.
#[derive(Debug, Default)]
pub(crate) struct Housekeeping {
    retiring: Retiring,
    pub(crate) walk: Walk,
}
