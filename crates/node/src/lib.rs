//! One node: coordination, levels, replication, exchange; a deterministic machine.
//!
//! Events go in, messages and replies come out through the [`Outbox`]; [`Node::next_deadline`]
//! says when it wants to be woken. There is no clock, socket, file, thread or hidden randomness
//! inside: the same machine runs in the server and in the simulator.
//!
//! The driver's duty: what a turn wrote to the store must be handed to the disk (as the flush
//! policy says) before the messages and replies of that turn leave the node.

mod calls;
mod config;
mod event;
mod exchange;
mod execute;
mod forwarding;
mod levels;
mod node;
mod peers;
mod status;
mod takeover;
mod topology;

pub use config::{Config, MemberConfig};
pub use event::{Event, Outbox, RequestId};
pub use node::{Node, OpenError};
pub use status::{Delivered, PeerStatus, Status};
