//! Everything on the client side: who is connected, and which call belongs to whom.
//!
//! Invariant: every open call is in one table, from the moment it is in the inbox until its
//! outcome; a client that has left is no longer waited for.

mod connection;
mod replies;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use api::Call;
use node::{Event, RequestId};
use redis::{ClientId, ClusterView, Lobby};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::timeout;

use crate::config::Config;
use crate::http::Answered;
use crate::inbox::Inbox;
use crate::log::Log;
use crate::socket::Socket;
use crate::status::Describer;
use crate::tls::Tls;
use connection::Client;
use replies::Ticket;

/// How long nothing is accepted after the system refused to.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a client may take until its connection is encrypted.
const GREETING_PATIENCE: Duration = Duration::from_secs(10);

/// The clients of one node.
pub(crate) struct Clients {
    inbox: Rc<Inbox>,
    log: Log,
    clients_count_max: usize,
    request_size_max: usize,
    describer: Rc<Describer>,
    view: RefCell<Rc<ClusterView>>,
    /// What all connections share.
    lobby: Rc<Lobby>,
    connected: RefCell<BTreeMap<ClientId, Rc<Client>>>,
    last_id: Cell<u64>,
    /// Which call of whom each request is; looked up by id only, never iterated.
    asked: RefCell<HashMap<RequestId, Asker>>,
    last_request: Cell<u64>,
    left: Notify,
    tls: Option<Rc<Tls>>,
    /// Connections that are being greeted.
    greetings_count: Cell<usize>,
}

struct Asker {
    client: Rc<Client>,
    ticket: Ticket,
    call: usize,
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").field("count", &self.connected.borrow().len()).finish()
    }
}

impl Clients {
    pub(crate) fn new(
        config: &Config,
        inbox: Rc<Inbox>,
        view: ClusterView,
        describer: Rc<Describer>,
        tls: Option<Rc<Tls>>,
    ) -> Self {
        Self {
            inbox,
            log: Log::new(config.log),
            clients_count_max: config.clients_count_max,
            request_size_max: config.request_size_max,
            describer,
            view: RefCell::new(Rc::new(view)),
            lobby: Rc::default(),
            connected: RefCell::default(),
            last_id: Cell::new(0),
            asked: RefCell::default(),
            last_request: Cell::new(0),
            left: Notify::new(),
            tls,
            greetings_count: Cell::new(0),
        }
    }

    /// Accepts clients for ever.
    pub(crate) async fn listen(self: Rc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((socket, _)) => self.admit(socket),
                Err(error) => {
                    self.log.warn(format_args!("cannot accept a client: {error}"));
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Sends outcomes to whoever asked, with one write for each connection.
    pub(crate) fn answer(&self, outcomes: impl IntoIterator<Item = Answered>) {
        let mut touched: BTreeMap<ClientId, Rc<Client>> = BTreeMap::new();
        for Answered { request, outcome, is_sloppy } in outcomes {
            let asker = self.asked.borrow_mut().remove(&request);
            if let Some(Asker { client, ticket, call }) = asker {
                if is_sloppy {
                    client.note_sloppy();
                }
                if let Some((ticket, calls)) = client.answer(ticket, call, outcome) {
                    self.ask(&client, ticket, calls);
                }
                touched.insert(client.id, client);
            }
        }
        for client in touched.values() {
            client.flush();
        }
    }

    /// Takes no more commands and waits until all clients have their replies, or `patience` ends.
    pub(crate) async fn drain(&self, patience: Duration) {
        for client in self.connected.borrow().values() {
            client.close();
        }
        let gone = async {
            while !self.connected.borrow().is_empty() {
                self.left.notified().await;
            }
        };
        if timeout(patience, gone).await.is_err() {
            let count = self.connected.borrow().len();
            self.log.warn(format_args!("{count} client(s) did not take their replies in time"));
        }
    }

    /// Replaces what clients are told about the cluster.
    pub(crate) fn set_view(&self, view: ClusterView) {
        *self.view.borrow_mut() = Rc::new(view);
    }

    pub(crate) fn view(&self) -> Rc<ClusterView> {
        Rc::clone(&self.view.borrow())
    }

    pub(crate) fn describer(&self) -> Rc<Describer> {
        Rc::clone(&self.describer)
    }

    pub(crate) fn count(&self) -> usize {
        self.connected.borrow().len()
    }

    fn admit(self: &Rc<Self>, socket: TcpStream) {
        if self.count() + self.greetings_count.get() >= self.clients_count_max {
            // Whoever is turned away is told once, if that is possible without waiting.
            let _ = socket.try_write(b"-ERR max number of clients reached\r\n");
            return;
        }
        if socket.set_nodelay(true).is_err() {
            // It left before it was looked at.
            return;
        }
        let clients = Rc::clone(self);
        match self.tls.as_ref().and_then(|tls| tls.clients()) {
            None => clients.begin(socket.into()),
            Some(config) => drop(spawn_local(async move { clients.greet(socket, config).await })),
        }
    }

    /// Makes a connection an encrypted one.
    async fn greet(self: Rc<Self>, socket: TcpStream, config: Arc<ServerConfig>) {
        self.greetings_count.set(self.greetings_count.get() + 1);
        let greeted = timeout(GREETING_PATIENCE, Socket::accept(socket, Some(config))).await;
        self.greetings_count.set(self.greetings_count.get() - 1);
        match greeted {
            Ok(Ok(socket)) => self.begin(socket),
            Ok(Err(error)) => {
                self.log.debug(format_args!("a client was turned away: {error}"));
            }
            Err(_) => self.log.debug("a client was turned away: it did not say what it wants"),
        }
    }

    fn begin(self: &Rc<Self>, socket: Socket) {
        let id = ClientId(self.last_id.get() + 1);
        self.last_id.set(id.0);
        // Without addresses it has left before it was looked at.
        if let Some(name) = socket.certified_name() {
            self.log.debug(format_args!("client {} has the certificate of `{name}`", id.0));
        }
        let Ok(client) = Client::new(id, socket, Rc::clone(&self.lobby)).map(Rc::new) else {
            return;
        };
        self.connected.borrow_mut().insert(id, Rc::clone(&client));
        let clients = Rc::clone(self);
        spawn_local(async move {
            if let Err(error) = client.run(&clients).await {
                clients.log.debug(format_args!("client {} left: {error}", id.0));
            }
            clients.connected.borrow_mut().remove(&id);
            clients.describer.end_session(client.session());
            clients.left.notify_one();
        });
    }

    /// Puts the calls of one command into the inbox.
    fn ask(&self, client: &Rc<Client>, ticket: Ticket, calls: Vec<Call>) {
        let mut asked = self.asked.borrow_mut();
        for (index, call) in calls.into_iter().enumerate() {
            let request = RequestId(self.last_request.get() + 1);
            self.last_request.set(request.0);
            asked.insert(request, Asker { client: Rc::clone(client), ticket, call: index });
            self.inbox.push(Event::Called { request, call });
        }
    }
}
