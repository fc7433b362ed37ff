//! A dot: the name of one operation, unique in the cluster and for ever.

use std::fmt;

use smallvec::SmallVec;

use crate::Actor;

/// The name of one operation: who minted it and where it stands in that actor's order.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dot {
    /// Who minted the operation.
    pub actor: Actor,
    /// Its place in the actor's order; the first is 1.
    pub counter: u64,
}

/// A few dots: nearly always none or one, so they live on the stack.
pub type Dots = SmallVec<[Dot; 2]>;

impl Dot {
    /// Names the operation `counter` of `actor`.
    #[must_use]
    pub const fn new(actor: Actor, counter: u64) -> Self {
        Self { actor, counter }
    }
}

impl fmt::Display for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.actor, self.counter)
    }
}

impl fmt::Debug for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
