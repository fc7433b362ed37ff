//! Known-wrong variants of what a driver owes its node, beside the node's own, each behind a
//! switch that only test suites can set: the checkers must catch each of them.
//!
//! Without the feature `mutation` nothing is ever wrong.

use crate::setup::Setup;

/// One wrong rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "mutation"), expect(unreachable_pub, reason = "set by test suites only"))]
pub enum Mutation {
    /// A rule of the node.
    #[cfg(feature = "mutation")]
    Node(node::Mutation),
    /// Messages and answers leave before the disk has what the turn wrote.
    FlushLate,
    /// A store that may have lost what was minted is served in the old incarnation.
    IncarnationKept,
    /// A checkpoint is made of the rows, with the clocks of an earlier one.
    CheckpointWithoutClocks,
    /// The log is not replayed.
    ReplaySkipped,
}

#[cfg(feature = "mutation")]
impl Mutation {
    /// Every wrong rule of a driver.
    pub const OF_DRIVERS: [Self; 4] = [
        Self::FlushLate,
        Self::IncarnationKept,
        Self::CheckpointWithoutClocks,
        Self::ReplaySkipped,
    ];

    /// The rule of the node that is wrong, if it is one of the node.
    pub(crate) const fn of_node(self) -> Option<node::Mutation> {
        match self {
            Self::Node(mutation) => Some(mutation),
            _ => None,
        }
    }
}

impl Setup {
    /// Says whether a rule is broken in this world.
    #[cfg(feature = "mutation")]
    pub(crate) fn is_broken(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    /// Says whether a rule is broken in this world.
    #[cfg(not(feature = "mutation"))]
    #[expect(clippy::unused_self, reason = "the same calls as with the feature")]
    pub(crate) const fn is_broken(&self, _: Mutation) -> bool {
        false
    }
}
