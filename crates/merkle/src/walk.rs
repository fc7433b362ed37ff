//! Finding where two trees differ: the side that keeps the state, one ask at a time.
//!
//! Invariants: the frontier is in key-hash order, its deepest nodes first, so that differing
//! ranges come out in order and the frontier never holds more than 16 nodes per level for each
//! node of a full ask; every accepted answer makes progress, so a walk ends whatever the other
//! side says. Both trees may change between rounds: a range that changed may then be named though
//! it is equal by now, or be missed though it differs, and the next walk will see it.
//!
//! Leaves to others: sending, repeating lost asks (`ask` gives the same one until an answer is
//! taken), and what to do about the ranges found.
//!
//! ```text
//!   ask    Open(root, count)   ->   Same, the end
//!                              ->   Children of the root
//!   ask    Nodes(differing)    ->   Children of each, and so on down to the finest shared level
//!                              ->   Shallow: the tree has shrunk; its leaves are fine enough
//! ```

use std::num::NonZeroUsize;

use thiserror::Error;

use crate::digest::Fingerprint;
use crate::message::{Ask, ChildSums, Tell};
use crate::node::{Depth, HashRange, NodeRef};
use crate::tree::Tree;

/// A walk over two trees, of which one is here and the other answers; a plain value that can be
/// kept, cloned and taken up again at any time.
#[derive(Clone, Debug)]
pub struct Walk {
    nodes_max: NonZeroUsize,
    stage: Stage,
    /// The finest level that both trees are known to have.
    depth: Depth,
    /// Nodes that differ and whose children are to be compared, last one first.
    frontier: Vec<NodeRef>,
    ranges: Vec<HashRange>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Opening,
    Descending,
    Same,
}

/// An answer that does not fit its ask; the walk was left as it was and can ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TellError {
    /// The walk has ended.
    #[error("an answer to a walk that has ended")]
    Unasked,
    /// The answer is of a kind that this ask does not get.
    #[error("an answer of a kind that the ask does not get")]
    Unfitting,
    /// The answer is about more or fewer nodes than the ask.
    #[error("children of {told} nodes told, of {asked} asked")]
    Incomplete {
        /// How many nodes the ask named.
        asked: usize,
        /// How many nodes the answer is about.
        told: usize,
    },
    /// The answer claims a depth that contradicts what it tells or does not tell.
    #[error("an answer that contradicts its depth of {}", .0.get())]
    Contradictory(Depth),
}

impl Walk {
    /// Starts a walk whose asks name at most `nodes_max` nodes.
    #[must_use]
    pub fn new(nodes_max: NonZeroUsize) -> Self {
        Self {
            nodes_max,
            stage: Stage::Opening,
            depth: Depth::MAX,
            frontier: vec![NodeRef::ROOT],
            ranges: Vec::new(),
        }
    }

    /// Takes the answer to the current ask.
    ///
    /// # Errors
    /// The answer does not fit the ask.
    pub fn take(&mut self, tree: &mut Tree, tell: &Tell) -> Result<(), TellError> {
        let deepest = self.frontier.last().ok_or(TellError::Unasked)?.level();
        match (self.stage, tell) {
            (Stage::Opening, Tell::Same) => {
                self.stage = Stage::Same;
                self.frontier.clear();
                Ok(())
            }
            (_, Tell::Children { depth, sums }) if deepest < depth.get() => {
                self.take_children(tree, *depth, sums)
            }
            (Stage::Descending, Tell::Shallow { depth }) if depth.get() <= deepest => {
                self.narrow(*depth);
                Ok(())
            }
            (_, Tell::Children { depth, .. }) | (Stage::Descending, Tell::Shallow { depth }) => {
                Err(TellError::Contradictory(*depth))
            }
            _ => Err(TellError::Unfitting),
        }
    }

    /// Takes out the differing ranges found so far, ascending and merged where they touch.
    ///
    /// A caller that takes them after every answer keeps the walk's memory bounded however much
    /// differs.
    pub fn take_ranges(&mut self) -> Vec<HashRange> {
        std::mem::take(&mut self.ranges)
    }

    /// Returns the ask whose answer the walk needs next, or nothing when it has ended.
    #[must_use]
    pub fn ask(&self, tree: &Tree) -> Option<Ask> {
        match self.stage {
            Stage::Opening => Some(Ask::Open { root: tree.root(), count: tree.count() }),
            Stage::Descending if !self.frontier.is_empty() => {
                Some(Ask::Nodes(self.frontier.iter().rev().take(self.asked()).copied().collect()))
            }
            Stage::Descending | Stage::Same => None,
        }
    }

    /// Says whether the walk has ended.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.frontier.is_empty()
    }

    /// Says whether the walk has ended because the other side's root and count are equal.
    ///
    /// A walk that ends otherwise and finds no range met trees that became equal on the way, a
    /// tree with a wrong count, or two sums with one fingerprint: another walk tells.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.stage == Stage::Same
    }

    /// Counts the nodes that are known to differ and still to be asked about.
    #[must_use]
    pub const fn pending_count(&self) -> usize {
        self.frontier.len()
    }

    fn take_children(
        &mut self,
        tree: &mut Tree,
        depth: Depth,
        sums: &[ChildSums],
    ) -> Result<(), TellError> {
        let asked = self.asked();
        if sums.len() != asked {
            return Err(TellError::Incomplete { asked, told: sums.len() });
        }
        tree.settle();
        self.stage = Stage::Descending;
        self.depth = self.depth.min(depth).min(tree.depth());
        let batch = self.frontier.split_off(self.frontier.len() - asked);
        let mut deeper = Vec::new();
        for (node, sums) in batch.into_iter().rev().zip(sums) {
            self.compare(tree, node, sums, &mut deeper);
        }
        self.frontier.extend(deeper.into_iter().rev());
        Ok(())
    }

    /// Compares a node's children; those that differ are found, or go on to be asked about.
    fn compare(
        &mut self,
        tree: &Tree,
        node: NodeRef,
        sums: &[Fingerprint],
        deeper: &mut Vec<NodeRef>,
    ) {
        if node.level() >= self.depth.get() {
            // Our own tree shrank since the ask: the node is fine enough by now.
            return self.found(node);
        }
        for (child, theirs) in node.children().zip(sums) {
            if tree.sum(child).fingerprint() == *theirs {
                continue;
            }
            if child.level() == self.depth.get() {
                self.found(child);
            } else {
                deeper.push(child);
            }
        }
    }

    /// Takes note that the other tree ends at this depth: nodes there or below are fine enough.
    fn narrow(&mut self, depth: Depth) {
        self.depth = self.depth.min(depth);
        while let Some(node) = self.frontier.pop_if(|node| node.level() >= depth.get()) {
            self.found(node);
        }
    }

    fn found(&mut self, node: NodeRef) {
        let range = node.range();
        match self.ranges.last_mut() {
            Some(last) if last.last.checked_add(1) == Some(range.first) => last.last = range.last,
            _ => self.ranges.push(range),
        }
    }

    /// Counts the nodes of the current ask.
    fn asked(&self) -> usize {
        self.frontier.len().min(self.nodes_max.get())
    }
}
