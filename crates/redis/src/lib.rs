//! The Redis surface: the command table and one file per family; arguments become calls, and
//! outcomes become one reply.
//!
//! ```text
//! bytes -> resp::Parser -> arguments -> begin  -> Calls    -> the node -> outcomes
//!                                       |      -> Reply, Close              |
//!                                       +--- another round of Calls <-+     |
//! bytes <- resp::Writer <------------------------------------- finish <-----+
//! ```
//!
//! Invariants: every command gives exactly one reply, in the protocol that was spoken when it
//! came; a refused command has changed nothing and called nothing; the calls of one round write
//! different keys or only read, so that a driver may make them all at once.
//!
//! Nothing here knows a node, a peer, a socket or a clock. What a command is stands in its row of
//! the table and nowhere else: dispatch, `COMMAND` and the documents read it there.

mod assembly;
mod command;
mod content;
mod dump;
mod expiry;
mod facts;
mod families;
mod glob;
mod keyspec;
mod lobby;
mod refusal;
mod rounds;
mod session;
mod slot;
mod table;
mod turn;
mod users;
mod view;

use std::fmt;

use api::{Call, Outcome, Token};
use causality::Millis;
use resp::{Protocol, Writer};

use command::Command;
pub use families::connection::finish_login;
use families::{client, observing, pubsub, transactions};
pub use lobby::{Awaited, Errand, Kind, Lobby, Push, Said, Unblocking, fed_by};
use refusal::Refusal;
pub use rounds::Blocked;
use rounds::{Asked, Asker, Next, Then};
use session::Answers;
pub use session::{ClientId, Levels, Session};
use turn::Turn;
use users::Entry;
pub use users::{DEFAULT_USER, Denial, Guard, RuleError, User, Users, Wish};
pub use view::{ClusterNode, ClusterView, Liveness, SlotRange};

/// What becomes of one command.
#[derive(Debug)]
#[must_use]
pub enum Step {
    /// It is answered: the reply is written.
    Reply,
    /// The calls are to be made, and their outcomes given to [`finish`].
    Calls {
        /// What to ask; nothing for a command that only waits for its turn.
        calls: Vec<Call>,
        /// How to answer.
        pending: Pending,
    },
    /// It waits, and is answered when something comes, or when its time is over. No later command
    /// of the connection begins before.
    Wait(Blocked),
    /// Only the driver can answer, once all commands before are answered.
    Ask(Question),
    /// It is answered, and the connection is to be closed once the reply is sent.
    Close,
}

/// What only the driver knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// What the node says about itself, as JSON: a bulk string.
    Status,
    /// What the session has seen: a bulk string.
    Token,
    /// What an operator asks or orders about the members, as the words behind `STARLING NODE`: a
    /// bulk string of JSON, or an error.
    Members(Vec<String>),
    /// What the session has noted of its last answers; its connection tells it.
    Last,
    /// Make the session see at least this: `OK`, or an error.
    AdoptToken(Token),
    /// Whether a password is a user's; [`finish_login`] writes the reply, and no later command of
    /// the connection may begin before.
    Login {
        /// Who it says it is.
        user: String,
        /// What it says.
        password: Secret,
    },
    /// Change who the users are: `OK` or a number, or an error.
    ChangeUsers(UsersChange),
    /// A random password of so many hexadecimal digits: a bulk string.
    Password {
        /// How many.
        digits: usize,
    },
}

/// What an operator wants of the users. Every word was checked, but for those of passwords.
#[derive(Clone, PartialEq, Eq)]
pub enum UsersChange {
    /// Make one, or change it: `OK`.
    Set {
        /// Who.
        name: String,
        /// The words, in order; `>` and `<` stand before passwords as they were typed.
        words: Vec<String>,
    },
    /// Remove them: how many there were.
    Remove(Vec<String>),
}

/// Words hold passwords, so nobody prints them.
impl fmt::Debug for UsersChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set { name, .. } => f.debug_struct("Set").field("name", name).finish(),
            Self::Remove(names) => f.debug_tuple("Remove").field(names).finish(),
        }
    }
}

/// Bytes that nobody prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Keeps bytes from being printed.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A command whose calls are under way.
#[derive(Debug)]
#[must_use = "the client waits for its reply"]
pub struct Pending {
    then: Then,
    asker: Asker,
    command: &'static Command,
    protocol: Protocol,
    /// The client wants no reply.
    is_silent: bool,
}

impl Pending {
    /// Says whether the command is answered once its calls are. Otherwise it may ask again, and no
    /// later command of the connection may begin before.
    #[must_use]
    pub const fn is_last_round(&self) -> bool {
        self.then.is_last()
    }

    fn ask(self, asked: Asked) -> Result<Step, Refusal> {
        let is_turn_only = matches!(self.then, Then::Act(_));
        assert!(is_turn_only || !asked.is_empty(), "a command that asks nothing is answered");
        let calls = asked.into_iter().map(|(key, operation)| self.asker.call(key, operation));
        let calls = calls.collect::<Result<Vec<_>, _>>()?;
        Ok(Step::Calls { calls, pending: self })
    }
}

