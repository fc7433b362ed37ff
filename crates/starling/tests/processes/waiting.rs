//! Waiting for something to become true, with a deadline instead of a hope.

use std::time::{Duration, Instant};

/// How often the condition is looked at.
const INTERVAL: Duration = Duration::from_millis(10);

/// Waits until `probe` gives something; panics with `what` when it has not in time.
#[track_caller]
pub(crate) fn until<T>(what: &str, patience: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    #[expect(clippy::disallowed_methods, reason = "real processes take real time")]
    let start = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(start.elapsed() < patience, "waited {patience:?} in vain: {what}");
        #[expect(clippy::disallowed_methods, reason = "real processes take real time")]
        std::thread::sleep(INTERVAL);
    }
}
