//! Housekeeping: what nobody needs any more goes, a little with each beat.

mod retiring;

use retiring::Retiring;

/// Where the rounds of housekeeping stand.
#[derive(Debug, Default)]
pub(crate) struct Housekeeping {
    retiring: Retiring,
}
