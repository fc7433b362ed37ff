//! How a peer seems to be: what gossip says of it, and whether there is a link to it.

/// How a node seems to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Liveness {
    /// Ask it.
    Up,
    /// Somebody got no answer from it. Ask it only when nobody else can be asked.
    Suspect,
    /// It cannot be asked, or would not answer.
    Down,
}

impl Liveness {
    /// A peer without a link cannot be asked, whatever is said of it; one with a link that gossip
    /// has not met yet has just come.
    pub(super) const fn of(is_reachable: bool, seems: gossip::Liveness) -> Self {
        match seems {
            _ if !is_reachable => Self::Down,
            gossip::Liveness::Alive | gossip::Liveness::Unknown => Self::Up,
            gossip::Liveness::Suspect => Self::Suspect,
            gossip::Liveness::Down => Self::Down,
        }
    }

    /// Returns the name for surfaces.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Suspect => "suspect",
            Self::Down => "down",
        }
    }
}
