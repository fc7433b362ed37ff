//! What a replica knows beside its rows and its log.
//!
//! `applied` and `sealed` together are the clock K: a dot in it has had its whole effect here.
//! Entries of retired actors move from `applied` to `sealed`, so the clock that is compared and
//! sent stays as small as the set of actors that may still mint.

use std::collections::BTreeMap;

use causality::{Actor, Clock, Counters, Dot, HybridTime, Millis, Sealed};

use crate::clears::Clears;
use crate::sealing::Freezes;

/// The part that is written as one blob with the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DurableState {
    pub(crate) applied: Clock,
    pub(crate) sealed: Sealed,
    /// The log holds every applied dot above its actor's floor.
    pub(crate) floors: BTreeMap<Actor, u64>,
    /// Versions that expire up to here have been dropped. K and the horizon determine the rows.
    pub(crate) horizon: Millis,
    pub(crate) last_time: HybridTime,
    pub(crate) clears: Clears,
    pub(crate) freezes: Freezes,
    /// Live versions, and the sum of their digests: what a scrub must find again.
    pub(crate) element_count: u64,
    pub(crate) digest: u128,
    /// Versions were lost here and may not all be back: absence here proves nothing.
    pub(crate) has_losses: bool,
    /// The sum over the gone dots.
    pub(crate) gone_digest: u128,
}

impl DurableState {
    /// Says whether the dot's whole effect is here.
    #[inline]
    pub(crate) fn is_applied(&self, dot: Dot) -> bool {
        self.applied.contains(dot) || self.sealed.contains(dot)
    }

    /// Returns everything applied of one actor.
    pub(crate) fn counters(&self, actor: Actor) -> Counters {
        let held = self.applied.get(actor).or_else(|| self.sealed.get(actor));
        held.cloned().unwrap_or_default()
    }

    /// Returns the whole of K, sealed actors included.
    pub(crate) fn whole_clock(&self) -> Clock {
        let mut whole = self.applied.clone();
        self.sealed.add_to(&mut whole);
        whole
    }

    /// Says whether every dot of `clock` has been applied.
    pub(crate) fn covers(&self, clock: &Clock) -> bool {
        clock.iter().all(|(actor, counters)| {
            let held = self.applied.get(actor).or_else(|| self.sealed.get(actor));
            held.is_some_and(|held| held.covers(counters))
        })
    }

    pub(crate) fn floor(&self, actor: Actor) -> u64 {
        self.floors.get(&actor).copied().unwrap_or(0)
    }
}
