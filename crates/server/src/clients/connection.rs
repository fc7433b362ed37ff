//! One client: bytes in, commands begun, calls into the inbox, replies out.
//!
//! Bounds: no more is read while too many calls are open, too many bytes wait to be sent, or the
//! inbox is full; a request over its size ends the connection.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use api::{Call, Outcome, SessionId};
use causality::Millis;
use redis::{Awaited, ClientId, Guard, Levels, Lobby, Push, Question, Session, Step, Unblocking};
use resp::{Limits, Parsed, Parser};
use smallvec::SmallVec;
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until};

use super::Clients;
use super::replies::{Replies, Ticket};
use crate::accounts::Answer;
use crate::clock;
use crate::socket::Socket;

/// How long after it began to wait a client looks again for the first time, by itself: what was on
/// its way when it began is there by then.
const LOOK_FIRST: Duration = Duration::from_millis(20);
/// How often it looks again afterwards.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How much is read from a client that waits, so that its end is noticed.
const READ_AHEAD_SIZE_MAX: usize = 64 * 1024;

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
    /// It took what it was sent too slowly, so nothing more is sent.
    is_cut_off: bool,
    waiting: Option<Waiting>,
    /// Something that takes a while is found out, and no later command may begin.
    is_consulting: bool,
    /// Its task waits for the next command and for nothing else.
    is_listening: bool,
}

/// A client that waits for a key to get something, from its first look to its reply.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    look_at: Instant,
    /// Something came while it was looking: it looks once more.
    looks_again: bool,
}

/// What has become of a client's waiting.
#[derive(Debug)]
pub(crate) enum Followed {
    /// Nothing new.
    Same,
    /// It waits for these keys, since a moment.
    Began(Vec<Awaited>, Millis),
    /// It waits on, but something came meanwhile.
    LooksAgain,
    /// It has its reply.
    Ended,
}

/// What has become of a command.
enum Begun {
    /// Its reply is written.
    Now,
    /// It needs these calls.
    Calls(Ticket, Vec<Call>),
    /// It is answered once this is found out.
    Consults(Question),
    /// It is to be begun again once the commands before are answered.
    Later,
}

/// What the task of a connection waits for.
struct Wants {
    reading: Option<()>,
    writing: Option<()>,
}

