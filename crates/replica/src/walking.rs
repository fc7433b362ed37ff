//! Finding where two replicas differ: the hash trees are walked, not the rows.

use std::num::NonZeroUsize;

use merkle::{Ask, Tell, Walk, answer};
use storage::Store;
use wire::shard::StateSession;

use crate::error::ReplicaError;
use crate::replica::Replica;

/// The most tree nodes one ask names: answers stay within 16 KiB.
const NODES_MAX: NonZeroUsize = NonZeroUsize::new(128).expect("not zero");

impl Replica {
    /// Fits the tree to the number of elements: called now and then, it scans the rows only when
    /// they have grown sixteenfold.
    ///
    /// # Errors
    /// The store failed; the tree is as it was.
    pub fn fit_tree<S: Store>(&mut self, store: &mut S) -> Result<(), ReplicaError> {
        match self.tree.wants_depth() {
            Some(depth) if depth < self.tree.depth() => self.tree.shrink_to(depth),
            Some(_) => self.rebuild_tree(store)?,
            None => {}
        }
        Ok(())
    }

    /// Starts a walk against another replica's tree or image.
    #[must_use]
    pub fn start_walk(&self) -> Walk {
        Walk::new(NODES_MAX)
    }

    /// Returns the next ask of a walk, or nothing when it has ended.
    #[must_use]
    pub fn walk_ask(&self, walk: &Walk) -> Option<Ask> {
        walk.ask(&self.tree)
    }

    /// Takes the answer to the last ask.
    ///
    /// # Errors
    /// The answer does not fit the ask; the walk has not moved.
    pub fn walk_take(&mut self, walk: &mut Walk, tell: &Tell) -> Result<(), ReplicaError> {
        walk.take(&mut self.tree, tell).map_err(|_| ReplicaError::Unexpected("answer to a walk"))
    }

    /// Answers a walk over this replica as it is.
    ///
    /// # Errors
    /// The ask is not one that a walk makes.
    pub fn walk_answer(&mut self, ask: &Ask) -> Result<Tell, ReplicaError> {
        let told = answer(&mut self.tree, ask, NODES_MAX);
        told.map_err(|_| ReplicaError::Unexpected("ask of a walk"))
    }

    /// Answers a walk over an image.
    ///
    /// # Errors
    /// The image is gone, or the ask is not one that a walk makes.
    pub fn image_answer(&mut self, session: StateSession, ask: &Ask) -> Result<Tell, ReplicaError> {
        let image = self.images.get_mut(session).ok_or(ReplicaError::ImageGone)?;
        let told = answer(&mut image.tree, ask, NODES_MAX);
        told.map_err(|_| ReplicaError::Unexpected("ask of a walk"))
    }
}
