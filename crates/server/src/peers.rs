//! Links to all other members: made, kept and made again, whatever happens to them.
//!
//! Who the members are and where they are reached is what the node knows at the moment; the
//! configuration fills gaps. The node with the lower id connects, the other one accepts; a node
//! that was removed connects to everyone, until it has handed over what it holds. A link that
//! cannot be made is tried again and again with growing waits. Whoever reaches our port has a
//! moment to show that it is expected; a new connection of a peer takes the place of its old one,
//! which must be dead.

mod backoff;
mod cuts;
mod handshake;
mod link;
mod outgoing;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use causality::{Incarnation, NodeId};
use node::MemberStatus;
use placement::MemberState;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout};
use wire::Message;

use crate::config::{Address, Config};
use crate::inbox::Inbox;
use crate::log::Log;
use crate::socket::Socket;
use crate::tls::Tls;
use backoff::Backoff;
use handshake::{GreetError, Greeted, Introduction};
use link::Link;

/// How long connecting and greeting may take together.
const GREETING_PATIENCE: Duration = Duration::from_secs(3);
/// How many may be greeting us at a time.
const GREETINGS_COUNT_MAX: usize = 256;
/// How long sent bytes may go unconfirmed before the link counts as dead.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// How long nothing is accepted after the system refused to.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The links of one node.
#[derive(Debug)]
pub(crate) struct Peers {
    introduction: Introduction,
    me: NodeId,
    inbox: Rc<Inbox>,
    log: Log,
    /// How long messages to other datacenters are held back.
    far_delay: Duration,
    datacenter: String,
    queue_size_max: usize,
    known: RefCell<BTreeMap<NodeId, Known>>,
    /// Whether this node itself was removed.
    is_removed: Cell<bool>,
    greetings_count: Cell<usize>,
    /// Without it, everything is said plainly.
    tls: Option<Rc<Tls>>,
    /// Why somebody was turned away last, so that a crowd at the door fills no log.
    last_refusal: RefCell<String>,
}

/// Another node, as far as links go.
#[derive(Debug)]
struct Known {
    link: Rc<Link>,
    /// Where it may be reached: as it said itself, and as it was configured.
    addresses: Vec<Address>,
    is_removed: bool,
    /// Whether a task connects to it.
    is_dialled: bool,
}

/// How a link is doing, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkReport {
    pub(crate) is_up: bool,
    pub(crate) is_cut: bool,
    pub(crate) dropped_count: u64,
}

impl Peers {
    pub(crate) fn new(
        config: &Config,
        incarnation: Incarnation,
        inbox: Rc<Inbox>,
        tls: Option<Rc<Tls>>,
    ) -> Self {
        let own = config.own();
        let peers = Self {
            introduction: Introduction::new(config, incarnation),
            me: config.me,
            inbox,
            log: Log::new(config.log),
            far_delay: Duration::from_millis(config.simulated_latency_ms),
            datacenter: own.datacenter.clone(),
            queue_size_max: config.peer_queue_size_max,
            known: RefCell::default(),
            is_removed: Cell::new(false),
            greetings_count: Cell::new(0),
            tls,
            last_refusal: RefCell::default(),
        };
        for member in config.members.iter().filter(|member| member.id() != config.me) {
            let known = peers.meet(member.id(), &member.datacenter, vec![member.peers.clone()]);
            peers.known.borrow_mut().insert(member.id(), known);
        }
        peers
    }

    /// Says from now on that the node lives another life.
    pub(crate) fn introduce_as(&self, life: Incarnation) {
        self.introduction.incarnation.set(life);
    }

    /// Begins to connect and to accept; never ends.
    pub(crate) fn start(self: &Rc<Self>, config: &Config, listener: TcpListener) {
        self.dial_all();
        if let Some(path) = config.simulated_cuts.clone() {
            spawn_local(cuts::watch(path, Rc::clone(self)));
        }
        let peers = Rc::clone(self);
        spawn_local(async move { peers.listen(listener).await });
    }

    /// Follows what the node knows of the members.
    pub(crate) fn follow(self: &Rc<Self>, members: &[MemberStatus]) {
        for member in members {
            let is_removed = member.state == MemberState::Removed;
            if member.id == self.me {
                self.is_removed.set(is_removed);
                continue;
            }
            let said = member.peers.parse().ok();
            let mut known = self.known.borrow_mut();
            let known = known
                .entry(member.id)
                .or_insert_with(|| self.meet(member.id, &member.datacenter, Vec::new()));
            known.is_removed = is_removed;
            if let Some(address) = said {
                known.addresses.retain(|other| *other != address);
                known.addresses.insert(0, address);
                known.addresses.truncate(2);
            }
        }
        self.dial_all();
    }

    fn meet(&self, id: NodeId, datacenter: &str, addresses: Vec<Address>) -> Known {
        let is_far = datacenter != self.datacenter;
        let delay = if is_far { self.far_delay } else { Duration::ZERO };
        let link = Rc::new(Link::new(id, delay, self.queue_size_max));
        Known { link, addresses, is_removed: false, is_dialled: false }
    }

    /// Lets a task connect to everyone to whom this node connects.
    fn dial_all(self: &Rc<Self>) {
        for (id, known) in self.known.borrow_mut().iter_mut() {
            if self.connects_to(*id, known) && !known.is_dialled {
                known.is_dialled = true;
                let (peers, id, link) = (Rc::clone(self), *id, Rc::clone(&known.link));
                spawn_local(async move { peers.dial(id, &link).await });
            }
        }
    }

    fn connects_to(&self, id: NodeId, known: &Known) -> bool {
        !known.addresses.is_empty()
            && (self.is_removed.get() || (id > self.me && !known.is_removed))
    }

