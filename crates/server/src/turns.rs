//! The node's turns: everything that arrived goes in, the disk gets its due, everything goes out.
//!
//! ```text
//! wait -> take a batch -> handle each -> write the store's turn -> what is flushed may be said
//!                                              flush elsewhere -^
//! ```
//!
//! Invariants: nothing leaves the node before the store has what it rests on, as durably as the
//! flush policy says; when the store fails, nothing of what is held is promised to anyone and the
//! node stops. A disk without space holds the node up, it does not stop it. No turn waits for a
//! flush of the log: that runs on another thread, one at a time, and serves all turns before it.

mod held;

use std::cell::{Cell, RefCell};
use std::future::{poll_fn, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use causality::Millis;
use node::{Event, Node, Outbox};
use redis::Liveness;
use storage::{EndedFlush, FlushPace, PendingFlush, StoreError};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;
use wire::Message;

use crate::caller::{Answered, Caller};
use crate::clients::Clients;
use crate::clock;
use crate::config::Config;
use crate::http::Http;
use crate::identity::Identity;
use crate::inbox::Inbox;
use crate::log::Log;
use crate::neighbours::Neighbours;
use crate::peers::Peers;
use crate::serve::ServeError;
use crate::store::{Body, Upkeep};
use crate::view;
use held::Held;

/// Events of one turn: enough to share a write, few enough to answer soon.
const EVENTS_COUNT_MAX: usize = 4096;
/// Messages and replies that wait for the disk before nothing more is taken in.
const HELD_COUNT_MAX: usize = 65_536;
/// How long a full disk is left alone before the turn is written again.
const FULL_PAUSE: Duration = Duration::from_millis(200);

/// A flush that was run.
#[derive(Debug)]
struct Flushed {
    ended: EndedFlush,
    took: Duration,
}

/// A node and the world around it.
#[derive(Debug)]
pub(crate) struct Turns {
    pub(crate) node: Rc<RefCell<Node<Body>>>,
    pub(crate) inbox: Rc<Inbox>,
    pub(crate) clients: Rc<Clients>,
    pub(crate) http: Rc<Http>,
    caller: Rc<Caller>,
    pub(crate) peers: Rc<Peers>,
    pub(crate) neighbours: Rc<Neighbours>,
    identity: Rc<RefCell<Identity>>,
    config: Config,
    /// Which state of the members clients and links follow.
    members_version: Cell<u64>,
    upkeep: RefCell<Upkeep>,
    held: RefCell<Held<Outbox>>,
    flushing: RefCell<Option<JoinHandle<Flushed>>>,
    /// How long the next flush waits for others to join it.
    pace: Cell<FlushPace>,
    /// The last turn could not be written for want of space.
    is_disk_full: Cell<bool>,
    log: Log,
}

impl Turns {
    /// Puts a node between those who talk with it.
    pub(crate) fn new(
        inbox: Rc<Inbox>,
        clients: Rc<Clients>,
        http: Rc<Http>,
        caller: Rc<Caller>,
        neighbours: Rc<Neighbours>,
        identity: Rc<RefCell<Identity>>,
    ) -> Self {
        let describer = neighbours.describer();
        let (node, peers) = (Rc::clone(&describer.node), Rc::clone(&describer.peers));
        let config = describer.config.clone();
        let log = Log::new(config.log);
        Self {
            node,
            inbox,
            clients,
            http,
            caller,
            peers,
            neighbours,
            identity,
            config,
            members_version: Cell::new(0),
            upkeep: RefCell::new(Upkeep::new(log)),
            held: RefCell::new(Held::new(HELD_COUNT_MAX)),
            flushing: RefCell::new(None),
            pace: Cell::default(),
            is_disk_full: Cell::new(false),
            log,
        }
    }

    /// Runs turn after turn; ends only when the store fails.
    pub(crate) async fn run(&self) -> ServeError {
        loop {
            let may_take = self.may_take();
            let deadline = self.node.borrow().next_deadline().filter(|_| may_take);
            let mut flushed = None;
            tokio::select! {
                () = self.inbox.arrived(), if may_take => {}
                one = self.flush_ended() => flushed = Some(one),
                () = ready(()), if self.upkeep.borrow().is_more() => {}
                () = sleep(clock::until(deadline.unwrap_or_default())), if deadline.is_some() => {}
                () = sleep(FULL_PAUSE), if self.is_disk_full.get() => {}
            }
            if let Err(error) = self.turn(deadline, flushed) {
                return error;
            }
            // The sockets get their turn too, however much has arrived.
            tokio::task::yield_now().await;
        }
    }

    /// Whether the node may be given more to do.
    fn may_take(&self) -> bool {
        !self.is_disk_full.get() && !self.held.borrow().is_full()
    }

    /// Waits for the end of the flush that is under way; for ever when there is none.
    async fn flush_ended(&self) -> Flushed {
        let ended = poll_fn(|context| {
            let mut flushing = self.flushing.borrow_mut();
            let Some(handle) = &mut *flushing else { return Poll::Pending };
            let ended = Pin::new(handle).poll(context);
            if ended.is_ready() {
                *flushing = None;
            }
            ended
        });
        ended.await.expect("a flush does not panic, and nobody aborts it")
    }

    fn turn(&self, deadline: Option<Millis>, flushed: Option<Flushed>) -> Result<(), ServeError> {
        let now = clock::now();
        let mut node = self.node.borrow_mut();
        let steady = clock::steady();
        node.set_steady_time(steady);
        if let Some(Flushed { ended, took }) = flushed {
            let mut pace = self.pace.get();
            pace.ended(took, self.held.borrow().count());
            self.pace.set(pace);
            node.store_mut().end_flush(ended)?;
        }
        let (mut out, mut described) = (Outbox::default(), Vec::new());
        if self.may_take() {
            for (arrived, event) in self.inbox.take(EVENTS_COUNT_MAX) {
                node.set_waited(steady.0.saturating_sub(arrived.0) / 1_000);
                self.follow_links(&event);
                match event {
                    Event::Received {
                        from,
                        message: message @ (Message::Describe { .. } | Message::Described { .. }),
                    } => described.push((from, message)),
                    event => node.handle(now, event, &mut out),
                }
            }
            if deadline.is_some_and(|deadline| deadline <= now) {
                node.handle(now, Event::Woken, &mut out);
            }
        }
        std::mem::take(&mut out.notices).into_iter().for_each(|notice| self.log.warn(notice));
        if let Some(life) = out.life {
            self.identity.borrow_mut().live(life)?;
            self.peers.introduce_as(life);
        }
        if out.is_checkpoint_due {
            checkpoint(&mut node)?;
        }
        self.write(node.store_mut(), now, out.sends.len() + out.replies.len())?;
        let flushed = self.hold(node.store_mut(), out);
        self.follow_members(&node);
        // Whoever is written to may look at the node.
        drop(node);
        self.say(flushed);
        described.into_iter().for_each(|(from, message)| self.neighbours.take(from, message));
        self.keep_up(&mut self.node.borrow_mut());
        Ok(())
    }

    /// Hands what the turn wrote to the system, and has it flushed if that is due: so many words
    /// rest on it.
    fn write(&self, store: &mut Body, now: Millis, words_count: usize) -> Result<(), ServeError> {
        match store.write_turn() {
            Ok(()) => self.is_disk_full.set(false),
            Err(error @ StoreError::Full { .. }) => {
                if !self.is_disk_full.replace(true) {
                    self.log
                        .warn(format_args!("nothing is taken in until there is space: {error}"));
                }
            }
            Err(error) => return Err(error.into()),
        }
        if let Some(flush) = store.begin_flush(storage::Millis(now.0))? {
            let waiting_count = self.held.borrow().count_behind(store.flushed()) + words_count;
            let pause = self.pace.get().patience(waiting_count);
            *self.flushing.borrow_mut() = Some(spawn_blocking(move || run(flush, pause)));
        }
        Ok(())
    }

    /// Puts what a turn has to say behind what is held, and returns what may be said by now.
    fn hold(&self, store: &Body, out: Outbox) -> Vec<Outbox> {
        let mut held = self.held.borrow_mut();
        held.hold(store.flush_ticket(), out.sends.len() + out.replies.len(), out);
        held.release(store.flushed())
    }

    /// Says what turns have to say, with one write for each peer and each client.
    fn say(&self, mut turns: Vec<Outbox>) {
        self.peers.send(turns.iter_mut().flat_map(|out| std::mem::take(&mut out.sends)));
        let replies = turns.into_iter().flat_map(|Outbox { replies, sloppy, .. }| {
            let answered = move |(request, outcome)| {
                let is_sloppy = sloppy.contains(&request);
                Answered { request, outcome, is_sloppy }
            };
            replies.into_iter().map(answered)
        });
        self.clients.answer(replies.filter_map(|one| self.caller.take(one)));
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

    /// Lets links and clients follow what the node knows of the members.
    fn follow_members(&self, node: &Node<Body>) {
        let version = node.members_version();
        if self.members_version.replace(version) != version {
            let members = node.members();
            self.peers.follow(&members);
            let started = self.clients.view().started;
            self.clients.set_view(view::of(&self.config, started, &members, &node.owners()));
        }
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

#[expect(clippy::disallowed_methods, reason = "a thread of its own that only serves the disk")]
fn run(flush: PendingFlush, pause: Duration) -> Flushed {
    if !pause.is_zero() {
        std::thread::sleep(pause);
    }
    let start = std::time::Instant::now();
    let ended = flush.run();
    Flushed { ended, took: start.elapsed() }
}

/// Makes rows and clocks durable together, at once.
pub(crate) fn checkpoint(node: &mut Node<Body>) -> Result<(), ServeError> {
    node.save_states()?;
    Ok(node.store_mut().checkpoint()?)
}
