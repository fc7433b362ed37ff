//! Keys and their values: bytes as they are, or a document with every live version.

use api::{
    Call, CallError, Lifetime, Operation, Outcome, SealedContext, SetCondition, Sibling, Siblings,
    StringOperation,
};
use serde_json::{Value, json};

use super::{batch, collections, ordered};
use crate::parameter::{
    self, CONTEXT, KEY, KEYSPACE, MAX_STALENESS, READ_LEVEL, SESSION, TTL, WRITE_LEVEL, session,
};
use crate::problem::{
    BAD_CONTEXT, BAD_PARAMETER, BAD_SESSION, BUSY, INTERNAL, NO_OWNER, NO_PRECONDITIONS,
    NO_SUCH_KEY, NO_SUCH_KEYSPACE, NOT_ENOUGH_REPLICAS, Problem, SESSION_AHEAD, TOO_LARGE,
    TOO_MANY_VERSIONS, TOO_STALE, UNANSWERED, WRONG_TYPE,
};
use crate::request::Method;
use crate::response::Response;
use crate::route::{Answer, Asked, Media, Route};
use crate::{Pending, Step, text};

const BYTES: Media = Media { name: "application/octet-stream", schema: None };
const DOCUMENT: Media = Media { name: "application/json", schema: Some("Value") };
const PATH: &str = "/v1/keyspaces/{keyspace}/keys/{key}";

pub(crate) const ROUTES: &[Route] = &[
    Route {
        method: Method::Get,
        path: PATH,
        id: "getValue",
        tag: "Data",
        summary: "Read a string: its bytes, or as JSON with every live version",
        parameters: &[KEYSPACE, KEY, READ_LEVEL, MAX_STALENESS, SESSION],
        body: None,
        answers: &[Answer { status: 200, about: "The value", media: &[BYTES, DOCUMENT] }],
        problems: &[
            NO_SUCH_KEY,
            WRONG_TYPE,
            BAD_PARAMETER,
            BAD_SESSION,
            SESSION_AHEAD,
            TOO_STALE,
            BUSY,
            NOT_ENOUGH_REPLICAS,
            NO_OWNER,
            UNANSWERED,
            INTERNAL,
        ],
        run: get,
    },
    Route {
        method: Method::Put,
        path: PATH,
        id: "putValue",
        tag: "Data",
        summary: "Write a string: the body as it is, over everything that is seen, or over exactly \
                  the versions that a context names",
        parameters: &[KEYSPACE, KEY, WRITE_LEVEL, TTL, CONTEXT, SESSION],
        body: Some(BYTES),
        answers: &[Answer { status: 204, about: "Written", media: &[] }],
        problems: &[
            NO_SUCH_KEYSPACE,
            BAD_PARAMETER,
            BAD_CONTEXT,
            NO_PRECONDITIONS,
            WRONG_TYPE,
            TOO_MANY_VERSIONS,
            TOO_LARGE,
            BAD_SESSION,
            SESSION_AHEAD,
            BUSY,
            NOT_ENOUGH_REPLICAS,
            NO_OWNER,
            UNANSWERED,
            INTERNAL,
        ],
        run: put,
    },
    Route {
        method: Method::Delete,
        path: PATH,
        id: "deleteKey",
        tag: "Data",
        summary: "Remove a key, whatever its type; writes that were not seen survive",
        parameters: &[KEYSPACE, KEY, WRITE_LEVEL, CONTEXT, SESSION],
        body: None,
        answers: &[Answer { status: 204, about: "Removed, or not there", media: &[] }],
        problems: &[
            BAD_PARAMETER,
            BAD_CONTEXT,
            NO_PRECONDITIONS,
            WRONG_TYPE,
            BAD_SESSION,
            NO_SUCH_KEYSPACE,
            BUSY,
            NOT_ENOUGH_REPLICAS,
            NO_OWNER,
            SESSION_AHEAD,
            UNANSWERED,
            INTERNAL,
        ],
        run: delete,
    },
];

