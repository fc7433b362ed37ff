//! What a person should know: a line of the log each.

use std::fmt;

use causality::{Incarnation, NodeId};

/// Something that verification has found or done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Two owners know the same and hold different rows: one has lost some.
    Different {
        /// The shard.
        shard: u16,
        /// The other owner.
        peer: NodeId,
    },
    /// Versions that were lost here are back.
    Mended {
        /// The shard.
        shard: u16,
        /// Who gave them.
        peer: NodeId,
        /// How many.
        count: u64,
    },
    /// Two owners still differ after everything that could be given back was.
    Unmended {
        /// The shard.
        shard: u16,
        /// The other owner.
        peer: NodeId,
    },
    /// The rows of a shard do not add up to what was written.
    Damaged {
        /// The shard.
        shard: u16,
        /// Whether what is left is used, and mended from others.
        is_usable: bool,
    },
    /// A shard whose rows were not to be trusted was emptied: another owner has everything, and it
    /// is fetched from there.
    Emptied {
        /// The shard.
        shard: u16,
    },
    /// A damaged shard is about to be emptied, so the node begins a new life: what it minted there
    /// must not be minted anew.
    Renewed {
        /// The shard.
        shard: u16,
    },
    /// A peer has operations of this node's own that are not here: the node is a past of itself.
    /// It begins a new life.
    BehindItself {
        /// The shard.
        shard: u16,
        /// Who has them.
        peer: NodeId,
        /// How many they are, at most.
        unknown: u64,
    },
    /// By a peer, the life that this node lived is over long ago. It begins a new one.
    Outlived {
        /// The shard.
        shard: u16,
        /// Whose word it is.
        peer: NodeId,
    },
    /// The members know of a later life of this node than it does. It begins a new one.
    Forgotten {
        /// The later life.
        told: Incarnation,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Different { shard, peer } => write!(
                f,
                "shard {shard} differs from node {} although both know the same: rows were lost",
                peer.0
            ),
            Self::Mended { shard, peer, count } => {
                write!(f, "{count} lost versions of shard {shard} are back from node {}", peer.0)
            }
            Self::Unmended { shard, peer } => {
                write!(f, "shard {shard} still differs from node {} after its repair", peer.0)
            }
            Self::Damaged { shard, is_usable: true } => write!(
                f,
                "rows of shard {shard} are missing on disk: they will be given back by others"
            ),
            Self::Damaged { shard, is_usable: false } => write!(
                f,
                "the rows of shard {shard} are not to be trusted: it is not used, and is fetched \
                 again from an owner that has all of it"
            ),
            Self::Renewed { shard } => write!(
                f,
                "a new incarnation begins, because what this node wrote to shard {shard} is \
                 fetched from others"
            ),
            Self::Emptied { shard } => {
                write!(f, "shard {shard} was emptied and is fetched again from the other owners")
            }
            Self::BehindItself { shard, peer, unknown } => write!(
                f,
                "node {} has up to {unknown} writes of this node to shard {shard} that are not \
                 here: its data is an old copy, or has lost its end. A new incarnation begins, \
                 and every shard is fetched before it is read here",
                peer.0
            ),
            Self::Outlived { shard, peer } => write!(
                f,
                "node {} has retired this node's incarnation in shard {shard}: the data here is \
                 an old copy. A new incarnation begins, and every shard is fetched before it is \
                 read here",
                peer.0
            ),
            Self::Forgotten { told } => write!(
                f,
                "the members know incarnation {} of this node, which it does not: the data here \
                 is an old copy. A new incarnation begins, and every shard is fetched before it \
                 is read here",
                told.0
            ),
        }
    }
}