/// Takes one command: answers it, or says which calls it needs.
///
/// `args` holds the name and the arguments as [`resp::Parser`] finds them; `now` is the wall
/// clock. A reply in [`Step::Reply`] and [`Step::Close`] is written at once, behind the replies of
/// all commands before: a driver that pipelines keeps the order.
pub fn begin(
    session: &mut Session,
    args: &[&[u8]],
    now: Millis,
    view: &ClusterView,
    writer: &mut Writer<'_>,
) -> Step {
    writer.set_protocol(session.protocol);
    if args.is_empty() {
        // The parser skips empty commands, and clients expect no reply to them.
        return Step::Reply;
    }
    let found = match table::find(args) {
        Ok(found) => found,
        Err(refusal) => {
            session.transaction.spoil();
            refusal.write("", writer);
            return Step::Reply;
        }
    };
    if session.answers == Answers::SkipNext {
        session.answers = Answers::Skip;
    }
    session.note(found, now);
    let before = session.answers;
    if before == Answers::On {
        return take(session, found, (args, now), view, writer);
    }
    // Whoever wants no replies is answered where nobody reads.
    let mut unread = Vec::new();
    let mut nowhere = Writer::new(&mut unread, session.protocol);
    let step = take(session, found, (args, now), view, &mut nowhere);
    match (before, session.answers) {
        (Answers::Skip, _) => session.answers = Answers::On,
        // The command that turns them on is the first to be answered.
        (_, Answers::On) => writer.raw(&unread),
        _ => {}
    }
    match step {
        Step::Calls { calls, pending } => {
            Step::Calls { calls, pending: Pending { is_silent: true, ..pending } }
        }
        step => step,
    }
}

/// Carries a command out, or queues it, if its user may run it. One that may not be run is told to
/// nobody.
fn take(
    session: &mut Session,
    found: &'static Command,
    (args, now): (&[&[u8]], Millis),
    view: &ClusterView,
    writer: &mut Writer<'_>,
) -> Step {
    if let Err(refusal) = admit(session, found, args, now) {
        session.transaction.spoil();
        refusal.write(&found.full_name(), writer);
        return Step::Reply;
    }
    observing::tell_monitors(session, args, now);
    let mut turn = Turn { session, command: found, args, now, view, writer };
    let is_queued = turn.session.transaction.is_open() && !transactions::is_immediate(found);
    let step = match pubsub::check(&turn) {
        Err(refusal) => Err(refusal),
        Ok(()) if is_queued => transactions::queue(&mut turn),
        Ok(()) => turn.run(),
    };
    turn.session.note_settled();
    match step {
        Ok(step) => step,
        Err(refusal) => {
            if is_queued {
                session.transaction.spoil();
            }
            refusal.write(&found.full_name(), writer);
            Step::Reply
        }
    }
}

/// Lets a command pass that its user may run, with all it touches.
fn admit(
    session: &Session,
    command: &'static Command,
    args: &[&[u8]],
    now: Millis,
) -> Result<(), Refusal> {
    let user = session.user().and_then(|name| Some((name, session.guard.active(name)?)));
    let Some((name, user)) = user else {
        let is_free = command.is_for_everyone() || is_proven_otherwise(command, args);
        return if is_free {
            Ok(())
        } else {
            Err(Refusal::text("NOAUTH Authentication required."))
        };
    };
    user.check(command, args, session.database.0).map_err(|denial| {
        note_denial(session, (denial.reason(), name.to_owned()), now);
        denial.refusal(name)
    })
}

/// Whether a command carries its own proof: a node that asks to be let in knows the cluster's
/// secret, and no user.
fn is_proven_otherwise(command: &Command, args: &[&[u8]]) -> bool {
    command.container == Some("starling")
        && command.name == "node"
        && args.get(2).is_some_and(|word| turn::is_word(word, "admit"))
}

/// Why something was denied, what it was, and to whom.
type Denied = ((&'static str, Vec<u8>), String);

/// Remembers a denial for `ACL LOG`.
fn note_denial(session: &Session, ((reason, object), user): Denied, now: Millis) {
    let context = if session.transaction.is_open() { "multi" } else { "toplevel" };
    let client = client::line_of(&session.facts, &session.lobby, now);
    let entry = Entry {
        id: 0,
        count: 1,
        reason,
        context,
        object,
        user,
        client,
        created: now,
        updated: now,
    };
    session.guard.log.borrow_mut().add(entry);
}

/// Takes what the calls of a command came to, in the order of the calls: answers it, or says which
/// calls it needs next.
pub fn finish(pending: Pending, outcomes: &[Outcome], writer: &mut Writer<'_>) -> Step {
    if !pending.is_silent {
        return settle(pending, outcomes, writer);
    }
    let mut unread = Vec::new();
    let step = settle(pending, outcomes, &mut Writer::new(&mut unread, writer.protocol()));
    match step {
        Step::Calls { calls, pending } => {
            Step::Calls { calls, pending: Pending { is_silent: true, ..pending } }
        }
        step => step,
    }
}

fn settle(pending: Pending, outcomes: &[Outcome], writer: &mut Writer<'_>) -> Step {
    let Pending { then, asker, command, protocol, .. } = pending;
    writer.set_protocol(protocol);
    let next = then.take(outcomes, writer);
    let step = next.and_then(|next| go_on(next, asker, command, protocol));
    step.unwrap_or_else(|refusal| {
        refusal.write(&command.full_name(), writer);
        Step::Reply
    })
}

/// Makes the calls of a round, if there is another.
fn go_on(
    next: Next,
    asker: Asker,
    command: &'static Command,
    protocol: Protocol,
) -> Result<Step, Refusal> {
    match next {
        Next::Answered => Ok(Step::Reply),
        Next::Ask(asked, then) => {
            Pending { then, asker, command, protocol, is_silent: false }.ask(asked)
        }
        Next::Call(calls, then) => {
            assert!(!calls.is_empty(), "a command that asks nothing is answered at once");
            let pending = Pending { then, asker, command, protocol, is_silent: false };
            Ok(Step::Calls { calls, pending })
        }
        Next::Wait(wait) => Ok(Step::Wait(Blocked { wait, asker, command, protocol })),
    }
}
