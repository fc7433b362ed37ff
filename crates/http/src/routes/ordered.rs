//! Sorted sets and lists: what has an order.

use api::{
    Counted, ListEnd, ListOperation, Operation, Order, Outcome, PushRule, Score, ScoreRule,
    ZsetOperation, ZsetRange,
};
use serde_json::{Value, json};

use super::body::{body, changes, number, strings, wrong};
use super::collections::{NUMBERS, WRITE, answer, document, read};
use super::data::{Answering, one};
use crate::parameter::{
    KEY, KEYSPACE, MAX_STALENESS, Parameter, READ_LEVEL, SESSION, START, STOP, indexes,
};
use crate::problem::Problem;
use crate::request::Method;
use crate::response::Response;
use crate::route::{Asked, Route};
use crate::{Step, text};

const ZSET: &str = "/v1/keyspaces/{keyspace}/keys/{key}/zset";
const LIST: &str = "/v1/keyspaces/{keyspace}/keys/{key}/list";
const POP: &str = "/v1/keyspaces/{keyspace}/keys/{key}/list/pop";

const READ: &[Parameter] = &[KEYSPACE, KEY, START, STOP, READ_LEVEL, MAX_STALENESS, SESSION];

pub(crate) const ROUTES: &[Route] = &[
    Route {
        parameters: READ,
        ..read(
            ZSET,
            "getZset",
            "Read members of a sorted set by rank, the lowest score first",
            &[answer(&[document("ScoredMembers")])],
            read_zset,
        )
    },
    Route {
        method: Method::Post,
        body: Some(document("ZsetChange")),
        parameters: WRITE,
        ..read(
            ZSET,
            "changeZset",
            "Remove members of a sorted set, then give some scores, then add to one",
            NUMBERS,
            change_zset,
        )
    },
    Route {
        parameters: READ,
        ..read(
            LIST,
            "getList",
            "Read elements of a list by index",
            &[answer(&[document("Elements")])],
            read_list,
        )
    },
    Route {
        method: Method::Post,
        body: Some(document("ListChange")),
        parameters: WRITE,
        ..read(
            LIST,
            "changeList",
            "Push elements, one after the other, at the front and at the back",
            NUMBERS,
            change_list,
        )
    },
    Route {
        method: Method::Post,
        body: Some(document("ListPop")),
        parameters: WRITE,
        ..read(
            POP,
            "popList",
            "Take elements from an end of a list",
            &[answer(&[document("Elements")])],
            pop_list,
        )
    },
];

fn read_zset(asked: &Asked<'_>) -> Result<Step, Problem> {
    let (start, stop) = indexes(asked)?;
    let range = ZsetRange::Rank { start, stop };
    let (order, skip, limit) = (Order::Rising, 0, u64::MAX);
    let operation = ZsetOperation::Range { range, order, skip, limit };
    one(asked, Operation::Zset(operation), Answering::Scored)
}

fn change_zset(asked: &Asked<'_>) -> Result<Step, Problem> {
    let body = body(asked)?;
    let rule = ScoreRule::default();
    let mut operations = Vec::new();
    if let Some(members) = strings(&body, "remove")? {
        operations.push(("removed", ZsetOperation::Remove { members }));
    }
    if let Some(members) = scored_of(&body)? {
        let counted = Counted::New;
        operations.push(("added", ZsetOperation::Add { members, rule, counted }));
    }
    if let Some(increment) = body.get("increment") {
        let expected = || wrong("`increment` is an object with `member` and `by`");
        let (member, by) = scored_member(increment, "by").ok_or_else(expected)?;
        operations.push(("score", ZsetOperation::Increment { member, by, rule }));
    }
    changes(asked, operations.into_iter().map(|(name, one)| (name, Operation::Zset(one))))
}

/// Members and their scores, as an operation takes them.
type Scored = Vec<(Score, Vec<u8>)>;

/// The members to give scores, if there are any.
fn scored_of(body: &Value) -> Result<Option<Scored>, Problem> {
    let expected = || wrong("`add` is a list of objects with `member` and `score`");
    let Some(list) = body.get("add") else { return Ok(None) };
    let list = list.as_array().ok_or_else(expected)?;
    let scored = |entry: &Value| scored_member(entry, "score").map(|(member, of)| (of, member));
    let members: Option<Scored> = list.iter().map(scored).collect();
    Ok(Some(members.ok_or_else(expected)?).filter(|members| !members.is_empty()))
}

fn scored_member(entry: &Value, name: &str) -> Option<(Vec<u8>, Score)> {
    Some((text::read(&entry["member"])?, text::read_score(&entry[name])?))
}

fn read_list(asked: &Asked<'_>) -> Result<Step, Problem> {
    let (start, stop) = indexes(asked)?;
    one(asked, Operation::List(ListOperation::Range { start, stop }), Answering::Elements)
}

fn change_list(asked: &Asked<'_>) -> Result<Step, Problem> {
    let body = body(asked)?;
    let push = |name, end| {
        let push = |values| ListOperation::Push { end, values, rule: PushRule::Always };
        strings(&body, name).map(|values| Some(("length", Operation::List(push(values?)))))
    };
    let front = push("push_front", ListEnd::Front)?;
    let back = push("push_back", ListEnd::Back)?;
    changes(asked, front.into_iter().chain(back))
}

fn pop_list(asked: &Asked<'_>) -> Result<Step, Problem> {
    let body = body(asked)?;
    let end = match body.get("end").map(Value::as_str) {
        Some(Some("front")) => ListEnd::Front,
        Some(Some("back")) => ListEnd::Back,
        _ => return Err(wrong("`end` is `front` or `back`")),
    };
    let limit = number(&body, "limit")?.unwrap_or(1);
    one(asked, Operation::List(ListOperation::Pop { end, limit }), Answering::Elements)
}

/// The members of a sorted set; a key that is not there has none.
pub(super) fn scored(outcomes: &[Outcome]) -> Response {
    let member = |(member, score): &(Vec<u8>, Score)| {
        let (member, score) = (text::show(member), text::score(*score));
        json!({ "member": member, "score": score })
    };
    let members: Vec<Value> = match outcomes {
        [Outcome::Scored(members)] => members.iter().map(member).collect(),
        _ => Vec::new(),
    };
    Response::json(200, &json!({ "members": members }))
}

/// The elements of a list; a key that is not there has none.
pub(super) fn elements(outcomes: &[Outcome]) -> Response {
    let elements: Vec<Value> = match outcomes {
        [Outcome::Values(elements)] => elements.iter().map(|one| text::show(one)).collect(),
        _ => Vec::new(),
    };
    Response::json(200, &json!({ "elements": elements }))
}
