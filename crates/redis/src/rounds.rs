//! How a command that asks goes on once its calls have come to something: it answers, or asks
//! again.
//!
//! Invariant: a round begins when the one before is complete, and every round but the first begins
//! when all commands before are answered; a driver begins no later command before the last round.
//! Between two rounds other clients may write: a command of several rounds is no transaction.

use std::fmt;

use api::{Call, CallError, Operation, Outcome, SessionId, Staleness};
use causality::Millis;
use cells::Keyspace;
use resp::{Protocol, Writer};

use crate::Step;
use crate::assembly::{Assembly, MISFIT, write_failure};
use crate::command::Command;
use crate::lobby::{Awaited, Unblocking};
use crate::refusal::Refusal;
use crate::session::Levels;

/// Writes the reply to outcomes of which none failed.
type Write = Box<dyn FnOnce(&[Outcome], &mut Writer<'_>) -> Result<(), Refusal>>;

/// Writes the reply to outcomes of which none failed, or says what to ask next.
type Go = Box<dyn FnOnce(&[Outcome], &mut Writer<'_>) -> Result<Next, Refusal>>;

/// Does something when its turn comes, and writes the reply.
type Act = Box<dyn FnOnce(&mut Writer<'_>)>;

/// What a command asks, in order: keys and what about them.
pub(crate) type Asked = Vec<(Vec<u8>, Operation)>;

/// What a command does with the outcomes of a round.
pub(crate) enum Then {
    /// One of the usual replies.
    Assemble(Assembly),
    /// A reply of its own.
    Write(Sees, Write),
    /// A reply or another round.
    Go(Sees, Go),
    /// Nothing is asked: something is done once all commands before are answered.
    Act(Act),
}

/// Which outcomes a command sees; others it is spared, and their error is its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sees {
    /// Those that did not fail.
    Successes,
    /// All.
    Everything,
}

/// What becomes of a command after a round.
pub(crate) enum Next {
    /// Its reply is written.
    Answered,
    /// It asks these, in order.
    Ask(Asked, Then),
    /// It makes these calls.
    Call(Vec<Call>, Then),
    /// It waits for a key to get something.
    Wait(Wait),
}

/// A command that waits.
pub(crate) struct Wait {
    /// What it waits for; nothing but time when there are none.
    pub(crate) keys: Vec<Awaited>,
    /// Since when.
    pub(crate) since: Millis,
    /// When it gives up; never without it.
    pub(crate) until: Option<Millis>,
    /// Looks again.
    pub(crate) again: Box<dyn FnOnce() -> Next>,
    /// Answers that nothing came.
    pub(crate) over: Act,
}

/// A command whose client waits; the driver says when it looks again, and when it ends.
#[must_use = "the client waits for its reply"]
pub struct Blocked {
    pub(crate) wait: Wait,
    pub(crate) asker: Asker,
    pub(crate) command: &'static Command,
    pub(crate) protocol: Protocol,
}

impl Blocked {
    /// Returns the keys that are waited for.
    #[must_use]
    pub fn keys(&self) -> &[Awaited] {
        &self.wait.keys
    }

    /// Returns since when.
    #[must_use]
    pub const fn since(&self) -> Millis {
        self.wait.since
    }

    /// Returns when it gives up; nothing for never.
    #[must_use]
    pub const fn until(&self) -> Option<Millis> {
        self.wait.until
    }

    /// Looks again.
    pub fn retry(self) -> Step {
        let Self { wait, asker, command, protocol } = self;
        match crate::go_on((wait.again)(), asker, command, protocol) {
            Ok(step) => step,
            Err(_) => unreachable!("it has asked the same before"),
        }
    }

    /// Answers that nothing came.
    pub fn give_up(self, writer: &mut Writer<'_>) {
        writer.set_protocol(self.protocol);
        (self.wait.over)(writer);
    }

    /// Answers that somebody else has ended it.
    pub fn unblock(self, how: Unblocking, writer: &mut Writer<'_>) {
        match how {
            Unblocking::Timeout => self.give_up(writer),
            Unblocking::Error => {
                writer.error("UNBLOCKED client unblocked via CLIENT UNBLOCK");
            }
        }
    }
}

impl fmt::Debug for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocked").field("keys", &self.wait.keys).finish_non_exhaustive()
    }
}

