//! Links to all other members: made, kept and made again, whatever happens to them.
//!
//! The node with the lower id connects, the other one accepts. A link that cannot be made is tried
//! again and again with growing waits. Whoever reaches our port has a moment to show that it is
//! expected; a new connection of a peer takes the place of its old one, which must be dead.

mod backoff;
mod cuts;
mod handshake;
mod link;
mod outgoing;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use causality::{Incarnation, NodeId};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout};
use wire::Message;

use crate::config::{Config, Member};
use crate::inbox::Inbox;
use crate::log::Log;
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
    links: BTreeMap<NodeId, Rc<Link>>,
    greetings_count: Cell<usize>,
}

/// How a link is doing, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkReport {
    pub(crate) is_up: bool,
    pub(crate) is_cut: bool,
    pub(crate) dropped_count: u64,
}

impl Peers {
    pub(crate) fn new(config: &Config, incarnation: Incarnation, inbox: Rc<Inbox>) -> Self {
        let own = config.own();
        let link = |member: &Member| {
            let is_far = member.datacenter != own.datacenter;
            let delay_ms = if is_far { config.simulated_latency_ms } else { 0 };
            let delay = Duration::from_millis(delay_ms);
            Rc::new(Link::new(member.id(), delay, config.peer_queue_size_max))
        };
        let others = config.members.iter().filter(|member| member.id() != config.me);
        Self {
            introduction: Introduction::new(config, incarnation),
            me: config.me,
            inbox,
            log: Log::new(config.log),
            links: others.map(|member| (member.id(), link(member))).collect(),
            greetings_count: Cell::new(0),
        }
    }

    /// Begins to connect and to accept; never ends.
    pub(crate) fn start(self: &Rc<Self>, config: &Config, listener: TcpListener) {
        for member in config.members.iter().filter(|member| member.id() > self.me) {
            let peers = Rc::clone(self);
            let member = member.clone();
            spawn_local(async move { peers.dial(&member).await });
        }
        if let Some(path) = config.simulated_cuts.clone() {
            let links = self.links.values().cloned().collect();
            spawn_local(cuts::watch(path, links));
        }
        let peers = Rc::clone(self);
        spawn_local(async move { peers.listen(listener).await });
    }

    /// Queues messages; those that have no way are dropped.
    pub(crate) fn send(&self, messages: impl IntoIterator<Item = (NodeId, Message)>) {
        let now = Instant::now();
        for (to, message) in messages {
            let Some(link) = self.links.get(&to) else { continue };
            if let Err(error) = link.send(&message, now) {
                self.log.error(format_args!("node {}: not sent: {error}", to.0));
            }
        }
        for link in self.links.values() {
            link.flush(now);
        }
    }

    /// Says how the link to a peer is doing.
    pub(crate) fn report(&self, peer: NodeId) -> Option<LinkReport> {
        let link = self.links.get(&peer)?;
        let (is_up, is_cut) = (link.is_up(), link.is_cut());
        Some(LinkReport { is_up, is_cut, dropped_count: link.dropped_count() })
    }

    /// Connects to one peer, for ever.
    async fn dial(&self, member: &Member) {
        let Some(link) = self.links.get(&member.id()) else { return };
        let mut backoff = Backoff::new(u64::from(self.me.0) << 32 | u64::from(member.id));
        let mut last_reason = String::new();
        loop {
            while link.is_cut() {
                link.mended.notified().await;
            }
            match self.connect(member).await {
                Ok(greeted) => {
                    backoff.reset();
                    last_reason.clear();
                    self.use_link(link, greeted).await;
                }
                Err(error) => {
                    let reason = error.to_string();
                    if reason != last_reason {
                        self.log.info(format_args!("no link to node {}: {reason}", member.id));
                        last_reason = reason;
                    }
                }
            }
            sleep(backoff.next()).await;
        }
    }

    async fn connect(&self, member: &Member) -> Result<Greeted, GreetError> {
        let connect = async {
            let socket = TcpStream::connect(member.peers).await?;
            prepare(&socket)?;
            self.introduction.greet(socket, |node| node == member.id()).await
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
                if let Some(link) = self.links.get(&greeted.node) {
                    self.use_link(link, greeted).await;
                }
            }
            Err(error) => self.log.debug(format_args!("a peer was turned away: {error}")),
        }
    }

    async fn accept(&self, socket: TcpStream) -> Result<Greeted, GreetError> {
        prepare(&socket)?;
        let is_expected = |node| {
            let link = self.links.get(&node);
            node < self.me && link.is_some_and(|link| !link.is_cut())
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
