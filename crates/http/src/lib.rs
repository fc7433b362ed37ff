//! The HTTP surface: requests become calls or questions about the node, answers become responses.
//!
//! ```text
//! bytes -> Parser -> Request -> begin  -> Calls    -> the node -> outcomes -> finish --+
//!                                      -> Question -> the driver, which knows the node +
//! bytes <- Response::encode <-----------  Reply   <------------------------------------+
//! ```
//!
//! Invariants: every request gives exactly one response; a refused request has changed nothing;
//! what exists is in one table of routes, from which requests are matched and the OpenAPI document
//! is made. Nothing here knows a node, a peer, a socket or a clock.

mod credentials;
mod exposition;
mod openapi;
mod origin;
mod parameter;
mod parser;
mod percent;
mod problem;
mod request;
mod response;
mod route;
mod routes;
pub mod text;

use std::collections::BTreeSet;

use api::{Call, Level, Outcome, Position, Token};
use causality::Millis;
use cells::Keyspace;

pub use credentials::credentials;
pub use exposition::{Exposition, Family, Kind, TextFormat};
pub use origin::Guard;
pub use parser::{Limits, ParseError, Parsed, Parser};
pub use problem::{PROBLEMS, Problem, ProblemKind};
pub use request::{Method, Request};
pub use response::{Ending, Response, Shape};
use routes::data::Answering;
pub use routes::keys::cursor;

/// What becomes of a request.
#[derive(Debug)]
#[must_use]
pub enum Step {
    /// It is answered.
    Reply(Response),
    /// The calls are to be made, and their outcomes given to [`finish`].
    Calls {
        /// What to ask; at least one call.
        calls: Vec<Call>,
        /// How to answer.
        pending: Pending,
        /// The session they are made in, if any.
        session: Option<Session>,
    },
    /// Whoever drives the node knows the answer.
    Ask(Question),
}

/// The session that a request is made in: what it has seen stays visible to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Session {
    /// One that begins with this request.
    New,
    /// One that has seen what the token says.
    Known(Token),
}

/// The header that carries a session's token, in and out.
pub const SESSION_HEADER: &str = "Starling-Session";

/// The header of a response in which stand-ins for owners took part: then it is `true`.
pub const SLOPPY_HEADER: &str = "Starling-Sloppy";

/// What only the driver of a node can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Does the node run at all?
    Live,
    /// Should requests be sent here?
    Ready,
    /// What has been counted and measured?
    Metrics(TextFormat),
    /// How is this node?
    Node,
    /// Where is a key?
    Trace {
        /// Its keyspace.
        keyspace: Keyspace,
        /// The key.
        key: Vec<u8>,
    },
    /// What would each level cost, and how fresh would its reads be?
    Predict,
    /// Which keys are there?
    Keys {
        /// In which keyspace.
        keyspace: Keyspace,
        /// How many owners take part in the walk over each shard.
        level: Level,
        /// Where to begin.
        from: (u16, Position),
        /// How many at most.
        limit: u32,
    },
    /// Take what is left of a damaged shard for the truth.
    AcceptLosses {
        /// Which one.
        shard: u16,
    },
    /// Begin a repair of some shards, or of all.
    BeginRepair {
        /// Which; nothing names all.
        shards: Option<BTreeSet<u16>>,
    },
    /// How were the last repairs?
    Repairs,
    /// How is a repair?
    Repair {
        /// Its number.
        id: u64,
    },
    /// How is every node?
    Cluster,
    /// How is every node, and how was this one in the last day?
    Convergence,
    /// The same as a stream of events, for as long as the connection lasts.
    Watch,
}

/// A request whose calls are under way.
#[derive(Debug)]
#[must_use = "the client waits for its response"]
pub struct Pending {
    answering: Answering,
}

/// Begins to answer a request that came at `now`.
pub fn begin(request: &Request, guard: Guard, now: Millis) -> Step {
    let begun = guard.admit(request).and_then(|()| route::find(request)).and_then(|matched| {
        (matched.route.run)(&route::Asked { request, values: &matched.values, now })
    });
    begun.unwrap_or_else(|problem| Step::Reply(problem.response()))
}

/// Answers a request whose calls are done, with one outcome for each call.
pub fn finish(pending: Pending, outcomes: Vec<Outcome>) -> Response {
    pending.answering.finish(outcomes).unwrap_or_else(Problem::response)
}

/// The OpenAPI document of everything that is offered.
#[must_use]
pub fn openapi() -> serde_json::Value {
    openapi::document()
}
