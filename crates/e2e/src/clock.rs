//! Time, as it passes.

use std::time::{Duration, Instant};

/// How often conditions are looked at.
const INTERVAL: Duration = Duration::from_millis(20);

#[expect(clippy::disallowed_methods, reason = "real processes take real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "real processes take real time")]
pub(crate) fn sleep(span: Duration) {
    std::thread::sleep(span);
}

pub(crate) fn seconds(span: u64) -> Duration {
    Duration::from_secs(span)
}

/// Waits until `probe` gives something; an error names what was waited for in vain.
pub(crate) fn until<T>(
    what: &str,
    patience: Duration,
    mut probe: impl FnMut() -> Option<T>,
) -> anyhow::Result<T> {
    let start = now();
    loop {
        if let Some(found) = probe() {
            return Ok(found);
        }
        anyhow::ensure!(start.elapsed() < patience, "waited {patience:?} in vain: {what}");
        sleep(INTERVAL);
    }
}