/// Who asks: the same for all calls of a command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    pub(crate) keyspace: Keyspace,
    pub(crate) levels: Levels,
    pub(crate) session: SessionId,
    pub(crate) staleness: Option<Staleness>,
}

impl Then {
    /// Answers in its own words.
    pub(crate) fn write(
        write: impl FnOnce(&[Outcome], &mut Writer<'_>) -> Result<(), Refusal> + 'static,
    ) -> Self {
        Self::Write(Sees::Successes, Box::new(write))
    }

    /// Answers in its own words, failures as well.
    pub(crate) fn write_any(
        write: impl FnOnce(&[Outcome], &mut Writer<'_>) -> Result<(), Refusal> + 'static,
    ) -> Self {
        Self::Write(Sees::Everything, Box::new(write))
    }

    /// Does something when its turn comes, and answers.
    pub(crate) fn act(act: impl FnOnce(&mut Writer<'_>) + 'static) -> Self {
        Self::Act(Box::new(act))
    }

    /// Answers or asks again.
    pub(crate) fn go(
        go: impl FnOnce(&[Outcome], &mut Writer<'_>) -> Result<Next, Refusal> + 'static,
    ) -> Self {
        Self::Go(Sees::Successes, Box::new(go))
    }

    /// Answers or asks again, after failures as well.
    pub(crate) fn go_any(
        go: impl FnOnce(&[Outcome], &mut Writer<'_>) -> Result<Next, Refusal> + 'static,
    ) -> Self {
        Self::Go(Sees::Everything, Box::new(go))
    }

    /// Says whether no other round can follow.
    pub(crate) const fn is_last(&self) -> bool {
        !matches!(self, Self::Go(..))
    }

    /// Goes on.
    pub(crate) fn take(
        self,
        outcomes: &[Outcome],
        writer: &mut Writer<'_>,
    ) -> Result<Next, Refusal> {
        let (sees, go): (_, Go) = match self {
            Self::Assemble(assembly) => {
                assembly.write(outcomes, writer);
                return Ok(Next::Answered);
            }
            Self::Write(sees, write) => {
                let go: Go = Box::new(|outcomes, writer| {
                    write(outcomes, writer)?;
                    Ok(Next::Answered)
                });
                (sees, go)
            }
            Self::Go(sees, go) => (sees, go),
            Self::Act(act) => {
                act(writer);
                return Ok(Next::Answered);
            }
        };
        if sees == Sees::Successes
            && let Some(error) = outcomes.iter().find_map(failure)
        {
            write_failure(error, writer);
            return Ok(Next::Answered);
        }
        if outcomes.is_empty() {
            return Err(Refusal::text(MISFIT));
        }
        go(outcomes, writer)
    }
}

/// An outcome that no operation of the command can have.
pub(crate) const fn misfit() -> Refusal {
    Refusal::text(MISFIT)
}

const fn failure(outcome: &Outcome) -> Option<&CallError> {
    match outcome {
        Outcome::Failed(error) => Some(error),
        _ => None,
    }
}

impl Asker {
    /// Makes a call.
    pub(crate) fn call(self, key: Vec<u8>, operation: Operation) -> Result<Call, Refusal> {
        if key.is_empty() && !matches!(operation, Operation::OnShard { .. }) {
            return Err(Refusal::EmptyKey);
        }
        Ok(self.make(key, operation))
    }

    /// Makes a call about a key that is one.
    pub(crate) const fn make(self, key: Vec<u8>, operation: Operation) -> Call {
        let Self { keyspace, levels, session, staleness } = self;
        let (read, write) = (levels.read, levels.write);
        let session = Some(session);
        Call { keyspace, key, read, write, session, staleness, operation }
    }
}

impl fmt::Debug for Then {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assemble(assembly) => assembly.fmt(f),
            Self::Write(..) => f.write_str("Write"),
            Self::Go(..) => f.write_str("Go"),
            Self::Act(..) => f.write_str("Act"),
        }
    }
}