/// How the outcomes of a request's calls are told.
#[derive(Debug)]
pub(crate) enum Answering {
    /// The bytes of the one value.
    Bytes,
    /// The value, its versions and its expiry.
    Document {
        /// The key, to be shown.
        key: Vec<u8>,
    },
    /// Done, whatever the number.
    Done,
    /// A document of one member for each call: its number.
    Numbers(Vec<&'static str>),
    /// The members of a set.
    Members,
    /// The fields of a map.
    Fields,
    /// The members of a sorted set with their scores.
    Scored,
    /// The elements of a list.
    Elements,
    /// Requests that came together: for each, how many calls are its, and how they are told.
    Together(Vec<Part>),
}

/// One of several requests that came together.
#[derive(Debug)]
pub(crate) enum Part {
    /// It is answered.
    Answered(Response),
    /// So many calls are its.
    Calls(usize, Answering),
}

fn get(asked: &Asked<'_>) -> Result<Step, Problem> {
    if !asked.request.prefers("application/json") {
        return one(asked, Operation::Get, Answering::Bytes);
    }
    one(asked, Operation::Siblings, Answering::Document { key: asked.value(1).to_vec() })
}

fn put(asked: &Asked<'_>) -> Result<Step, Problem> {
    let value = asked.request.body.clone();
    let lifetime = parameter::lifetime(asked)?;
    let operation = match parameter::context(asked)? {
        Some(context) => resolve(Some(value), lifetime, context),
        None => Operation::Set { value, lifetime, condition: SetCondition::Always },
    };
    one(asked, operation, Answering::Done)
}

fn delete(asked: &Asked<'_>) -> Result<Step, Problem> {
    let operation = match parameter::context(asked)? {
        Some(context) => resolve(None, Lifetime::Forever, context),
        None => Operation::Delete,
    };
    one(asked, operation, Answering::Done)
}

fn resolve(value: Option<Vec<u8>>, lifetime: Lifetime, context: SealedContext) -> Operation {
    Operation::String(StringOperation::Resolve { value, lifetime, context })
}

/// One call, and how its outcome is told.
pub(crate) fn one(
    asked: &Asked<'_>,
    operation: Operation,
    answering: Answering,
) -> Result<Step, Problem> {
    let (calls, pending) = (vec![call(asked, operation)?], Pending { answering });
    Ok(Step::Calls { calls, pending, session: session(asked)? })
}

/// A call on the key that the path names.
pub(crate) fn call(asked: &Asked<'_>, operation: Operation) -> Result<Call, Problem> {
    let (read, write) = match operation.is_write() {
        // What a write reads first is what its coordinator has.
        true => (api::Level::LocalOne, parameter::write_level(asked)?),
        false => (parameter::read_level(asked)?, api::Level::One),
    };
    let keyspace = parameter::keyspace(asked)?;
    Ok(Call {
        keyspace,
        key: asked.value(1).to_vec(),
        read,
        write,
        session: None,
        staleness: parameter::staleness(asked)?,
        operation,
    })
}

impl Answering {
    /// Tells what the calls came to.
    pub(crate) fn finish(self, outcomes: Vec<Outcome>) -> Result<Response, Problem> {
        // Of requests that came together, each fails by itself.
        let is_alone = !matches!(self, Self::Together(_));
        if is_alone && let Some(error) = outcomes.iter().find_map(failure) {
            return Err(error.clone().into());
        }
        match self {
            Self::Done => Ok(Response::empty(204)),
            Self::Bytes => match outcomes.into_iter().next() {
                Some(Outcome::Value(bytes)) => {
                    Ok(Response::new(200, BYTES.name, bytes).with("Vary", "Accept"))
                }
                _ => Err(no_such_key()),
            },
            Self::Document { key } => document(&key, outcomes),
            Self::Numbers(names) => Ok(collections::numbers(&names, &outcomes)),
            Self::Members => Ok(collections::members(&outcomes)),
            Self::Fields => Ok(collections::fields(&outcomes)),
            Self::Scored => Ok(ordered::scored(&outcomes)),
            Self::Elements => Ok(ordered::elements(&outcomes)),
            Self::Together(parts) => Ok(batch::responses(parts, outcomes)),
        }
    }
}

fn failure(outcome: &Outcome) -> Option<&CallError> {
    match outcome {
        Outcome::Failed(error) => Some(error),
        _ => None,
    }
}

fn no_such_key() -> Problem {
    Problem::new(NO_SUCH_KEY, "the owners that were asked have no value for the key")
}

fn document(key: &[u8], outcomes: Vec<Outcome>) -> Result<Response, Problem> {
    let Some(Outcome::Siblings(siblings)) = outcomes.into_iter().next() else {
        return Err(no_such_key());
    };
    let Siblings { value: Some(value), expiry, versions, context } = siblings else {
        // Who knows that there was nothing can say so, and writes over nothing that came since.
        return Err(no_such_key().with("context", siblings.context.to_string()));
    };
    let document = json!({
        "key": text::show(key),
        "value": text::show(&value),
        "expires_ms": expiry.map(|at| at.0),
        "context": context.to_string(),
        "versions": versions.iter().map(version).collect::<Vec<_>>(),
    });
    Ok(Response::json(200, &document).with("Vary", "Accept"))
}

fn version(sibling: &Sibling) -> Value {
    json!({
        "dot": text::dot(sibling.dot),
        "time_ms": sibling.time.millis().0,
        "value": text::show(&sibling.value),
    })
}
