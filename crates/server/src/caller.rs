//! Calls that the driver makes for itself or for HTTP, each waiting for its own outcome.
//!
//! Invariant: every open call is in one table, from the moment it is in the inbox until its
//! outcome.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use api::{Call, Outcome};
use node::{Event, RequestId};
use tokio::sync::oneshot;

use crate::inbox::Inbox;

/// Requests of this side have this bit in their ids, those of Redis clients do not. The top bit is
/// the node's own.
const ID_BIT: u64 = 1 << 62;

/// The outcome of a call, and how it came about.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) request: RequestId,
    pub(crate) outcome: Outcome,
    /// Stand-ins for owners took part.
    pub(crate) is_sloppy: bool,
}

/// Who waits for which outcome.
pub(crate) struct Caller {
    inbox: Rc<Inbox>,
    asked: RefCell<BTreeMap<RequestId, oneshot::Sender<Answered>>>,
    last_id: Cell<u64>,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("open", &self.asked.borrow().len()).finish()
    }
}

impl Caller {
    pub(crate) fn new(inbox: Rc<Inbox>) -> Self {
        Self { inbox, asked: RefCell::default(), last_id: Cell::new(ID_BIT) }
    }

    /// A number that nobody else at this node uses, for a request or a session.
    pub(crate) fn new_id(&self) -> u64 {
        self.last_id.set(self.last_id.get() + 1);
        self.last_id.get()
    }

    /// Makes a call and waits for its outcome; nothing when the node is gone.
    pub(crate) async fn call(&self, call: Call) -> Option<Answered> {
        self.inbox.room().await;
        let request = RequestId(self.new_id());
        let (sender, outcome) = oneshot::channel();
        self.asked.borrow_mut().insert(request, sender);
        self.inbox.push(Event::Called { request, call });
        outcome.await.ok()
    }

    /// Keeps the outcomes of calls that were made here, and gives back those of others.
    pub(crate) fn take(&self, answered: Answered) -> Option<Answered> {
        if answered.request.0 & ID_BIT == 0 {
            return Some(answered);
        }
        if let Some(waiting) = self.asked.borrow_mut().remove(&answered.request) {
            // Whoever asked may have left.
            let _ = waiting.send(answered);
        }
        None
    }
}
