//! The machine's clock: the one place where wall time is read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use causality::Millis;

/// Returns the wall time; a clock set before 1970 reads as 1970.
pub(crate) fn now() -> Millis {
    #[expect(clippy::disallowed_methods, reason = "the driver is where time comes from")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Returns how long to wait until `deadline`; nothing when it has passed.
pub(crate) fn until(deadline: Millis) -> Duration {
    Duration::from_millis(deadline.0.saturating_sub(now().0))
}