impl Client {
    pub(crate) fn new(
        id: ClientId,
        socket: Socket,
        lobby: Rc<Lobby>,
        guard: Rc<Guard>,
    ) -> io::Result<Self> {
        let (peer, local) = (socket.peer_addr()?.to_string(), socket.local_addr()?.to_string());
        let session = Session::new(id, peer, local, Levels::default(), clock::now());
        let mut session = session.guarded(guard, socket.certified_name());
        session.enter(lobby);
        let state = State {
            session,
            replies: Replies::default(),
            has_ended: false,
            is_closing: false,
            is_cut_off: false,
            waiting: None,
            is_consulting: false,
            is_listening: false,
        };
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
        while let Some(wants) = self.wants(input.len()) {
            let look_at = self.look_at();
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
                () = self.changed.notified() => !input.is_empty() || self.has_ended(),
                () = sleep_until(look_at.unwrap_or_else(Instant::now)), if look_at.is_some() => {
                    self.look(clients);
                    clients.deliver();
                    !input.is_empty()
                }
            };
            if has_more {
                clients.inbox.room().await;
                self.take_commands(clients, &mut parser, &mut input);
                clients.follow(self);
                clients.deliver();
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
        let is_broken = self.send().is_err();
        if is_broken || !self.listens_on() {
            self.changed.notify_one();
        }
    }

    /// Whether the task goes on listening, and would find nothing else to do if it were woken.
    fn listens_on(&self) -> bool {
        let state = self.state.borrow();
        let is_sent = state.replies.output().is_empty() && !self.socket.has_unsent();
        let is_at_ease = state.may_take() && state.waiting.is_none() && !state.is_cut_off;
        state.is_listening && is_sent && is_at_ease && !state.has_ended
    }

    /// Returns the name of its session at the node.
    pub(crate) fn session(&self) -> SessionId {
        self.state.borrow().session.at_node()
    }

    /// Takes no more commands; the connection ends when all are answered.
    pub(crate) fn close(&self) {
        self.state.borrow_mut().close();
        self.changed.notify_one();
    }

    /// Sends something that the client did not ask for right now; [`Self::flush`] sends it. A
    /// client whose user may not hear it any more is closed instead.
    pub(crate) fn push(&self, push: &Push) {
        let state = &mut *self.state.borrow_mut();
        if !state.session.may_hear(push) {
            state.close();
            return;
        }
        let protocol = state.session.protocol();
        state.is_cut_off |= !state.replies.push(push, protocol);
    }

    /// Lets a client that waits look again; returns its calls. A client whose user may not take
    /// what it waits for any more is closed instead.
    pub(crate) fn retry(&self) -> Option<(Ticket, Vec<Call>)> {
        let state = &mut *self.state.borrow_mut();
        if state.replies.blocked().is_some_and(|blocked| !state.session.may_go_on(blocked)) {
            state.close();
            self.changed.notify_one();
            return None;
        }
        let waiting = state.waiting.as_mut()?;
        // One that is looking right now looks once more when it finds nothing.
        waiting.looks_again = state.replies.blocked().is_none();
        waiting.look_at = Instant::now() + LOOK_INTERVAL;
        state.replies.retry()
    }

    /// Ends the waiting of a client.
    pub(crate) fn unblock(&self, how: Unblocking) {
        self.state.borrow_mut().replies.unblock(how);
    }

    /// Follows whether the client waits: tells for which keys, and since when, when it has just
    /// begun, and says whether it waits at all.
    pub(crate) fn follow_waiting(&self) -> Followed {
        let state = &mut *self.state.borrow_mut();
        let is_looking = state.replies.is_in_rounds();
        let Some(blocked) = state.replies.blocked() else {
            if is_looking {
                return Followed::Same;
            }
            return if state.waiting.take().is_some() { Followed::Ended } else { Followed::Same };
        };
        let began = Followed::Began(blocked.keys().to_vec(), blocked.since());
        match &mut state.waiting {
            Some(Waiting { looks_again, .. }) if *looks_again => {
                *looks_again = false;
                Followed::LooksAgain
            }
            Some(_) => Followed::Same,
            None => {
                let look_at = Instant::now() + LOOK_FIRST;
                state.waiting = Some(Waiting { look_at, looks_again: false });
                began
            }
        }
    }

    /// When a client that waits looks again, or gives up.
    fn look_at(&self) -> Option<Instant> {
        let state = self.state.borrow();
        let (waiting, blocked) = (state.waiting?, state.replies.blocked()?);
        let until = blocked.until().map(|until| Instant::now() + clock::until(until));
        let look_at = (!blocked.keys().is_empty()).then_some(waiting.look_at);
        until.into_iter().chain(look_at).min()
    }

    /// Looks again, or gives up.
    fn look(self: &Rc<Self>, clients: &Clients) {
        let until = self.state.borrow().replies.blocked().and_then(redis::Blocked::until);
        if until.is_some_and(|until| until <= clock::now()) {
            self.unblock(Unblocking::Timeout);
        } else if let Some((ticket, calls)) = self.retry() {
            clients.announce(self);
            clients.ask(self, ticket, calls, clock::steady());
        }
        clients.follow(self);
        self.flush();
    }

    fn has_ended(&self) -> bool {
        self.state.borrow().has_ended
    }

    /// What to wait for; nothing when the connection is done.
    fn wants(&self, unread: usize) -> Option<Wants> {
        let state = &mut *self.state.borrow_mut();
        let has_unsent = self.socket.has_unsent();
        let is_waiting = state.replies.blocked().is_some();
        // Nothing is taken for a client that is gone.
        let is_gone = state.is_cut_off || is_waiting && state.has_ended;
        let is_answered = state.replies.is_empty() && !state.is_consulting;
        let is_done = state.is_closing && is_answered && !has_unsent || is_gone;
        let may_read = state.may_take() || is_waiting && unread < READ_AHEAD_SIZE_MAX;
        let is_reading = may_read && !state.has_ended;
        let is_writing = has_unsent || !state.replies.output().is_empty();
        state.is_listening = is_reading && !is_writing && !is_waiting && unread == 0;
        let (reading, writing) = (is_reading.then_some(()), is_writing.then_some(()));
        (!is_done).then_some(Wants { reading, writing })
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

    /// Finds out what takes a while, and goes on then.
    fn consult(self: &Rc<Self>, clients: &Clients, question: Question) {
        let (client, accounts) = (Rc::clone(self), Rc::clone(&clients.accounts));
        spawn_local(async move {
            let answer = accounts.answer(question).await;
            client.state.borrow_mut().take_answer(&answer);
            client.flush();
        });
    }

    /// Begins every complete command of `input`, as far as the bounds allow.
    fn take_commands(self: &Rc<Self>, clients: &Clients, parser: &mut Parser, input: &mut Vec<u8>) {
        let state = &mut *self.state.borrow_mut();
        let (now, arrived) = (clock::now(), clock::steady());
        let mut position = 0;
        while state.may_take() {
            match parser.parse(&input[position..]) {
                Ok(Parsed::Command { command, consumed }) => {
                    let args: SmallVec<[&[u8]; 8]> = command.iter().collect();
                    match state.begin(clients, &args, now) {
                        Begun::Now => {}
                        // Nothing is asked before it has its turn.
                        Begun::Calls(_, calls) if calls.is_empty() => {}
                        Begun::Calls(ticket, calls) => clients.ask(self, ticket, calls, arrived),
                        Begun::Consults(question) => self.consult(clients, question),
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
    fn close(&mut self) {
        self.is_closing = true;
        self.replies.forget_blocked();
    }

    fn may_take(&self) -> bool {
        self.replies.has_room()
            && !self.replies.is_in_rounds()
            && !self.is_closing
            && !self.is_consulting
    }

    /// Writes what a question came to.
    fn take_answer(&mut self, answer: &Answer) {
        self.is_consulting = false;
        let protocol = self.session.protocol();
        let session = &mut self.session;
        self.replies.write(|writer| {
            writer.set_protocol(protocol);
            match answer {
                Answer::Login(is_right) => {
                    redis::finish_login(session, *is_right, clock::now(), writer);
                }
                Answer::Done => writer.ok(),
                Answer::Count(count) => writer.integer(*count),
                Answer::Text(text) => writer.bulk(text.as_bytes()),
                Answer::Refused(text) => writer.error(text),
            }
        });
    }

    /// Begins one command.
    fn begin(&mut self, clients: &Clients, args: &[&[u8]], now: Millis) -> Begun {
        let (session, view) = (&mut self.session, clients.view());
        let begun = self.replies.write(|writer| redis::begin(session, args, now, &view, writer));
        match begun {
            Step::Reply => Begun::Now,
            Step::Calls { calls, pending } => {
                let ticket = self.replies.open(pending, calls.len());
                if calls.is_empty() {
                    // It is answered at once if nothing is open before it.
                    let more = self.replies.settle();
                    assert!(more.is_none(), "what asks nothing asks nothing later");
                }
                Begun::Calls(ticket, calls)
            }
            Step::Wait(_) | Step::Ask(_) if !self.replies.is_settled() => Begun::Later,
            Step::Wait(blocked) => {
                self.replies.block(blocked);
                Begun::Now
            }
            Step::Ask(Question::Last) => {
                let session = &mut self.session;
                self.replies.write(|writer| session.tell_last(writer));
                Begun::Now
            }
            Step::Ask(
                question @ (Question::Login { .. }
                | Question::ChangeUsers(_)
                | Question::Password { .. }),
            ) => {
                self.is_consulting = true;
                Begun::Consults(question)
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
