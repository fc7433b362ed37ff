//! Two trees in one room: asks and answers carried by hand, every byte counted.

use std::num::NonZeroUsize;

use merkle::{Ask, HashRange, Tell, Tree, Walk, answer};

/// The budgeted cost of any message's header.
const HEADER_BYTES: usize = 16;

/// What a walk cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bill {
    pub(crate) rounds: usize,
    pub(crate) asked_bytes: usize,
    pub(crate) told_bytes: usize,
    /// The most nodes the walk ever had waiting.
    pub(crate) pending_max: usize,
}

impl Bill {
    pub(crate) fn bytes(&self) -> usize {
        self.asked_bytes + self.told_bytes
    }
}

/// Walks two trees to the end.
pub(crate) fn converse(
    ours: &mut Tree,
    theirs: &mut Tree,
    nodes_max: usize,
) -> (Vec<HashRange>, Bill) {
    let mut walk = Walk::new(limit(nodes_max));
    let mut bill = Bill::default();
    while round(&mut walk, ours, theirs, &mut bill) {}
    assert_eq!(walk.pending_count(), 0);
    (walk.take_ranges(), bill)
}

/// Carries one ask and its answer; says whether there was one to carry.
pub(crate) fn round(walk: &mut Walk, ours: &mut Tree, theirs: &mut Tree, bill: &mut Bill) -> bool {
    let Some(ask) = walk.ask(ours) else {
        assert!(walk.is_done());
        return false;
    };
    assert!(!walk.is_done());
    let tell = answer(theirs, &ask, NonZeroUsize::MAX).unwrap();
    bill.rounds += 1;
    bill.asked_bytes += ask_bytes(&ask);
    bill.told_bytes += tell_bytes(&tell);
    walk.take(ours, &tell).unwrap();
    bill.pending_max = bill.pending_max.max(walk.pending_count());
    true
}

pub(crate) fn limit(nodes_max: usize) -> NonZeroUsize {
    NonZeroUsize::new(nodes_max).unwrap()
}

fn ask_bytes(ask: &Ask) -> usize {
    HEADER_BYTES
        + match ask {
            Ask::Open { .. } => 16 + 8,
            Ask::Nodes(nodes) => 4 * nodes.len(),
        }
}

fn tell_bytes(tell: &Tell) -> usize {
    HEADER_BYTES
        + match tell {
            Tell::Same => 0,
            Tell::Children { sums, .. } => 1 + 8 * 16 * sums.len(),
            Tell::Shallow { .. } => 1,
        }
}
