//! The machine's clock: the one place where wall time is read.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use causality::Millis;
use node::Micros;

/// Returns the wall time; a clock set before 1970 reads as 1970.
pub(crate) fn now() -> Millis {
    #[expect(clippy::disallowed_methods, reason = "the driver is where time comes from")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Returns a time that never jumps, and is that of the wall clock when the process started.
pub(crate) fn steady() -> Micros {
    #[expect(clippy::disallowed_methods, reason = "the driver is where time comes from")]
    static START: LazyLock<(Instant, Micros)> =
        LazyLock::new(|| (Instant::now(), Micros::from_millis(now())));
    let (start, wall) = *START;
    let since = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    Micros(wall.0.saturating_add(since))
}

/// Returns how long to wait until `deadline`; nothing when it has passed.
pub(crate) fn until(deadline: Millis) -> Duration {
    Duration::from_millis(deadline.0.saturating_sub(now().0))
}
