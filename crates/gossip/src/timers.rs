//! Every deadline of the machine in one ordered table, one per purpose.
//!
//! Invariant: `by_time` and `by_timer` hold the same pairs. Ties are served in the order of
//! [`Timer`], so that a run is repeatable.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{Millis, NodeId, ProbeId};

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The next gossip round.
    Round,
    /// The end of one probe and the start of the next.
    Probe,
    /// The direct probe went unanswered so far: ask others.
    ProbeRelays,
    /// A probe for somebody else went unanswered.
    Relay(ProbeId),
    /// A suspect did not refute.
    Suspicion(NodeId),
    /// Own deletions have been kept long enough.
    Collect,
}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    by_time: BTreeSet<(Millis, Timer)>,
    by_timer: BTreeMap<Timer, Millis>,
}

impl Timers {
    /// Sets a deadline in place of the one before.
    pub(crate) fn set(&mut self, timer: Timer, at: Millis) {
        self.clear(timer);
        self.by_time.insert((at, timer));
        self.by_timer.insert(timer, at);
    }

    pub(crate) fn clear(&mut self, timer: Timer) {
        if let Some(at) = self.by_timer.remove(&timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    /// Takes the earliest deadline that has come.
    pub(crate) fn pop_due(&mut self, now: Millis) -> Option<Timer> {
        let &(at, timer) = self.by_time.first()?;
        if at > now {
            return None;
        }
        self.clear(timer);
        Some(timer)
    }

    /// Moves every deadline later, as if the span had not passed.
    pub(crate) fn delay_all(&mut self, span: Millis) {
        for at in self.by_timer.values_mut() {
            *at = at.plus(span);
        }
        self.by_time = self.by_timer.iter().map(|(timer, at)| (*at, *timer)).collect();
    }

    pub(crate) fn next(&self) -> Option<Millis> {
        self.by_time.first().map(|(at, _)| *at)
    }

    pub(crate) fn count(&self) -> usize {
        self.by_timer.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{Timer, Timers};
    use crate::ids::{Millis, NodeId};

    #[test]
    fn deadlines_come_in_order_and_can_be_moved() {
        let mut timers = Timers::default();
        timers.set(Timer::Round, Millis(10));
        timers.set(Timer::Suspicion(NodeId(2)), Millis(5));
        timers.set(Timer::Probe, Millis(5));
        timers.set(Timer::Suspicion(NodeId(2)), Millis(20));
        assert_eq!(timers.pop_due(Millis(4)), None);
        assert_eq!(timers.pop_due(Millis(30)), Some(Timer::Probe));
        timers.delay_all(Millis(100));
        assert_eq!(timers.next(), Some(Millis(110)));
        assert_eq!(timers.pop_due(Millis(115)), Some(Timer::Round));
        assert_eq!(timers.pop_due(Millis(115)), None);
        timers.clear(Timer::Suspicion(NodeId(2)));
        assert_eq!(timers.next(), None);
        assert_eq!(timers.count(), 0);
    }
}
