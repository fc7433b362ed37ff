//! The Redis surface: the command table and one file per family; arguments become calls, and
//! outcomes become one reply.
//!
//! ```text
//! bytes -> resp::Parser -> arguments -> begin  -> Calls    -> the node -> outcomes
//!                                              -> Reply, Close              |
//! bytes <- resp::Writer <------------------------------------- finish <-----+
//! ```
//!
//! Invariants: every command gives exactly one reply, in the protocol that was spoken when it
//! came; a refused command has changed nothing and called nothing; the calls of one command write
//! different keys or only read, so that a driver may make them all at once.
//!
//! Nothing here knows a node, a peer, a socket or a clock. What a command is stands in its row of
//! the table and nowhere else: dispatch, `COMMAND` and the documents read it there.

mod assembly;
mod command;
mod expiry;
mod families;
mod glob;
mod refusal;
mod session;
mod slot;
mod table;
mod turn;
mod view;

use api::{Call, Outcome};
use causality::Millis;
use resp::{Protocol, Writer};

use assembly::Assembly;
pub use session::{ClientId, Levels, Session};
use turn::Turn;
pub use view::{ClusterNode, ClusterView, Liveness, SlotRange};

/// What becomes of one command.
#[derive(Debug)]
#[must_use]
pub enum Step {
    /// It is answered: the reply is written.
    Reply,
    /// The calls are to be made, and their outcomes given to [`finish`].
    Calls {
        /// What to ask; at least one call.
        calls: Vec<Call>,
        /// How to answer.
        pending: Pending,
    },
    /// It is answered, and the connection is to be closed once the reply is sent.
    Close,
}

/// A command whose calls are under way.
#[derive(Debug)]
#[must_use = "the client waits for its reply"]
pub struct Pending {
    assembly: Assembly,
    protocol: Protocol,
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
            refusal.write("", writer);
            return Step::Reply;
        }
    };
    let mut turn = Turn { session, command: found, args, now, view, writer };
    match turn.run() {
        Ok(step) => step,
        Err(refusal) => {
            refusal.write(&found.full_name(), writer);
            Step::Reply
        }
    }
}

/// Writes the reply of a command whose calls came to `outcomes`, in the order of the calls.
#[expect(clippy::needless_pass_by_value, reason = "a command is answered once")]
pub fn finish(pending: Pending, outcomes: &[Outcome], writer: &mut Writer<'_>) {
    writer.set_protocol(pending.protocol);
    pending.assembly.write(outcomes, writer);
}
