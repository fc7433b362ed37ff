//! Everything on the client side: who is connected, and which call belongs to whom.
//!
//! Invariant: every open call is in one table, from the moment it is in the inbox until its
//! outcome; a client that has left is no longer waited for.

mod asked;
mod connection;
mod replies;
mod rumours;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use api::{Call, Outcome};
use causality::NodeId;
use node::{Event, Micros};
use redis::{Awaited, ClientId, ClusterView, Errand, Liveness, Lobby};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::timeout;

use crate::accounts::Accounts;
use crate::caller::Answered;
use crate::clock;
use crate::config::Config;
use crate::inbox::Inbox;
use crate::log::Log;
use crate::socket::Socket;
use crate::status::Describer;
use crate::tls::Tls;
use asked::{Asked, Asker};
use connection::{Client, Followed};
use replies::Ticket;
pub(crate) use rumours::{RUMOUR, Rumour};

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
    asked: RefCell<Asked>,
    left: Notify,
    accounts: Rc<Accounts>,
    tls: Option<Rc<Tls>>,
    /// Connections that are being greeted.
    greetings_count: Cell<usize>,
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
        accounts: Rc<Accounts>,
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
            left: Notify::new(),
            accounts,
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
        let mut touched: Vec<Rc<Client>> = Vec::new();
        for Answered { request, outcome, is_sloppy } in outcomes {
            let asker = self.asked.borrow_mut().take(request);
            if let Some(Asker { client, ticket, call, fed }) = asker {
                if is_sloppy {
                    client.note_sloppy();
                }
                if !matches!(outcome, Outcome::Failed(_)) {
                    fed.iter().for_each(|key| self.feed(key));
                }
                if let Some((ticket, calls)) = client.answer(ticket, call, outcome) {
                    self.ask(&client, ticket, calls, clock::steady());
                }
                self.follow(&client);
                // The outcomes of one client's commands mostly follow each other.
                if touched.last().is_none_or(|last| last.id != client.id) {
                    touched.push(client);
                }
            }
        }
        self.deliver();
        touched.sort_unstable_by_key(|client| client.id);
        touched.dedup_by_key(|client| client.id);
        for client in &touched {
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

    /// Does what connections left to be done for others.
    pub(crate) fn deliver(&self) {
        let mut touched: BTreeMap<ClientId, Rc<Client>> = BTreeMap::new();
        loop {
            let errands = self.lobby.take_errands();
            if errands.is_empty() {
                break;
            }
            for errand in errands {
                let client = self.run(errand);
                touched.extend(client.map(|client| (client.id, client)));
            }
        }
        for client in touched.values() {
            client.flush();
        }
    }

    /// Runs an errand; returns the client that it touched.
    fn run(&self, errand: Errand) -> Option<Rc<Client>> {
        let client = |id: ClientId| self.connected.borrow().get(&id).map(Rc::clone);
        match errand {
            Errand::Push(id, push) => {
                let client = client(id)?;
                client.push(&push);
                Some(client)
            }
            Errand::Retry(id) => {
                let client = client(id)?;
                if let Some((ticket, calls)) = client.retry() {
                    self.ask(&client, ticket, calls, clock::steady());
                }
                None
            }
            Errand::Unblock(id, how) => {
                let client = client(id)?;
                client.unblock(how);
                self.follow(&client);
                Some(client)
            }
            Errand::Close(id) => {
                client(id)?.close();
                None
            }
            Errand::Feed(key) => {
                self.feed(&key);
                None
            }
            Errand::RetryAt(node, key) => {
                self.tell(Some(node), &Rumour::Fed(key));
                None
            }
            Errand::Tell(said) => {
                self.tell(None, &Rumour::Said(said));
                None
            }
        }
    }

    /// Wakes whoever waits longest for a key.
    fn feed(&self, key: &Awaited) {
        self.lobby.feed(self.view().me, key, clock::now());
    }

    /// Keeps track of whether a client waits.
    pub(crate) fn follow(&self, client: &Rc<Client>) {
        match client.follow_waiting() {
            Followed::Same => {}
            Followed::Began(keys, since) => {
                self.lobby.wait(client.id, &keys, since);
                self.announce(client);
            }
            Followed::LooksAgain => self.lobby.retry(client.id),
            Followed::Ended => self.lobby.stop_waiting(client.id),
        }
    }

    /// Lets the other nodes know what a client waits for.
    pub(crate) fn announce(&self, client: &Client) {
        for (key, since) in self.lobby.awaited_by(client.id) {
            self.tell(None, &Rumour::Awaited(key, since));
        }
    }

    /// Tells a node, or all that can be reached.
    fn tell(&self, to: Option<NodeId>, rumour: &Rumour) {
        let view = self.view();
        let is_meant = |id: NodeId| to.map_or(id != view.me, |to| to == id);
        let up = view.nodes.iter().filter(|node| node.liveness == Liveness::Up);
        let messages: Vec<_> =
            up.filter(|node| is_meant(node.id)).map(|node| (node.id, rumour.message())).collect();
        self.describer.peers.send(messages);
    }

    /// Takes what another node tells; what does not parse is ignored.
    pub(crate) fn hear(&self, from: NodeId, bytes: &[u8]) {
        match Rumour::decode(bytes) {
            Some(Rumour::Said(said)) => {
                self.lobby.hear(&said);
            }
            Some(Rumour::Awaited(key, since)) => {
                self.lobby.hear_awaited(from, key, since, clock::now());
            }
            Some(Rumour::Fed(key)) => self.feed(&key),
            None => {}
        }
        self.deliver();
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
        let (lobby, guard) = (Rc::clone(&self.lobby), self.accounts.guard());
        let Ok(client) = Client::new(id, socket, lobby, guard).map(Rc::new) else {
            return;
        };
        self.connected.borrow_mut().insert(id, Rc::clone(&client));
        let clients = Rc::clone(self);
        spawn_local(async move {
            if let Err(error) = client.run(&clients).await {
                clients.log.debug(format_args!("client {} left: {error}", id.0));
            }
            clients.connected.borrow_mut().remove(&id);
            clients.lobby.leave(id);
            clients.describer.end_session(client.session());
            clients.left.notify_one();
        });
    }

    /// Puts the calls of one command, which arrived a moment ago, into the inbox.
    fn ask(&self, client: &Rc<Client>, ticket: Ticket, calls: Vec<Call>, arrived: Micros) {
        let is_awaited = self.lobby.is_anything_awaited();
        let mut asked = self.asked.borrow_mut();
        for (index, call) in calls.into_iter().enumerate() {
            let fed = if is_awaited { redis::fed_by(&call) } else { Vec::new() };
            let client = Rc::clone(client);
            let request = asked.put(Asker { client, ticket, call: index, fed });
            self.inbox.push_at(arrived, Event::Called { request, call });
        }
    }
}
