//! The link to one peer: at most one connection at a time, both directions, one write per turn.
//!
//! Invariants: the node hears `LinkUp` before anything received on a connection and `LinkDown`
//! after it, and never two of one kind in a row; what is sent without a connection is dropped.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use causality::NodeId;
use node::Event;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use wire::{Decoder, Encoder, FrameLimit, Message, Scan, WireError, scan};

use super::handshake::Greeted;
use super::outgoing::{Outgoing, Readiness};
use crate::inbox::Inbox;
use crate::socket::Socket;

/// Room made for one read.
const READ_SIZE: usize = 64 * 1024;

/// The way to one peer.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) peer: NodeId,
    delay: Duration,
    queue_size_max: usize,
    connection: RefCell<Option<Connection>>,
    is_cut: Cell<bool>,
    dropped_count: Cell<u64>,
    /// Wakes the task of the connection: it is replaced, cut, or has more to send.
    changed: Notify,
    /// Wakes whoever waits for the link to be mended.
    pub(super) mended: Notify,
}

#[derive(Debug)]
struct Connection {
    socket: Rc<Socket>,
    encoder: Encoder,
    outgoing: Outgoing,
}

/// Why a connection ended.
#[derive(Debug, Error)]
pub(super) enum LinkEnd {
    #[error("{0}")]
    Socket(#[from] io::Error),
    #[error("it sent {0}")]
    Wire(#[from] WireError),
    #[error("a newer connection took its place")]
    Replaced,
    #[error("it was cut")]
    Cut,
}

impl Link {
    pub(super) fn new(peer: NodeId, delay: Duration, queue_size_max: usize) -> Self {
        Self {
            peer,
            delay,
            queue_size_max,
            connection: RefCell::default(),
            is_cut: Cell::new(false),
            dropped_count: Cell::new(0),
            changed: Notify::new(),
            mended: Notify::new(),
        }
    }

    /// Uses a connection until it ends, one way or another.
    pub(super) async fn run(&self, greeted: Greeted, inbox: &Inbox) -> LinkEnd {
        let socket = Rc::new(greeted.socket);
        let outgoing = Outgoing::new(self.delay, self.queue_size_max);
        let connection =
            Connection { socket: Rc::clone(&socket), encoder: greeted.encoder, outgoing };
        if self.connection.borrow_mut().replace(connection).is_some() {
            inbox.push(Event::LinkDown(self.peer));
            self.changed.notify_waiters();
        }
        inbox.push(Event::LinkUp(self.peer));
        let mut receiver =
            Receiver { peer: self.peer, decoder: greeted.decoder, input: greeted.input };
        let ended = match receiver.decode(inbox) {
            Ok(()) => self.carry(&socket, &mut receiver, inbox).await,
            Err(error) => Err(error.into()),
        };
        let Err(end) = ended;
        if self.is_current(&socket) {
            *self.connection.borrow_mut() = None;
            inbox.push(Event::LinkDown(self.peer));
        }
        end
    }

    /// Queues a message, or drops it when there is no connection or no room.
    pub(super) fn send(&self, message: &Message, now: Instant) -> Result<(), wire::TooLong> {
        let mut connection = self.connection.borrow_mut();
        let Some(Connection { encoder, outgoing, .. }) = &mut *connection else { return Ok(()) };
        match outgoing.append(now, |out| encoder.message(message, out)) {
            Some(Ok(())) => Ok(()),
            Some(Err(too_long)) => {
                self.count_dropped();
                Err(too_long)
            }
            None => {
                self.count_dropped();
                Ok(())
            }
        }
    }

    /// Writes what is due, and lets the task see to the rest.
    pub(super) fn flush(&self, now: Instant) {
        // A connection that is broken is noticed by its task.
        let _ = self.write(now);
        if self.readiness(now) != Readiness::Empty || self.has_unsent() {
            self.changed.notify_waiters();
        }
    }

    /// Pretends that the peer cannot be reached, or that it can again.
    pub(super) fn set_cut(&self, is_cut: bool) {
        if self.is_cut.replace(is_cut) != is_cut {
            self.changed.notify_waiters();
            self.mended.notify_waiters();
        }
    }

    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.get()
    }

    pub(super) fn is_up(&self) -> bool {
        self.connection.borrow().is_some()
    }

    pub(super) fn dropped_count(&self) -> u64 {
        self.dropped_count.get()
    }

    /// Reads and writes until the connection ends.
    async fn carry(
        &self,
        socket: &Rc<Socket>,
        receiver: &mut Receiver,
        inbox: &Inbox,
    ) -> Result<std::convert::Infallible, LinkEnd> {
        loop {
            // Registered before anything is looked at, so that no change is missed.
            let changed = self.changed.notified();
            if !self.is_current(socket) {
                return Err(LinkEnd::Replaced);
            }
            if self.is_cut() {
                return Err(LinkEnd::Cut);
            }
            inbox.room().await;
            let readiness = self.readiness(Instant::now());
            let may_write = readiness == Readiness::Due || socket.has_unsent();
            let due = match readiness {
                Readiness::Later(due) => Some(due),
                Readiness::Empty | Readiness::Due => None,
            };
            tokio::select! {
                ready = socket.readable() => {
                    ready?;
                    receiver.read(socket, inbox)?;
                }
                ready = socket.writable(), if may_write => {
                    ready?;
                    self.write(Instant::now())?;
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.write(Instant::now())?;
                }
                () = changed => {}
            }
        }
    }

    /// Writes everything that is due, as far as the socket takes it.
    fn write(&self, now: Instant) -> io::Result<()> {
        let mut connection = self.connection.borrow_mut();
        let Some(Connection { socket, outgoing, .. }) = &mut *connection else { return Ok(()) };
        while let Some(bytes) = outgoing.due(now) {
            match socket.try_write(bytes) {
                Ok(count) => outgoing.sent(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        socket.flush()
    }

    fn readiness(&self, now: Instant) -> Readiness {
        let connection = self.connection.borrow();
        connection.as_ref().map_or(Readiness::Empty, |one| one.outgoing.readiness(now))
    }

    fn has_unsent(&self) -> bool {
        self.connection.borrow().as_ref().is_some_and(|one| one.socket.has_unsent())
    }

    fn is_current(&self, socket: &Rc<Socket>) -> bool {
        let connection = self.connection.borrow();
        connection.as_ref().is_some_and(|current| Rc::ptr_eq(&current.socket, socket))
    }

    fn count_dropped(&self) {
        self.dropped_count.set(self.dropped_count.get() + 1);
    }
}

/// The receiving end of a connection.
struct Receiver {
    peer: NodeId,
    decoder: Decoder,
    input: Vec<u8>,
}

impl Receiver {
    fn read(&mut self, socket: &Socket, inbox: &Inbox) -> Result<(), LinkEnd> {
        self.input.reserve(READ_SIZE);
        match socket.try_read_buf(&mut self.input) {
            Ok(0) => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok(_) => Ok(self.decode(inbox)?),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Hands every complete message to the node.
    fn decode(&mut self, inbox: &Inbox) -> Result<(), WireError> {
        let mut position = 0;
        while let Scan::Complete { frame, size } =
            scan(self.input.get(position..).unwrap_or_default(), FrameLimit::default())?
        {
            let message = self.decoder.message(&frame)?;
            inbox.push(Event::Received { from: self.peer, message });
            position += size;
        }
        self.input.drain(..position);
        if self.input.is_empty() {
            self.input = Vec::new();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
