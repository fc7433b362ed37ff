//! What the connections of one node share: settings, who listens, who waits, what was counted.
//!
//! The driver makes one and hands it to every session. Nothing here is replicated, kept across a
//! restart, or needed for an answer to be right. What has to leave the node, or reach a connection
//! that did not ask, is an [`Errand`]: whoever drives takes them after every command.

mod channels;
mod cursors;
mod settings;
mod waiters;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use api::{Call, ListOperation, Operation, ZsetOperation};
use causality::{Millis, NodeId};

use crate::facts::Facts;
use crate::session::ClientId;
use channels::Channels;
pub use channels::{Kind, Push, Said};
pub(crate) use cursors::{Cursors, cursor_of};
pub(crate) use settings::{SetError, Settings};
pub use waiters::Awaited;
use waiters::Waiters;
use waiters::Wake;

/// Something to be done for clients other than the one that asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Send a client of this node something.
    Push(ClientId, Push),
    /// Tell every other node what was said on a channel.
    Tell(Said),
    /// Let a client that waits look again.
    Retry(ClientId),
    /// Let the client of another node that has waited longest for the key look again.
    RetryAt(NodeId, Awaited),
    /// Wake the next one: something was taken of the key, and there may be more.
    Feed(Awaited),
    /// End a client's waiting.
    Unblock(ClientId, Unblocking),
    /// End a connection, once its replies are sent.
    Close(ClientId),
}

/// How a client's waiting ends that did not get anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unblocking {
    /// As if its time were over.
    Timeout,
    /// With an error.
    Error,
}

/// Returns the keys to which a call may have given something that is waited for.
#[must_use]
pub fn fed_by(call: &Call) -> Vec<Awaited> {
    let feeds = |operation: &Operation| match operation {
        Operation::List(operation) => matches!(
            operation,
            ListOperation::Push { .. }
                | ListOperation::Insert { .. }
                | ListOperation::Replace { .. }
        ),
        Operation::Zset(operation) => matches!(
            operation,
            ZsetOperation::Add { .. }
                | ZsetOperation::Increment { .. }
                | ZsetOperation::Replace { .. }
        ),
        _ => false,
    };
    match &call.operation {
        Operation::Batch(batch) => {
            let fed = batch.parts.iter().filter(|part| feeds(&part.operation));
            fed.map(|part| (part.keyspace, part.key.clone())).collect()
        }
        operation if feeds(operation) => vec![(call.keyspace, call.key.clone())],
        _ => Vec::new(),
    }
}

/// The common room of a node's connections.
#[derive(Debug, Default)]
pub struct Lobby {
    pub(crate) settings: RefCell<Settings>,
    pub(crate) cursors: RefCell<Cursors>,
    pub(crate) channels: RefCell<Channels>,
    pub(crate) waiters: RefCell<Waiters>,
    pub(crate) clients: RefCell<BTreeMap<ClientId, Rc<Facts>>>,
    pub(crate) monitors: RefCell<BTreeSet<ClientId>>,
    pub(crate) commands_count: Cell<u64>,
    pub(crate) connections_count: Cell<u64>,
    errands: RefCell<Vec<Errand>>,
}

impl Lobby {
    /// Takes what is to be done for others.
    pub fn take_errands(&self) -> Vec<Errand> {
        if self.errands.borrow().is_empty() { Vec::new() } else { self.errands.take() }
    }

    pub(crate) fn add_errand(&self, errand: Errand) {
        self.errands.borrow_mut().push(errand);
    }

    /// Lets those who listen here hear what was said, and returns how many they are.
    pub fn hear(&self, said: &Said) -> usize {
        let heard = self.channels.borrow().hear(said);
        let count = heard.len();
        let pushes = heard.into_iter().map(|(client, push)| Errand::Push(client, push));
        self.errands.borrow_mut().extend(pushes);
        count
    }

    /// Notes that a client waits for keys.
    pub fn wait(&self, client: ClientId, keys: &[Awaited], since: Millis) {
        self.waiters.borrow_mut().wait(client, keys, since);
    }

    /// Notes that a client waits no more.
    pub fn stop_waiting(&self, client: ClientId) {
        self.waiters.borrow_mut().leave(client);
    }

    /// Returns which keys a client waits for, and since when.
    pub fn awaited_by(&self, client: ClientId) -> Vec<(Awaited, Millis)> {
        self.waiters.borrow().awaited_by(client)
    }

    /// Lets a client that waits look again.
    pub fn retry(&self, client: ClientId) {
        self.add_errand(Errand::Retry(client));
    }

    /// Says whether anybody, here or elsewhere, is known to wait.
    pub fn is_anything_awaited(&self) -> bool {
        !self.waiters.borrow().is_empty()
    }

    /// Notes that another node has somebody who waits for a key.
    pub fn hear_awaited(&self, node: NodeId, key: Awaited, since: Millis, now: Millis) {
        self.waiters.borrow_mut().hear(node, key, since, now);
    }

    /// Wakes whoever has waited longest for a key that may have something now.
    pub fn feed(&self, me: NodeId, key: &Awaited, now: Millis) {
        match self.waiters.borrow_mut().choose(me, key, now) {
            Some(Wake::Here(client)) => self.add_errand(Errand::Retry(client)),
            Some(Wake::At(node)) => self.add_errand(Errand::RetryAt(node, key.clone())),
            None => {}
        }
    }

    /// Forgets a client that has left.
    pub fn leave(&self, client: ClientId) {
        self.channels.borrow_mut().leave(client);
        self.waiters.borrow_mut().leave(client);
        self.clients.borrow_mut().remove(&client);
        self.monitors.borrow_mut().remove(&client);
    }

    /// Returns how many clients wait.
    pub(crate) fn blocked_count(&self) -> usize {
        self.waiters.borrow().count()
    }
}