    fn links(&self) -> Vec<Rc<Link>> {
        self.known.borrow().values().map(|known| Rc::clone(&known.link)).collect()
    }

    fn link(&self, id: NodeId) -> Option<Rc<Link>> {
        Some(Rc::clone(&self.known.borrow().get(&id)?.link))
    }

    /// Queues messages; those that have no way are dropped.
    pub(crate) fn send(&self, messages: impl IntoIterator<Item = (NodeId, Message)>) {
        let now = Instant::now();
        for (to, message) in messages {
            let known = self.known.borrow();
            let Some(Known { link, .. }) = known.get(&to) else { continue };
            if let Err(error) = link.send(&message, now) {
                self.log.error(format_args!("node {}: not sent: {error}", to.0));
            }
        }
        for known in self.known.borrow().values() {
            known.link.flush(now);
        }
    }

    /// Says how the link to a peer is doing.
    pub(crate) fn report(&self, peer: NodeId) -> Option<LinkReport> {
        let link = self.link(peer)?;
        let (is_up, is_cut) = (link.is_up(), link.is_cut());
        Some(LinkReport { is_up, is_cut, dropped_count: link.dropped_count() })
    }

    /// Connects to one peer, for as long as it is this node's part.
    async fn dial(&self, id: NodeId, link: &Link) {
        let mut backoff = Backoff::new(u64::from(self.me.0) << 32 | u64::from(id.0));
        let mut last_reason = String::new();
        let mut attempt = 0;
        while let Some(address) = self.next_address(id, attempt) {
            while link.is_cut() {
                link.mended.notified().await;
            }
            if link.is_up() {
                // The other side was faster.
                sleep(backoff.next()).await;
                continue;
            }
            match self.connect(id, address).await {
                Ok(greeted) => {
                    backoff.reset();
                    last_reason.clear();
                    self.use_link(link, greeted).await;
                }
                Err(error) => {
                    attempt += 1;
                    let reason = error.to_string();
                    if reason != last_reason {
                        self.log.info(format_args!("no link to node {}: {reason}", id.0));
                        last_reason = reason;
                    }
                }
            }
            sleep(backoff.next()).await;
        }
    }

    /// Where to connect next; nothing when it is not this node's part any more.
    fn next_address(&self, id: NodeId, attempt: usize) -> Option<Address> {
        let mut known = self.known.borrow_mut();
        let known = known.get_mut(&id)?;
        if self.connects_to(id, known) {
            return known.addresses.get(attempt % known.addresses.len()).cloned();
        }
        known.is_dialled = false;
        None
    }

    async fn connect(&self, id: NodeId, address: Address) -> Result<Greeted, GreetError> {
        let connect = async {
            let socket = TcpStream::connect((address.host(), address.port())).await?;
            prepare(&socket)?;
            let socket = Socket::connect(socket, self.tls.as_ref().map(|tls| tls.peers_out()));
            self.introduction.greet(socket.await?, |node| node == id).await
        };
        timeout(GREETING_PATIENCE, connect).await.unwrap_or_else(|_| Err(timed_out()))
    }

    /// Accepts peers, for ever.
    async fn listen(self: Rc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((socket, _)) if self.greetings_count.get() < GREETINGS_COUNT_MAX => {
                    let peers = Rc::clone(&self);
                    spawn_local(async move { peers.admit(socket).await });
                }
                Ok(_) => self.log.warn("too many peers knock at once; one was turned away"),
                Err(error) => {
                    self.log.warn(format_args!("cannot accept a peer: {error}"));
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn admit(&self, socket: TcpStream) {
        self.greetings_count.set(self.greetings_count.get() + 1);
        let greeted = timeout(GREETING_PATIENCE, self.accept(socket)).await;
        self.greetings_count.set(self.greetings_count.get() - 1);
        match greeted.unwrap_or_else(|_| Err(timed_out())) {
            Ok(greeted) => {
                if let Some(link) = self.link(greeted.node) {
                    self.use_link(&link, greeted).await;
                }
            }
            Err(error) => self.note_refusal(&error),
        }
    }

    /// Says once in a row why somebody was turned away.
    fn note_refusal(&self, error: &GreetError) {
        let reason = error.to_string();
        let line = format!("a peer was turned away: {reason}");
        match self.last_refusal.replace(reason) == *self.last_refusal.borrow() {
            true => self.log.debug(line),
            false => self.log.info(line),
        }
    }

    async fn accept(&self, socket: TcpStream) -> Result<Greeted, GreetError> {
        prepare(&socket)?;
        let socket = Socket::accept(socket, self.tls.as_ref().map(|tls| tls.peers_in())).await?;
        let is_expected = |node| {
            let known = self.known.borrow();
            known
                .get(&node)
                .is_some_and(|known| (node < self.me || known.is_removed) && !known.link.is_cut())
        };
        self.introduction.greet(socket, is_expected).await
    }

    async fn use_link(&self, link: &Link, greeted: Greeted) {
        let peer = link.peer.0;
        self.log.info(format_args!("link to node {peer} is up"));
        let end = link.run(greeted, &self.inbox).await;
        self.log.info(format_args!("link to node {peer} is down: {end}"));
    }
}

fn timed_out() -> GreetError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

/// Small messages go at once, and a peer that vanished is noticed.
fn prepare(socket: &TcpStream) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let options = SockRef::from(socket);
    options.set_tcp_keepalive(
        &TcpKeepalive::new().with_time(SILENCE_MAX / 2).with_interval(SILENCE_MAX / 4),
    )?;
    #[cfg(target_os = "linux")]
    options.set_tcp_user_timeout(Some(SILENCE_MAX))?;
    Ok(())
}
