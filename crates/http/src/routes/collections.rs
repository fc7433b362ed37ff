//! Counters, sets and maps: what merges, one resource for each view of a key.

use api::{Operation, Outcome};
use serde_json::{Value, json};

use super::body::{body, changes, strings, wrong};
use super::data::{Answering, one};
use crate::parameter::{KEY, KEYSPACE, MAX_STALENESS, Parameter, READ_LEVEL, SESSION, WRITE_LEVEL};
use crate::problem::{
    BAD_BODY, BAD_PARAMETER, BAD_SESSION, BUSY, INTERNAL, NO_OWNER, NO_SUCH_KEYSPACE, NOT_A_NUMBER,
    NOT_ENOUGH_REPLICAS, Problem, ProblemKind, SESSION_AHEAD, TOO_LARGE, TOO_STALE, UNANSWERED,
    WRONG_TYPE,
};
use crate::request::Method;
use crate::response::Response;
use crate::route::{Answer, Asked, Media, Route};
use crate::{Step, text};

const READ: &[Parameter] = &[KEYSPACE, KEY, READ_LEVEL, MAX_STALENESS, SESSION];
pub(super) const WRITE: &[Parameter] = &[KEYSPACE, KEY, WRITE_LEVEL, SESSION];

/// What a call on a key of some type may come to.
const TYPED: &[&ProblemKind] = &[
    BAD_BODY,
    BAD_PARAMETER,
    BAD_SESSION,
    NO_SUCH_KEYSPACE,
    WRONG_TYPE,
    NOT_A_NUMBER,
    TOO_LARGE,
    TOO_STALE,
    BUSY,
    NOT_ENOUGH_REPLICAS,
    NO_OWNER,
    SESSION_AHEAD,
    UNANSWERED,
    INTERNAL,
];

pub(super) const fn document(schema: &'static str) -> Media {
    Media { name: "application/json", schema: Some(schema) }
}

pub(super) const fn answer(media: &'static [Media]) -> Answer {
    Answer { status: 200, about: "What there is, or what was done", media }
}

pub(super) const fn read(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    answers: &'static [Answer],
    run: fn(&Asked<'_>) -> Result<Step, Problem>,
) -> Route {
    Route {
        method: Method::Get,
        path,
        id,
        tag: "Data",
        summary,
        parameters: READ,
        body: None,
        answers,
        problems: TYPED,
        run,
    }
}

const COUNTER: &str = "/v1/keyspaces/{keyspace}/keys/{key}/counter";
const SET: &str = "/v1/keyspaces/{keyspace}/keys/{key}/set";
const MAP: &str = "/v1/keyspaces/{keyspace}/keys/{key}/map";
pub(super) const NUMBERS: &[Answer] = &[answer(&[document("Numbers")])];

pub(crate) const ROUTES: &[Route] = &[
    Route {
        method: Method::Post,
        body: Some(document("Addition")),
        parameters: WRITE,
        ..read(
            COUNTER,
            "addToCounter",
            "Add to a counter; every addition counts once",
            NUMBERS,
            add,
        )
    },
    read(SET, "getSet", "Read the members of a set", &[answer(&[document("Members")])], |asked| {
        one(asked, Operation::SetMembers, Answering::Members)
    }),
    Route {
        method: Method::Post,
        body: Some(document("SetChange")),
        parameters: WRITE,
        ..read(SET, "changeSet", "Remove members of a set, then add some", NUMBERS, change_set)
    },
    read(MAP, "getMap", "Read the fields of a map", &[answer(&[document("Fields")])], |asked| {
        one(asked, Operation::MapAll, Answering::Fields)
    }),
    Route {
        method: Method::Post,
        body: Some(document("MapChange")),
        parameters: WRITE,
        ..read(MAP, "changeMap", "Remove fields of a map, then write some", NUMBERS, change_map)
    },
];

fn add(asked: &Asked<'_>) -> Result<Step, Problem> {
    let by = match body(asked)?.get("by") {
        None => 1,
        Some(by) => by.as_i64().ok_or_else(|| wrong("`by` is a whole number of 64 bits"))?,
    };
    one(asked, Operation::Increment { by }, Answering::Numbers(vec!["value"]))
}

fn change_set(asked: &Asked<'_>) -> Result<Step, Problem> {
    let body = body(asked)?;
    let (remove, add) = (strings(&body, "remove")?, strings(&body, "add")?);
    let remove = remove.map(|members| ("removed", Operation::SetRemove { members }));
    let add = add.map(|members| ("added", Operation::SetAdd { members }));
    changes(asked, remove.into_iter().chain(add))
}

fn change_map(asked: &Asked<'_>) -> Result<Step, Problem> {
    let body = body(asked)?;
    let remove = strings(&body, "remove")?;
    let remove = remove.map(|fields| ("removed", Operation::MapRemove { fields }));
    let write = fields_of(&body)?.map(|fields| ("added", Operation::MapSet { fields }));
    changes(asked, remove.into_iter().chain(write))
}

/// Fields and their values.
type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// The fields to write, if there are any.
fn fields_of(body: &Value) -> Result<Option<Pairs>, Problem> {
    let expected = || wrong("`set` is a list of objects with `field` and `value`");
    let Some(list) = body.get("set") else { return Ok(None) };
    let list = list.as_array().ok_or_else(expected)?;
    let pair = |entry: &Value| Some((text::read(&entry["field"])?, text::read(&entry["value"])?));
    let fields: Option<Pairs> = list.iter().map(pair).collect();
    Ok(Some(fields.ok_or_else(expected)?).filter(|fields| !fields.is_empty()))
}

/// One member for each call: its number.
pub(crate) fn numbers(names: &[&'static str], outcomes: &[Outcome]) -> Response {
    let number = |outcome: &Outcome| match outcome {
        Outcome::Integer(number) => json!(number),
        Outcome::Scores(scores) => match scores.first() {
            Some(Some(score)) => text::score(*score),
            _ => Value::Null,
        },
        _ => Value::Null,
    };
    let members = names.iter().zip(outcomes).map(|(name, one)| ((*name).to_owned(), number(one)));
    Response::json(200, &Value::Object(members.collect()))
}

/// The members of a set; a key that is not there has none.
pub(crate) fn members(outcomes: &[Outcome]) -> Response {
    let members: Vec<Value> = match outcomes {
        [Outcome::Values(members)] => members.iter().map(|member| text::show(member)).collect(),
        _ => Vec::new(),
    };
    Response::json(200, &json!({ "members": members }))
}

/// The fields of a map; a key that is not there has none.
pub(crate) fn fields(outcomes: &[Outcome]) -> Response {
    let pair = |(field, value): &(Vec<u8>, Vec<u8>)| {
        let (field, value) = (text::show(field), text::show(value));
        json!({ "field": field, "value": value })
    };
    let fields: Vec<Value> = match outcomes {
        [Outcome::Pairs(pairs)] => pairs.iter().map(pair).collect(),
        _ => Vec::new(),
    };
    Response::json(200, &json!({ "fields": fields }))
}
