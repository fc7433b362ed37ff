//! The HTTP side of a node: connections in, calls into the inbox, responses out.
//!
//! Invariants: every open call is in one table, from the moment it is in the inbox until its
//! outcome; connections, the bytes of requests, and the time each step may take are bounded.

mod answers;
mod connection;
mod health;
pub(crate) mod history;
mod metrics;
mod watching;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use api::{Call, Outcome};
use http::Guard;
use node::{Event, RequestId};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::spawn_local;

use crate::config::Config;
use crate::inbox::Inbox;
use crate::log::Log;
use crate::neighbours::Neighbours;
use crate::status::Describer;
use crate::tls::Tls;
use history::History;

/// How many may be connected at once.
const CONNECTIONS_COUNT_MAX: usize = 1024;
/// The bytes of requests that are being read, of all connections together.
const INPUT_SIZE_MAX: usize = 256 * 1024 * 1024;
/// How long nothing is accepted after the system refused to.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Requests of this side have this bit in their ids, those of the other side do not.
const ID_BIT: u64 = 1 << 63;

/// Everything that speaks HTTP with one node.
pub(crate) struct Http {
    inbox: Rc<Inbox>,
    log: Log,
    describer: Rc<Describer>,
    neighbours: Rc<Neighbours>,
    history: Rc<History>,
    guard: Guard,
    request_size_max: usize,
    connections_count: Cell<usize>,
    input_size: Cell<usize>,
    asked: RefCell<BTreeMap<RequestId, oneshot::Sender<Answered>>>,
    last_request: Cell<u64>,
    is_closing: Cell<bool>,
    /// Wakes every connection when the node is about to stop.
    closing: Notify,
    left: Notify,
    tls: Option<Rc<Tls>>,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("count", &self.connections_count.get()).finish()
    }
}

impl Http {
    /// Puts the HTTP side of a node together; it listens once it is told to.
    pub(crate) fn new(
        config: &Config,
        inbox: Rc<Inbox>,
        neighbours: Rc<Neighbours>,
        tls: Option<Rc<Tls>>,
    ) -> Self {
        let address = config.http_address();
        let is_exposed = address.is_some_and(|address| !address.ip().is_loopback());
        Self {
            inbox,
            log: Log::new(config.log),
            describer: neighbours.describer(),
            neighbours,
            history: Rc::default(),
            guard: if is_exposed { Guard::Network } else { Guard::Loopback },
            request_size_max: config.request_size_max.min(INPUT_SIZE_MAX / 8),
            connections_count: Cell::new(0),
            input_size: Cell::new(0),
            asked: RefCell::default(),
            last_request: Cell::new(ID_BIT),
            is_closing: Cell::new(false),
            closing: Notify::new(),
            left: Notify::new(),
            tls,
        }
    }

    /// Accepts connections for ever, and remembers how things go.
    pub(crate) async fn listen(self: Rc<Self>, listener: TcpListener) {
        spawn_local(Rc::clone(&self.history).run(Rc::clone(&self.describer)));
        loop {
            match listener.accept().await {
                Ok((socket, _)) => self.admit(socket),
                Err(error) => {
                    self.log.warn(format_args!("cannot accept an HTTP connection: {error}"));
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
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

    /// Takes no more requests and waits until all are answered, or `patience` ends.
    pub(crate) async fn drain(&self, patience: Duration) {
        self.is_closing.set(true);
        self.closing.notify_waiters();
        let gone = async {
            while self.connections_count.get() > 0 {
                self.left.notified().await;
            }
        };
        if tokio::time::timeout(patience, gone).await.is_err() {
            let count = self.connections_count.get();
            self.log.warn(format_args!("{count} HTTP connection(s) did not end in time"));
        }
    }

    fn admit(self: &Rc<Self>, socket: TcpStream) {
        if self.connections_count.get() >= CONNECTIONS_COUNT_MAX {
            connection::turn_away(&socket);
            return;
        }
        self.connections_count.set(self.connections_count.get() + 1);
        let http = Rc::clone(self);
        spawn_local(async move {
            if let Err(error) = connection::serve(&http, socket).await {
                http.log.debug(format_args!("an HTTP connection ended: {error}"));
            }
            http.connections_count.set(http.connections_count.get() - 1);
            http.left.notify_one();
        });
    }

    /// A number that nobody else at this node uses, for a request or a session.
    fn new_id(&self) -> u64 {
        self.last_request.set(self.last_request.get() + 1);
        self.last_request.get()
    }

    /// Makes a call and waits for its outcome; nothing when the node is gone.
    async fn call(&self, call: Call) -> Option<Answered> {
        self.inbox.room().await;
        let request = RequestId(self.new_id());
        let (sender, outcome) = oneshot::channel();
        self.asked.borrow_mut().insert(request, sender);
        self.inbox.push(Event::Called { request, call });
        outcome.await.ok()
    }
}

/// The outcome of a call, and how it came about.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) request: RequestId,
    pub(crate) outcome: Outcome,
    /// Stand-ins for owners took part.
    pub(crate) is_sloppy: bool,
}
