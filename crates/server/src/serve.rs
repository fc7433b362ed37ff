//! One node from its first breath to its last: open, listen, serve, drain, save.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::{Rc, Weak};
use std::time::Duration;

use node::{MemberStatus, Node, OpenError, Origin};
use placement::MemberState;
use replica::ReplicaError;
use storage::StoreError;
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use crate::accounts::{self, Accounts};
use crate::caller::Caller;
use crate::clients::Clients;
use crate::config::Config;
use crate::http::Http;
use crate::identity::{DirectoryError, Identity};
use crate::inbox::Inbox;
use crate::joining::{self, Join, JoinError};
use crate::log::Log;
use crate::neighbours::Neighbours;
use crate::peers::Peers;
use crate::renewal;
use crate::status::Describer;
use crate::store::{self, Body};
use crate::tls::{Tls, TlsError};
use crate::turns::Turns;
use crate::{clock, view};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;
/// How long clients may take to fetch their last replies.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);
/// How often a node that belongs to another process looks whether it is still there.
const PARENT_INTERVAL: Duration = Duration::from_millis(500);

/// Why a node did not start, or stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The data directory cannot be used. Nothing in it was changed.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The cluster did not let the node in. Nothing was served.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// The certificates cannot be used. Nothing was served.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An address cannot be listened on. Nothing was served.
    #[error("cannot listen on {address}: {}", taken_or(.source, .address))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause; part of the message, so not told again.
        source: io::Error,
    },
    /// What the store holds cannot be opened. Nothing was served.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store failed: what was not promised yet may be lost.
    #[error("the store failed, so the node stopped: {0}")]
    Store(#[from] StoreError),
    /// Bytes that were durable are not sound any more, and no checkpoint covers them. Nothing was
    /// served.
    #[error(
        "the store is damaged ({what}): remove {store} to have this node fetch everything from \
         the other owners"
    )]
    Damaged {
        /// What is damaged.
        what: String,
        /// The store's directory.
        store: PathBuf,
    },
    /// The states of the shards were not saved; what was promised is in the log.
    #[error("the states of the shards were not saved, so the node stopped: {0}")]
    Save(#[from] ReplicaError),
    /// The system refuses what a server needs.
    #[error("the system refuses: {0}")]
    System(#[from] io::Error),
}

fn taken_or(source: &io::Error, address: &SocketAddr) -> String {
    match source.kind() {
        io::ErrorKind::AddrInUse => {
            format!("port {} is taken: stop what uses it, or choose another", address.port())
        }
        _ => source.to_string(),
    }
}

/// Runs a node until it is told to stop by a signal, or until the process `parent` is no longer
/// its parent. A node that is to `join` a cluster asks it first; one that is a member already may
/// say so again. `ready` gets one line once clients and peers can connect.
///
/// # Errors
/// [`ServeError`] says what kept it from starting or going on.
pub fn serve(
    config: &Config,
    join: Option<Join>,
    parent: Option<u32>,
    ready: impl FnOnce(&str),
) -> Result<(), ServeError> {
    let log = Log::new(config.log);
    let identity = Rc::new(RefCell::new(Identity::open(config, clock::now())?));
    let origin = origin(config, &identity.borrow(), join)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let node =
        LocalSet::new().block_on(&runtime, live(config, &identity, origin, parent, ready))?;
    close(node)?;
    log.info("stopped");
    Ok(())
}

/// How the node comes to be a member. Whoever was let in before has kept what it needs, and starts
/// also when the cluster cannot be asked again.
fn origin(config: &Config, identity: &Identity, join: Option<Join>) -> Result<Origin, JoinError> {
    let Some(join) = join else { return Ok(Origin::Founder) };
    match joining::ask(config, identity.incarnation(), &join) {
        Ok(roster) => Ok(Origin::Admitted(roster)),
        Err(error) if identity.is_new() => Err(error),
        Err(error) => {
            Log::new(config.log).info(format_args!("not let in again: {error}"));
            Ok(Origin::Member)
        }
    }
}

/// Serves until told to stop, then until everything open is answered and saved.
async fn live(
    config: &Config,
    identity: &Rc<RefCell<Identity>>,
    origin: Origin,
    parent: Option<u32>,
    ready: impl FnOnce(&str),
) -> Result<Rc<RefCell<Node<Body>>>, ServeError> {
    let redis = listen(config.redis_address())?;
    let listener = listen(config.peer_address())?;
    let http = config.http_address().map(listen).transpose()?;
    let tls = config.tls.as_ref().map(|tls| Tls::open(tls, clock::now().0 / 1000));
    let tls = tls.transpose()?.map(Rc::new);
    let turns = open(config, identity, origin, tls.clone())?;
    if let Some(tls) = tls {
        spawn_local(renewal::run(tls, Log::new(config.log)));
    }
    turns.peers.start(config, listener);
    spawn_local(Rc::clone(&turns.neighbours).run());
    let mut accepting = vec![spawn_local(Rc::clone(&turns.clients).listen(redis))];
    accepting.extend(http.map(|http| spawn_local(Rc::clone(&turns.http).listen(http))));
    ready(&ready_line(config, &turns.node.borrow().members()));
    tokio::select! {
        error = turns.run() => return Err(error),
        stopped = told_to_stop(parent) => stopped?,
    }
    accepting.iter().for_each(JoinHandle::abort);
    Log::new(config.log).info("stopping");
    tokio::select! {
        error = turns.run() => return Err(error),
        () = drain(&turns) => {}
    }
    Ok(Rc::clone(&turns.node))
}

/// Waits until everyone has what they asked for, or patience ends.
async fn drain(turns: &Turns) {
    tokio::join!(turns.clients.drain(DRAIN_PATIENCE), turns.http.drain(DRAIN_PATIENCE));
}

/// Ends the node's life in order: the next start finds everything as it was, and doubts nothing.
fn close(node: Rc<RefCell<Node<Body>>>) -> Result<(), ServeError> {
    let node = Rc::into_inner(node).expect("the tasks that shared the node ended with their set");
    let mut node = node.into_inner();
    node.save_states()?;
    node.into_store().close()?;
    Ok(())
}

fn ready_line(config: &Config, members: &[MemberStatus]) -> String {
    let count = members.iter().filter(|one| one.state != MemberState::Removed).count();
    let http = config.http_address().map_or_else(|| "off".into(), |address| address.to_string());
    let (me, redis, peers) = (config.me.0, config.redis_address(), config.peer_address());
    format!("ready: node {me} of {count}, redis {redis}, http {http}, peers {peers}")
}

/// Puts the node and everything around it together.
fn open(
    config: &Config,
    identity: &Rc<RefCell<Identity>>,
    origin: Origin,
    tls: Option<Rc<Tls>>,
) -> Result<Turns, ServeError> {
    let now = clock::now();
    let (store, entries) = store::open(config, &mut identity.borrow_mut())?;
    let node_config = node_config(config, &identity.borrow(), origin);
    let node = Node::open(node_config, store, &entries, now)?;
    let node = Rc::new(RefCell::new(node));
    let inbox = Rc::new(Inbox::default());
    let incarnation = identity.borrow().incarnation();
    let peers = Peers::new(config, incarnation, Rc::clone(&inbox), tls.clone());
    let peers = Rc::new(peers);
    let view = view::of(config, now, &node.borrow().members(), &node.borrow().owners());
    let caller = Rc::new(Caller::new(Rc::clone(&inbox)));
    let accounts = Rc::new(Accounts::new(config, Rc::clone(&caller)));
    let clients = Rc::new_cyclic(|clients| {
        let describer = Rc::new(Describer {
            users_changed: Rc::clone(&accounts.changed_elsewhere),
            config: config.clone(),
            node: Rc::clone(&node),
            peers: Rc::clone(&peers),
            clients: Weak::clone(clients),
            inbox: Rc::clone(&inbox),
        });
        Clients::new(config, Rc::clone(&inbox), view, describer, Rc::clone(&accounts), tls.clone())
    });
    let neighbours = Rc::new(Neighbours::new(clients.describer()));
    spawn_local(Rc::clone(&accounts).follow());
    spawn_local(accounts::tell(Rc::clone(&accounts), Rc::clone(&neighbours)));
    let http = Http::new(config, Rc::clone(&caller), Rc::clone(&neighbours), accounts, tls);
    Ok(Turns::new(inbox, clients, Rc::new(http), caller, neighbours, Rc::clone(identity)))
}

fn node_config(config: &Config, identity: &Identity, origin: Origin) -> node::Config {
    let members = config.members.iter().map(|member| node::MemberConfig {
        id: member.id(),
        datacenter: member.datacenter.clone(),
        rack: member.rack.clone(),
    });
    let contacts = config.members.iter().map(|member| {
        let (redis, peers) = (member.redis.to_string(), member.peers.to_string());
        (member.id(), redis, peers)
    });
    node::Config {
        me: config.me,
        incarnation: identity.incarnation(),
        datacenter: config.own().datacenter.clone(),
        members: members.collect(),
        cluster: config.cluster,
        secret: config.context_key(),
        shard_count: config.shard_count,
        replication: config.replication,
        request_timeout_ms: config.request_timeout_ms,
        exchange_interval_ms: config.exchange_interval_ms,
        gossip: node::GossipConfig {
            interval_ms: config.gossip_interval_ms,
            fanout: config.gossip_fanout,
            contacts: contacts.collect(),
            origin,
        },
        coordination: config.coordination,
        verification: config.verification,
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Connections of an earlier life that linger must not keep this one from starting.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| ServeError::Listen { address, source })
}

/// Waits for a signal to stop, or for the parent to be gone.
async fn told_to_stop(parent: Option<u32>) -> io::Result<()> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
        () = parent_gone(parent) => {}
    }
    Ok(())
}

/// Waits until `parent` is not the parent any more; for ever when there is none to watch.
async fn parent_gone(parent: Option<u32>) {
    let Some(parent) = parent else { return std::future::pending().await };
    let is_there = || {
        let current = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
        current.is_some_and(|current| u32::try_from(current) == Ok(parent))
    };
    while is_there() {
        tokio::time::sleep(PARENT_INTERVAL).await;
    }
}
