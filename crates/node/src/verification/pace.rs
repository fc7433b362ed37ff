//! The budget of verification: so many questions and bytes each second, fewer while clients wait.
//!
//! Invariants: over any span, no more is spent than the rates allow for it, one second's worth and
//! the last answer, whose size nobody knew before; however many clients wait, a sixteenth of the
//! rates is left, so that every shard has its turn.

use causality::Millis;

use super::VerificationConfig;

/// Clients that wait before the budget is halved.
const CALLS_PER_STEP: usize = 32;

/// The budget is never divided by more.
const SLOWDOWN_MAX: u64 = 16;

/// Credits are counted in thousandths, so that rates need no fractions of a millisecond.
const MILLI: i64 = 1_000;

/// What may be spent.
#[derive(Debug, Default)]
pub(super) struct Pace {
    bytes: i64,
    requests: i64,
    /// Up to when credit was given; nothing before the first time.
    at: Option<Millis>,
    slowdown: u64,
}

impl Pace {
    /// Gives the credit of the time that has passed; `waiting` clients slow it down.
    pub(super) fn refill(&mut self, now: Millis, config: &VerificationConfig, waiting: usize) {
        let passed_ms = self.at.map_or(1_000, |at| now.0.saturating_sub(at.0)).min(1_000);
        self.at = Some(now);
        self.slowdown = (1 + waiting / CALLS_PER_STEP) as u64;
        self.slowdown = self.slowdown.min(SLOWDOWN_MAX);
        let give = |credit: &mut i64, rate: u64| {
            let rate = rate_of(rate);
            let given = rate / self.slowdown.cast_signed() * passed_ms.cast_signed();
            *credit = (*credit).saturating_add(given).min(rate * MILLI);
        };
        give(&mut self.bytes, config.bytes_per_second);
        give(&mut self.requests, config.requests_per_second);
    }

    /// Whether a question may be asked now.
    pub(super) const fn may_ask(&self) -> bool {
        self.bytes > 0 && self.requests >= MILLI
    }

    pub(super) const fn spend_request(&mut self) {
        self.requests -= MILLI;
    }

    /// Counts what was sent or has come. It may exceed what is there: then there is a pause.
    pub(super) fn spend_bytes(&mut self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX / MILLI);
        self.bytes = self.bytes.saturating_sub(bytes.saturating_mul(MILLI));
    }

    /// When a question may be asked, if nothing else is spent.
    pub(super) fn ready_at(&self, now: Millis, config: &VerificationConfig) -> Millis {
        let slowdown = self.slowdown.max(1).cast_signed();
        let wait = |lacking: i64, rate: u64| {
            let per_ms = (rate_of(rate) / slowdown).max(1);
            if lacking > 0 { lacking / per_ms + 1 } else { 0 }
        };
        let wait_ms = wait(1 - self.bytes, config.bytes_per_second)
            .max(wait(MILLI - self.requests, config.requests_per_second));
        now.plus(wait_ms.max(1).cast_unsigned())
    }
}

/// A rate in thousandths per millisecond; at least what the slowest budget divides.
fn rate_of(per_second: u64) -> i64 {
    let slowest = SLOWDOWN_MAX;
    i64::try_from(per_second.max(slowest)).unwrap_or(i64::MAX / (2 * MILLI)).min(i64::MAX / 2_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: VerificationConfig =
        VerificationConfig { period_ms: 1, bytes_per_second: 10_000, requests_per_second: 40 };

    /// Asks as often as it may for ten seconds, an answer of so many bytes each time.
    fn asked(waiting: usize, answer_size: usize) -> usize {
        let (mut pace, mut asked) = (Pace::default(), 0);
        for now in 0..10_000 {
            pace.refill(Millis(now), &CONFIG, waiting);
            while pace.may_ask() {
                asked += 1;
                pace.spend_request();
                pace.spend_bytes(answer_size);
            }
        }
        asked
    }

    #[test]
    fn what_is_asked_stays_within_both_rates() {
        assert!((400..=440).contains(&asked(0, 10)), "{}", asked(0, 10));
        assert!((100..=111).contains(&asked(0, 1_000)), "{}", asked(0, 1_000));
        // One answer alone may cost more than a second.
        assert!((2..=3).contains(&asked(0, 50_000)), "{}", asked(0, 50_000));
    }

    #[test]
    fn waiting_clients_slow_it_down_and_never_stop_it() {
        assert!((200..=240).contains(&asked(32, 10)), "{}", asked(32, 10));
        let least = asked(1_000_000, 10);
        assert!((20..=61).contains(&least), "{least}");
    }

    #[test]
    fn the_moment_it_names_is_when_it_may_ask() {
        let mut pace = Pace::default();
        pace.refill(Millis(0), &CONFIG, 100);
        pace.spend_bytes(12_345);
        let ready = pace.ready_at(Millis(0), &CONFIG);
        let mut now = Millis(0);
        while !pace.may_ask() {
            now = now.plus(1);
            pace.refill(now, &CONFIG, 100);
        }
        assert!(now <= ready && ready <= now.plus(2), "{now:?} {ready:?}");
    }
}
