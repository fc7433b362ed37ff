//! Who mints dots: a node in one of its incarnations.
//!
//! A node takes a new incarnation on any doubt about what it minted before, so that no dot is ever
//! minted twice.

use std::fmt;

/// One server process for its whole life in a cluster; assigned at join, never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// How often a node had to start counting anew; grows for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u32);

/// A node in one incarnation: the unit that mints dots.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor(u64);

impl Actor {
    /// Names a node in an incarnation.
    #[must_use]
    pub const fn new(node: NodeId, incarnation: Incarnation) -> Self {
        Self((node.0 as u64) << 32 | incarnation.0 as u64)
    }

    /// Restores an actor from [`Actor::bits`].
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Returns the actor as 64 bits: the node above, the incarnation below.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Returns the node.
    #[must_use]
    pub const fn node(self) -> NodeId {
        NodeId((self.0 >> 32) as u32)
    }

    /// Returns the incarnation.
    #[must_use]
    pub const fn incarnation(self) -> Incarnation {
        #[expect(clippy::cast_possible_truncation, reason = "the low 32 bits are meant")]
        Incarnation(self.0 as u32)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}.{}", self.node().0, self.incarnation().0)
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_keep_node_and_incarnation_apart() {
        let actor = Actor::new(NodeId(u32::MAX), Incarnation(7));
        assert_eq!(actor.node(), NodeId(u32::MAX));
        assert_eq!(actor.incarnation(), Incarnation(7));
        assert_eq!(Actor::from_bits(actor.bits()), actor);
        assert!(actor < Actor::new(NodeId(u32::MAX), Incarnation(8)));
        assert_eq!(actor.to_string(), "n4294967295.7");
    }
}
