//! What a person should know: a line of the log each.

use std::fmt;

use causality::NodeId;

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
                "the rows of shard {shard} are not to be trusted: it is not used any more"
            ),
        }
    }
}
