//! Problem documents (RFC 9457): what went wrong, what state remains, and what to do.

use api::CallError;
use serde_json::{Map, Value, json};

use crate::parser::ParseError;
use crate::response::Response;

/// A kind of problem: one row of [`PROBLEMS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemKind {
    /// The last part of its type's address.
    pub name: &'static str,
    /// The status it comes with.
    pub status: u16,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What whoever asked can do.
    pub advice: &'static str,
}

/// One thing that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    kind: &'static ProblemKind,
    detail: String,
    more: Map<String, Value>,
    headers: Vec<(&'static str, String)>,
}

macro_rules! problems {
    ($($constant:ident = $name:literal, $status:literal, $title:literal, $advice:literal;)*) => {
        $(pub(crate) const $constant: &ProblemKind = &ProblemKind {
            name: $name, status: $status, title: $title, advice: $advice,
        };)*
        /// Every kind of problem, each described at `/problems/NAME`.
        pub const PROBLEMS: &[&ProblemKind] = &[$($constant),*];
    };
}

problems! {
    BAD_REQUEST = "bad-request", 400, "The request cannot be understood",
        "Compare it with the document at /openapi.json.";
    BAD_PARAMETER = "bad-parameter", 400, "A parameter has no such value",
        "The detail names the parameter and what it takes.";
    BAD_BODY = "bad-body", 400, "The body is not what this resource takes",
        "Nothing was written. Compare it with the document at /openapi.json.";
    BAD_SESSION = "bad-session", 400, "The session token was not issued by this cluster",
        "Nothing was written. Begin a session with `new`.";
    BAD_CONTEXT = "bad-context", 400, "The context was not issued for this key by this cluster",
        "Nothing was written. Read the key again as JSON; the document has its context.";
    UNAUTHORIZED = "unauthorized", 401, "Nobody may ask this without saying who asks",
        "Nothing was done. Send the header Authorization: Basic, or Bearer with user:password.";
    FORBIDDEN = "forbidden", 403, "The user may not do this",
        "Nothing was done. ACL SETUSER changes what a user may do.";
    FORBIDDEN_ORIGIN = "forbidden-origin", 403, "The request comes from a page of another site",
        "Ask from a program, or from the page that this node serves.";
    NOT_FOUND = "not-found", 404, "There is no such resource",
        "The resources are listed at /openapi.json.";
    NO_SUCH_KEY = "no-such-key", 404, "There is no such key",
        "It was never written, or it was removed or has expired; a write may still be on its way.";
    NO_SUCH_KEYSPACE = "no-such-keyspace", 404, "There is no such keyspace",
        "Keyspaces are db0 to db15, as SELECT 0 to SELECT 15 of the Redis protocol.";
    NO_SUCH_REPAIR = "no-such-repair", 404, "There is no such repair",
        "It may be forgotten: a node remembers the last sixteen, until it restarts.";
    METHOD_NOT_ALLOWED = "method-not-allowed", 405, "The resource does not take this method",
        "The Allow header lists those it takes.";
    TOO_SLOW = "too-slow", 408, "The request did not arrive in time",
        "Nothing was done. Send it again.";
    WRONG_TYPE = "wrong-type", 409, "The key holds another type",
        "Nothing was written. Use the operations of its type, or DELETE it first.";
    NOT_A_NUMBER = "not-a-number", 409, "The value is no number, or would leave the range of one",
        "Nothing was written.";
    REPAIR_UNDER_WAY = "repair-under-way", 409, "A repair is under way",
        "Nothing has begun. Look at the one that is under way, and try again when it has ended.";
    NOT_OWNED = "not-owned", 409, "A shard is not owned by this node",
        "Nothing has begun. Ask an owner of the shard.";
    TOO_MANY_VERSIONS = "too-many-versions", 409, "The key has as many versions as it may have",
        "Nothing was written. Read the key as JSON, and write with the context of the document.";
    NOT_DAMAGED = "not-damaged", 409, "Nothing of the shard is in doubt",
        "Nothing was changed. Only what is left of a damaged shard can be taken for the truth.";
    TOO_LARGE = "too-large", 413, "Something is larger than it may be",
        "Nothing was written.";
    HEAD_TOO_LARGE = "head-too-large", 431, "The request line and headers are too long",
        "Send fewer or shorter headers.";
    INTERNAL = "internal", 500, "The node failed",
        "Its log says more. A write may have been done.";
    NO_PRECONDITIONS = "no-preconditions", 501, "No write waits for agreement on a condition",
        "Nothing was written. Send what you were shown in Starling-Context: then what came since \
         stays beside what you write.";
    NOT_UNDERSTOOD = "not-understood", 501, "The request uses what is not spoken here",
        "Send the body with its length, or chunked.";
    BUSY = "busy", 503, "The node has as much to do as it may take on",
        "Nothing was written. Try again after the time in Retry-After.";
    NOT_ENOUGH_REPLICAS = "not-enough-replicas", 503, "Too few owners answered in time",
        "A write may still spread. Ask for a lower level, or try again when more owners answer.";
    SESSION_AHEAD = "session-ahead", 503, "The session has seen what no owner in reach holds",
        "Nothing was written. Try again, or ask without the session.";
    TOO_STALE = "too-stale", 503, "No answer can be shown to be as fresh as was asked",
        "Ask for an older answer, ask a quorum, or try again when all owners answer.";
    NO_OWNER = "no-owner", 503, "No owner of the key can be reached",
        "Nothing was written. Ask another node, or try again.";
    NOT_READY = "not-ready", 503, "The node should not be asked yet, or no more",
        "Ask another node.";
    UNANSWERED = "unanswered", 504, "The owner that was asked did not answer",
        "A write may have been done. Writing the same again is harmless.";
    VERSION = "version", 505, "The version of HTTP is unknown",
        "Speak HTTP/1.1.";
}

