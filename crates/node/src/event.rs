//! What goes into a node and what comes out.

use api::{Call, Outcome};
use causality::{Incarnation, NodeId};
use wire::Message;

use crate::verification::Notice;

/// Names a client's request until it is answered; chosen by the driver, unique while open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A client asked.
    Called {
        /// How to answer.
        request: RequestId,
        /// What it asked.
        call: Call,
    },
    /// A peer said something.
    Received {
        /// Who.
        from: NodeId,
        /// What.
        message: Message,
    },
    /// A link to a peer is ready for messages.
    LinkUp(NodeId),
    /// The link to a peer is gone; what was on the way may be lost.
    LinkDown(NodeId),
    /// The deadline has come.
    Woken,
}

/// What the driver has to do after a turn.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Messages to peers; those to a peer without a link are dropped by the driver.
    pub sends: Vec<(NodeId, Message)>,
    /// Answers to clients.
    pub replies: Vec<(RequestId, Outcome)>,
    /// Those among the answers in which stand-ins for owners took part.
    pub sloppy: Vec<RequestId>,
    /// What a person should know.
    pub notices: Vec<Notice>,
    /// The node lives another life from now on: the driver must keep its incarnation durably
    /// before it does anything else about this turn, and start the node with it from then on.
    pub life: Option<Incarnation>,
    /// The store must make a checkpoint before the messages of this turn leave.
    pub is_checkpoint_due: bool,
}
