//! The boundary of the machine: what happens to it, and what it wants done.

use crate::ids::{Identity, NodeId};
use crate::liveness::Liveness;
use crate::message::{Key, Message};

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A deadline has passed.
    Woken,
    /// A message arrived; the driver has checked that its sender is who the link says.
    Received(Message),
    /// Membership, or the operator, names a peer.
    PeerAdded(NodeId),
    /// Membership has removed a peer: it is forgotten, and never met again.
    PeerRemoved(NodeId),
}

/// What must be done, or is worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this; losing it is no harm.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        message: Message,
    },
    /// A node was met for the first time, or in a new generation; an older generation's values
    /// are gone.
    Met(Identity),
    /// A node seems to be in another state than before.
    LivenessChanged {
        /// Which node.
        identity: Identity,
        /// Its state now.
        liveness: Liveness,
    },
    /// A key of another node has another value, or none.
    ValueChanged {
        /// Whose map.
        identity: Identity,
        /// Which key.
        key: Key,
    },
    /// Somebody knows this node in a way that it never was: another process runs under its id,
    /// or a claim cannot be refuted any more. Only a start with a higher generation helps.
    IdentityTaken {
        /// The identity seen.
        seen: Identity,
    },
    /// An event had no effect.
    Refused {
        /// The peer of the event.
        node: NodeId,
        /// Why.
        refusal: Refusal,
    },
}

/// Why an event had no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// As many peers are known as the settings allow.
    PeersFull,
    /// As many removed peers are remembered as the settings allow; the peer stays known.
    RemovedFull,
    /// The peer was removed before, and ids are never reused.
    Removed,
    /// A node is not its own peer.
    Myself,
}

/// Collects outputs; bounded by the settings for every event handled.
#[derive(Debug, Default)]
pub struct Outbox {
    outputs: Vec<Output>,
}

impl Outbox {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes all outputs, oldest first, and keeps the memory.
    pub fn drain(&mut self) -> impl Iterator<Item = Output> + '_ {
        self.outputs.drain(..)
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.outputs.push(output);
    }
}
