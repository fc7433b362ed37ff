//! Time, as it passes.

use std::time::{Duration, Instant};

#[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "requests are due at moments")]
pub(crate) fn sleep_until(moment: Instant) {
    std::thread::sleep(moment.saturating_duration_since(now()));
}

/// Nanoseconds, as far as sixty-four bits go.
pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