impl Problem {
    /// A problem of a kind, told in one sentence.
    pub(crate) fn new(kind: &'static ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), more: Map::new(), headers: Vec::new() }
    }

    /// The node has too much to do.
    #[must_use]
    pub fn busy(detail: &str) -> Self {
        Self::new(BUSY, detail).with_header("Retry-After", "1")
    }

    /// Nobody is known to ask.
    #[must_use]
    pub fn unauthorized(detail: &str) -> Self {
        let challenge = "Basic realm=\"starling\", charset=\"UTF-8\"";
        Self::new(UNAUTHORIZED, detail).with_header("WWW-Authenticate", challenge)
    }

    /// Somebody asks who may not.
    #[must_use]
    pub fn forbidden(detail: &str) -> Self {
        Self::new(FORBIDDEN, detail)
    }

    /// The node should not be asked.
    #[must_use]
    pub fn not_ready(detail: &str) -> Self {
        Self::new(NOT_READY, detail).with_header("Retry-After", "5")
    }

    /// No repair has this number.
    #[must_use]
    pub fn no_such_repair(detail: &str) -> Self {
        Self::new(NO_SUCH_REPAIR, detail)
    }

    /// A repair is under way.
    #[must_use]
    pub fn repair_under_way(id: u64) -> Self {
        Self::new(REPAIR_UNDER_WAY, format!("repair {id} has not ended")).with("repair", id)
    }

    /// A shard is not owned by this node.
    #[must_use]
    pub fn not_owned(shard: u16) -> Self {
        Self::new(NOT_OWNED, format!("shard {shard} has no replica here")).with("shard", shard)
    }

    /// A shard is not damaged, or what is left of it cannot be read.
    #[must_use]
    pub fn not_damaged(shard: u16, detail: impl std::fmt::Display) -> Self {
        Self::new(NOT_DAMAGED, detail.to_string()).with("shard", shard)
    }

    /// The session's token is not one of this cluster.
    #[must_use]
    pub fn bad_session(detail: impl std::fmt::Display) -> Self {
        Self::new(BAD_SESSION, detail.to_string())
    }

    /// The client began a request and did not end it in time.
    #[must_use]
    pub fn too_slow() -> Self {
        Self::new(TOO_SLOW, "the request did not arrive in time")
    }

    /// Adds a member of the document.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.into(), value.into());
        self
    }

    /// Adds a header of the response.
    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Returns the kind.
    #[must_use]
    pub const fn kind(&self) -> &'static ProblemKind {
        self.kind
    }

    /// Returns the response that tells of it.
    #[must_use]
    pub fn response(self) -> Response {
        let mut document = json!({
            "type": format!("/problems/{}", self.kind.name),
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            "advice": self.kind.advice,
        });
        if let Some(members) = document.as_object_mut() {
            members.extend(self.more);
        }
        let body = document.to_string().into_bytes();
        let mut response = Response::new(self.kind.status, "application/problem+json", body);
        response.headers.extend(self.headers);
        response
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        let detail = error.to_string();
        match error {
            CallError::BadContext => Self::new(BAD_CONTEXT, detail),
            CallError::WrongType => Self::new(WRONG_TYPE, "the key holds another type"),
            CallError::NotAnInteger
            | CallError::Overflow
            | CallError::NotANumber
            | CallError::NotFinite
            | CallError::NotAScore => Self::new(NOT_A_NUMBER, detail),
            CallError::TooManySiblings { .. } => Self::new(TOO_MANY_VERSIONS, detail),
            CallError::TooStale { bound_ms } => {
                Self::new(TOO_STALE, detail).with("max_staleness_ms", bound_ms)
            }
            CallError::SessionAhead => {
                Self::new(SESSION_AHEAD, detail).with_header("Retry-After", "1")
            }
            CallError::NotEnoughReplicas { level, needed, owners, answered } => {
                Self::new(NOT_ENOUGH_REPLICAS, detail)
                    .with("level", level.name())
                    .with("needed", needed)
                    .with("owners", owners)
                    .with("answered", answered)
                    .with_header("Retry-After", "1")
            }
            CallError::EmptyKey => Self::new(BAD_PARAMETER, detail).with("parameter", "key"),
            CallError::Busy | CallError::Full { .. } => Self::busy(&detail),
            CallError::TooLarge { .. } | CallError::StringTooLong => Self::new(TOO_LARGE, detail),
            CallError::NoOwner => Self::new(NO_OWNER, detail).with_header("Retry-After", "1"),
            CallError::Unanswered => Self::new(UNANSWERED, detail),
            // What another node refused is told in its own words; it is no failure of this one.
            CallError::Elsewhere(_) => Self::new(BUSY, detail).with_header("Retry-After", "1"),
            _ => Self::new(INTERNAL, detail),
        }
    }
}

impl From<ParseError> for Problem {
    fn from(error: ParseError) -> Self {
        let kind = match error {
            ParseError::Malformed(_) => BAD_REQUEST,
            ParseError::HeadTooLarge => HEAD_TOO_LARGE,
            ParseError::BodyTooLarge => TOO_LARGE,
            ParseError::Version => VERSION,
            ParseError::Encoding => NOT_UNDERSTOOD,
        };
        Self::new(kind, error.to_string())
    }
}
