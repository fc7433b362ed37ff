//! The trace of a run: a hash over every event, and on demand one line for each.
//!
//! Equal seeds must give equal hashes; lines are made only when somebody reads them.

use std::fmt;

use causality::Millis;

/// Takes the lines.
pub(crate) type Lines<'a> = Box<dyn FnMut(&str) + 'a>;

pub(crate) struct Trace<'a> {
    start: Millis,
    hash: u64,
    lines: Option<Lines<'a>>,
}

impl<'a> Trace<'a> {
    pub(crate) const fn new(start: Millis, lines: Option<Lines<'a>>) -> Self {
        Self { start, hash: 0, lines }
    }

    /// Notes numbers that tell this run from others.
    pub(crate) fn sum(&mut self, numbers: &[u64]) {
        for number in numbers {
            let mixed = (self.hash ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.hash = mixed ^ mixed >> 29;
        }
    }

    /// Tells one event, if anybody listens.
    pub(crate) fn tell(&mut self, now: Millis, who: &str, what: impl FnOnce() -> String) {
        let since = now.0 - self.start.0;
        if let Some(lines) = &mut self.lines {
            lines(&format!("{:>4}.{:03}  {who:<6} {}", since / 1000, since % 1000, what()));
        }
    }

    pub(crate) const fn is_told(&self) -> bool {
        self.lines.is_some()
    }

    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }
}

impl fmt::Debug for Trace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("hash", &self.hash).finish_non_exhaustive()
    }
}
