//! The probe in flight, and the probes carried out for others.
//!
//! The table of relays is bounded: what does not fit is not relayed, and the origin counts that
//! as a relay which did not answer.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{Identity, NodeId, ProbeId};

/// The probe this node waits for.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) id: ProbeId,
    pub(crate) target: Identity,
    /// Who was asked to probe too, and has not said that the target is out of reach.
    pub(crate) relays_silent: BTreeSet<NodeId>,
}

impl Probe {
    pub(crate) const fn new(id: ProbeId, target: Identity) -> Self {
        Self { id, target, relays_silent: BTreeSet::new() }
    }

    /// Whether the failure may be this node's own: somebody who was asked did not answer either.
    pub(crate) fn is_doubtful(&self) -> bool {
        !self.relays_silent.is_empty()
    }
}

/// A probe for somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Relayed {
    pub(crate) origin: NodeId,
    pub(crate) origin_probe: ProbeId,
    pub(crate) target: NodeId,
}

#[derive(Debug)]
pub(crate) struct Relays {
    open: BTreeMap<ProbeId, Relayed>,
    open_max: usize,
}

impl Relays {
    pub(crate) const fn new(open_max: usize) -> Self {
        Self { open: BTreeMap::new(), open_max }
    }

    /// Opens a relay unless the table is full.
    pub(crate) fn open(&mut self, id: ProbeId, relayed: Relayed) -> bool {
        if self.open.len() >= self.open_max || self.open.contains_key(&id) {
            return false;
        }
        self.open.insert(id, relayed);
        true
    }

    pub(crate) fn close(&mut self, id: ProbeId) -> Option<Relayed> {
        self.open.remove(&id)
    }

    /// Closes a relay if it was this node that was probed.
    pub(crate) fn close_answered(&mut self, id: ProbeId, by: NodeId) -> Option<Relayed> {
        let is_target = self.open.get(&id).is_some_and(|relayed| relayed.target == by);
        if is_target { self.close(id) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::{Relayed, Relays};
    use crate::ids::{NodeId, ProbeId};

    #[test]
    fn relays_are_bounded_and_answered_by_their_target_only() {
        let relayed = Relayed { origin: NodeId(1), origin_probe: ProbeId(7), target: NodeId(2) };
        let mut relays = Relays::new(1);
        assert!(relays.open(ProbeId(1), relayed));
        assert!(!relays.open(ProbeId(2), relayed));
        assert_eq!(relays.close_answered(ProbeId(1), NodeId(3)), None);
        assert_eq!(relays.close_answered(ProbeId(1), NodeId(2)), Some(relayed));
        assert_eq!(relays.close(ProbeId(1)), None);
    }
}
