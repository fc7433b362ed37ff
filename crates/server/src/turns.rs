//! The node's turns: everything that arrived goes in, the disk gets its due, everything goes out.
//!
//! ```text
//! wait -> take a batch -> handle each -> end the store's turn -> write to peers -> to clients
//! ```
//!
//! Invariant: nothing leaves the node before the store has what the turn wrote; when the store
//! fails, nothing of that turn is promised to anyone and the node stops.

use std::cell::RefCell;
use std::future::ready;
use std::rc::Rc;

use causality::Millis;
use node::{Event, Node, Outbox};
use redis::Liveness;
use tokio::time::sleep;

use crate::clients::Clients;
use crate::clock;
use crate::inbox::Inbox;
use crate::log::Log;
use crate::peers::Peers;
use crate::serve::ServeError;
use crate::store::{self, Body, Upkeep};
use crate::view;

/// Events of one turn: enough to share a flush and a write, few enough to answer soon.
const EVENTS_COUNT_MAX: usize = 4096;

/// A node and the world around it.
#[derive(Debug)]
pub(crate) struct Turns {
    pub(crate) node: Rc<RefCell<Node<Body>>>,
    pub(crate) inbox: Rc<Inbox>,
    pub(crate) clients: Rc<Clients>,
    pub(crate) peers: Rc<Peers>,
    upkeep: RefCell<Upkeep>,
}

impl Turns {
    pub(crate) fn new(
        node: Rc<RefCell<Node<Body>>>,
        inbox: Rc<Inbox>,
        clients: Rc<Clients>,
        peers: Rc<Peers>,
        log: Log,
    ) -> Self {
        Self { node, inbox, clients, peers, upkeep: RefCell::new(Upkeep::new(log)) }
    }

    /// Runs turn after turn; ends only when the store fails.
    pub(crate) async fn run(&self) -> ServeError {
        loop {
            let deadline = self.node.borrow().next_deadline();
            tokio::select! {
                () = self.inbox.arrived() => {}
                () = ready(()), if self.upkeep.borrow().is_more() => {}
                () = sleep(clock::until(deadline.unwrap_or_default())), if deadline.is_some() => {}
            }
            if let Err(error) = self.turn(deadline) {
                return error;
            }
            // The sockets get their turn too, however much has arrived.
            tokio::task::yield_now().await;
        }
    }

    fn turn(&self, deadline: Option<Millis>) -> Result<(), ServeError> {
        let now = clock::now();
        let mut out = Outbox::default();
        let mut node = self.node.borrow_mut();
        for event in self.inbox.take(EVENTS_COUNT_MAX) {
            self.follow_links(&event);
            node.handle(now, event, &mut out);
        }
        if deadline.is_some_and(|deadline| deadline <= now) {
            node.handle(now, Event::Woken, &mut out);
        }
        if out.is_checkpoint_due {
            checkpoint(&mut node)?;
        }
        store::end_turn(node.store_mut(), now)?;
        self.keep_up(&mut node);
        // Whoever is written to may look at the node.
        drop(node);
        self.peers.send(out.sends);
        self.clients.answer(out.replies);
        Ok(())
    }

    /// Does a little of what the store needs done in the background.
    fn keep_up(&self, node: &mut Node<Body>) {
        let mut upkeep = self.upkeep.borrow_mut();
        if upkeep.is_checkpoint_due(node.store_mut()) {
            match node.save_states() {
                Ok(()) => node.store_mut().begin_checkpoint(),
                Err(error) => upkeep.failed(&error),
            }
        }
        upkeep.work(node.store_mut());
    }

    /// Lets clients know who can be reached.
    fn follow_links(&self, event: &Event) {
        let (peer, liveness) = match event {
            Event::LinkUp(peer) => (*peer, Liveness::Up),
            Event::LinkDown(peer) => (*peer, Liveness::Down),
            Event::Called { .. } | Event::Received { .. } | Event::Woken => return,
        };
        self.clients.set_view(view::with_liveness(&self.clients.view(), peer, liveness));
    }
}

/// Makes rows and clocks durable together, at once.
fn checkpoint(node: &mut Node<Body>) -> Result<(), ServeError> {
    node.save_states()?;
    Ok(node.store_mut().checkpoint()?)
}
