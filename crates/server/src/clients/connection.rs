//! One client: bytes in, commands begun, calls into the inbox, replies out.
//!
//! Bounds: no more is read while too many calls are open, too many bytes wait to be sent, or the
//! inbox is full; a request over its size ends the connection.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use api::{Call, Outcome, SessionId};
use redis::{ClientId, Levels, Lobby, Question, Session, Step};
use resp::{Limits, Parsed, Parser};
use tokio::sync::Notify;

use super::Clients;
use super::replies::{Replies, Ticket};
use crate::clock;
use crate::socket::Socket;

/// Room made for one read.
const READ_SIZE: usize = 16 * 1024;

/// A connected client, shared by its own task and the node's turns.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: ClientId,
    socket: Socket,
    state: RefCell<State>,
    /// Wakes the task: there is more to send, or reading may go on.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    session: Session,
    replies: Replies,
    /// The client sends no more; what it sent is still carried out.
    has_ended: bool,
    /// No more commands are taken; what is open is still answered.
    is_closing: bool,
}

/// What has become of a command.
enum Begun {
    /// Its reply is written.
    Now,
    /// It needs these calls.
    Calls(Ticket, Vec<Call>),
    /// It is to be begun again once the commands before are answered.
    Later,
}

/// What the task of a connection waits for.
struct Wants {
    reading: Option<()>,
    writing: Option<()>,
}

impl Client {
    pub(crate) fn new(id: ClientId, socket: Socket, lobby: Rc<Lobby>) -> io::Result<Self> {
        let (peer, local) = (socket.peer_addr()?.to_string(), socket.local_addr()?.to_string());
        let mut session = Session::new(id, peer, local, Levels::default(), clock::now());
        session.enter(lobby);
        let state =
            State { session, replies: Replies::default(), has_ended: false, is_closing: false };
        Ok(Self { id, socket, state: RefCell::new(state), changed: Notify::new() })
    }

    /// Serves the client until either side is done with the other.
    pub(crate) async fn run(self: &Rc<Self>, clients: &Clients) -> io::Result<()> {
        let limits = Limits {
            bulk_size_max: clients.request_size_max,
            command_size_max: clients.request_size_max,
            ..Limits::default()
        };
        let mut parser = Parser::new(limits);
        let mut input = Vec::new();
        while let Some(wants) = self.wants() {
            let has_more = tokio::select! {
                ready = self.socket.readable(), if wants.reading.is_some() => {
                    ready?;
                    self.read(&mut input)?
                }
                ready = self.socket.writable(), if wants.writing.is_some() => {
                    ready?;
                    self.send()?;
                    !input.is_empty()
                }
                () = self.changed.notified() => !input.is_empty(),
            };
            if has_more {
                clients.inbox.room().await;
                self.take_commands(clients, &mut parser, &mut input);
                self.send()?;
            }
        }
        Ok(())
    }

    /// Takes the outcome of a call; [`Self::flush`] sends it. Returns the calls of another round.
    pub(crate) fn answer(
        &self,
        ticket: Ticket,
        call: usize,
        outcome: Outcome,
    ) -> Option<(Ticket, Vec<Call>)> {
        self.state.borrow_mut().replies.close(ticket, call, outcome)
    }

    /// Notes that stand-ins for owners took part in an outcome.
    pub(crate) fn note_sloppy(&self) {
        self.state.borrow_mut().session.note_sloppy();
    }

    /// Sends what is ready, and lets the task see to the rest.
    pub(crate) fn flush(&self) {
        // A connection that is broken is noticed by its task.
        let _ = self.send();
        self.changed.notify_one();
    }

    /// Returns the name of its session at the node.
    pub(crate) fn session(&self) -> SessionId {
        self.state.borrow().session.at_node()
    }

    /// Takes no more commands; the connection ends when all are answered.
    pub(crate) fn close(&self) {
        self.state.borrow_mut().is_closing = true;
        self.changed.notify_one();
    }

    /// What to wait for; nothing when the connection is done.
    fn wants(&self) -> Option<Wants> {
        let state = self.state.borrow();
        let has_unsent = self.socket.has_unsent();
        let is_done = state.is_closing && state.replies.is_empty() && !has_unsent;
        (!is_done).then(|| Wants {
            reading: (state.may_take() && !state.has_ended).then_some(()),
            writing: (has_unsent || !state.replies.output().is_empty()).then_some(()),
        })
    }

    /// Reads once; false when there was nothing after all.
    fn read(&self, input: &mut Vec<u8>) -> io::Result<bool> {
        input.reserve(READ_SIZE);
        match self.socket.try_read_buf(input) {
            Ok(count) => {
                self.state.borrow_mut().has_ended = count == 0;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes once what is ready.
    fn send(&self) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        if state.replies.output().is_empty() {
            return self.socket.flush();
        }
        match self.socket.try_write(state.replies.output()) {
            Ok(count) => state.replies.sent(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Begins every complete command of `input`, as far as the bounds allow.
    fn take_commands(self: &Rc<Self>, clients: &Clients, parser: &mut Parser, input: &mut Vec<u8>) {
        let state = &mut *self.state.borrow_mut();
        let mut position = 0;
        while state.may_take() {
            match parser.parse(&input[position..]) {
                Ok(Parsed::Command { command, consumed }) => {
                    let args: Vec<&[u8]> = command.iter().collect();
                    match state.begin(clients, &args) {
                        Begun::Now => {}
                        Begun::Calls(ticket, calls) => clients.ask(self, ticket, calls),
                        Begun::Later => break,
                    }
                    position += consumed;
                }
                Ok(Parsed::Incomplete { consumed, .. }) => {
                    position += consumed;
                    state.is_closing |= state.has_ended;
                    break;
                }
                Err(error) => {
                    state.replies.write(|writer| writer.protocol_error(error));
                    state.is_closing = true;
                }
            }
        }
        input.drain(..position);
        if input.is_empty() {
            *input = Vec::new();
        }
    }
}

impl State {
    fn may_take(&self) -> bool {
        self.replies.has_room() && !self.replies.is_in_rounds() && !self.is_closing
    }

    /// Begins one command.
    fn begin(&mut self, clients: &Clients, args: &[&[u8]]) -> Begun {
        let (session, view) = (&mut self.session, clients.view());
        let begun =
            self.replies.write(|writer| redis::begin(session, args, clock::now(), &view, writer));
        match begun {
            Step::Reply => Begun::Now,
            Step::Calls { calls, pending } => {
                Begun::Calls(self.replies.open(pending, calls.len()), calls)
            }
            Step::Ask(_) if !self.replies.is_settled() => Begun::Later,
            Step::Ask(Question::Last) => {
                let session = &mut self.session;
                self.replies.write(|writer| session.tell_last(writer));
                Begun::Now
            }
            Step::Ask(question) => {
                let protocol = self.session.protocol();
                self.replies.write(|writer| {
                    writer.set_protocol(protocol);
                    clients.describer.answer(self.session.at_node(), &question, writer);
                });
                Begun::Now
            }
            Step::Close => {
                self.is_closing = true;
                Begun::Now
            }
        }
    }
}
