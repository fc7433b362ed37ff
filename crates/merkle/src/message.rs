//! What a walk says, and the stateless side that answers it.
//!
//! Invariants: an answer depends on the ask and the tree alone, so any ask can be repeated or
//! answered from another copy; nothing a peer sends makes this side panic, or hold more than
//! `nodes_max` times 16 fingerprints.
//!
//! Leaves to others: bytes, and matching an answer with its ask (the envelope's request id).

use std::num::NonZeroUsize;

use thiserror::Error;

use crate::digest::{Digest, Fingerprint};
use crate::node::{Depth, FANOUT, NodeRef};
use crate::tree::Tree;

/// The fingerprints of one node's children, in key-hash order.
pub type ChildSums = [Fingerprint; FANOUT];

/// What the walking side asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The first ask: is your tree the same as mine? If not, show me the root's children.
    Open {
        /// The sum of all elements, at full width: here equality means identity.
        root: Digest,
        /// The number of elements.
        count: u64,
    },
    /// Every later ask: show me the children of these.
    Nodes(Vec<NodeRef>),
}

/// What the other side answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tell {
    /// Root and count are equal: there is nothing to walk.
    Same,
    /// The children of every asked node, in the order of the ask.
    Children {
        /// The depth of the answering tree, which may have changed since the last answer.
        depth: Depth,
        /// One entry for each asked node; for the root alone when the ask opened the walk.
        sums: Vec<ChildSums>,
    },
    /// Some asked node has no children here: the answering tree is, or has become, too shallow.
    Shallow {
        /// The depth of the answering tree.
        depth: Depth,
    },
}

/// An ask that no walk makes; there is no answer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AskError {
    /// The ask names no node.
    #[error("the ask names no node")]
    Empty,
    /// The ask names more nodes than this side answers for.
    #[error("the ask names {asked} nodes, more than {max}")]
    TooMany {
        /// How many nodes were named.
        asked: usize,
        /// How many this side answers for.
        max: usize,
    },
}

/// Answers one ask from a tree, or from a clone of it kept as a snapshot.
///
/// # Errors
/// The ask names no node, or more than `nodes_max`.
pub fn answer(tree: &mut Tree, ask: &Ask, nodes_max: NonZeroUsize) -> Result<Tell, AskError> {
    match ask {
        Ask::Open { root, count } if (*root, *count) == (tree.root(), tree.count()) => {
            Ok(Tell::Same)
        }
        Ask::Open { .. } => Ok(answer_children(tree, &[NodeRef::ROOT])),
        Ask::Nodes(nodes) if nodes.is_empty() => Err(AskError::Empty),
        Ask::Nodes(nodes) if nodes.len() > nodes_max.get() => {
            Err(AskError::TooMany { asked: nodes.len(), max: nodes_max.get() })
        }
        Ask::Nodes(nodes) => Ok(answer_children(tree, nodes)),
    }
}

fn answer_children(tree: &mut Tree, nodes: &[NodeRef]) -> Tell {
    let depth = tree.depth();
    if nodes.iter().any(|node| node.level() >= depth.get()) {
        return Tell::Shallow { depth };
    }
    tree.settle();
    Tell::Children { depth, sums: nodes.iter().map(|node| child_sums(tree, *node)).collect() }
}

fn child_sums(tree: &Tree, node: NodeRef) -> ChildSums {
    let mut sums = [Fingerprint(0); FANOUT];
    for (sum, child) in sums.iter_mut().zip(node.children()) {
        *sum = tree.sum(child).fingerprint();
    }
    sums
}
