//! The HTTP side of a node: connections in, calls into the inbox, responses out.
//!
//! Invariants: connections, the bytes of requests, and the time each step may take are bounded;
//! nobody is served who may not ask: see `access`.

mod access;
mod answers;
mod connection;
mod health;
pub(crate) mod history;
mod metrics;
mod walking;
mod watching;

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use http::Guard;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::spawn_local;

use crate::accounts::Accounts;
use crate::caller::Caller;
use crate::config::Config;
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

/// Everything that speaks HTTP with one node.
pub(crate) struct Http {
    log: Log,
    describer: Rc<Describer>,
    neighbours: Rc<Neighbours>,
    history: Rc<History>,
    guard: Guard,
    request_size_max: usize,
    connections_count: Cell<usize>,
    input_size: Cell<usize>,
    accounts: Rc<Accounts>,
    caller: Rc<Caller>,
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
        caller: Rc<Caller>,
        neighbours: Rc<Neighbours>,
        accounts: Rc<Accounts>,
        tls: Option<Rc<Tls>>,
    ) -> Self {
        let address = config.http_address();
        let is_exposed = address.is_some_and(|address| !address.ip().is_loopback());
        Self {
            log: Log::new(config.log),
            describer: neighbours.describer(),
            neighbours,
            history: Rc::default(),
            guard: if is_exposed { Guard::Network } else { Guard::Loopback },
            request_size_max: config.request_size_max.min(INPUT_SIZE_MAX / 8),
            connections_count: Cell::new(0),
            input_size: Cell::new(0),
            accounts,
            caller,
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
                Ok((socket, _)) => self.accept(socket),
                Err(error) => {
                    self.log.warn(format_args!("cannot accept an HTTP connection: {error}"));
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
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

    fn accept(self: &Rc<Self>, socket: TcpStream) {
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
}
