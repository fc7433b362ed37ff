//! The names and units of gossip: no bare number crosses a module boundary.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// One server process for its whole life in a cluster; assigned at join, never reused.
    NodeId(u32)
}

number! {
    /// One start of a node: every start takes a higher one and begins with an empty map.
    Generation(u64)
}

number! {
    /// The number of a write in one node's own map; each write takes the next one.
    Version(u64)
}

number! {
    /// How often a node has refuted a claim within one generation (SWIM, section 4.2).
    Incarnation(u64)
}

number! {
    /// How many rounds a node has run in one generation; it rises only while the node lives.
    Heartbeat(u64)
}

number! {
    /// A moment or a span, in milliseconds; moments count from any fixed origin the driver likes.
    Millis(u64)
}

number! {
    /// Names the cluster, so that two clusters whose addresses got mixed up stay two.
    ClusterHash(u64)
}

number! {
    /// Summarises every record a node holds: equal hashes mean there is nothing to exchange.
    StateHash(u64)
}

number! {
    /// Matches an answer to a probe; random, so that no answer outlives a restart.
    ProbeId(u64)
}

impl Version {
    /// The next version; the last of 2^64 is never reached by counting.
    pub(crate) fn next(self) -> Self {
        Self(self.0.checked_add(1).expect("a node cannot write 2^64 times in one generation"))
    }
}

impl Millis {
    /// The moment a span later; stays at the end of time rather than wrapping.
    #[must_use]
    pub const fn plus(self, span: Self) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The span since an earlier moment; zero when that moment is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

    /// The span repeated.
    #[must_use]
    pub const fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }
}

/// A node in one of its generations: the unit that writes a map and is alive or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The node.
    pub node: NodeId,
    /// Which start of the node.
    pub generation: Generation,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.node, self.generation)
    }
}
